//! One environment, from its definitions to its desired objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::codes::{Code, render as codes};
use naksha_environments::diagnostic::{Diagnostic, Place, did_you_mean};
use naksha_environments::digest::{Digest, Hasher, canonical_json};
use naksha_environments::environment::{Environment, Follows, UnitUse};
use naksha_environments::facts::Facts;
use naksha_environments::ids::{EnvironmentName, UnitName, WorkflowName};
use naksha_environments::rendered::{ObjectOrder, Rendered, RenderedUnit, UnitState};
use naksha_environments::repository::Definitions;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::SourceTree;
use naksha_environments::unit::{ConflictPolicy, Unit, UnitSource};
use naksha_environments::variables::Variables;
use naksha_environments::workflow::WorkflowGraph;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::template::{ENGINE_VERSION, TemplateEngine};
use crate::variables::{
    DEFAULT_NAMESPACE, Evaluation, Subject, Trouble, Values, Written, environment_value, layered,
};

use super::across::{self, Makers, Settled};
use super::cache::{Keeping, RenderCache, UnitRender};
use super::dependencies;
use super::files::{self, UnitFiles};
use super::unit::{self, UnitWork, broken, digest};

/// Version of what this crate makes of a unit's files; part of every cache key.
const RENDER_VERSION: &str = "naksha/unit-render/1";

/// Everything that rendering one environment takes.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// Definitions at the revision that gives the environment itself.
    pub control: &'a Definitions,
    /// Definitions at the revision that gives units, workflows and variables.
    pub content: &'a Definitions,
    /// The files of the content revision.
    pub tree: &'a SourceTree,
    pub environment: &'a EnvironmentName,
    pub facts: &'a Facts,
    pub engine: &'a dyn TemplateEngine,
    pub cache: &'a RenderCache,
    pub key: &'a MarkKey,
}

/// Renders one environment. Every problem of every unit is in the diagnostics.
pub fn render(input: &RenderInput<'_>) -> Rendered {
    let mut found = Vec::new();
    let environment = match ready(input) {
        Ok(environment) => environment,
        Err(finding) => return nothing(input.environment, *finding),
    };
    input.cache.begin();
    let listed = listed(input, environment, &mut found);
    let prepared = prepare(input, environment, &listed, &mut found);
    let shown = Shown::new(environment);
    let renders: Vec<(UnitName, Arc<UnitRender>)> =
        prepared.par_iter().map(|unit| (unit.unit.name.clone(), render_unit(input, &shown, unit))).collect();
    input.cache.end();
    found.extend(renders.iter().flat_map(|(_, render)| render.diagnostics.iter().cloned()));
    let (mut settled, makers) = across::settle(input.tree, &renders, &mut found);
    let edges = edges(&prepared, &listed, &renders, &mut settled, &makers, &mut found);
    let mut units: BTreeMap<UnitName, RenderedUnit> = BTreeMap::new();
    for unit in &listed {
        units.insert(unit.entry.name.clone(), state_of(unit, &mut settled));
    }
    for unit in &prepared {
        if let Some(rendered) = units.get_mut(&unit.unit.name) {
            rendered.variables = Arc::clone(&unit.values.variables);
        }
    }
    for (name, needed) in edges {
        if let Some(rendered) = units.get_mut(&name) {
            rendered.depends_on = needed;
        }
    }
    let (workflows, broken_workflows) = workflows(input, environment, &mut found);
    found.sort();
    found.dedup();
    let environment = input.environment.clone();
    Rendered {
        environment,
        units,
        workflows,
        broken_workflows,
        diagnostics: found,
        broken: false,
        order: ObjectOrder::default(),
    }
}

