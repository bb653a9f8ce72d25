//! Which KV store a path lies in, and of which version it is: what Vault said last.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use crate::answer::read;
use crate::failure::Failure;

/// How a KV store keeps its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// One value each.
    One,
    /// Versions of each.
    Two,
}

/// A KV store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// With a slash at its end: `kv/`.
    path: String,
    pub(crate) version: Version,
}

#[derive(Deserialize)]
struct AnswerDto {
    data: MountDto,
}

#[derive(Deserialize)]
struct MountDto {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    options: Option<OptionsDto>,
}

#[derive(Deserialize)]
struct OptionsDto {
    version: Option<String>,
}

impl Mount {
    /// Of the answer to a question about `path`. Reading from other engines makes something: a certificate, or a login to a database.
    pub(crate) fn read(body: &[u8], path: &str) -> Result<Self, Failure> {
        let AnswerDto { data: MountDto { path: place, kind, options } } = read(body)?;
        // `generic` is what the first Vaults called it.
        if !matches!(kind.as_str(), "kv" | "generic") {
            return Err(Failure::Denied(format!("{path} is in an engine of another kind than kv")));
        }
        let version = match options.and_then(|options| options.version).as_deref() {
            None | Some("" | "1") => Version::One,
            Some("2") => Version::Two,
            Some(_) => return Err(Failure::Denied(format!("{path} is in a store of an unknown version"))),
        };
        let mount = Self { path: format!("{}/", place.trim_matches('/')), version };
        if !format!("{path}/").starts_with(&mount.path) {
            return Err(Failure::Unavailable("its answer is about another path".to_owned()));
        }
        Ok(mount)
    }

    /// The store and the entry in it. An entry has a name.
    pub(crate) fn split<'a>(&self, path: &'a str) -> Result<(&str, &'a str), Failure> {
        let entry = path.strip_prefix(&self.path).filter(|entry| !entry.is_empty());
        Ok((self.path.trim_end_matches('/'), entry.ok_or(Failure::Missing)?))
    }
}

/// Stores that Vault has told of.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Mutex<BTreeMap<String, Version>>);

impl Mounts {
    /// The store that a path lies in. No store lies in another, so that there is one at most.
    pub(crate) fn of(&self, path: &str) -> Option<Mount> {
        let known = self.known();
        let (place, version) = known.iter().find(|(place, _)| path.starts_with(place.as_str()))?;
        Some(Mount { path: place.clone(), version: *version })
    }

    pub(crate) fn remember(&self, mount: &Mount) {
        self.known().insert(mount.path.clone(), mount.version);
    }

    pub(crate) fn forget(&self, mount: &Mount) {
        self.known().remove(&mount.path);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Version>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(data: &str, path: &str) -> Result<Mount, Failure> {
        Mount::read(format!(r#"{{"data":{data}}}"#).as_bytes(), path)
    }

    #[test]
    fn versions_are_told_apart() {
        let version = |data: &str| mount(data, "kv/naksha/db").unwrap().version;
        assert_eq!(version(r#"{"path":"kv/","type":"kv","options":{"version":"2"}}"#), Version::Two);
        assert_eq!(version(r#"{"path":"kv/","type":"kv","options":{"version":"1"}}"#), Version::One);
        assert_eq!(version(r#"{"path":"kv/","type":"kv","options":null}"#), Version::One);
        assert_eq!(version(r#"{"path":"kv/","type":"generic"}"#), Version::One);
    }

    #[test]
    fn nothing_is_read_from_what_is_no_store() {
        for kind in ["pki", "database", "cubbyhole", "system"] {
            let refused = mount(&format!(r#"{{"path":"kv/","type":"{kind}"}}"#), "kv/a");
            assert!(matches!(refused, Err(Failure::Denied(_))), "{refused:?}");
        }
        let unknown = mount(r#"{"path":"kv/","type":"kv","options":{"version":"3"}}"#, "kv/a");
        assert!(matches!(unknown, Err(Failure::Denied(_))), "{unknown:?}");
        let other = mount(r#"{"path":"kv/","type":"kv"}"#, "kv2/a");
        assert!(matches!(other, Err(Failure::Unavailable(_))), "{other:?}");
    }

    #[test]
    fn a_path_is_a_store_and_an_entry() {
        let deep = mount(r#"{"path":"team/kv/","type":"kv"}"#, "team/kv/naksha/db").unwrap();
        assert_eq!(deep.split("team/kv/naksha/db"), Ok(("team/kv", "naksha/db")));
        assert_eq!(deep.split("team/kv"), Err(Failure::Missing));
        let mounts = Mounts::default();
        mounts.remember(&deep);
        assert_eq!(mounts.of("team/kv/other"), Some(deep.clone()));
        assert_eq!(mounts.of("team/kvs/other"), None);
        mounts.forget(&deep);
        assert_eq!(mounts.of("team/kv/other"), None);
    }
}
