//! What a definition says of other files and definitions; checked when all of them are known.

use crate::diagnostic::Place;
use crate::globs::Globs;
use crate::source::TreePath;

/// A read of something outside the definition: `units.postgres.outputs.url`, `variables.domain`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub path: Vec<String>,
    /// A `has()` stands before it.
    pub guarded: bool,
    pub place: Place,
}

/// Files that belong to a definition, besides its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Claim {
    /// One file; it must be there unless `optional`.
    File { path: TreePath, optional: bool, place: Place },
    /// Everything that matches one of the patterns; each of them must match something.
    Patterns { globs: Globs, places: Vec<Place>, written: Vec<String>, optional: bool },
    /// Everything in a folder; it must not be empty.
    Folder { path: TreePath, place: Place },
    /// Files that may be included: no finding when there is none.
    Partials { globs: Globs },
}

impl Claim {
    /// Whether it claims the same, wherever it is written.
    pub(crate) fn same_files(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { path, optional, .. }, Self::File { path: p, optional: o, .. }) => {
                path == p && optional == o
            }
            (Self::Patterns { globs, optional, .. }, Self::Patterns { globs: g, optional: o, .. }) => {
                globs == g && optional == o
            }
            (Self::Folder { path, .. }, Self::Folder { path: p, .. }) => path == p,
            (Self::Partials { globs }, Self::Partials { globs: g }) => globs == g,
            _ => false,
        }
    }
}

/// A name of another definition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mention {
    pub what: Mentioned,
    pub name: String,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mentioned {
    Environment,
    Unit,
    Workflow,
    Context,
    Rule,
    PolicySet,
}