/// The environment's definition, when everything that steers it could be read.
fn ready<'a>(input: &RenderInput<'a>) -> Result<&'a Arc<Environment>, Box<Diagnostic>> {
    let name = input.environment;
    let refuse = |message: String| Err(Box::new(Diagnostic::new(codes::ENVIRONMENT_BROKEN, message)));
    let (control, content) = (&input.control.broken, &input.content.broken);
    if control.environments.contains(name) {
        return refuse(format!("the definition of environment `{name}` has errors"));
    }
    if control.locks.contains(name) {
        return refuse(format!("the lock of environment `{name}` has errors"));
    }
    if control.repository || content.repository {
        return refuse("naksha.yaml has errors".to_owned());
    }
    if let Some(environment) = input.control.environments.get(name) {
        return Ok(environment);
    }
    let names = input.control.environments.keys().map(EnvironmentName::as_str);
    let finding = Diagnostic::new(codes::ENVIRONMENT_BROKEN, format!("there is no environment `{name}`"));
    Err(Box::new(match did_you_mean(name.as_str(), names) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }))
}

fn nothing(environment: &EnvironmentName, finding: Diagnostic) -> Rendered {
    Rendered {
        environment: environment.clone(),
        units: BTreeMap::new(),
        workflows: BTreeMap::new(),
        broken_workflows: BTreeSet::new(),
        diagnostics: vec![finding],
        broken: true,
        order: ObjectOrder::default(),
    }
}

/// A unit as the environment lists it, and what the content revision has of it.
#[derive(Debug)]
struct Listed<'a> {
    entry: &'a UnitUse,
    unit: Option<&'a Arc<Unit>>,
    /// For a unit that is not there: its state.
    absent: Option<UnitState>,
}

fn listed<'a>(
    input: &RenderInput<'a>,
    environment: &'a Environment,
    found: &mut Vec<Diagnostic>,
) -> Vec<Listed<'a>> {
    let pinned = matches!(environment.follows, Follows::Promotion { .. });
    let mut seen = BTreeSet::new();
    let entries = environment.units.iter().filter(|entry| seen.insert(&entry.name));
    entries
        .map(|entry| {
            let name = &entry.name;
            if let Some(unit) = input.content.units.get(name) {
                let unsupported = has_no_driver(&unit.source).then(|| unsupported(unit, found));
                return Listed { entry, unit: Some(unit), absent: unsupported };
            }
            let mut report = |code: Code, message: String, hint: Option<String>| {
                let finding = Diagnostic::new(code, message).at(entry.place.clone()).unit(name);
                found.push(match hint {
                    Some(hint) => finding.hint(hint),
                    None => finding,
                });
            };
            let broken = &input.content.broken;
            let state = if broken.units.contains(name) {
                report(codes::UNIT_BROKEN, format!("the definition of unit `{name}` has errors"), None);
                UnitState::Broken { reason: "its definition has errors".to_owned() }
            } else if let Some(file) = broken.nameless.first() {
                let message = format!(
                    "unit `{name}` is not defined, unless its definition is in `{file}`, which cannot be read"
                );
                report(codes::UNIT_BROKEN, message, None);
                UnitState::Broken {
                    reason: format!("its definition may be in `{file}`, which cannot be read"),
                }
            } else if pinned {
                let message =
                    format!("unit `{name}` is not in the pinned commit, and comes with the next promotion");
                report(codes::UNIT_NOT_YET, message, None);
                UnitState::NotYet
            } else {
                let near = did_you_mean(name.as_str(), input.content.units.keys().map(UnitName::as_str));
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                report(codes::UNIT_NOT_DEFINED, format!("there is no unit `{name}`"), hint);
                UnitState::Broken { reason: "it is not defined".to_owned() }
            };
            Listed { entry, unit: None, absent: Some(state) }
        })
        .collect()
}

fn has_no_driver(source: &UnitSource) -> bool {
    !matches!(source, UnitSource::Manifests(_) | UnitSource::Templates(_))
}

fn unsupported(unit: &Unit, found: &mut Vec<Diagnostic>) -> UnitState {
    let source = unit.source.word();
    let message =
        format!("this version cannot apply `{source}` units, and leaves unit `{}` alone", unit.name);
    let finding = Diagnostic::new(codes::UNIT_UNSUPPORTED, message).at(unit.place.clone()).unit(&unit.name);
    found.push(finding.hint("`manifests` and `templates` units are applied"));
    UnitState::Unsupported { source }
}

