//! Names of refs, and what a fetch found out about each: new, moved on, rewritten, deleted.
//!
//! Only full names are used, so a tag and a branch of one name are two things. A rewritten or deleted branch is
//! never quietly accepted: its old commit stays under `refs/naksha/`, which no remote can write to.

use std::fmt;

use naksha_environments::codes::git as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::Revision;

use super::error::{GitError, foreign_text};

/// Refs of the mirror itself; never taken from a remote.
pub(super) const OWN_REFS: &str = "refs/naksha/";

/// The full name of a ref: `refs/heads/main`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(String);

impl RefName {
    /// Parses a full name, by git's own rules (git-check-ref-format).
    pub fn parse(text: &str) -> Result<Self, GitError> {
        let refuse = |reason: &str| {
            Err(GitError::RefMissing {
                url: "(any)".to_owned(),
                name: foreign_text(text),
                reason: reason.to_owned(),
            })
        };
        if !text.starts_with("refs/") || !git2::Reference::is_valid_name(text) {
            return refuse("it is not the full name of a ref");
        }
        if text.starts_with(OWN_REFS) {
            return refuse("`refs/naksha/` belongs to the mirror");
        }
        Ok(Self(text.to_owned()))
    }

    /// The ref of a branch.
    pub fn branch(name: &str) -> Result<Self, GitError> {
        Self::parse(&format!("refs/heads/{name}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The branch's own name; `None` for other refs.
    pub fn branch_name(&self) -> Option<&str> {
        self.0.strip_prefix("refs/heads/")
    }

    /// `heads/main`
    pub(super) fn tail(&self) -> &str {
        self.0.strip_prefix("refs/").unwrap_or(&self.0)
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What became of a ref since the fetch before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefChange {
    Unchanged,
    New,
    FastForward,
    /// The old commit is not an ancestor of the new one.
    Rewritten,
    /// It was there once, and is not any more. Reported by every fetch until it is back.
    Deleted,
    /// The remote does not have it, and never had as far as the mirror knows.
    Missing,
}

/// One tracked ref after a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    pub name: RefName,
    /// The commit known before.
    pub old: Option<Revision>,
    pub new: Option<Revision>,
    pub kind: RefChange,
}

impl RefUpdate {
    /// The finding that a rewrite, a deletion or a missing ref is.
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        let name = &self.name;
        let short = |revision: &Option<Revision>| {
            revision.as_ref().map_or_else(|| "nothing".to_owned(), |revision| revision.short().to_owned())
        };
        let diagnostic = match self.kind {
            RefChange::Unchanged | RefChange::New | RefChange::FastForward => return None,
            RefChange::Rewritten => {
                let (old, new) = (short(&self.old), short(&self.new));
                let message = format!("the history of `{name}` was rewritten: {new} does not contain {old}");
                Diagnostic::new(codes::REWRITTEN, message)
                    .hint("restore the old history, or let an operator accept the new one; until then nothing is applied")
            }
            RefChange::Deleted => {
                let message = format!("`{name}` was deleted; it was last at {}", short(&self.old));
                Diagnostic::new(codes::BRANCH_DELETED, message)
                    .hint("push the branch again, or change what tracks it; what it applied stays as it is")
            }
            RefChange::Missing => {
                Diagnostic::new(codes::REF_MISSING, format!("the repository has no `{name}`"))
                    .hint("check the name of the branch, or push it")
            }
        };
        Some(diagnostic)
    }
}

/// How a ref changed. `known` is where the mirror has it, or had it when it was deleted. `contains` says whether
/// the new commit contains the old one, and is asked only when they differ.
pub(super) fn change<E>(
    known: Option<git2::Oid>,
    was_deleted: bool,
    new: Option<git2::Oid>,
    contains: impl FnOnce(git2::Oid, git2::Oid) -> Result<bool, E>,
) -> Result<RefChange, E> {
    Ok(match (known, new) {
        (None, None) => RefChange::Missing,
        (Some(_), None) => RefChange::Deleted,
        (None, Some(_)) => RefChange::New,
        (Some(known), Some(new)) if known == new && was_deleted => RefChange::New,
        (Some(known), Some(new)) if known == new => RefChange::Unchanged,
        (Some(known), Some(new)) if contains(new, known)? => RefChange::FastForward,
        (Some(_), Some(_)) => RefChange::Rewritten,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_names_are_refs() {
        assert!(RefName::parse("refs/heads/main").is_ok());
        assert_eq!(RefName::branch("team/x").unwrap().branch_name(), Some("team/x"));
        for bad in ["main", "refs/heads/a..b", "refs/heads/a b", "refs/naksha/pins/prod", "refs/heads/", "-x"]
        {
            assert!(RefName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn changes_are_told_apart() {
        let oid = |digit: &str| Some(git2::Oid::from_str(&digit.repeat(40)).unwrap());
        let kind = |known, deleted, new, contains: bool| {
            change(known, deleted, new, |_, _| Ok::<_, ()>(contains)).unwrap()
        };
        assert_eq!(kind(None, false, None, false), RefChange::Missing);
        assert_eq!(kind(None, false, oid("1"), false), RefChange::New);
        assert_eq!(kind(oid("1"), false, oid("1"), false), RefChange::Unchanged);
        assert_eq!(kind(oid("1"), false, oid("2"), true), RefChange::FastForward);
        assert_eq!(kind(oid("1"), false, oid("2"), false), RefChange::Rewritten);
        assert_eq!(kind(oid("1"), false, None, false), RefChange::Deleted);
        assert_eq!(kind(oid("1"), true, oid("1"), false), RefChange::New);
        assert_eq!(kind(oid("1"), true, oid("2"), false), RefChange::Rewritten);
    }
}
