//! The files that a unit's render reads, found without reading them again: patterns, then includes of includes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::{Diagnostic, Place, Span, did_you_mean};
use naksha_environments::globs::Globs;
use naksha_environments::source::{ContentId, EntryKind, ReadError, SourceTree, TreePath};
use naksha_environments::unit::{Unit, UnitSource};
use naksha_environments::yaml::Lines;

use crate::template::scan::{Scan, ScanProblem, scan};

use super::cache::RenderCache;

/// Largest template file. What is longer is data, and belongs into a plain manifest.
pub const MAX_TEMPLATE_BYTES: u64 = 1 << 20;
/// Most template files of one unit, included ones counted.
pub const MAX_TEMPLATE_FILES: usize = 500;
/// Most bytes of all template files of one unit: they travel to the template worker in one message.
pub const MAX_TEMPLATES_BYTES: usize = 8 << 20;

/// A file of a unit.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    /// As includes name it.
    pub(super) name: String,
    pub(super) path: TreePath,
    pub(super) content: ContentId,
}

/// Everything that a unit's render reads from the tree.
#[derive(Debug, Default)]
pub(super) struct UnitFiles {
    /// Rendered, in path order.
    pub(super) entries: Vec<SourceFile>,
    /// Only included.
    pub(super) partials: Vec<SourceFile>,
    /// Outputs of other units that its templates read, and where.
    pub(super) outputs: BTreeMap<(String, String), (TreePath, Span)>,
    pub(super) problems: Vec<Diagnostic>,
    /// All of it, and all that the patterns could match, is in the unit's own folder and is no link.
    pub(super) are_own: bool,
}

/// Where a unit may read.
#[derive(Debug, Clone, Copy)]
struct Reach<'a> {
    tree: &'a SourceTree,
    folder: Option<&'a TreePath>,
    shared: Option<&'a Globs>,
}

pub(super) fn of_unit(
    tree: &SourceTree,
    unit: &Unit,
    shared: Option<&Globs>,
    cache: &RenderCache,
) -> UnitFiles {
    let mut files = UnitFiles { are_own: true, ..UnitFiles::default() };
    let reach = Reach { tree, folder: unit.folder.as_ref(), shared };
    let (globs, template) = match &unit.source {
        UnitSource::Manifests(globs) => (globs, false),
        UnitSource::Templates(globs) => (globs, true),
        _ => return files,
    };
    files.are_own &= globs.patterns().iter().all(|pattern| reach.is_own(pattern));
    for path in matching(tree, globs) {
        match tree.follow(&path) {
            Ok((target, entry)) => {
                files.are_own &= target == path;
                files.entries.push(SourceFile { name: reach.name(&path), content: entry.content, path });
            }
            Err(error) => files.problems.push(unreadable(&path, &error)),
        }
    }
    if files.entries.is_empty() && files.problems.is_empty() {
        let patterns: Vec<_> = globs.patterns().iter().map(|pattern| format!("`{pattern}`")).collect();
        let message = format!("no file matches {}", patterns.join(" or "));
        files.problems.push(Diagnostic::new(codes::SOURCE_EMPTY, message).at(unit.place.clone()));
    }
    if template {
        follow_includes(reach, cache, &mut files);
    }
    files
}

/// The files that match, in path order. Looks only below the folders that the patterns start with.
fn matching(tree: &SourceTree, globs: &Globs) -> BTreeSet<TreePath> {
    let mut found = BTreeSet::new();
    for pattern in globs.patterns() {
        let fixed = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
        let folder = pattern[..fixed].rsplit_once('/').and_then(|(folder, _)| TreePath::parse(folder).ok());
        if fixed == pattern.len() {
            found.extend(tree.entry(pattern).and_then(|_| TreePath::parse(pattern).ok()));
            continue;
        }
        let below = tree.under(folder.as_ref()).filter(|(path, _)| globs.matches(path));
        found.extend(below.map(|(path, _)| path.clone()));
    }
    found
}

/// Scans the templates, and adds what they include, and so on.
fn follow_includes(reach: Reach<'_>, cache: &RenderCache, files: &mut UnitFiles) {
    let mut known: BTreeSet<String> = files.entries.iter().map(|file| file.name.clone()).collect();
    let mut open: Vec<SourceFile> = files.entries.iter().rev().cloned().collect();
    while let Some(file) = open.pop() {
        let Some(scan) = scan_of(reach.tree, &file, cache, &mut files.problems) else { continue };
        for (output, span) in &scan.outputs {
            files.outputs.entry(output.clone()).or_insert((file.path.clone(), *span));
        }
        for (problem, span) in &scan.problems {
            files.problems.push(refused(reach.tree, &file, *problem, *span));
        }
        for (name, span) in &scan.includes {
            if !known.insert(name.clone()) {
                continue;
            }
            if known.len() > MAX_TEMPLATE_FILES {
                let message = format!(
                    "the unit's templates have more than {MAX_TEMPLATE_FILES} files, included ones counted"
                );
                files.problems.push(
                    Diagnostic::new(codes::TEMPLATE_INCLUDE_REFUSED, message).at(Place::file(&file.path)),
                );
                return;
            }
            match reach.include(name) {
                Ok((partial, target)) => {
                    files.are_own &= target == partial.path && reach.is_own(target.as_str());
                    files.partials.push(partial.clone());
                    open.push(partial);
                }
                Err((reason, hint)) => {
                    let message = format!("`{name}` cannot be included: {reason}");
                    let place = place(reach.tree, &file.path, *span);
                    let finding = Diagnostic::new(codes::TEMPLATE_INCLUDE_REFUSED, message).at(place);
                    files.problems.push(match hint {
                        Some(hint) => finding.hint(hint),
                        None => finding,
                    });
                }
            }
        }
    }
    files.partials.sort_by(|a, b| a.name.cmp(&b.name));
}

