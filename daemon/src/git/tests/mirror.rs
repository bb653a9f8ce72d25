//! Fetching from a local repository: what is new, rewritten, deleted; pins; damage.

use std::fs;

use git2::Oid;
use naksha_environments::ids::{EnvironmentName, Revision};

use super::fixture::{Source, code, config, main_branch, paths, text};
use crate::git::{GitError, Mirror, NOTES_REF, NotePlace, RefChange, RefName};

fn kind(mirror: &Mirror, refs: &[RefName]) -> Vec<RefChange> {
    mirror.fetch(refs).unwrap().updates.iter().map(|update| update.kind).collect()
}

#[test]
fn a_commit_becomes_a_tree() {
    let source = Source::bare();
    let first = source.commit("main", &[("units/a/unit.yaml", Some("one")), ("naksha.yaml", Some("x"))]);
    let (_state, mirror) = source.mirror();
    let fetched = mirror.fetch(&main_branch()).unwrap();
    assert_eq!(fetched.updates[0].kind, RefChange::New);
    assert_eq!(fetched.default_branch, Some(RefName::branch("main").unwrap()));
    assert!(fetched.is_changed());
    let tree = mirror.snapshot(&first).unwrap();
    assert_eq!(paths(&tree), ["naksha.yaml", "units/a/unit.yaml"]);
    assert_eq!(text(&tree, "units/a/unit.yaml"), "one");
    assert_eq!(tree.revision(), Some(&first));

    let quiet = mirror.fetch(&main_branch()).unwrap();
    assert_eq!((quiet.is_changed(), quiet.bytes), (false, 0));

    let second = source.commit("main", &[("units/a/unit.yaml", Some("two")), ("naksha.yaml", None)]);
    let fetched = mirror.fetch(&main_branch()).unwrap();
    let update = &fetched.updates[0];
    assert_eq!(
        (update.kind, &update.old, &update.new),
        (RefChange::FastForward, &Some(first), &Some(second.clone()))
    );
    assert!(update.diagnostic().is_none());
    assert_eq!(text(&mirror.snapshot(&second).unwrap(), "units/a/unit.yaml"), "two");
}

#[test]
fn a_large_first_fetch_comes_as_a_pack() {
    let source = Source::bare();
    let names: Vec<String> = (0..600).map(|number| format!("units/u{number}/unit.yaml")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), Some(name.as_str()))).collect();
    let head = source.commit("main", &files);
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    let tree = mirror.snapshot(&head).unwrap();
    assert_eq!(tree.len(), 600);
    assert_eq!(text(&tree, "units/u599/unit.yaml"), "units/u599/unit.yaml");
    let packs = fs::read_dir(mirror.folder().join("objects/pack")).unwrap().count();
    assert_eq!(packs, 2, "one pack and its index");
}

#[test]
fn a_rewritten_history_is_told_and_remembered() {
    let source = Source::bare();
    let base = source.commit("main", &[("a", Some("1"))]);
    let old = source.commit("main", &[("a", Some("2"))]);
    let (_state, mirror) = source.mirror();
    assert_eq!(kind(&mirror, &main_branch()), [RefChange::New]);
    source.branch_at("main", &base);
    let new = source.commit("main", &[("a", Some("3"))]);
    let update = mirror.fetch(&main_branch()).unwrap().updates.remove(0);
    assert_eq!(
        (update.kind, &update.old, &update.new),
        (RefChange::Rewritten, &Some(old.clone()), &Some(new.clone()))
    );
    let found = update.diagnostic().unwrap();
    assert_eq!(found.code.id(), "NK0706");
    assert!(found.message.contains(old.short()) && found.message.contains(new.short()), "{}", found.message);
    let main = RefName::branch("main").unwrap();
    assert_eq!(mirror.rewritten_from(&main).unwrap(), std::slice::from_ref(&old));
    assert!(!mirror.objects().is_ancestor(&old, &new).unwrap());
    // The old commit stays readable, though no branch of the source has it.
    assert_eq!(text(&mirror.snapshot(&old).unwrap(), "a"), "2");
    // Going back to an older commit is a rewrite as well.
    source.branch_at("main", &base);
    assert_eq!(kind(&mirror, &main_branch()), [RefChange::Rewritten]);
    assert_eq!(mirror.rewritten_from(&main).unwrap(), [new, old]);
}

