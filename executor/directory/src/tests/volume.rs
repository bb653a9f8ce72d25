//! What is particular to directories: markers, links, modes, odd files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::Duration;

use naksha_environments::object::{ObjectKey, Observed};
use naksha_environments::secret::{MarkKey, Secret};
use naksha_executor::port::target::{Removal, Target, TargetError, Wanted, WriteError, WriteMode};
use serde_json::json;

use super::super::{DirectoryTarget, Watching};
use super::{config, create, key, observe, open, wanted, write};

#[tokio::test]
async fn the_first_write_makes_the_directory_and_marks_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("deep/er");
    let target = open(&root);
    assert_eq!(
        observe(&target, wanted("c")).await,
        Ok(Observed::Absent),
        "nothing is there, and nothing is ours"
    );
    assert!(!root.exists(), "observing makes nothing");
    target.write(&create("c")).await.unwrap();
    let marker = fs::read_to_string(root.join(".naksha-target")).unwrap();
    target.write(&create("d")).await.unwrap();
    assert_eq!(fs::read_to_string(root.join(".naksha-target")).unwrap(), marker, "marked once");
    let text = fs::read_to_string(root.join("ns/configmap/c.yaml")).unwrap();
    let uid = text.lines().find_map(|line| line.trim().strip_prefix("uid: ")).unwrap().to_owned();
    insta::assert_snapshot!(text.replace(&uid, "[uid]"), @r#"
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: c
      namespace: ns
      annotations:
        naksha.dev/owner: infra/dev/web ConfigMap ns/c
      uid: [uid]
    data:
      v: "1"
    "#);
}

#[tokio::test]
async fn a_vanished_marker_is_an_unmounted_volume() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("volume");
    let target = open(&root);
    let written = target.write(&create("c")).await.unwrap();
    let owned = || Wanted { key: key("c"), mark: Some(written.mark.clone()) };
    fs::rename(&root, folder.path().join("elsewhere")).unwrap();
    for mounted in [false, true] {
        if mounted {
            fs::create_dir(&root).unwrap();
        }
        // In this process, and in one that knows only what the inventory tells.
        for target in [&target, &open(&root)] {
            let observed = observe(target, owned()).await;
            assert!(matches!(observed, Err(TargetError::Unreachable { .. })), "{observed:?}");
            let removal = Removal { key: key("c"), expect: written.mark.clone() };
            let removed = target.remove(&removal).await;
            assert!(matches!(removed, Err(WriteError::Transient { .. })), "{removed:?}");
            let update =
                write(&key("c"), WriteMode::Update { expect: written.mark.clone() }, &config("c", "2"));
            let updated = target.write(&update).await;
            assert!(matches!(updated, Err(WriteError::Transient { .. })), "{updated:?}");
        }
        let created = target.write(&create("d")).await;
        assert!(matches!(created, Err(WriteError::Transient { .. })), "{created:?}");
    }
    // Somebody says that it is empty on purpose.
    fs::write(root.join(".naksha-target"), "").unwrap();
    assert_eq!(observe(&target, owned()).await, Ok(Observed::Absent));
    target.write(&create("c")).await.unwrap();
    assert!(!fs::read_to_string(root.join(".naksha-target")).unwrap().is_empty());
    // Another volume with a marker of its own.
    fs::write(root.join(".naksha-target"), "other\n").unwrap();
    let observed = observe(&target, owned()).await;
    assert!(matches!(observed, Err(TargetError::Unreachable { .. })), "{observed:?}");
}

#[tokio::test]
async fn nothing_is_followed_out_of_the_directory() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = open(folder.path());
    let written = target.write(&create("c")).await.unwrap();
    let file = folder.path().join("ns/configmap/c.yaml");
    // A link in place of the file, even to the very content that was there.
    fs::rename(&file, outside.path().join("c.yaml")).unwrap();
    symlink(outside.path().join("c.yaml"), &file).unwrap();
    let observed = observe(&target, Wanted { key: key("c"), mark: Some(written.mark.clone()) }).await;
    assert!(matches!(observed, Ok(Observed::Unknown { .. })), "{observed:?}");
    let update = write(&key("c"), WriteMode::Update { expect: written.mark.clone() }, &config("c", "2"));
    assert!(matches!(target.write(&update).await, Err(WriteError::Blocked { .. })));
    let removal = Removal { key: key("c"), expect: written.mark };
    assert!(matches!(target.remove(&removal).await, Err(WriteError::Blocked { .. })));
    // A link in place of a folder.
    symlink(outside.path(), folder.path().join("linked")).unwrap();
    let linked = ObjectKey::new("", "ConfigMap", Some("linked"), "c");
    let mut write = create("c");
    write.key = linked.clone();
    let refused = target.write(&write).await;
    assert!(matches!(refused, Err(WriteError::Blocked { .. })), "{refused:?}");
    let observed = observe(&target, Wanted { key: linked, mark: None }).await;
    assert!(matches!(observed, Ok(Observed::Unknown { .. })), "{observed:?}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "nothing was written outside");
    assert!(fs::read_to_string(outside.path().join("c.yaml")).unwrap().contains("v: \"1\""));
}

