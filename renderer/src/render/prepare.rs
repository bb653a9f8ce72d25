//! From listed units to their renders: what each reads, its values, and the objects, from the cache or anew.
//!
//! Nearly always nearly everything is as it was: a unit with the same definition, in the same environment, whose
//! folder has the same id, is what it was last, and nothing of it is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::{Digest, Hasher, canonical_json};
use naksha_environments::environment::Environment;
use naksha_environments::ids::UnitName;
use naksha_environments::secret::SecretMark;
use naksha_environments::unit::{Unit, UnitSource};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::template::ENGINE_VERSION;
use crate::variables::{
    DEFAULT_NAMESPACE, Evaluation, Subject, Trouble, Values, Written, environment_value, layered,
};

use super::cache::{Around, Keeping, Last, UnitRender};
use super::environment::{Listed, RenderInput};
use super::files::{self, UnitFiles};
use super::unit::{self, UnitWork, broken};

/// Version of what this crate makes of a unit's files; part of every cache key.
const RENDER_VERSION: &str = "naksha/unit-render/1";

/// A unit, rendered alone.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) unit: &'a Arc<Unit>,
    pub(super) values: Arc<Values>,
    /// Outputs of other units that its variables or templates read.
    pub(super) reads: BTreeSet<(UnitName, String)>,
    pub(super) render: Arc<UnitRender>,
}

/// Renders the units that have something to render, in the order in which they are listed.
pub(super) fn make<'a>(
    input: &RenderInput<'a>,
    environment: &'a Arc<Environment>,
    listed: &[Listed<'a>],
    found: &mut Vec<Diagnostic>,
) -> Vec<Made<'a>> {
    let shown = Shown::new(input, environment);
    let around = Around { environment, repository: input.content.repository.as_ref(), mark: &shown.mark };
    let last = input.cache.last(&around, listed.iter().map(|listed| listed.unit));
    let subjects = subjects(&around, listed, &last);
    let absent = listed.iter().filter(|listed| listed.unit.is_none());
    let absent: BTreeSet<UnitName> = absent.map(|listed| listed.entry.name.clone()).collect();
    let mut evaluation = Evaluation::new(shown.environment.clone(), &subjects, &absent, input.facts);

    let supported = listed.iter().zip(last).filter(|(listed, _)| listed.absent.is_none());
    let units: Vec<_> = supported.filter_map(|(listed, last)| Some((listed.unit?, last))).collect();
    let looked: Vec<Stage<'a, Looked<'a>>> =
        units.into_par_iter().map(|(unit, last)| look(input, &around, unit, last)).collect();
    let prepared = looked.into_iter().map(|stage| match stage {
        Stage::Made(made) => Stage::Made(made),
        Stage::Open(looked) => Stage::Open(Box::new(prepare(input, *looked, &mut evaluation))),
    });
    let prepared: Vec<Stage<'a, Prepared<'a>>> = prepared.collect();
    found.append(&mut evaluation.diagnostics);
    let made = prepared.into_par_iter().map(|stage| match stage {
        Stage::Made(made) => (made, None),
        Stage::Open(prepared) => render(input, &shown, *prepared),
    });
    let (made, new): (Vec<Made<'a>>, Vec<Option<Last>>) = made.unzip();
    input.cache.keep_last(&around, made.iter().map(|made| made.unit).zip(new));
    made
}

/// How far a unit is: most are what they were, and need nothing.
#[derive(Debug)]
enum Stage<'a, T> {
    Made(Made<'a>),
    Open(Box<T>),
}

/// A unit and the files that it reads.
type Looked<'a> = (&'a Arc<Unit>, UnitFiles);

/// Finds the files of a unit, unless it is what it was.
fn look<'a>(
    input: &RenderInput<'a>,
    around: &Around<'_>,
    unit: &'a Arc<Unit>,
    last: Option<Last>,
) -> Stage<'a, Looked<'a>> {
    if let Some(Last { values, render: Some((folder, render)) }) = last
        && unit.folder.as_ref().and_then(|path| input.tree.folder(path)) == Some(&folder)
    {
        return Stage::Made(Made { unit, values, reads: BTreeSet::new(), render });
    }
    let shared = around.repository.map(|repository| &repository.shared);
    Stage::Open(Box::new((unit, files::of_unit(input.tree, unit, shared, input.cache))))
}