/// A unit that can be rendered, and all that its render needs.
#[derive(Debug)]
struct Prepared<'a> {
    unit: &'a Arc<Unit>,
    values: Arc<Values>,
    files: UnitFiles,
    /// Outputs of other units that its variables or templates read.
    reads: BTreeSet<(UnitName, String)>,
    /// What its templates see of other units.
    units: Map<String, Value>,
    /// Found before its files are looked into: why there is nothing to render.
    stopped: Option<String>,
}

fn prepare<'a>(
    input: &RenderInput<'a>,
    environment: &'a Arc<Environment>,
    listed: &[Listed<'a>],
    found: &mut Vec<Diagnostic>,
) -> Vec<Prepared<'a>> {
    let repository = input.content.repository.as_ref();
    let subjects: BTreeMap<UnitName, Subject> = listed
        .iter()
        .filter_map(|listed| {
            let unit = listed.unit?;
            let variables = match input.cache.values(unit, environment, repository) {
                Some(values) => Written::Known(values),
                None => {
                    Written::Layered(layered(unit, repository.map(AsRef::as_ref), environment, listed.entry))
                }
            };
            Some((unit.name.clone(), Subject { unit: Arc::clone(unit), variables }))
        })
        .collect();
    let absent = listed.iter().filter(|listed| listed.unit.is_none());
    let broken: BTreeSet<UnitName> = absent.map(|listed| listed.entry.name.clone()).collect();
    let defined = listed.iter().filter_map(|listed| listed.unit);
    let supported: Vec<&'a Arc<Unit>> = defined.filter(|unit| !has_no_driver(&unit.source)).collect();
    let shared = repository.map(|repository| &repository.shared);
    let files: Vec<UnitFiles> =
        supported.par_iter().map(|unit| files::of_unit(input.tree, unit, shared, input.cache)).collect();
    let mut evaluation = Evaluation::new(environment_value(environment), &subjects, &broken, input.facts);
    let prepared = supported.into_iter().zip(files).map(|(unit, files)| {
        let (values, trouble) = evaluation.values(&unit.name);
        if trouble.is_none() && evaluation.is_self_contained(&unit.name, &values) {
            input.cache.keep_values(unit, environment, repository, &values);
        }
        let mut reads = evaluation.reads(&unit.name);
        // Plain manifests read no variables.
        let mut stopped = trouble.filter(|_| is_template(unit));
        let units = outputs(input, unit, &files, &mut evaluation, &mut reads, &mut stopped);
        let stopped = stopped.map(|trouble| stop(&trouble, unit, &mut evaluation.diagnostics));
        Prepared { unit, values, files, reads, units, stopped }
    });
    let prepared = prepared.collect();
    found.append(&mut evaluation.diagnostics);
    prepared
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
}

impl<'a> Shown<'a> {
    fn new(environment: &'a Environment) -> Self {
        let value = environment_value(environment);
        let text = canonical_json(&value);
        let namespace = environment.target.namespace().unwrap_or(DEFAULT_NAMESPACE);
        Self { environment: value, text, namespace }
    }
}

/// From the cache, or anew.
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
    let definition = input.tree.entry(unit.place.path.as_str())?;
    let mut hasher = Hasher::new(RENDER_VERSION)
        .part(ENGINE_VERSION)
        .part(unit.name.as_str())
        .part(unit.place.path.as_str())
        .part(definition.content.as_str())
        .part(shown.namespace)
        .part(input.key.mark(RENDER_VERSION.as_bytes()).as_str());
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

