//! Secrets: types whose every printed form is a mask, and the key that tells "changed" from "the same".
//!
//! A secret's value leaves [`Secret`] only through [`Secret::expose`], which the adapters that write to a target
//! call and nobody else. What is stored, shown or digested is a [`SecretRef`] or a keyed [`SecretMark`].

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize, Serializer};
use sha2::Sha256;

/// What stands where a secret would.
pub const MASK: &str = "(secret)";

/// A value that is never printed. Debug, Display and Serialize give [`MASK`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    pub fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// The value itself. Only for writing it to where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Where a secret's value is kept: `vault:kv/naksha/db#url`. Shown freely; it opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    /// Path inside the store, without a leading slash: `kv/naksha/db`.
    pub path: Arc<str>,
    /// Field of the entry: `url`.
    pub field: Arc<str>,
}

impl SecretRef {
    /// Parses `vault:PATH#FIELD`. Paths have no empty, `.` or `..` parts.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix("vault:").ok_or("it must start with `vault:`")?;
        let (path, field) = rest.split_once('#').ok_or("it must name a field after `#`")?;
        // What begins with `..` is how mounted volumes keep the same file under a second name.
        let plain = |part: &str| !matches!(part, "" | ".") && !part.starts_with("..");
        if !path.split('/').all(plain) || path.chars().any(char::is_control) {
            return Err("its path has a part that is empty, `.`, or begins with `..`");
        }
        if !plain(field) || field.contains(['/', '#']) || field.chars().any(char::is_control) {
            return Err("its field is empty, begins with `..`, or has `/` or `#` in it");
        }
        Ok(Self { path: path.into(), field: field.into() })
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vault:{}#{}", self.path, self.field)
    }
}

/// The installation's key for [`SecretMark`]s. Random, kept in the daemon's state folder; never printed.
#[derive(Clone)]
pub struct MarkKey([u8; 32]);

impl MarkKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A keyed hash of a value: equal values have equal marks within one installation, and a mark tells nothing
    /// to who lacks the key. 64 bits: enough to see a change, too few to be worth anything else.
    pub fn mark(&self, value: &[u8]) -> SecretMark {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("should take a key of any length");
        mac.update(value);
        SecretMark(hex::encode(&mac.finalize().into_bytes()[..8]).into())
    }
}

impl fmt::Debug for MarkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkKey(..)")
    }
}

/// A keyed hash of a secret's value; see [`MarkKey::mark`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretMark(Arc<str>);

impl SecretMark {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_a_mask() {
        let secret = Secret::new("hunter2");
        let printed = format!("{secret} {secret:?} {}", serde_json::to_string(&secret).unwrap());
        assert!(!printed.contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn references_are_checked() {
        let parsed = SecretRef::parse("vault:kv/naksha/db#url").unwrap();
        assert_eq!((&*parsed.path, &*parsed.field), ("kv/naksha/db", "url"));
        assert_eq!(parsed.to_string(), "vault:kv/naksha/db#url");
        for bad in [
            "kv/a#b",
            "vault:kv/a",
            "vault:../a#b",
            "vault:kv//a#b",
            "vault:kv/a#",
            "vault:git/..data#token",
            "vault:git#..data",
        ] {
            assert!(SecretRef::parse(bad).is_err(), "{bad} should be refused");
        }
    }

    #[test]
    fn marks_depend_on_the_key() {
        let (one, two) = (MarkKey::new([1; 32]), MarkKey::new([2; 32]));
        assert_eq!(one.mark(b"x"), one.mark(b"x"));
        assert_ne!(one.mark(b"x"), two.mark(b"x"));
    }
}
