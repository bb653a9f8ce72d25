//! The register of user-visible codes. Each has a page, `docs/errors/<code>.md`, and a fixture that raises it.
//!
//! One file per hundred: definitions 01, references and claims 02, rendering 03, plans 04, policies 05,
//! applying 06, Git 07, state 08, daemon and command line 09, health rules 10, forges 11. A code is never reused for something else.

pub mod apply;
pub mod daemon;
pub mod definition;
pub mod forge;
pub mod git;
pub mod health;
pub mod plan;
pub mod policy;
pub mod reference;
pub mod render;
pub mod store;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::diagnostic::Severity;

/// A stable code such as `NK0101`, its severity and its one-line title.
#[derive(Clone, Copy)]
pub struct Code(&'static Row);

/// One row of the register.
#[derive(Debug)]
pub struct Row {
    pub id: &'static str,
    pub severity: Severity,
    pub title: &'static str,
}

impl Code {
    pub const fn new(row: &'static Row) -> Self {
        Self(row)
    }

    pub fn id(self) -> &'static str {
        self.0.id
    }

    pub fn severity(self) -> Severity {
        self.0.severity
    }

    pub fn title(self) -> &'static str {
        self.0.title
    }

    /// Every code, in order.
    pub fn all() -> impl Iterator<Item = Code> {
        [
            definition::ALL,
            reference::ALL,
            render::ALL,
            plan::ALL,
            policy::ALL,
            apply::ALL,
            git::ALL,
            store::ALL,
            daemon::ALL,
            health::ALL,
            forge::ALL,
        ]
        .into_iter()
        .flatten()
        .copied()
    }

    pub fn parse(text: &str) -> Option<Code> {
        Self::all().find(|code| code.id().eq_ignore_ascii_case(text))
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Code {}

impl PartialOrd for Code {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Code {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id().cmp(other.id())
    }
}

impl Hash for Code {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// Declares the codes of one hundred: `codes! { NAME = "NK0101" Error "title"; ... }`.
macro_rules! codes {
    ($($name:ident = $id:literal $severity:ident $title:literal;)*) => {
        $(pub const $name: $crate::codes::Code = $crate::codes::Code::new(&$crate::codes::Row {
            id: $id,
            severity: $crate::diagnostic::Severity::$severity,
            title: $title,
        });)*
        pub(crate) const ALL: &[$crate::codes::Code] = &[$($name),*];
    };
}
pub(crate) use codes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        let ids: Vec<_> = Code::all().map(Code::id).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
        assert!(ids.iter().all(|id| id.len() == 6 && id.starts_with("NK")));
    }
}