/// `last` goes with `listed`, one to one.
fn subjects(
    around: &Around<'_>,
    listed: &[Listed<'_>],
    last: &[Option<Last>],
) -> BTreeMap<UnitName, Subject> {
    let repository = around.repository.map(AsRef::as_ref);
    let subject = |(listed, last): (&Listed<'_>, &Option<Last>)| {
        let unit = listed.unit?;
        let variables = match last {
            Some(last) => Written::Known(Arc::clone(&last.values)),
            None => Written::Layered(layered(unit, repository, around.environment, listed.entry)),
        };
        Some((unit.name.clone(), Subject { unit: Arc::clone(unit), variables }))
    };
    listed.iter().zip(last).filter_map(subject).collect()
}

/// A unit that can be rendered, and all that its render needs.
#[derive(Debug)]
struct Prepared<'a> {
    unit: &'a Arc<Unit>,
    values: Arc<Values>,
    /// Whether its values follow from its definitions alone.
    self_contained: bool,
    files: UnitFiles,
    reads: BTreeSet<(UnitName, String)>,
    /// What its templates see of other units.
    units: Map<String, Value>,
    /// Found before its files are looked into: why there is nothing to render.
    stopped: Option<String>,
}

fn prepare<'a>(
    input: &RenderInput<'_>,
    (unit, files): Looked<'a>,
    evaluation: &mut Evaluation<'_>,
) -> Prepared<'a> {
    let (values, trouble) = evaluation.values(&unit.name);
    let self_contained = trouble.is_none() && evaluation.is_self_contained(&unit.name, &values);
    let mut reads = evaluation.reads(&unit.name);
    // Plain manifests read no variables.
    let mut stopped = trouble.filter(|_| is_template(unit));
    let units = outputs(input, unit, &files, evaluation, &mut reads, &mut stopped);
    let stopped = stopped.map(|trouble| stop(&trouble, unit, &mut evaluation.diagnostics));
    Prepared { unit, values, self_contained, files, reads, units, stopped }
}

fn is_template(unit: &Unit) -> bool {
    matches!(unit.source, UnitSource::Templates(_))
}

/// The outputs that a unit's templates read, as the map that they see.
fn outputs(
    input: &RenderInput<'_>,
    unit: &Unit,
    files: &UnitFiles,
    evaluation: &mut Evaluation<'_>,
    reads: &mut BTreeSet<(UnitName, String)>,
    stopped: &mut Option<Trouble>,
) -> Map<String, Value> {
    let mut units = Map::new();
    for ((other, output), (path, span)) in &files.outputs {
        if let Ok(name) = UnitName::parse(other) {
            reads.insert((name, output.clone()));
        }
        match evaluation.output(other, output) {
            Ok(value) => {
                let entry = units.entry(other.clone()).or_insert_with(|| json!({"outputs": {}}));
                entry["outputs"][output] = Value::clone(&value);
            }
            Err(trouble) => {
                if let Some(finding) = trouble.finding(&unit.name, other, output) {
                    // Only a reader in trouble pays for looking up where it reads.
                    evaluation.diagnostics.push(finding.at(files::place(input.tree, path, *span)));
                }
                // An error says more than waiting does.
                if stopped.is_none() || !matches!(trouble, Trouble::Waits { .. }) {
                    *stopped = Some(trouble);
                }
            }
        }
    }
    units
}

/// Why a unit is not rendered, in words; waiting is reported here, failures were reported already.
fn stop(trouble: &Trouble, unit: &Unit, found: &mut Vec<Diagnostic>) -> String {
    match trouble {
        Trouble::Failed | Trouble::Undefined { .. } => "its values have errors".to_owned(),
        Trouble::Waits { unit: other, output } => {
            let message = format!("unit `{}` waits for output `{output}` of unit `{other}`", unit.name);
            found.push(
                Diagnostic::new(codes::OUTPUT_UNKNOWN_YET, message).at(unit.place.clone()).unit(&unit.name),
            );
            format!("waits for output `{output}` of unit `{other}`")
        }
    }
}

