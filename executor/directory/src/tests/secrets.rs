//! Secrets from files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use naksha_environments::secret::SecretRef;
use naksha_executor::port::secrets::{SecretError, SecretSource};

use crate::{DirectorySecrets, NoSecrets};

fn reference(text: &str) -> SecretRef {
    SecretRef::parse(text).unwrap()
}

fn put(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn a_value_is_its_file_without_the_last_line_break() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = DirectorySecrets::open(folder.path()).unwrap();
    let cases: [(&[u8], &str); 5] = [
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"two\n\n", "two\n"),
        (b"", ""),
        (b"x", "x"),
    ];
    for (content, expected) in cases {
        put(folder.path(), "kv/naksha/db/url", content);
        let value = secrets.resolve(&reference("vault:kv/naksha/db#url")).await.unwrap();
        assert_eq!(value.expose(), expected);
    }
}

#[tokio::test]
async fn what_is_missing_differs_from_what_may_not_be_read() {
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secrets = DirectorySecrets::open(folder.path()).unwrap();
    put(folder.path(), "kv/db/binary", b"\xff\xfe");
    put(folder.path(), "kv/db/large", &vec![b'x'; 2 * 1024 * 1024]);
    put(outside.path(), "url", b"hunter2");
    symlink(outside.path(), folder.path().join("kv/away")).unwrap();
    fs::create_dir(folder.path().join("kv/db/folder")).unwrap();
    for (text, missing) in [
        ("vault:kv/db#nothing", true),
        ("vault:kv/none/at/all#x", true),
        ("vault:kv/db/binary#x", true),
        ("vault:kv/db#binary", false),
        ("vault:kv/db#large", false),
        ("vault:kv/db#folder", false),
        ("vault:kv/away#url", false),
    ] {
        let error = secrets.resolve(&reference(text)).await.unwrap_err();
        assert_eq!(matches!(error, SecretError::NotFound { .. }), missing, "{text}: {error}");
        assert_eq!(matches!(error, SecretError::Denied { .. }), !missing, "{text}: {error}");
        assert!(error.to_string().contains(text) && !error.to_string().contains("hunter2"), "{error}");
    }
    let error = secrets.resolve(&reference("vault:kv/db#nothing")).await.unwrap_err().to_string();
    let file = folder.path().join("kv/db/nothing");
    let helps =
        format!("does not exist: write it to the file `{}`, or correct the reference", file.display());
    assert!(error.ends_with(&helps), "{error}");
}

#[tokio::test]
async fn links_inside_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = DirectorySecrets::open(folder.path()).unwrap();
    put(folder.path(), "kv/..2026/url", b"hunter2");
    symlink("..2026", folder.path().join("kv/db")).unwrap();
    let value = secrets.resolve(&reference("vault:kv/db#url")).await.unwrap();
    assert_eq!(value.expose(), "hunter2");
}

#[tokio::test]
async fn a_directory_that_went_away_is_trouble_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("secrets");
    assert!(DirectorySecrets::open(&root).is_err());
    fs::create_dir(&root).unwrap();
    let secrets = DirectorySecrets::open(&root).unwrap();
    fs::remove_dir(&root).unwrap();
    let error = secrets.resolve(&reference("vault:kv/db#url")).await.unwrap_err();
    assert!(matches!(error, SecretError::Unavailable { .. }), "{error}");
    let error = NoSecrets.resolve(&reference("vault:kv/db#url")).await.unwrap_err();
    assert!(matches!(error, SecretError::Denied { .. }), "{error}");
}
