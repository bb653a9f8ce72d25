//! One load: from a tree to its definitions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::assemble::{Assembled, assemble};
use super::cache::{Cache, Expect};
use super::claims::{Claims, ClaimsMemo};
use super::cross::CrossMemo;
use super::layout::{REPOSITORY_FILE, is_definition_file, is_yaml};
use super::{MAX_DEFINITIONS, MAX_FILES};
use crate::codes::{definition as codes, reference};
use crate::definition::FileReading;
use crate::diagnostic::Diagnostic;
use crate::health_rules::HealthReader;
use crate::ids::RuleName;
use crate::repository::{Broken, Definitions};
use crate::source::{Entry, SourceTree, TreePath};

/// The bundled rules and sets that a repository may name. Empty: such names are not checked.
#[derive(Debug, Clone, Default)]
pub struct KnownRules {
    pub rules: BTreeSet<RuleName>,
    pub sets: BTreeSet<String>,
}

/// Everything one revision defines, and everything that is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    pub definitions: Definitions,
    /// Sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Which definition each file belongs to.
    pub claims: Claims,
}

impl Loaded {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Loads revisions, and remembers parsed files between loads. Cheap to share; loads run one at a time.
pub struct Loader {
    rules: KnownRules,
    health: Option<HealthReader>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cache: Cache,
    claims: ClaimsMemo,
    cross: CrossMemo,
}

/// A file with its definitions.
#[derive(Debug, Clone)]
pub(super) struct FileEntry {
    pub path: TreePath,
    pub reading: Arc<FileReading>,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new(KnownRules::default())
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

impl Loader {
    pub fn new(rules: KnownRules) -> Self {
        Self { rules, health: None, state: Mutex::default() }
    }

    /// Also tells what is wrong in health rules, as `reader` finds it.
    #[must_use]
    pub fn reading_health(self, reader: HealthReader) -> Self {
        Self { health: Some(reader), ..self }
    }

    /// Everything that `tree` defines.
    pub fn load(&self, tree: &SourceTree) -> Loaded {
        if tree.len() > MAX_FILES {
            return too_many_files(tree);
        }
        // The cache is whole even when a load panicked: entries are inserted complete.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { cache, claims: claims_memo, cross: cross_memo } = &mut *state;
        cache.start_load();
        let expected = tree.paths().filter(|(path, _)| is_definition_file(path));
        let mut files: Vec<FileEntry> = expected
            .filter_map(|(path, entry)| file_entry(cache, tree, path, entry, Expect::Definitions))
            .collect();
        let mut assembled = assemble(&files);
        let mut claimed = claims_memo.claims(tree, &files, &assembled);
        let strays: Vec<FileEntry> = claimed
            .unclaimed
            .iter()
            .filter(|path| is_yaml(path))
            .filter_map(|path| {
                let entry = tree.entry(path.as_str())?;
                file_entry(cache, tree, path, entry, Expect::Anything)
            })
            .collect();
        if !strays.is_empty() {
            files.extend(strays);
            assembled = assemble(&files);
            claimed = claims_memo.claims(tree, &files, &assembled);
        }
        cache.end_load();
        let Assembled { mut definitions, diagnostics: mut found, total, .. } = assembled;
        definitions.unclaimed = claimed.unclaimed.iter().filter(|path| is_yaml(path)).cloned().collect();
        found.extend(tree.refused().iter().cloned());
        found.extend(files.iter().flat_map(|file| file.reading.diagnostics.iter().cloned()));
        found.extend(claimed.diagnostics.iter().cloned());
        let cross = cross_memo.check(&files, &definitions, &self.rules);
        definitions.broken.rules = cross.iter().any(names_no_rule);
        found.extend(cross.iter().cloned());
        if let Some(read) = self.health {
            found.extend(read(&definitions.health_rules));
        }
        if total > MAX_DEFINITIONS {
            let message =
                format!("the repository has {total} definitions, and {MAX_DEFINITIONS} are read at most");
            found.push(
                Diagnostic::new(codes::TOO_MANY_DEFINITIONS, message)
                    .hint("split it into several repositories"),
            );
        }
        found.sort();
        found.dedup();
        Loaded { definitions, diagnostics: found, claims: claimed.claims.clone() }
    }
}

/// Whether naksha.yaml names a rule or a set that there is not.
fn names_no_rule(found: &Diagnostic) -> bool {
    let in_repository = found.place.as_ref().is_some_and(|place| place.path.as_str() == REPOSITORY_FILE);
    in_repository && [reference::UNKNOWN_RULE, reference::UNKNOWN_POLICY_SET].contains(&found.code)
}

fn file_entry(
    cache: &mut Cache,
    tree: &SourceTree,
    path: &TreePath,
    entry: &Entry,
    expect: Expect,
) -> Option<FileEntry> {
    let reading = cache.file(tree, path, entry, expect)?;
    Some(FileEntry { path: path.clone(), reading })
}

/// Nothing is read; and nothing is gone because of it.
fn too_many_files(tree: &SourceTree) -> Loaded {
    let message = format!("the repository has {} files, and {MAX_FILES} are read at most", tree.len());
    let diagnostic = Diagnostic::new(codes::TOO_MANY_FILES, message)
        .hint("keep sources, vendored code and data elsewhere, or split the repository");
    let broken = Broken { repository: true, ..Broken::default() };
    let definitions = Definitions { broken, ..Definitions::default() };
    Loaded { definitions, diagnostics: vec![diagnostic], claims: Claims::default() }
}