#[test]
fn only_the_newest_rewrites_are_remembered() {
    let source = Source::bare();
    let base = source.commit("main", &[("a", Some("1"))]);
    let (_state, mirror) = source.mirror();
    for round in 0..25 {
        source.branch_at("main", &base);
        source.commit("main", &[("a", Some(&format!("round {round}")))]);
        mirror.fetch(&main_branch()).unwrap();
    }
    assert_eq!(mirror.rewritten_from(&RefName::branch("main").unwrap()).unwrap().len(), 20);
}

#[test]
fn a_deleted_branch_is_told_until_it_is_back() {
    let source = Source::bare();
    let head = source.commit("main", &[("a", Some("1"))]);
    source.branch_at("release", &head);
    let refs = [RefName::branch("main").unwrap(), RefName::branch("release").unwrap()];
    let (_state, mirror) = source.mirror();
    assert_eq!(kind(&mirror, &refs), [RefChange::New, RefChange::New]);
    source.delete("refs/heads/release");
    let update = mirror.fetch(&refs).unwrap().updates.remove(1);
    assert_eq!((update.kind, &update.old, &update.new), (RefChange::Deleted, &Some(head.clone()), &None));
    assert_eq!(update.diagnostic().unwrap().code.id(), "NK0707");
    assert_eq!(kind(&mirror, &refs), [RefChange::Unchanged, RefChange::Deleted]);
    assert_eq!(code(mirror.objects().head(&refs[1])), "NK0704");
    assert!(mirror.snapshot(&head).is_ok());
    source.commit("release", &[("b", Some("other history"))]);
    assert_eq!(kind(&mirror, &refs), [RefChange::Unchanged, RefChange::Rewritten]);
}

#[test]
fn what_never_existed_is_missing() {
    let source = Source::bare();
    let (_state, mirror) = source.mirror();
    let update = mirror.fetch(&main_branch()).unwrap().updates.remove(0);
    assert_eq!(update.kind, RefChange::Missing);
    assert_eq!(update.diagnostic().unwrap().code.id(), "NK0704");
    assert_eq!(code(mirror.resolve("main")), "NK0704");
    assert_eq!(code(mirror.snapshot(&Revision::parse(&"1".repeat(40)).unwrap())), "NK0704");
    assert_eq!(code(mirror.snapshot(&Revision::parse(&"1".repeat(64)).unwrap())), "NK0704");
}

#[test]
fn a_tag_and_a_branch_of_one_name_are_two_things() {
    let source = Source::bare();
    let tagged = source.commit("main", &[("a", Some("1"))]);
    let object = source.repository.find_object(Oid::from_str(tagged.as_str()).unwrap(), None).unwrap();
    let who = git2::Signature::now("Anna", "anna@example.com").unwrap();
    source.repository.tag("release", &object, &who, "annotated", false).unwrap();
    let branch = source.commit("release", &[("a", Some("2"))]);
    let refs = [RefName::branch("release").unwrap(), RefName::parse("refs/tags/release").unwrap()];
    let (_state, mirror) = source.mirror();
    let updates = mirror.fetch(&refs).unwrap().updates;
    assert_eq!(updates[0].new, Some(branch.clone()));
    assert_eq!(updates[1].new, Some(tagged.clone()), "an annotated tag stands for its commit");
    assert_eq!(kind(&mirror, &refs), [RefChange::Unchanged, RefChange::Unchanged]);
    let Err(GitError::RefMissing { reason, .. }) = mirror.resolve("release") else {
        panic!("should be refused")
    };
    assert!(reason.contains("both a branch and a tag"), "{reason}");
    assert_eq!(mirror.resolve("refs/heads/release"), Ok(branch));
    assert_eq!(mirror.resolve("refs/tags/release"), Ok(tagged));
}

