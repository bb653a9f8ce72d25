//! Which file belongs to which definition: to exactly one, unless it is shared, ignored or needs none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::MAX_SUGGESTIONS;
use super::assemble::Assembled;
use super::layout::{environment_folder, is_policy_case, needs_no_owner};
use super::loader::FileEntry;
use crate::codes::{definition as codes, reference};
use crate::definition::references::Claim;
use crate::definition::{Found, FoundValue, Kind};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::globs::Globs;
use crate::source::{SourceTree, TreePath};

/// Comparisons of a pattern with a path, per load: a thousand units with a thousand files each stay far below.
const MAX_COMPARISONS: usize = 5_000_000;
/// Findings of one sort that are listed; the rest is counted.
const MAX_LISTED: usize = 100;
/// Trees whose claims are remembered: the trunk and the pins of some environments.
const KEPT_TREES: usize = 4;

/// To what a file belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claimant {
    /// A definition. Locks and approvals have the name of their folder or file.
    Definition { kind: Kind, name: String },
    /// Many units may read it.
    Shared,
    /// naksha leaves it alone.
    Ignored,
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition { kind, name } => write!(f, "{} `{name}`", kind.noun()),
            Self::Shared => f.write_str("the shared files"),
            Self::Ignored => f.write_str("the ignored files"),
        }
    }
}

/// The owner of every file that has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    owners: Arc<BTreeMap<TreePath, Claimant>>,
}

impl Claims {
    pub fn owner(&self, path: &TreePath) -> Option<&Claimant> {
        self.owners.get(path)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&TreePath, &Claimant)> {
        self.owners.iter()
    }
}

/// The claims of one tree, and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub claims: Claims,
    pub diagnostics: Vec<Diagnostic>,
    /// Files that belong to nothing.
    pub unclaimed: Vec<TreePath>,
}

/// The last results, with what they were made of: claims depend on paths and definitions, not on contents.
#[derive(Debug, Default)]
pub(super) struct ClaimsMemo {
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    paths: Vec<TreePath>,
    files: Vec<FileEntry>,
    claimed: Arc<Claimed>,
}

impl ClaimsMemo {
    pub(super) fn claims(
        &mut self,
        tree: &SourceTree,
        files: &[FileEntry],
        assembled: &Assembled,
    ) -> Arc<Claimed> {
        if let Some(at) = self.kept.iter().position(|kept| kept.fits(tree, files)) {
            let mut kept = self.kept.remove(at);
            // So that the next comparison is one of pointers.
            kept.files = files.to_vec();
            let claimed = Arc::clone(&kept.claimed);
            self.kept.push(kept);
            return claimed;
        }
        let claimed = Arc::new(Work::new(tree, files, assembled).run());
        let paths = tree.paths().map(|(path, _)| path.clone()).collect();
        if self.kept.len() >= KEPT_TREES {
            self.kept.remove(0);
        }
        self.kept.push(Kept { paths, files: files.to_vec(), claimed: Arc::clone(&claimed) });
        claimed
    }
}

impl Kept {
    fn fits(&self, tree: &SourceTree, files: &[FileEntry]) -> bool {
        let places = !self.claimed.diagnostics.is_empty();
        self.files.len() == files.len()
            && self.paths.len() == tree.len()
            && self.files.iter().zip(files).all(|(a, b)| {
                a.path == b.path && (Arc::ptr_eq(&a.reading, &b.reading) || same_files(a, b, places))
            })
            && self.paths.iter().zip(tree.paths()).all(|(own, (other, _))| own == other)
    }
}

/// Whether two readings of a file claim the same; with their places, where diagnostics hold those.
fn same_files(a: &FileEntry, b: &FileEntry, places: bool) -> bool {
    let (a, b) = (&a.reading.found, &b.reading.found);
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            let claims = a.claims.len() == b.claims.len()
                && a.claims.iter().zip(&b.claims).all(|(a, b)| a.same_files(b) && (!places || a == b));
            let globs = match (&a.value, &b.value) {
                (Some(FoundValue::Repository(a)), Some(FoundValue::Repository(b))) => {
                    a.shared == b.shared && a.ignore == b.ignore
                }
                (a, b) => a.is_some() == b.is_some(),
            };
            a.kind == b.kind && a.name == b.name && (!places || a.place == b.place) && claims && globs
        })
}

