//! Folders that our own removals leave empty go too, and nothing else does.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use naksha_environments::object::{Mark, ObjectKey};
use naksha_executor::port::target::{Removal, Target, WriteMode};
use serde_json::json;

use super::super::DirectoryTarget;
use super::{open, write};

fn key(namespace: &str, kind: &str, name: &str) -> ObjectKey {
    ObjectKey::new("", kind, Some(namespace), name)
}

async fn make(target: &DirectoryTarget, key: &ObjectKey) -> Mark {
    let metadata = json!({"name": &*key.name, "namespace": key.namespace.as_deref()});
    let body = json!({"apiVersion": "v1", "kind": &*key.kind, "metadata": metadata});
    target.write(&write(key, WriteMode::Create, &body)).await.expect("should write").mark
}

async fn remove(target: &DirectoryTarget, key: &ObjectKey, mark: Mark) {
    target.remove(&Removal { key: key.clone(), expect: mark }).await.expect("should remove");
}

/// What is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("should list");
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_last_object_takes_its_folders_along() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let target = open(&root);
    let keys = [key("ns", "ConfigMap", "a"), key("ns", "ConfigMap", "b"), key("ns", "Secret", "c")];
    let mut marks = Vec::new();
    for key in &keys {
        marks.push(make(&target, key).await);
    }
    let mut marks = marks.into_iter();
    remove(&target, &keys[0], marks.next().unwrap()).await;
    assert_eq!(names(&root.join("ns/configmap")), ["b.yaml"]);
    remove(&target, &keys[1], marks.next().unwrap()).await;
    assert_eq!(names(&root.join("ns")), ["secret"]);
    remove(&target, &keys[2], marks.next().unwrap()).await;
    assert_eq!(names(&root), [".naksha-target"], "never the root");
    let again = make(&target, &keys[0]).await;
    remove(&target, &keys[0], again).await;
    assert_eq!(names(&root), [".naksha-target"]);
}

#[tokio::test]
async fn what_somebody_else_put_there_keeps_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let target = open(folder.path());
    let (one, other) = (key("ns", "ConfigMap", "a"), key("other", "ConfigMap", "a"));
    let (mark, second) = (make(&target, &one).await, make(&target, &other).await);
    fs::write(folder.path().join("ns/configmap/notes.txt"), "mine").unwrap();
    fs::create_dir(folder.path().join("other/mine")).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    remove(&target, &one, mark).await;
    remove(&target, &other, second).await;
    assert_eq!(names(&folder.path().join("ns/configmap")), ["notes.txt"]);
    assert_eq!(names(&folder.path().join("other")), ["mine"], "an empty one, and not ours");
    assert!(folder.path().join("empty").exists());
}

#[tokio::test]
async fn a_link_in_place_of_a_folder_is_not_removed() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = open(folder.path());
    let key = key("ns", "ConfigMap", "a");
    let mark = make(&target, &key).await;
    let (real, away) = (folder.path().join("ns/configmap"), outside.path().join("configmap"));
    fs::rename(&real, &away).unwrap();
    std::os::unix::fs::symlink(&away, &real).unwrap();
    let removed = target.remove(&Removal { key, expect: mark }).await;
    assert!(removed.is_err(), "{removed:?}");
    assert!(real.symlink_metadata().is_ok() && away.join("a.yaml").exists());
}

/// Tasks that write at the same time, each an object of its own in the same folder.
const WRITERS: usize = 8;
const ROUNDS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_whose_folder_vanishes_makes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let target = Arc::new(open(folder.path()));
    let work = |number: usize| {
        let target = Arc::clone(&target);
        tokio::spawn(async move {
            let key = key("ns", "ConfigMap", &format!("c{number}"));
            for _ in 0..ROUNDS {
                let mark = make(&target, &key).await;
                remove(&target, &key, mark).await;
            }
        })
    };
    for task in (0..WRITERS).map(work).collect::<Vec<_>>() {
        task.await.expect("should not fail");
    }
    assert_eq!(names(folder.path()), [".naksha-target"]);
}