/// The dependencies between the units; a unit in a declared circle is settled as broken.
fn edges(
    prepared: &[Prepared<'_>],
    listed: &[Listed<'_>],
    renders: &[(UnitName, Arc<UnitRender>)],
    settled: &mut BTreeMap<UnitName, Settled>,
    makers: &Makers,
    found: &mut Vec<Diagnostic>,
) -> dependencies::Edges {
    let names: BTreeSet<UnitName> = listed.iter().map(|listed| listed.entry.name.clone()).collect();
    let definitions = listed.iter().filter_map(|listed| listed.unit.map(AsRef::as_ref));
    let mut edges = dependencies::Edges::new();
    let circular = dependencies::add(&mut edges, dependencies::declared(definitions, &names), found);
    for (unit, reason) in circular {
        if let Some(settled) = settled.get_mut(&unit) {
            settled.broken.get_or_insert(reason);
            settled.objects = Arc::from([]);
            settled.digest = digest(&[]);
        }
    }
    let custom =
        renders.iter().flat_map(|(unit, render)| render.custom_kinds.iter().map(move |kind| (unit, kind)));
    let kinds: BTreeMap<(String, String), UnitName> =
        custom.map(|(unit, kind)| ((kind.group.clone(), kind.kind.clone()), unit.clone())).collect();
    let mut wanted = Vec::new();
    for (Prepared { unit, reads, .. }, (_, render)) in prepared.iter().zip(renders) {
        let reads: BTreeSet<_> = reads.iter().filter(|(name, _)| names.contains(name)).cloned().collect();
        dependencies::of_outputs(unit, &reads, &mut wanted);
        let objects = settled.get(&unit.name).map_or(&[][..], |settled| &settled.objects);
        dependencies::of_objects(unit, objects, &render.references, makers, &kinds, &mut wanted);
    }
    // Inferred edges break nothing: what closes a circle is left out.
    dependencies::add(&mut edges, wanted, found);
    edges
}

fn state_of(listed: &Listed<'_>, settled: &mut BTreeMap<UnitName, Settled>) -> RenderedUnit {
    let name = listed.entry.name.clone();
    let (state, digest) = match (settled.remove(&name), &listed.absent) {
        (Some(Settled { broken: Some(reason), digest, .. }), _) => (UnitState::Broken { reason }, digest),
        (Some(Settled { objects, digest, .. }), _) => (UnitState::Rendered(objects), digest),
        (None, Some(absent)) => (absent.clone(), digest(&[])),
        (None, None) => (UnitState::Broken { reason: "it was not rendered".to_owned() }, digest(&[])),
    };
    RenderedUnit {
        name,
        state,
        depends_on: BTreeMap::new(),
        variables: Arc::new(Variables::default()),
        conflicts: listed.unit.map_or_else(ConflictPolicy::default, |unit| unit.conflicts),
        ignore: listed.unit.map_or_else(|| Arc::from([]), |unit| unit.ignore.clone().into()),
        digest,
    }
}

type Workflows = (BTreeMap<WorkflowName, Arc<WorkflowGraph>>, BTreeSet<WorkflowName>);

fn workflows(input: &RenderInput<'_>, environment: &Environment, found: &mut Vec<Diagnostic>) -> Workflows {
    let (mut graphs, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
    for (name, place) in &environment.workflows {
        if let Some(graph) = input.content.workflows.get(name) {
            graphs.insert(name.clone(), Arc::clone(graph));
            continue;
        }
        let broken = &input.content.broken;
        unreadable.insert(name.clone());
        if broken.workflows.contains(name) || !broken.nameless.is_empty() {
            // Its own problems are reported with its file.
            continue;
        }
        found.push(absent_workflow(input, environment, name, place));
    }
    (graphs, unreadable)
}

fn absent_workflow(
    input: &RenderInput<'_>,
    environment: &Environment,
    name: &WorkflowName,
    place: &Place,
) -> Diagnostic {
    if matches!(environment.follows, Follows::Promotion { .. }) {
        let message =
            format!("workflow `{name}` is not in the pinned commit, and comes with the next promotion");
        return Diagnostic::new(codes::UNIT_NOT_YET, message).at(place.clone());
    }
    let finding = Diagnostic::new(codes::WORKFLOW_NOT_DEFINED, format!("there is no workflow `{name}`"))
        .at(place.clone());
    match did_you_mean(name.as_str(), input.content.workflows.keys().map(WorkflowName::as_str)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding,
    }
}
