//! Documents to [`Definitions`]: by name, each name once, broken ones listed.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use super::MAX_DEFINITIONS;
use super::layout::{environment_folder, likely, wrong_place};
use super::loader::FileEntry;
use crate::codes::{definition as codes, reference};
use crate::definition::{Found, FoundValue, Kind};
use crate::diagnostic::{Diagnostic, Place};
use crate::ids::{EnvironmentName, UnitName};
use crate::repository::{Broken, Definitions};
use crate::source::TreePath;
use crate::unit::Unit;

#[derive(Debug, Default)]
pub(super) struct Assembled {
    pub definitions: Definitions,
    pub diagnostics: Vec<Diagnostic>,
    /// Definitions seen, including those beyond the limit.
    pub total: usize,
}

/// First place of each name, by kind. Only asked, never walked.
type Seen<'a> = HashMap<(Kind, &'a str), &'a Place>;

/// What is collected on the way. Thousands of units become a map at once: one by one takes three times as long.
#[derive(Default)]
struct Collected<'a> {
    seen: Seen<'a>,
    units: Vec<(UnitName, Arc<Unit>)>,
    /// Names that stand twice.
    ambiguous: BTreeSet<(Kind, &'a str)>,
}

pub(super) fn assemble(files: &[FileEntry]) -> Assembled {
    let mut out = Assembled::default();
    let mut collected = Collected::default();
    for file in files {
        if file.reading.found.is_empty() {
            note_likely(&mut out.definitions.broken, &file.path);
        }
        for found in &file.reading.found {
            out.total += 1;
            if out.total > MAX_DEFINITIONS {
                // What is not read must not look deleted.
                out.definitions.broken.repository = true;
                continue;
            }
            add(&mut out, &mut collected, &file.path, found);
        }
    }
    out.definitions.units = collected.units.into_iter().collect();
    for (kind, name) in collected.ambiguous {
        drop_ambiguous(&mut out.definitions, kind, name);
    }
    out
}

fn add<'a>(out: &mut Assembled, collected: &mut Collected<'a>, path: &'a TreePath, found: &'a Found) {
    let Some(kind) = found.kind else {
        if found.value != Some(FoundValue::AdmissionPolicy) {
            out.definitions.broken.nameless.insert(path.clone());
            note_likely(&mut out.definitions.broken, path);
        }
        return;
    };
    if let Some(place) = wrong_place(kind, path) {
        let message = format!("the {} cannot stand in this file", kind.noun());
        let diagnostic = Diagnostic::new(codes::MISPLACED_DEFINITION, message).at(found.place.clone());
        out.diagnostics.push(diagnostic.hint(format!("move it to {place}")));
        note_broken(&mut out.definitions.broken, kind, found.name.as_deref(), path);
        return;
    }
    let folder = environment_folder(path);
    let name = match kind {
        Kind::Repository => Some(""),
        // Locks are named by their folder, approvals by their file.
        Kind::Lock => folder,
        Kind::Approval => Some(path.as_str()),
        _ => found.name.as_deref(),
    };
    if let Some(name) = name {
        match collected.seen.entry((kind, name)) {
            Entry::Occupied(first) => {
                out.diagnostics.push(duplicate(kind, name, found, first.get()));
                collected.ambiguous.insert((kind, name));
                return;
            }
            Entry::Vacant(vacant) => {
                vacant.insert(&found.place);
            }
        }
    }
    out.diagnostics.extend(misnamed(kind, found, path));
    let in_foreign_folder = kind == Kind::Environment && found.name.as_deref() != folder;
    match &found.value {
        Some(FoundValue::Unit(made)) => collected.units.push((made.name.clone(), Arc::clone(made))),
        Some(value) if !in_foreign_folder => insert(&mut out.definitions, value, folder),
        _ => {
            note_broken(&mut out.definitions.broken, kind, name, path);
            if let Some(made) = &found.flawed {
                out.definitions.flawed_units.insert(made.name.clone(), Arc::clone(made));
            }
            if in_foreign_folder {
                note_likely(&mut out.definitions.broken, path);
            }
        }
    }
}

fn duplicate(kind: Kind, name: &str, found: &Found, first: &Place) -> Diagnostic {
    let message = match kind {
        Kind::Repository => "the repository is defined twice".to_owned(),
        Kind::Lock => format!("environment `{name}` has two locks"),
        Kind::Approval => "one file holds two approvals".to_owned(),
        _ => format!("{} `{name}` is defined twice", kind.noun()),
    };
    Diagnostic::new(reference::DUPLICATE_DEFINITION, message)
        .at(found.place.clone())
        .hint("remove one of the two, or give it another name")
        .note(Some(first.clone()), "the first one")
}

