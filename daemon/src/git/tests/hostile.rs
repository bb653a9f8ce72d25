//! Trees that no honest client writes, and trees that are too much.

use std::collections::BTreeMap;

use naksha_environments::source::{EntryKind, ReadError, SourceTree, TreePath};

use super::fixture::{FILE, FOLDER, LINK, SUBMODULE, Source, code, main_branch, paths, refused, text};
use crate::git::Mirror;

fn tree_of(source: &Source, tree: git2::Oid) -> (tempfile::TempDir, SourceTree) {
    let revision = source.commit_tree("main", tree, &[]);
    let (state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    let tree = mirror.snapshot(&revision).unwrap();
    (state, tree)
}

#[test]
fn hostile_names_are_findings() {
    let source = Source::bare();
    let blob = source.blob(b"x");
    let inner = source.raw_tree(&[(FILE, b"config", blob)]);
    let root = source.raw_tree(&[
        (FILE, b"..", blob),
        (FOLDER, b".GIT", inner),
        (FILE, b"a\nb", blob),
        (FILE, b"bad\xff", blob),
        (FILE, b"fine.yaml", blob),
        (FOLDER, b"git~1", inner),
    ]);
    let (_state, tree) = tree_of(&source, root);
    assert_eq!(paths(&tree), ["fine.yaml"]);
    let expected = [
        ("NK0722", "`..` is refused: `.` and `..` are not allowed"),
        ("NK0722", "`.GIT` is refused: a file system may take its name for `.git`"),
        ("NK0722", r"`a\nb` is refused: it has control characters"),
        ("NK0720", r"the name of `bad\xff` is not UTF-8"),
        ("NK0722", "`git~1` is refused: a file system may take its name for `.git`"),
    ];
    let found = refused(&tree);
    let found: Vec<_> = found.iter().map(|(code, message)| (*code, message.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn names_that_case_tells_apart_are_refused_together() {
    let source = Source::bare();
    let blob = source.blob(b"x");
    let inner = source.raw_tree(&[(FILE, b"unit.yaml", blob)]);
    let units = source.raw_tree(&[(FOLDER, b"Web", inner), (FOLDER, b"db", inner), (FOLDER, b"web", inner)]);
    let root = source.raw_tree(&[(FOLDER, b"units", units)]);
    let (_state, tree) = tree_of(&source, root);
    assert_eq!(paths(&tree), ["units/db/unit.yaml"]);
    assert_eq!(refused(&tree), [("NK0721", "`units/Web` and `units/web` differ only in case".to_owned())]);
}

#[test]
fn links_and_submodules_are_data() {
    let source = Source::bare();
    let root = source.raw_tree(&[
        (LINK, b"escape", source.blob(b"../../etc/passwd")),
        (FILE, b"file", source.blob(b"content")),
        (LINK, b"good", source.blob(b"./file")),
        (LINK, b"loop-a", source.blob(b"loop-b")),
        (LINK, b"loop-b", source.blob(b"loop-a")),
        (LINK, b"root", source.blob(b"/etc/passwd")),
        (SUBMODULE, b"vendor", git2::Oid::from_str(&"1".repeat(40)).unwrap()),
    ]);
    let (_state, tree) = tree_of(&source, root);
    assert!(tree.refused().is_empty());
    let kinds: BTreeMap<_, _> = tree.paths().map(|(path, entry)| (path.as_str(), entry.kind)).collect();
    assert_eq!(kinds["good"], EntryKind::Symlink);
    assert_eq!(kinds["vendor"], EntryKind::Submodule);
    assert_eq!(text(&tree, "good"), "content");
    let read = |path: &str| tree.read(&TreePath::parse(path).unwrap(), 100).unwrap_err();
    for path in ["escape", "root", "loop-a"] {
        assert!(matches!(read(path), ReadError::Link { .. }), "{path}");
    }
    assert!(matches!(read("vendor"), ReadError::Submodule { .. }));
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let source = Source::bare();
    let revision = source.commit("main", &[("huge.yaml", Some(&"x".repeat(3 << 20)))]);
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    let tree = mirror.snapshot(&revision).unwrap();
    let error = tree.read(&TreePath::parse("huge.yaml").unwrap(), 1 << 20).unwrap_err();
    let message = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert_eq!(message, "`huge.yaml` is refused: it has 3145728 bytes, and 1048576 are allowed");
}

#[test]
fn a_tree_with_too_many_files_is_refused() {
    let source = Source::bare();
    let blob = source.blob(b"x");
    let mut folders = Vec::new();
    let names: Vec<String> = (0..1001).map(|number| format!("f{number:04}")).collect();
    let files: Vec<_> = names.iter().map(|name| (FILE, name.as_bytes(), blob)).collect();
    let folder = source.raw_tree(&files);
    for name in names.iter().take(100) {
        folders.push((FOLDER, name.as_bytes(), folder));
    }
    let root = source.raw_tree(&folders);
    let revision = source.commit_tree("main", root, &[]);
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    let error = mirror.snapshot(&revision).unwrap_err();
    assert_eq!(error.code().id(), "NK0705");
    assert!(error.to_string().ends_with("more than 100000 files and folders in one tree"), "{error}");

    let state = tempfile::tempdir().unwrap();
    let mut config = source.config();
    config.limits.max_entries = 200_000;
    let mirror = Mirror::open(&config, state.path()).unwrap();
    mirror.fetch(&main_branch()).unwrap();
    assert_eq!(mirror.snapshot(&revision).unwrap().len(), 100_100);
}

#[test]
fn a_tree_bomb_ends_at_the_limit() {
    let source = Source::bare();
    let mut tree = source.raw_tree(&[(FILE, b"f", source.blob(b"x"))]);
    // Twelve small objects that stand for ten to the twelfth paths.
    for _ in 0..12 {
        let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
        let entries: Vec<_> = names.iter().map(|name| (FOLDER, name.as_bytes(), tree)).collect();
        tree = source.raw_tree(&entries);
    }
    let revision = source.commit_tree("main", tree, &[]);
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    assert_eq!(code(mirror.snapshot(&revision)), "NK0705");
}

#[test]
fn depth_and_length_of_paths_are_bounded() {
    let source = Source::bare();
    let mut tree = source.raw_tree(&[(FILE, b"f", source.blob(b"x"))]);
    for _ in 0..500 {
        tree = source.raw_tree(&[(FOLDER, b"deep", tree)]);
    }
    let long = "x".repeat(5000);
    let root = source.raw_tree(&[(FOLDER, b"deep", tree), (FILE, long.as_bytes(), source.blob(b"x"))]);
    let (_state, tree) = tree_of(&source, root);
    assert!(tree.is_empty());
    let codes: Vec<_> = refused(&tree).iter().map(|(code, message)| (*code, message.len() < 250)).collect();
    assert_eq!(codes, [("NK0723", true), ("NK0723", true)]);
}

#[test]
fn lfs_pointers_are_warned_about() {
    let source = Source::bare();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let revision = source.commit(
        "main",
        &[
            (".gitattributes", Some("*.bin filter=lfs diff=lfs merge=lfs -text\n")),
            ("models/a.bin", Some(pointer)),
            ("models/b.bin", Some("plain")),
            ("models/c.txt", Some(pointer)),
        ],
    );
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    let tree = mirror.snapshot(&revision).unwrap();
    let expected = "`models/a.bin` is a Git LFS pointer, and LFS is not read";
    assert_eq!(refused(&tree), [("NK0724", expected.to_owned())]);
    assert!(!tree.refused()[0].is_error());
    assert_eq!(tree.len(), 4, "the pointer itself can be read");
}