#[tokio::test]
async fn files_of_secrets_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let target = open(folder.path());
    let key = ObjectKey::new("", "Secret", Some("ns"), "db");
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"p": "ref:vault:a#b"}});
    let mut write = write(&key, WriteMode::Create, &body);
    write.secrets.insert("p".to_owned(), Secret::new("hunter2"));
    target.write(&write).await.unwrap();
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("ns/secret"), 0o700);
    assert_eq!(mode("ns/secret/db.yaml"), 0o600);
    target.write(&create("c")).await.unwrap();
    assert_eq!(mode("ns/configmap/c.yaml") & 0o600, 0o600);
}

#[tokio::test]
async fn odd_things_under_a_name_are_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let target = open(folder.path());
    target.write(&create("c")).await.unwrap();
    let kind = folder.path().join("ns/configmap");
    fs::create_dir(kind.join("dir.yaml")).unwrap();
    fs::write(kind.join("empty.yaml"), "").unwrap();
    fs::copy(kind.join("c.yaml"), kind.join("copy.yaml")).unwrap();
    fs::write(kind.join("huge.yaml"), vec![b'#'; 5 * 1024 * 1024]).unwrap();
    for (name, reason) in [
        ("dir", "`dir.yaml`: it is not a regular file"),
        ("empty", "`empty.yaml`: it is empty"),
        ("copy", "`copy.yaml`: it holds another object"),
        ("huge", "`huge.yaml`: it is larger than 4194304 bytes"),
    ] {
        let expected = Observed::Unknown { reason: reason.to_owned() };
        assert_eq!(observe(&target, wanted(name)).await, Ok(expected));
    }
}

#[tokio::test]
async fn foreign_temporary_names_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).write(&create("c")).await.unwrap();
    let kind = folder.path().join("ns/configmap");
    for name in [".naksha-tmp-notes", ".c.yaml.swp", "c.yaml~"] {
        fs::write(kind.join(name), "").unwrap();
    }
    fs::write(kind.join(".naksha-tmp-0190a6e4-7c3e-7000-8000-000000000000"), "").unwrap();
    open(folder.path());
    let mut names: Vec<_> =
        fs::read_dir(&kind).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, [".c.yaml.swp", ".naksha-tmp-notes", "c.yaml", "c.yaml~"]);
}

#[tokio::test]
async fn a_write_that_changes_nothing_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = open(folder.path());
    let written = target.write(&create("c")).await.unwrap();
    let stat = || fs::metadata(folder.path().join("ns/configmap/c.yaml")).unwrap();
    let before = (stat().ino(), stat().mtime_nsec());
    let update = write(&key("c"), WriteMode::Update { expect: written.mark.clone() }, &config("c", "1"));
    let again = target.write(&update).await.unwrap();
    assert_eq!((stat().ino(), stat().mtime_nsec()), before);
    assert_eq!(again.mark.fingerprint, written.mark.fingerprint);
}

#[tokio::test]
async fn an_old_file_is_proven_by_its_stamp() {
    let folder = tempfile::tempdir().unwrap();
    let target = open(folder.path());
    let mut mark = target.write(&create("c")).await.unwrap().mark;
    // Until the file is old enough for its stamp to be proof.
    while mark.version.ends_with('r') {
        let Ok(Observed::InSync { mark: now, .. }) =
            observe(&target, Wanted { key: key("c"), mark: Some(mark) }).await
        else {
            unreachable!("nothing happened to it")
        };
        mark = now;
    }
    let path = folder.path().join("ns/configmap/c.yaml");
    let Ok(Observed::InSync { mark: same, .. }) =
        observe(&target, Wanted { key: key("c"), mark: Some(mark.clone()) }).await
    else {
        unreachable!("nothing happened to it")
    };
    assert_eq!(same, mark, "the very mark that was asked with");
    let mut changes = target.changes();
    fs::write(&path, "garbage").unwrap();
    tokio::time::timeout(Duration::from_mins(1), changes.changed()).await.unwrap().unwrap();
    let observed = observe(&target, Wanted { key: key("c"), mark: Some(mark) }).await;
    assert!(matches!(observed, Ok(Observed::Unknown { .. })), "{observed:?}");
}

#[tokio::test]
async fn a_directory_that_appears_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("later");
    let target = open(&root);
    let mut changes = target.changes();
    target.write(&create("c")).await.unwrap();
    tokio::time::timeout(Duration::from_mins(1), changes.changed()).await.unwrap().unwrap();
    fs::write(root.join("ns/configmap/other.yaml"), "x: 1").unwrap();
    tokio::time::timeout(Duration::from_mins(1), changes.changed()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_be_watched_is_looked_at_regularly() {
    let folder = tempfile::tempdir().unwrap();
    let every = Watching::Every(Duration::from_millis(5));
    let target = DirectoryTarget::open_watching(folder.path(), MarkKey::new([7; 32]), every).unwrap();
    let mut changes = target.changes();
    for _ in 0..3 {
        tokio::time::timeout(Duration::from_mins(1), changes.changed()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_file_in_place_of_the_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("file");
    fs::write(&root, "").unwrap();
    let error = DirectoryTarget::open(&root, MarkKey::new([7; 32])).unwrap_err();
    assert!(error.to_string().ends_with("is not a directory"), "{error}");
}