/// A name that does not say what its folder or file says.
fn misnamed(kind: Kind, found: &Found, path: &TreePath) -> Option<Diagnostic> {
    let name = found.name.as_deref()?;
    match kind {
        Kind::Environment => {
            let folder = environment_folder(path).filter(|folder| *folder != name)?;
            let message = format!("environment `{name}` stands in the folder of `{folder}`");
            let hint =
                format!("rename the folder to `environments/{name}`, or the environment to `{folder}`");
            Some(Diagnostic::new(codes::MISPLACED_DEFINITION, message).at(found.place.clone()).hint(hint))
        }
        Kind::Unit if path.file_name() == "unit.yaml" && UnitName::parse(name).is_ok() => {
            let folder = path.as_str().rsplit('/').nth(1)?;
            if folder == name {
                return None;
            }
            let message = format!("unit `{name}` stands in the folder `{folder}`");
            let hint = format!("rename one of the two; environments list it as `{name}`");
            Some(Diagnostic::new(codes::NAME_DIFFERS, message).at(found.place.clone()).hint(hint))
        }
        _ => None,
    }
}

fn insert(definitions: &mut Definitions, value: &FoundValue, folder: Option<&str>) {
    match value {
        FoundValue::Repository(made) => definitions.repository = Some(Arc::clone(made)),
        FoundValue::Environment(made) => {
            definitions.environments.insert(made.name.clone(), Arc::clone(made));
        }
        FoundValue::Workflow(made) => {
            definitions.workflows.insert(made.name.clone(), Arc::clone(made));
        }
        FoundValue::Context(made) => {
            definitions.contexts.insert(made.name.clone(), Arc::clone(made));
        }
        FoundValue::Policy(made) => {
            definitions.policies.insert(made.name.clone(), Arc::clone(made));
        }
        FoundValue::HealthRules(made) => {
            definitions.health_rules.insert(made.name.clone(), Arc::clone(made));
        }
        FoundValue::Lock(made) => {
            if let Some(name) = folder.and_then(|folder| EnvironmentName::parse(folder).ok()) {
                definitions.locks.insert(name, Arc::clone(made));
            }
        }
        FoundValue::Approval(made) => definitions.approvals.push(Arc::clone(made)),
        // Units are collected apart.
        FoundValue::Unit(_) | FoundValue::AdmissionPolicy => {}
    }
}

/// A file that says nothing readable: what stood there is guessed from its place.
fn note_likely(broken: &mut Broken, path: &TreePath) {
    broken.nameless.insert(path.clone());
    if let Some((kind, name)) = likely(path) {
        insert_broken(broken, kind, name);
    }
}

fn note_broken(broken: &mut Broken, kind: Kind, name: Option<&str>, path: &TreePath) {
    if !name.is_some_and(|name| insert_broken(broken, kind, name)) {
        note_likely(broken, path);
    }
}

/// False when the name is none.
fn insert_broken(broken: &mut Broken, kind: Kind, name: &str) -> bool {
    fn insert<T: Ord + FromStr>(set: &mut BTreeSet<T>, name: &str) -> bool {
        T::from_str(name).map(|name| set.insert(name)).is_ok()
    }
    match kind {
        Kind::Repository => {
            broken.repository = true;
            true
        }
        Kind::Environment => insert(&mut broken.environments, name),
        Kind::Unit => insert(&mut broken.units, name),
        Kind::Workflow => insert(&mut broken.workflows, name),
        Kind::PolicyContext => insert(&mut broken.contexts, name),
        Kind::Policy => insert(&mut broken.policies, name),
        Kind::HealthRules => insert(&mut broken.health_rules, name),
        Kind::Lock => insert(&mut broken.locks, name),
        // An approval that cannot be read approves nothing; that is all there is to know.
        Kind::Approval => true,
    }
}

/// Of two definitions with one name nobody knows which is meant: neither counts.
fn drop_ambiguous(definitions: &mut Definitions, kind: Kind, name: &str) {
    fn remove<K: Ord + FromStr, V>(map: &mut BTreeMap<K, V>, name: &str) {
        if let Ok(name) = K::from_str(name) {
            map.remove(&name);
        }
    }
    match kind {
        Kind::Unit => {
            remove(&mut definitions.units, name);
            remove(&mut definitions.flawed_units, name);
        }
        Kind::Workflow => remove(&mut definitions.workflows, name),
        Kind::PolicyContext => remove(&mut definitions.contexts, name),
        Kind::Policy => remove(&mut definitions.policies, name),
        Kind::HealthRules => remove(&mut definitions.health_rules, name),
        Kind::Environment => remove(&mut definitions.environments, name),
        Kind::Lock => remove(&mut definitions.locks, name),
        Kind::Repository => definitions.repository = None,
        Kind::Approval => return,
    }
    insert_broken(&mut definitions.broken, kind, name);
}
