//! The suite that every target runs, with files and an outsider who edits them.

use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use naksha_environments::object::ObjectKey;
use naksha_environments::source::TreePath;
use naksha_environments::yaml::{Dialect, emit, parse};
use naksha_executor::contract::target::Fixture;
use naksha_executor::port::target::SharedTarget;
use serde_json::Value;
use tempfile::TempDir;

use crate::layout::Location;

struct Files {
    root: TempDir,
    target: SharedTarget,
}

impl Files {
    fn path(&self, key: &ObjectKey) -> PathBuf {
        let location = Location::of(key);
        self.root.path().join(location.folder()).join(location.file)
    }
}

#[async_trait]
impl Fixture for Files {
    fn target(&self) -> SharedTarget {
        self.target.clone()
    }

    async fn reopen(&self) -> SharedTarget {
        std::sync::Arc::new(super::open(self.root.path()))
    }

    fn namespace(&self) -> String {
        "contract".to_owned()
    }

    async fn peek(&self, key: &ObjectKey) -> Option<Value> {
        let text = fs::read_to_string(self.path(key)).ok()?;
        let (documents, problems) = parse(&text, &TreePath::parse("x.yaml").unwrap(), Dialect::Manifest);
        assert!(problems.is_empty(), "what we write is clean: {problems:?}");
        documents.first().map(|document| document.root.to_json())
    }

    /// In place, as the plainest of editors does: same inode, and often the same size.
    async fn put(&self, key: &ObjectKey, object: &Value) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, emit(object)).unwrap();
    }

    async fn erase(&self, key: &ObjectKey) {
        fs::remove_file(self.path(key)).unwrap();
    }

    async fn garble(&self, key: &ObjectKey) -> bool {
        let mut text = fs::read_to_string(self.path(key)).unwrap();
        text.push_str("  : [ \n");
        fs::write(self.path(key), text).unwrap();
        true
    }

    async fn half_write(&self, key: &ObjectKey) -> bool {
        let name = format!(".naksha-tmp-{}", uuid::Uuid::now_v7());
        fs::write(self.path(key).with_file_name(&name), "apiVersion: v1\nki").unwrap();
        fs::write(self.root.path().join(name), "").unwrap();
        true
    }

    async fn litter(&self) -> usize {
        let mut found = 0;
        let mut open = vec![self.root.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else if entry.file_name().to_string_lossy().starts_with(".naksha-tmp-") {
                    found += 1;
                }
            }
        }
        found
    }
}

fn fresh() -> Files {
    let root = tempfile::tempdir().unwrap();
    let target = std::sync::Arc::new(super::open(root.path()));
    Files { root, target }
}

naksha_executor::target_contract!(fresh);