/// A claim that was made, for naming the other one when two collide.
struct Made {
    claimant: Claimant,
    place: Place,
}

struct Work<'a> {
    tree: &'a SourceTree,
    files: &'a [FileEntry],
    shared: Option<&'a Globs>,
    ignore: Option<&'a Globs>,
    /// There is a naksha.yaml, and it cannot be read.
    is_open: bool,
    owners: BTreeMap<TreePath, usize>,
    made: Vec<Made>,
    definition_files: BTreeSet<&'a TreePath>,
    collisions: Vec<Diagnostic>,
    found: Vec<Diagnostic>,
    comparisons: usize,
    suggestions: usize,
}

impl<'a> Work<'a> {
    fn new(tree: &'a SourceTree, files: &'a [FileEntry], assembled: &'a Assembled) -> Self {
        let repository = assembled.definitions.repository.as_ref();
        Self {
            tree,
            files,
            shared: repository.map(|repository| &repository.shared),
            ignore: repository.map(|repository| &repository.ignore),
            is_open: assembled.definitions.broken.repository,
            owners: BTreeMap::new(),
            made: Vec::new(),
            definition_files: files.iter().map(|file| &file.path).collect(),
            collisions: Vec::new(),
            found: Vec::new(),
            comparisons: 0,
            suggestions: MAX_SUGGESTIONS,
        }
    }

    fn run(mut self) -> Claimed {
        for file in self.files {
            self.own_file(file);
        }
        for file in self.files {
            for found in &file.reading.found {
                self.definition(file, found);
            }
        }
        self.partials();
        if self.comparisons > MAX_COMPARISONS {
            let message = "the patterns of all definitions together match too widely to be compared";
            let diagnostic = Diagnostic::new(reference::CLAIMS_TOO_WIDE, message);
            self.found.push(diagnostic.hint("start patterns with a folder, and let `**` stand below it"));
        }
        let unclaimed = if self.comparisons > MAX_COMPARISONS { Vec::new() } else { self.unclaimed() };
        // What a naksha.yaml that cannot be read shares and ignores is not known.
        let told = if self.is_open { Vec::new() } else { unclaimed_findings(self.tree, &unclaimed) };
        let collisions = std::mem::take(&mut self.collisions);
        self.found.extend(listed(collisions));
        self.found.extend(listed(told));
        let made = &self.made;
        let mut owners: BTreeMap<TreePath, Claimant> =
            self.owners.iter().map(|(path, at)| (path.clone(), made[*at].claimant.clone())).collect();
        for (path, _) in self.tree.paths() {
            let free = !self.owners.contains_key(path);
            if free && self.shared.is_some_and(|globs| globs.matches(path)) {
                owners.insert(path.clone(), Claimant::Shared);
            } else if free && self.ignore.is_some_and(|globs| globs.matches(path)) {
                owners.insert(path.clone(), Claimant::Ignored);
            }
        }
        Claimed { claims: Claims { owners: Arc::new(owners) }, diagnostics: self.found, unclaimed }
    }

    /// A file of definitions belongs to its first one.
    fn own_file(&mut self, file: &FileEntry) {
        let first = file.reading.found.first();
        let kind = first.and_then(|found| found.kind).unwrap_or(Kind::Repository);
        let claimant = claimant(kind, first, &file.path);
        self.made.push(Made { claimant, place: Place::file(&file.path) });
        self.owners.insert(file.path.clone(), self.made.len() - 1);
    }

