//! Names and ids. Each is parsed once, at the edge; afterwards it cannot be wrong.
//!
//! A name is what a person writes in a definition. An id is what a machine made (a commit, a digest).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name: the limit of a DNS label (RFC 1123), because names end up in labels and branch names.
pub const MAX_NAME_LENGTH: usize = 63;

/// A name that does not fit its grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{value}` is not a valid name: {reason}")]
pub struct InvalidName {
    pub what: &'static str,
    pub value: String,
    pub reason: &'static str,
}

fn dns_label(text: &str) -> Result<(), &'static str> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > MAX_NAME_LENGTH {
        return Err("it is longer than 63 characters");
    }
    if !text.chars().all(inner) {
        return Err("use lower-case letters, digits, `-` and `.`");
    }
    if !text.starts_with(outer) || !text.ends_with(outer) {
        return Err("it must start and end with a letter or digit");
    }
    Ok(())
}

fn identifier(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > MAX_NAME_LENGTH {
        return Err("it is longer than 63 characters");
    }
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err("it must start with a letter or `_`");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("use letters, digits and `_`, so that expressions can name it");
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a name; the error says which rule it breaks.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(reason) => Err(InvalidName { what: $what, value: text.to_owned(), reason }),
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(/** A repository, as `naksha.yaml` names it. */ RepositoryName, "repository", dns_label);
name_type!(/** An environment: dev, staging, prod. */ EnvironmentName, "environment", dns_label);
name_type!(/** A unit: what is rendered and applied together. */ UnitName, "unit", dns_label);
name_type!(/** A workflow graph. */ WorkflowName, "workflow", dns_label);
name_type!(/** A policy context of workflows. */ ContextName, "policy context", dns_label);
name_type!(/** A policy rule, bundled or the repository's own. */ RuleName, "rule", dns_label);
name_type!(/** A file of health rules. */ HealthRulesName, "health rules", dns_label);
name_type!(/** A node of a workflow graph; expressions name it as `nodes.<id>`. */ NodeId, "node", identifier);

/// A commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision(Arc<str>);

impl Revision {
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (text.len() == 40 || text.len() == 64) {
            return Ok(Self(text.into()));
        }
        let reason = "a commit id has 40 or 64 lower-case hex digits";
        Err(InvalidName { what: "revision", value: text.to_owned(), reason })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl TryFrom<String> for Revision {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.0.to_string()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Grows whenever the ownership of an environment changes hands. Every write to the store carries it; a write
/// with a smaller one than the store knows changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_rule_they_break() {
        let check = |text: &str| EnvironmentName::parse(text).err().map(|e| e.reason);
        assert_eq!(check("dev"), None);
        assert_eq!(check("eu-1.prod"), None);
        assert_eq!(check(""), Some("it is empty"));
        assert_eq!(check("Dev"), Some("use lower-case letters, digits, `-` and `.`"));
        assert_eq!(check("-dev"), Some("it must start and end with a letter or digit"));
        assert_eq!(check(&"x".repeat(64)), Some("it is longer than 63 characters"));
        assert!(NodeId::parse("embed_2").is_ok());
        assert!(NodeId::parse("embed-2").is_err());
    }

    #[test]
    fn a_revision_is_a_full_commit_id() {
        assert!(Revision::parse(&"a".repeat(40)).is_ok());
        assert!(Revision::parse("main").is_err());
        assert!(Revision::parse(&"A".repeat(40)).is_err());
    }
}