#[test]
fn pins_outlive_branches_and_damage() {
    let source = Source::bare();
    let prod = EnvironmentName::parse("prod").unwrap();
    let pinned = source.commit("main", &[("a", Some("1"))]);
    source.branch_at("kept", &pinned);
    let (state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    mirror.pin(&prod, &pinned).unwrap();
    source.delete("refs/heads/main");
    let unrelated = source.commit("main", &[("b", Some("1"))]);
    mirror.fetch(&main_branch()).unwrap();
    assert_eq!(mirror.pinned(&prod), Ok(Some(pinned.clone())));

    // The root tree of the head is gone from the disk: a reader notices, the next fetch clones again.
    let tree = mirror
        .objects()
        .handle()
        .unwrap()
        .find_commit(Oid::from_str(unrelated.as_str()).unwrap())
        .unwrap()
        .tree_id();
    let hex = tree.to_string();
    fs::remove_file(mirror.folder().join("objects").join(&hex[..2]).join(&hex[2..])).unwrap();
    assert_eq!(code(mirror.snapshot(&unrelated)), "NK0711");
    assert_eq!(kind(&mirror, &main_branch()), [RefChange::Unchanged]);
    assert_eq!(paths(&mirror.snapshot(&unrelated).unwrap()), ["b"]);
    assert_eq!(mirror.pinned(&prod), Ok(Some(pinned.clone())));
    assert_eq!(paths(&mirror.snapshot(&pinned).unwrap()), ["a"]);
    assert!(state.path().join("repositories/infra.git.damaged").exists());
    mirror.unpin(&prod).unwrap();
    assert_eq!(mirror.pinned(&prod), Ok(None));
}

#[test]
fn a_rewrite_is_seen_even_across_a_damaged_mirror() {
    let source = Source::bare();
    source.commit("main", &[("a", Some("1"))]);
    let (state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    fs::write(mirror.folder().join("HEAD"), "rubbish").unwrap();
    fs::remove_dir_all(mirror.folder().join("objects")).unwrap();
    drop(mirror);
    source.delete("refs/heads/main");
    source.commit("main", &[("b", Some("1"))]);
    let mirror = Mirror::open(&source.config(), state.path()).unwrap();
    assert_eq!(kind(&mirror, &main_branch()), [RefChange::Rewritten]);
    assert_eq!(kind(&mirror, &main_branch()), [RefChange::Unchanged]);
}

#[test]
fn notes_are_written_to_the_mirror_or_a_local_source() {
    let source = Source::bare();
    let head = source.commit("main", &[("a", Some("1"))]);
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    let notes = RefName::parse(NOTES_REF).unwrap();
    mirror.write_note(NotePlace::Source, &head, &notes, "applied\0 once").unwrap();
    mirror.write_note(NotePlace::Source, &head, &notes, "applied twice").unwrap();
    mirror.write_note(NotePlace::Mirror, &head, &notes, &"ä".repeat(70_000)).unwrap();
    let id = Oid::from_str(head.as_str()).unwrap();
    let note = source.repository.find_note(Some(NOTES_REF), id).unwrap();
    assert_eq!(note.message(), Ok("applied twice"));
    let kept = mirror.objects().handle().unwrap();
    assert_eq!(kept.find_note(Some(NOTES_REF), id).unwrap().message().unwrap().len(), 64 * 1024);
    assert_eq!(
        code(mirror.write_note(NotePlace::Source, &head, &RefName::branch("main").unwrap(), "x")),
        "NK0704"
    );

    let state = tempfile::tempdir().unwrap();
    let remote = Mirror::open(&config("https://forge.example/x"), state.path()).unwrap();
    assert_eq!(code(remote.write_note(NotePlace::Source, &head, &notes, "x")), "NK0717");
}

#[test]
fn folders_that_are_no_repository_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let fetch = |path: &std::path::Path| {
        let state = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&config(&path.display().to_string()), state.path()).unwrap();
        mirror.fetch(&main_branch()).unwrap_err()
    };
    let absent = fetch(&folder.path().join("absent"));
    assert!(
        matches!(&absent, GitError::NotARepository { reason, .. } if reason == "there is no such folder"),
        "{absent}"
    );
    let plain = fetch(folder.path());
    assert!(
        matches!(&plain, GitError::NotARepository { reason, .. } if reason == "the folder holds no repository"),
        "{plain}"
    );
    // A folder inside a repository is not that repository.
    let source = Source::bare();
    assert_eq!(fetch(&source.path().join("refs")).code().id(), "NK0703");
    assert_eq!(plain.diagnostic().hint.as_deref(), Some(plain.hint()));
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let source = Source::bare();
    assert_eq!(code(Mirror::open(&source.config(), &file)), "NK0712");
}