    fn definition(&mut self, file: &FileEntry, found: &Found) {
        let Some(kind) = found.kind else { return };
        for claim in &found.claims {
            let claimant = claimant(kind, Some(found), &file.path);
            match claim {
                Claim::File { path, optional, place } => self.file(path, *optional, place, claimant),
                Claim::Folder { path, place } => self.folder(path, place, claimant),
                Claim::Patterns { globs, places, written, optional } => {
                    for (index, place) in places.iter().enumerate() {
                        let matched = self.pattern(globs, index, place, &claimant);
                        if !matched && !optional && self.comparisons <= MAX_COMPARISONS {
                            self.nothing(file, &written[index], place);
                        }
                    }
                }
                Claim::Partials { .. } => {}
            }
        }
    }

    fn file(&mut self, path: &TreePath, optional: bool, place: &Place, claimant: Claimant) {
        if self.tree.entry(path.as_str()).is_some() {
            self.made.push(Made { claimant, place: place.clone() });
            self.claim(path, self.made.len() - 1);
            return;
        }
        if optional {
            return;
        }
        let file = path.file_name();
        let folder = path.parent();
        let near = self.near(path.as_str(), |tree| {
            let beside = tree.under(folder.as_ref()).map(|(path, _)| path.as_str());
            let named = tree.paths().map(|(path, _)| path).filter(|path| path.file_name() == file);
            beside.chain(named.map(TreePath::as_str)).take(MAX_LISTED * 10).collect()
        });
        let message = format!("there is no file `{path}`");
        let diagnostic = Diagnostic::new(reference::FILE_NOT_FOUND, message).at(place.clone());
        self.found.push(match near {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic
                .hint("add the file, or correct its path; a leading `/` means the repository's root"),
        });
    }

    fn folder(&mut self, path: &TreePath, place: &Place, claimant: Claimant) {
        self.made.push(Made { claimant, place: place.clone() });
        let made = self.made.len() - 1;
        let inside: Vec<TreePath> = self.tree.under(Some(path)).map(|(path, _)| path.clone()).collect();
        if inside.is_empty() {
            let message = format!("there is no folder `{path}`");
            let diagnostic = Diagnostic::new(reference::FILE_NOT_FOUND, message).at(place.clone());
            let hint = "correct the path; it is relative to the definition, a leading `/` means the repository's root";
            self.found.push(diagnostic.hint(hint));
        }
        self.comparisons += inside.len();
        for path in inside {
            self.claim(&path, made);
        }
    }

    /// Whether the pattern matches anything.
    fn pattern(&mut self, globs: &Globs, index: usize, place: &Place, claimant: &Claimant) -> bool {
        let base = literal_folder(&globs.patterns()[index]);
        let candidates: Vec<TreePath> = match &base {
            Base::Everything => self.tree.paths().map(|(path, _)| path.clone()).collect(),
            Base::Folder(folder) => self.tree.under(Some(folder)).map(|(path, _)| path.clone()).collect(),
            Base::Exact(path) => self.tree.entry(path.as_str()).map(|_| path.clone()).into_iter().collect(),
        };
        self.comparisons += candidates.len();
        if self.comparisons > MAX_COMPARISONS {
            return true;
        }
        self.made.push(Made { claimant: claimant.clone(), place: place.clone() });
        let made = self.made.len() - 1;
        let mut matched = false;
        for path in candidates.into_iter().filter(|path| globs.matching(path).contains(&index)) {
            matched = true;
            if self.definition_files.contains(&path) {
                self.swallowed(&path, place);
            } else {
                self.claim(&path, made);
            }
        }
        matched
    }

    fn claim(&mut self, path: &TreePath, made: usize) {
        let Some(first) = self.owners.get(path).copied() else {
            self.owners.insert(path.clone(), made);
            return;
        };
        let (first, second) = (&self.made[first], &self.made[made]);
        if first.claimant == second.claimant || self.shared.is_some_and(|globs| globs.matches(path)) {
            return;
        }
        let message = format!("`{path}` belongs to {} and to {}", first.claimant, second.claimant);
        let diagnostic = Diagnostic::new(reference::DOUBLY_CLAIMED, message)
            .at(second.place.clone())
            .hint("let one of them own it, or list it under `shared` in naksha.yaml")
            .note(Some(first.place.clone()), format!("claimed by {} here", first.claimant));
        self.collisions.push(diagnostic);
    }

