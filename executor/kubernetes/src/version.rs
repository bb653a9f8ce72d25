//! What a mark's version says of an object in a cluster.
//!
//! A mark is recorded from the answer to our own write, and compared with what the watch tells: by these numbers most
//! events are known to be no change of ours without reading the object.

use std::fmt;
use std::sync::Arc;

/// What tells "nothing of ours moved" apart from "look at it". Written as `rv=12;gen=3;entry=9f…;in=apps/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "Kubernetes' own names")]
pub(crate) struct Version {
    pub(crate) resource_version: Arc<str>,
    /// Absent for kinds that count none: ConfigMap, Secret, Service, RBAC and others.
    pub(crate) generation: Option<i64>,
    /// Of our entry among the managers, and of the labels and annotations that it owns. Absent: we own nothing of it.
    pub(crate) entry: Option<u64>,
    /// The API version that our entry speaks of: values are compared in it.
    pub(crate) api_version: Option<Arc<str>>,
    /// Of everything but the status, when the whole object was told: whoever plans with it has seen what others set.
    pub(crate) whole: Option<u64>,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut version = Self {
            resource_version: "".into(),
            generation: None,
            entry: None,
            api_version: None,
            whole: None,
        };
        for part in text.split(';') {
            let (name, value) = part.split_once('=')?;
            let hash = || u64::from_str_radix(value, 16).ok();
            match name {
                "rv" => version.resource_version = value.into(),
                "gen" => version.generation = Some(value.parse().ok()?),
                "entry" => version.entry = Some(hash()?),
                "in" => version.api_version = Some(value.into()),
                "whole" => version.whole = Some(hash()?),
                _ => return None,
            }
        }
        (!version.resource_version.is_empty()).then_some(version)
    }
}

/// Whether the first resource version is certainly older than the second.
pub(crate) fn is_older(one: &str, other: &str) -> bool {
    matches!((one.parse::<u128>(), other.parse::<u128>()), (Ok(one), Ok(other)) if one < other)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource_version, generation, entry, api_version, whole } = self;
        write!(f, "rv={resource_version}")?;
        if let Some(generation) = generation {
            write!(f, ";gen={generation}")?;
        }
        if let Some(entry) = entry {
            write!(f, ";entry={entry:016x}")?;
        }
        if let Some(api_version) = api_version {
            write!(f, ";in={api_version}")?;
        }
        if let Some(whole) = whole {
            write!(f, ";whole={whole:016x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_what_it_writes() {
        let full = Version {
            resource_version: "812".into(),
            generation: Some(3),
            entry: Some(0xdead),
            api_version: Some("apps/v1".into()),
            whole: Some(u64::MAX),
        };
        let bare = Version { generation: None, entry: None, api_version: None, whole: None, ..full.clone() };
        for version in [full, bare] {
            assert_eq!(Version::parse(&version.to_string()), Some(version));
        }
        for bad in ["", "rv=", "gen=1", "rv=1;gen=x", "rv=1;entry=zz", "rv=1;other=2", "inode=1 size=2"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_numbers_are_compared() {
        assert!(is_older("9", "10") && !is_older("10", "9") && !is_older("9", "9"));
        assert!(!is_older("a", "b") && !is_older("9", "b"));
    }
}