#[test]
fn many_small_files_become_a_pack() {
    let source = Source::bare();
    let first = source.commit("main", &[("a", Some("0"))]);
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    for round in 1..60 {
        source.commit("main", &[("a", Some(&round.to_string()))]);
        mirror.fetch(&main_branch()).unwrap();
    }
    let files =
        |folder: &str| fs::read_dir(mirror.folder().join("objects").join(folder)).map_or(0, Iterator::count);
    let loose = || (0..256).map(|number| files(&format!("{number:02x}"))).sum::<usize>();
    let loose_before = loose();
    mirror.compact().unwrap();
    assert_eq!((loose_before, loose(), files("pack")), (180, 0, 2), "one pack and its index");
    let last = source.commit("main", &[("a", Some("after"))]);
    mirror.fetch(&main_branch()).unwrap();
    mirror.compact().unwrap();
    for revision in [&first, &last] {
        assert_eq!(mirror.snapshot(revision).unwrap().len(), 1);
    }
    assert_eq!(mirror.objects().is_ancestor(&first, &last), Ok(true));
    // A mirror that is opened anew reads the same.
    let again = Mirror::open(mirror.config(), mirror.folder().parent().unwrap().parent().unwrap()).unwrap();
    assert_eq!(text(&again.snapshot(&last).unwrap(), "a"), "after");
}

#[test]
fn more_bytes_than_allowed_are_refused() {
    let source = Source::bare();
    source.commit("main", &[("big", Some(&"x".repeat(100_000)))]);
    let state = tempfile::tempdir().unwrap();
    let mut config = source.config();
    config.limits.max_fetch_bytes = 50_000;
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(code(mirror.fetch(&main_branch())), "NK0705");
    assert_eq!(code(mirror.resolve("main")), "NK0704");
}

#[test]
fn heads_of_what_is_closed_are_let_go() {
    let source = Source::bare();
    source.commit("main", &[("naksha.yaml", Some("x"))]);
    let (_state, mirror) = source.mirror();
    mirror.fetch(&main_branch()).unwrap();
    let name = |number: u32| RefName::parse(&format!("refs/pull/{number}/head")).unwrap();
    let queue = RefName::branch("queue/main/pr-7").unwrap();
    let brought = |branch: &str, at: &RefName| {
        let head = source.commit(branch, &[("naksha.yaml", Some(branch))]);
        mirror.bring_head(at, &head).unwrap();
    };
    brought("one", &name(1));
    brought("two", &name(2));
    brought("three", &queue);
    let kept = || {
        let repository = git2::Repository::open(mirror.folder()).unwrap();
        let mut refs = repository.references_glob("refs/naksha/heads/*").unwrap();
        let mut names: Vec<String> = refs.names().map(|name| name.unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let of = |tail: &str| format!("refs/naksha/heads/{tail}");
    mirror.drop_heads("refs/pull/", &[name(2)].into()).unwrap();
    assert_eq!(kept(), [of("heads/queue/main/pr-7"), of("pull/2/head")]);
    mirror.drop_heads("refs/heads/", &[].into()).unwrap();
    mirror.drop_heads("refs/pull/", &[].into()).unwrap();
    assert!(kept().is_empty());
}