fn scan_of(
    tree: &SourceTree,
    file: &SourceFile,
    cache: &RenderCache,
    problems: &mut Vec<Diagnostic>,
) -> Option<Arc<Scan>> {
    if let Some(scan) = cache.scan(&file.content) {
        return Some(scan);
    }
    match tree.read_text(&file.path, MAX_TEMPLATE_BYTES) {
        Ok(text) => {
            let scanned = Arc::new(scan(&text));
            cache.keep_scan(&file.content, &scanned);
            Some(scanned)
        }
        Err(error) => {
            problems.push(unreadable(&file.path, &error));
            None
        }
    }
}

impl Reach<'_> {
    /// The name that includes use: relative to the unit's folder, or from the root with a leading `/`.
    fn name(&self, path: &TreePath) -> String {
        match self.below(path) {
            Some(name) => name.to_owned(),
            None => format!("/{path}"),
        }
    }

    fn below<'p>(&self, path: &'p TreePath) -> Option<&'p str> {
        match self.folder {
            None => Some(path.as_str()),
            Some(folder) => path.as_str().strip_prefix(folder.as_str())?.strip_prefix('/'),
        }
    }

    fn allows(&self, path: &TreePath) -> bool {
        self.below(path).is_some() || self.shared.is_some_and(|shared| shared.matches(path))
    }

    /// Whether a path or pattern is in the unit's own folder.
    fn is_own(&self, path: &str) -> bool {
        self.folder
            .and_then(|folder| path.strip_prefix(folder.as_str()))
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The file behind the name of an include, and where its bytes are; or why it is refused and what to do.
    fn include(&self, name: &str) -> Result<(SourceFile, TreePath), (String, Option<String>)> {
        let path = TreePath::resolve(self.folder, name).map_err(|error| (error.reason.to_owned(), None))?;
        let canonical = self.name(&path);
        if canonical != name {
            return Err((format!("its name here is `{canonical}`"), Some(format!("write `{canonical}`"))));
        }
        if !self.allows(&path) {
            let reason = "it is neither in the unit's folder nor among the `shared` files".to_owned();
            return Err((reason, Some("list it under `shared` in naksha.yaml".to_owned())));
        }
        let (target, entry) = self.tree.follow(&path).map_err(|error| match error {
            ReadError::NotFound { .. } => ("there is no such file".to_owned(), self.nearest(name)),
            other => (other.to_string(), None),
        })?;
        if !self.allows(&target) {
            return Err((format!("it is a link to `{target}`, which the unit must not read"), None));
        }
        Ok((SourceFile { name: canonical, path, content: entry.content }, target))
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let files =
            self.tree.paths().filter(|(path, entry)| entry.kind == EntryKind::File && self.allows(path));
        let names: Vec<String> =
            files.map(|(path, _)| self.name(path)).filter(|name| name.contains(".tera")).collect();
        did_you_mean(name, names.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
    }
}

fn refused(tree: &SourceTree, file: &SourceFile, problem: ScanProblem, span: Span) -> Diagnostic {
    let (code, message, hint) = match problem {
        ScanProblem::DollarBraces => (
            codes::TEMPLATE_DOLLAR_BRACES,
            "`${{ }}` belongs into definitions, and this is a template",
            "write `{{ }}`; for the characters themselves, put them between `{% raw %}` and `{% endraw %}`",
        ),
        ScanProblem::DynamicUnits => (
            codes::TEMPLATE_DYNAMIC_UNITS,
            "`units` is read without saying which output of which unit",
            "write both names out: `units.NAME.outputs.NAME`, or `units[\"a-name\"].outputs.NAME`",
        ),
        ScanProblem::Dump => (
            codes::TEMPLATE_FAILED,
            "`__tera_context` is not available, because its order is not fixed",
            "name the variables that are meant, or use `variables | to_yaml`",
        ),
    };
    Diagnostic::new(code, message).at(place(tree, &file.path, span)).hint(hint)
}

/// The place of a span, for which the file is read again: only what has a problem pays for it.
pub(super) fn place(tree: &SourceTree, path: &TreePath, span: Span) -> Place {
    match tree.read_text(path, MAX_TEMPLATE_BYTES) {
        Ok(text) => Lines::new(path, &text).place(span),
        Err(_) => Place::file(path),
    }
}

pub(super) fn unreadable(path: &TreePath, error: &ReadError) -> Diagnostic {
    let reason = match error {
        ReadError::Blob { source, .. } => format!("`{path}` cannot be read: {source}"),
        other => other.to_string(),
    };
    Diagnostic::new(codes::SOURCE_UNREADABLE, reason).at(Place::file(path))
}
