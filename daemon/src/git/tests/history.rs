//! Names, ancestry, changes and merges.

use std::sync::Arc;
use std::thread;

use git2::{Oid, Signature, Time};
use naksha_environments::ids::Revision;

use super::fixture::{Source, code, main_branch, paths, text};
use crate::git::{Merged, Mirror, RefName, conflict};

fn fetched(source: &Source, branches: &[&str]) -> (tempfile::TempDir, Mirror) {
    let (state, mirror) = source.mirror();
    let refs: Vec<_> = branches.iter().map(|branch| RefName::branch(branch).unwrap()).collect();
    mirror.fetch(&refs).unwrap();
    (state, mirror)
}

#[test]
fn history_is_asked() {
    let source = Source::bare();
    let base = source.commit("main", &[("a", Some("1")), ("b", Some("1"))]);
    source.branch_at("topic", &base);
    let main = source.commit("main", &[("a", Some("2"))]);
    let topic = source.commit("topic", &[("b", None), ("c", Some("1"))]);
    let lonely = source.commit("lonely", &[("x", Some("1"))]);
    let (_state, mirror) = fetched(&source, &["main", "topic", "lonely"]);
    let objects = mirror.objects();
    assert_eq!(objects.merge_base(&main, &topic), Ok(Some(base.clone())));
    assert_eq!(objects.merge_base(&main, &lonely), Ok(None));
    assert_eq!(objects.is_ancestor(&base, &main), Ok(true));
    assert_eq!(objects.is_ancestor(&main, &main), Ok(true));
    assert_eq!(objects.is_ancestor(&topic, &main), Ok(false));
    let trunk = RefName::branch("main").unwrap();
    assert_eq!(objects.is_reachable_from(&base, &trunk), Ok(true));
    assert_eq!(objects.is_reachable_from(&topic, &trunk), Ok(false));
    assert_eq!(objects.is_reachable_from(&Revision::parse(&"9".repeat(40)).unwrap(), &trunk), Ok(false));
    assert_eq!(objects.resolve("main~1"), Ok(base.clone()));
    assert_eq!(objects.resolve(topic.short()), Ok(topic.clone()));
    assert_eq!(objects.resolve("refs/heads/topic"), Ok(topic.clone()));
    for bad in ["nothing", "main^{tree}", "a..b", ""] {
        assert_eq!(code(objects.resolve(bad)), "NK0704", "{bad}");
    }
    let changed: Vec<_> =
        objects.changed_paths(&base, &topic).unwrap().into_iter().map(|p| p.to_string()).collect();
    assert_eq!(changed, ["b", "c"]);
}

#[test]
fn a_commits_texts_are_fit_to_be_shown() {
    let source = Source::bare();
    let tree = source.raw_tree(&[]);
    let tree = source.repository.find_tree(tree).unwrap();
    let who = Signature::new("Anna \u{202e}evil", "a@example.com", &Time::new(1_700_000_000, 60)).unwrap();
    let id = source
        .repository
        .commit(Some("refs/heads/main"), &who, &who, "fix \u{1b}[31mred\u{7}\n\nbody", &tree, &[])
        .unwrap();
    let (_state, mirror) = fetched(&source, &["main"]);
    let info = mirror.objects().commit_info(&Revision::parse(&id.to_string()).unwrap()).unwrap();
    assert_eq!((info.author.as_str(), info.subject.as_str()), ("Anna evil", "fix [31mred"));
    assert_eq!(info.time.to_string(), "2023-11-14T22:13:20Z");
    assert!(info.parents.is_empty());
}

#[test]
fn merging_happens_in_memory() {
    let source = Source::bare();
    let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n{last}\n");
    let base = source.commit("main", &[("f", Some(&lines("1", "7"))), ("same", Some("x"))]);
    source.branch_at("topic", &base);
    let main = source.commit("main", &[("f", Some(&lines("one", "7"))), ("new", Some("n"))]);
    let topic = source.commit("topic", &[("f", Some(&lines("1", "seven")))]);
    let (_state, mirror) = fetched(&source, &["main", "topic"]);
    let before = count_files(&mirror.folder().join("objects"));
    let Ok(Merged::Clean(tree)) = mirror.objects().merge(&main, &topic) else { panic!("should merge") };
    assert_eq!(paths(&tree), ["f", "new", "same"]);
    assert_eq!(text(&tree, "f"), lines("one", "seven"));
    assert_eq!(text(&tree, "same"), "x");
    assert_eq!(tree.revision(), None);
    assert_eq!(count_files(&mirror.folder().join("objects")), before, "nothing is written");
    assert_eq!(
        mirror.fetch(&main_branch()).map(|fetched| fetched.is_changed()),
        Ok(false),
        "nothing looks damaged"
    );

    // The simple cases are the commits' own trees.
    let Ok(Merged::Clean(tree)) = mirror.objects().merge(&base, &topic) else { panic!("should merge") };
    assert_eq!(tree.revision(), Some(&topic));
    let Ok(Merged::Clean(tree)) = mirror.objects().merge(&main, &base) else { panic!("should merge") };
    assert_eq!(tree.revision(), Some(&main));
}

#[test]
fn a_conflict_names_its_paths() {
    let source = Source::bare();
    let base = source.commit("main", &[("f", Some("1")), ("g", Some("1")), ("h", Some("1"))]);
    source.branch_at("topic", &base);
    let main = source.commit("main", &[("f", Some("2")), ("g", None)]);
    let topic = source.commit("topic", &[("f", Some("3")), ("g", Some("3"))]);
    let (_state, mirror) = fetched(&source, &["main", "topic"]);
    let Ok(Merged::Conflict(paths)) = mirror.objects().merge(&main, &topic) else {
        panic!("should conflict")
    };
    let found = conflict(&paths);
    assert_eq!(found.code.id(), "NK0725");
    assert_eq!(found.message, "the change does not merge into its base: `f`, `g`");
}

#[test]
fn many_threads_read_while_a_fetch_writes() {
    let source = Source::bare();
    let first = source.commit("main", &[("a", Some("0"))]);
    let (_state, mirror) = fetched(&source, &["main"]);
    let mirror = Arc::new(mirror);
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (mirror, first) = (Arc::clone(&mirror), first.clone());
            thread::spawn(move || {
                for _ in 0..50 {
                    assert_eq!(text(&mirror.snapshot(&first).unwrap(), "a"), "0");
                    let head = mirror.resolve("refs/heads/main").unwrap();
                    assert!(mirror.objects().is_ancestor(&first, &head).unwrap());
                    mirror.snapshot(&head).unwrap();
                }
            })
        })
        .collect();
    for round in 1..20 {
        source.commit("main", &[("a", Some(&round.to_string()))]);
        mirror.fetch(&main_branch()).unwrap();
    }
    for reader in readers {
        reader.join().unwrap();
    }
    let head = mirror.resolve("main").unwrap();
    assert_eq!(source.repository.refname_to_id("refs/heads/main"), Ok(Oid::from_str(head.as_str()).unwrap()));
}

fn count_files(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|child| child.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}
