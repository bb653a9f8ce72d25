//! A commit that is waited for: which environments are about it, and whether what they applied holds it.
//!
//! Commits say which of the daemon's environments are this repository's, whatever it is called there; where a commit of
//! theirs is not in this clone, nothing is known of it.

use anyhow::Context as _;
use naksha_environments::ids::Revision;
use naksha_environments::wire::StatusDocument;

use crate::git::{Objects, WorkTree};

#[derive(Debug)]
pub(super) struct Goal {
    objects: Objects,
    revision: Revision,
    /// As it was asked for.
    name: String,
}

/// How a commit stands to the one that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is that one, or comes after it.
    Holds,
    Lacks,
    /// It is not in this clone.
    Unknown,
}

impl Goal {
    /// `name`: as Git knows it, in the repository of the working directory.
    pub(super) fn open(name: &str) -> anyhow::Result<Self> {
        let work = WorkTree::open(std::path::Path::new("."))?;
        let needs =
            format!("`{name}` is looked for in the repository of the working directory, and this is none");
        let objects = work.objects().context(needs)?.clone();
        let revision = objects.resolve(name)?;
        Ok(Self { objects, revision, name: name.to_owned() })
    }

    fn standing(&self, commit: &str) -> Standing {
        let Ok(commit) = self.objects.resolve(commit) else { return Standing::Unknown };
        match self.objects.is_ancestor(&self.revision, &commit) {
            Ok(true) => Standing::Holds,
            Ok(false) => Standing::Lacks,
            Err(_) => Standing::Unknown,
        }
    }

    /// Whether an environment is one of this repository, as far as its commits are in this clone.
    pub(super) fn concerns(&self, document: &StatusDocument) -> bool {
        commits(document).any(|commit| self.standing(commit) != Standing::Unknown)
    }

    /// Whether what was applied holds it: the rules, which come from the trunk, or the content, where that follows a
    /// branch of its own. What a lock names is older than the lock.
    pub(super) fn is_applied(&self, document: &StatusDocument) -> bool {
        let applied = [&document.applied_control, &document.applied];
        applied.into_iter().flatten().any(|commit| self.standing(commit) == Standing::Holds)
    }

    /// Whether a state is of this commit already, and not of one before it: what waits for a person then still does.
    /// `seen`: where the daemon looked.
    pub(super) fn is_seen(&self, seen: Option<&str>) -> bool {
        seen.is_some_and(|commit| self.standing(commit) != Standing::Lacks)
    }

    /// Why it is not reached, in one line.
    pub(super) fn missing(&self, documents: &[StatusDocument]) -> Option<String> {
        let short = self.revision.short();
        let ours: Vec<_> = documents.iter().filter(|document| self.concerns(document)).collect();
        if ours.is_empty() {
            let why = "no environment that the daemon knows is about commits of this clone";
            return Some(format!("{why}, so none applied {short} (`{}`)", self.name));
        }
        let behind = ours.into_iter().find(|document| !self.is_applied(document))?;
        let scope = format!("{}/{}", behind.repository, behind.environment);
        let applied = behind.applied_control.as_deref().or(behind.applied.as_deref());
        let Some(applied) = applied else {
            return Some(format!(
                "{scope} has applied nothing yet, and {short} (`{}`) is waited for",
                self.name
            ));
        };
        let shown = applied.get(..short.len()).unwrap_or(applied);
        Some(match self.standing(applied) {
            Standing::Unknown => format!("{scope} has applied {shown}, which is not in this clone: fetch it"),
            Standing::Holds | Standing::Lacks => {
                format!("{scope} has applied {shown}, which does not hold {short} (`{}`)", self.name)
            }
        })
    }
}

fn commits(document: &StatusDocument) -> impl Iterator<Item = &str> {
    let StatusDocument { control, content, applied, applied_control, .. } = document;
    [control, content, applied, applied_control].into_iter().filter_map(|commit| commit.as_deref())
}