/// What every unit sees of its environment.
#[derive(Debug)]
struct Shown<'a> {
    environment: Value,
    /// Canonical, for keys.
    text: String,
    namespace: &'a str,
    /// Of the key that masks secrets: what was masked with another one is another render.
    mark: SecretMark,
}

impl<'a> Shown<'a> {
    fn new(input: &RenderInput<'_>, environment: &'a Environment) -> Self {
        let value = environment_value(environment);
        let text = canonical_json(&value);
        let namespace = environment.target.namespace().unwrap_or(DEFAULT_NAMESPACE);
        Self { environment: value, text, namespace, mark: input.key.mark(RENDER_VERSION.as_bytes()) }
    }
}

/// Renders a unit, from the cache or anew; with what is to be remembered of it, if anything.
fn render<'a>(
    input: &RenderInput<'_>,
    shown: &Shown<'_>,
    prepared: Prepared<'a>,
) -> (Made<'a>, Option<Last>) {
    let render = render_unit(input, shown, &prepared);
    let Prepared { unit, values, self_contained, files, reads, units: _, stopped: _ } = prepared;
    let folder = unit.folder.as_ref().and_then(|path| input.tree.folder(path));
    let folder = folder.filter(|_| files.are_own && reads.is_empty() && render.keeping == Keeping::Always);
    let last = self_contained.then(|| Last {
        values: Arc::clone(&values),
        render: folder.map(|folder| (folder.clone(), Arc::clone(&render))),
    });
    (Made { unit, values, reads, render }, last)
}

fn render_unit(input: &RenderInput<'_>, shown: &Shown<'_>, prepared: &Prepared<'_>) -> Arc<UnitRender> {
    let unit = prepared.unit;
    if !prepared.files.problems.is_empty() {
        let named = prepared.files.problems.iter().map(|finding| finding.clone().unit(&unit.name));
        return Arc::new(broken("its files have errors", named.collect(), Keeping::Never));
    }
    if let Some(reason) = &prepared.stopped {
        return Arc::new(broken(reason, Vec::new(), Keeping::Never));
    }
    let key = cache_key(input, shown, prepared);
    if let Some(known) = key.as_ref().and_then(|key| input.cache.unit(key)) {
        return known;
    }
    let context = is_template(unit).then(|| {
        let variables = Value::clone(&prepared.values.map);
        json!({"environment": shown.environment, "variables": variables, "units": prepared.units})
    });
    let work = UnitWork {
        tree: input.tree,
        unit,
        files: &prepared.files,
        namespace: shown.namespace,
        key: input.key,
        engine: input.engine,
        context: context.as_ref().unwrap_or(&Value::Null),
    };
    let render = Arc::new(unit::render(&work));
    if let Some(key) = key {
        input.cache.keep_unit(key, &render);
    }
    render
}

/// Covers everything that a unit's render reads. `None` for a definition that is not in the tree.
fn cache_key(input: &RenderInput<'_>, shown: &Shown<'_>, prepared: &Prepared<'_>) -> Option<Digest> {
    let unit = prepared.unit;
    // A definition may be a link: what counts is what it leads to.
    let (_, definition) = input.tree.follow(&unit.place.path).ok()?;
    let mut hasher = Hasher::new(RENDER_VERSION)
        .part(ENGINE_VERSION)
        .part(unit.name.as_str())
        .part(unit.place.path.as_str())
        .part(definition.content.as_str())
        .part(shown.namespace)
        .part(shown.mark.as_str());
    for files in [&prepared.files.entries, &prepared.files.partials] {
        hasher.add(files.len().to_be_bytes());
        for file in files {
            hasher.add(&file.name);
            hasher.add(file.path.as_str());
            hasher.add(file.content.as_str());
        }
    }
    if is_template(unit) {
        hasher.add(prepared.values.digest.as_bytes());
        hasher.add(&shown.text);
        hasher.add(canonical_json(&Value::Object(prepared.units.clone())));
    }
    Some(hasher.finish())
}