    fn swallowed(&mut self, path: &TreePath, place: &Place) {
        let message = format!("the pattern also matches `{path}`, which is a definition of naksha");
        let diagnostic = Diagnostic::new(reference::DOUBLY_CLAIMED, message).at(place.clone());
        self.collisions.push(diagnostic.hint("keep manifests in a folder of their own: `manifests/*.yaml`"));
    }

    fn nothing(&mut self, file: &FileEntry, written: &str, place: &Place) {
        let folder = file.path.parent();
        let near = self.near(written, |tree| {
            let skip = folder.as_ref().map_or(0, |folder| folder.as_str().len() + 1);
            let beside = tree.under(folder.as_ref()).map(|(path, _)| &path.as_str()[skip..]);
            beside.take(MAX_LISTED * 10).collect()
        });
        let inside = self.folder_pattern(folder.as_ref(), written);
        let message = format!("the pattern `{written}` matches no file");
        let diagnostic = Diagnostic::new(reference::PATTERN_MATCHES_NOTHING, message).at(place.clone());
        self.found.push(match near.or(inside) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic.hint("add a file that it matches, or remove it"),
        });
    }

    /// The pattern of what is in a folder, where a folder is named instead of files.
    fn folder_pattern(&self, folder: Option<&TreePath>, written: &str) -> Option<String> {
        let name = written.trim_end_matches('/');
        let path = match folder {
            Some(folder) if !name.starts_with('/') => format!("{folder}/{name}"),
            _ => name.trim_start_matches('/').to_owned(),
        };
        let path = TreePath::parse(&path).ok()?;
        let (first, _) = self.tree.under(Some(&path)).next()?;
        let inside = first.as_str().get(path.as_str().len() + 1..)?;
        Some(format!("{name}/{}", pattern_of(inside)))
    }

    /// The nearest path, or the pattern of its neighbours when the given one is a pattern.
    fn near(&mut self, given: &str, paths: impl FnOnce(&'a SourceTree) -> Vec<&'a str>) -> Option<String> {
        self.suggestions = self.suggestions.checked_sub(1)?;
        let paths = paths(self.tree);
        if !given.contains('*') {
            return did_you_mean(given, paths).map(str::to_owned);
        }
        let patterns: BTreeSet<String> = paths.into_iter().map(pattern_of).collect();
        did_you_mean(given, patterns.iter().map(String::as_str)).map(str::to_owned)
    }

    /// Includable files go to the nearest unit that may include them, when nobody else has them.
    fn partials(&mut self) {
        let mut wanting: Vec<(&Globs, &FileEntry, &Found)> = Vec::new();
        for file in self.files {
            for found in &file.reading.found {
                let partials = found.claims.iter().filter_map(|claim| match claim {
                    Claim::Partials { globs } => Some(globs),
                    _ => None,
                });
                wanting.extend(partials.map(|globs| (globs, file, found)));
            }
        }
        // Deepest folder first: a unit inside another one's folder keeps its own.
        wanting.sort_by_key(|(_, file, _)| std::cmp::Reverse(file.path.as_str().len()));
        for (globs, file, found) in wanting {
            let folder = file.path.parent();
            let inside: Vec<TreePath> =
                self.tree.under(folder.as_ref()).map(|(path, _)| path.clone()).collect();
            self.comparisons += inside.len();
            if self.comparisons > MAX_COMPARISONS {
                return;
            }
            self.made.push(Made {
                claimant: claimant(Kind::Unit, Some(found), &file.path),
                place: found.place.clone(),
            });
            let made = self.made.len() - 1;
            for path in inside.into_iter().filter(|path| globs.matches(path)) {
                self.owners.entry(path).or_insert(made);
            }
        }
    }

    fn unclaimed(&self) -> Vec<TreePath> {
        // What a definition owned is unknown while it cannot be read.
        let unknown: Vec<TreePath> = self
            .files
            .iter()
            .filter(|file| {
                file.reading.found.iter().all(|found| found.value.is_none() && found.claims.is_empty())
            })
            .filter_map(|file| file.path.parent())
            .collect();
        let beneath = |path: &TreePath| {
            unknown.iter().any(|folder| {
                path.as_str().strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let exempt = |path: &TreePath| {
            let matched = |globs: Option<&Globs>| globs.is_some_and(|globs| globs.matches(path));
            needs_no_owner(path)
                || is_policy_case(path)
                || matched(self.shared)
                || matched(self.ignore)
                || beneath(path)
        };
        let paths = self.tree.paths().map(|(path, _)| path);
        paths.filter(|path| !self.owners.contains_key(*path) && !exempt(path)).cloned().collect()
    }
}

fn claimant(kind: Kind, found: Option<&Found>, path: &TreePath) -> Claimant {
    let written = found.and_then(|found| found.name.clone());
    let name = match kind {
        Kind::Lock => environment_folder(path).map(str::to_owned),
        Kind::Approval => None,
        _ => written,
    };
    Claimant::Definition { kind, name: name.unwrap_or_else(|| path.to_string()) }
}

/// What a pattern can match, without looking at its wildcards.
enum Base {
    Everything,
    Folder(TreePath),
    Exact(TreePath),
}

fn literal_folder(pattern: &str) -> Base {
    let wild = pattern.find(['*', '?', '[', '{', '\\']);
    let parsed = |text: &str| TreePath::parse(text).ok();
    match wild {
        None => parsed(pattern).map_or(Base::Everything, Base::Exact),
        Some(at) => match pattern[..at].rfind('/').and_then(|slash| parsed(&pattern[..slash])) {
            Some(folder) => Base::Folder(folder),
            None => Base::Everything,
        },
    }
}

/// `manifests/web.yaml.tera` → `manifests/*.yaml.tera`.
fn pattern_of(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    let ending = file.find('.').map_or("", |at| &file[at..]);
    if folder.is_empty() { format!("*{ending}") } else { format!("{folder}/*{ending}") }
}

/// One finding per file, or per folder in which nothing belongs to anything.
fn unclaimed_findings(tree: &SourceTree, unclaimed: &[TreePath]) -> Vec<Diagnostic> {
    let lost: BTreeSet<&TreePath> = unclaimed.iter().collect();
    let mut folders: BTreeMap<TreePath, bool> = BTreeMap::new();
    let mut whole = |folder: &TreePath| {
        *folders
            .entry(folder.clone())
            .or_insert_with(|| tree.under(Some(folder)).all(|(path, _)| lost.contains(path)))
    };
    let mut groups: BTreeMap<TreePath, usize> = BTreeMap::new();
    for path in unclaimed {
        let parents = path.as_str().match_indices('/').map(|(at, _)| &path.as_str()[..at]);
        let top = parents.filter_map(|text| TreePath::parse(text).ok()).find(|folder| whole(folder));
        *groups.entry(top.unwrap_or_else(|| path.clone())).or_default() += 1;
    }
    let finding = |(path, count): (TreePath, usize)| {
        let message = if lost.contains(&path) {
            format!("`{path}` belongs to no definition")
        } else if count == 1 {
            format!("the file in `{path}/` belongs to no definition")
        } else {
            format!("the {count} files in `{path}/` belong to no definition")
        };
        let hint = "name it in a definition, or list it in naksha.yaml under `shared` or `ignore`";
        Diagnostic::new(reference::UNCLAIMED_FILE, message).at(Place::file(&path)).hint(hint)
    };
    groups.into_iter().map(finding).collect()
}

/// The first of many findings, and how many more there are.
fn listed(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if findings.len() > MAX_LISTED {
        let title = findings[0].code.title();
        let message =
            format!("{} more findings of this sort are not listed: {title}", findings.len() - MAX_LISTED);
        findings.truncate(MAX_LISTED);
        findings.push(Diagnostic::new(codes::MORE_PROBLEMS, message));
    }
    findings
}
