//! A working copy on a laptop.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use git2::Repository;
use naksha_environments::source::{BlobError, EntryKind, ReadError, TreePath};

use super::fixture::{code, paths, refused, text};
use crate::git::WorkTree;

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn commit_all(repository: &Repository) -> git2::Oid {
    let mut index = repository.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let who = git2::Signature::now("Anna", "anna@example.com").unwrap();
    let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    repository.commit(Some("HEAD"), &who, &who, "change", &tree, &parents).unwrap()
}

fn new() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = git2::RepositoryInitOptions::new();
    let repository = Repository::init_opts(folder.path(), options.initial_head("main")).unwrap();
    (folder, repository)
}

#[test]
fn files_are_as_they_are_on_disk() {
    let (folder, repository) = new();
    let root = folder.path();
    write(root, ".gitignore", "out/\n*.log\n");
    write(root, "units/a/unit.yaml", "one");
    write(root, "naksha.yaml", "x");
    write(root, "gone", "x");
    symlink("naksha.yaml", root.join("link")).unwrap();
    commit_all(&repository);
    let clean = WorkTree::open(&root.join("units/a")).unwrap();
    assert_eq!(clean.root(), root.canonicalize().unwrap());
    assert_eq!(clean.is_dirty(), Ok(false));
    let committed = clean.objects().unwrap().snapshot(&clean.head().unwrap().unwrap()).unwrap();
    assert!(committed.paths().eq(clean.tree().unwrap().paths()), "content ids agree with git's");

    write(root, "units/a/unit.yaml", "two");
    write(root, "units/b/unit.yaml", "new");
    write(root, "out/x", "ignored");
    write(root, "a.log", "ignored");
    fs::remove_file(root.join("gone")).unwrap();
    let tree = clean.tree().unwrap();
    assert_eq!(paths(&tree), [".gitignore", "link", "naksha.yaml", "units/a/unit.yaml", "units/b/unit.yaml"]);
    assert_eq!(text(&tree, "units/a/unit.yaml"), "two");
    assert_eq!(text(&tree, "units/b/unit.yaml"), "new");
    assert_eq!(tree.entry("link").unwrap().kind, EntryKind::Symlink);
    assert_eq!(text(&tree, "link"), "x");
    assert_eq!(clean.is_dirty(), Ok(true));
}

#[test]
fn a_change_that_keeps_the_size_is_seen() {
    let (folder, repository) = new();
    write(folder.path(), "a", "1111");
    commit_all(&repository);
    // In the same instant as the index, perhaps: git calls such an entry racy.
    write(folder.path(), "a", "2222");
    let work = WorkTree::open(folder.path()).unwrap();
    assert_eq!(text(&work.tree().unwrap(), "a"), "2222");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_told() {
    let (folder, _repository) = new();
    write(folder.path(), "a", "one");
    let work = WorkTree::open(folder.path()).unwrap();
    let tree = work.tree().unwrap();
    write(folder.path(), "a", "two");
    let path = TreePath::parse("a").unwrap();
    let changed = BlobError::Unreadable { reason: "it changed while it was being read".to_owned() };
    assert_eq!(tree.read(&path, 100), Err(ReadError::Blob { path: path.clone(), source: changed }));
    // Nor is a link followed that took the place of a file, or of its folder.
    fs::remove_file(folder.path().join("a")).unwrap();
    symlink("/etc/passwd", folder.path().join("a")).unwrap();
    assert!(tree.read(&path, 1 << 20).is_err());
    write(folder.path(), "big", "0123456789");
    let tree = work.tree().unwrap();
    let big = TreePath::parse("big").unwrap();
    assert!(matches!(
        tree.read(&big, 5),
        Err(ReadError::Blob { source: BlobError::TooLarge { size: 10, limit: 5 }, .. })
    ));
}

#[test]
fn what_is_no_file_is_left_out_and_told() {
    let (folder, _repository) = new();
    write(folder.path(), "a", "1");
    let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
    assert!(made.success());
    // A repository inside is somebody else's.
    Repository::init(folder.path().join("inner")).unwrap();
    write(folder.path(), "inner/file", "x");
    let tree = WorkTree::open(folder.path()).unwrap().tree().unwrap();
    assert_eq!(paths(&tree), ["a"]);
    let expected = "`pipe` is neither a file, a folder nor a link, and is left out";
    assert_eq!(refused(&tree), [("NK0726", expected.to_owned())]);
}

#[test]
fn a_plain_folder_works_too() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "units/a/unit.yaml", "one");
    write(folder.path(), "naksha.yaml", "x");
    let work = WorkTree::open(folder.path()).unwrap();
    let tree = work.tree().unwrap();
    assert_eq!(paths(&tree), ["naksha.yaml", "units/a/unit.yaml"]);
    assert_eq!(text(&tree, "naksha.yaml"), "x");
    assert!(work.objects().is_none());
    assert_eq!((work.head(), work.branch(), work.trunk(None)), (Ok(None), Ok(None), Ok(None)));
    assert_eq!(work.is_dirty(), Ok(true));
    assert_eq!(code(WorkTree::open(&folder.path().join("absent"))), "NK0703");
    assert_eq!(code(WorkTree::open(&folder.path().join("naksha.yaml"))), "NK0703");
    let bare = tempfile::tempdir().unwrap();
    Repository::init_bare(bare.path()).unwrap();
    assert_eq!(code(WorkTree::open(bare.path())), "NK0703");
}

#[test]
fn the_trunk_is_found() {
    let (folder, repository) = new();
    let work = WorkTree::open(folder.path()).unwrap();
    assert_eq!(work.head(), Ok(None));
    assert_eq!(work.branch().unwrap().as_deref(), Some("main"));
    assert_eq!(work.trunk(None), Ok(None), "before the first commit");
    write(folder.path(), "a", "1");
    let base = commit_all(&repository);
    let trunk = work.trunk(None).unwrap().unwrap();
    assert_eq!((trunk.name.as_str(), trunk.reference.as_str()), ("main", "refs/heads/main"));
    assert_eq!(work.is_on(&trunk), Ok(true));

    repository.branch("topic", &repository.find_commit(base).unwrap(), false).unwrap();
    repository.set_head("refs/heads/topic").unwrap();
    write(folder.path(), "a", "2");
    commit_all(&repository);
    assert_eq!(work.is_on(&trunk), Ok(false));
    assert_eq!(work.merge_base(&trunk).unwrap().unwrap().as_str(), base.to_string());

    // What the remote calls its head wins over the usual names; what naksha.yaml says wins over both.
    repository.reference("refs/remotes/origin/trunk", base, true, "test").unwrap();
    repository
        .reference_symbolic("refs/remotes/origin/HEAD", "refs/remotes/origin/trunk", true, "test")
        .unwrap();
    let found = |configured| work.trunk(configured).unwrap().map(|trunk| trunk.reference.as_str().to_owned());
    assert_eq!(found(None).as_deref(), Some("refs/remotes/origin/trunk"));
    assert_eq!(found(Some("main")).as_deref(), Some("refs/heads/main"));
    assert_eq!(found(Some("nothing")), None);
    repository.set_head_detached(base).unwrap();
    assert_eq!(work.branch(), Ok(None));
}
