//! One environment, from its definitions to its desired objects.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use naksha_environments::codes::{Code, render as codes};
use naksha_environments::diagnostic::{Diagnostic, Place, did_you_mean};
use naksha_environments::environment::{Environment, Follows, UnitUse};
use naksha_environments::facts::Facts;
use naksha_environments::ids::{EnvironmentName, UnitName, WorkflowName};
use naksha_environments::object::KeyMap;
use naksha_environments::rendered::{DependencyReason, ObjectIndex, Rendered, RenderedUnit, UnitState};
use naksha_environments::repository::Definitions;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::SourceTree;
use naksha_environments::unit::{ConflictPolicy, ImmutablePolicy, Unit, UnitSource};
use naksha_environments::workflow::WorkflowGraph;

use crate::template::TemplateEngine;

use super::across::{self, Settled};
use super::cache::RenderCache;
use super::dependencies::{self, Inferring};
use super::prepare::{Made, make};
use super::unit::digest;

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
    let made = make(input, environment, &listed, &mut found);
    found.extend(made.iter().flat_map(|made| made.render.diagnostics.iter().cloned()));
    let last = input.cache.makers(input.environment);
    let (mut settled, makers) = across::settle(input.tree, &made, input.facts, last, &mut found);
    input.cache.keep_makers(input.environment, &makers);
    input.cache.end();
    let mut makers = makers.index;
    let mut edges = edges(&made, &listed, &mut settled, &mut makers, &mut found);
    let mut rendered = made.iter().zip(settled);
    let units = listed.iter().map(|listed| {
        let rendered = if listed.absent.is_none() { rendered.next() } else { None };
        let depends_on = edges.remove(&listed.entry.name).unwrap_or_default();
        (listed.entry.name.clone(), unit_of(listed, rendered, depends_on))
    });
    let units: BTreeMap<UnitName, RenderedUnit> = units.collect();
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
        index: makers.into(),
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
    if control.repository || control.rules || content.repository {
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
        index: ObjectIndex::default(),
    }
}

/// A unit as the environment lists it, and what the content revision has of it.
#[derive(Debug)]
pub(super) struct Listed<'a> {
    pub(super) entry: &'a UnitUse,
    pub(super) unit: Option<&'a Arc<Unit>>,
    /// For a unit that has nothing to render: its state.
    pub(super) absent: Option<UnitState>,
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

/// The dependencies between the units; a unit in a declared circle is settled as broken.
fn edges(
    made: &[Made<'_>],
    listed: &[Listed<'_>],
    settled: &mut [Settled],
    makers: &mut Arc<KeyMap<UnitName>>,
    found: &mut Vec<Diagnostic>,
) -> dependencies::Edges {
    let names: HashSet<&UnitName> = listed.iter().map(|listed| &listed.entry.name).collect();
    let definitions = listed.iter().filter_map(|listed| listed.unit.map(AsRef::as_ref));
    let mut edges = dependencies::Edges::new();
    let circular = dependencies::add(&mut edges, dependencies::declared(definitions, &names), found);
    for (made, settled) in made.iter().zip(&mut *settled) {
        if let Some(reason) = circular.get(&made.unit.name) {
            *settled = Settled::broken(settled.broken.take().unwrap_or_else(|| reason.clone()));
        }
    }
    let custom =
        made.iter().flat_map(|made| made.render.custom_kinds.iter().map(move |kind| (&made.unit.name, kind)));
    let kinds: BTreeMap<(String, String), UnitName> =
        custom.map(|(unit, kind)| ((kind.group.clone(), kind.kind.clone()), unit.clone())).collect();
    let mut inferring = Inferring::new(makers, &kinds);
    let mut wanted = Vec::new();
    for (Made { unit, reads, render, .. }, settled) in made.iter().zip(settled) {
        let reads = reads.iter().filter(|(name, _)| names.contains(name));
        dependencies::of_outputs(unit, reads, &mut wanted);
        inferring.of_objects(unit, (&settled.objects, render), &mut wanted);
    }
    // Inferred edges break nothing: what closes a circle is left out.
    dependencies::add(&mut edges, wanted, found);
    if !circular.is_empty() {
        Arc::make_mut(makers).retain(|_, unit| !circular.contains_key(unit));
    }
    edges
}

/// A unit as part of the environment. `rendered`: what came of it, where it has something to render.
fn unit_of(
    listed: &Listed<'_>,
    rendered: Option<(&Made<'_>, Settled)>,
    depends_on: BTreeMap<UnitName, DependencyReason>,
) -> RenderedUnit {
    let nothing = || UnitState::Broken { reason: "it was not rendered".to_owned() };
    let (state, digest, variables) = match rendered {
        Some((made, Settled { objects, broken, digest })) => {
            let state = match broken {
                Some(reason) => UnitState::Broken { reason },
                None => UnitState::Rendered(objects),
            };
            (state, digest, Arc::clone(&made.values.variables))
        }
        None => (listed.absent.clone().unwrap_or_else(nothing), digest(&[]), Arc::default()),
    };
    RenderedUnit {
        name: listed.entry.name.clone(),
        state,
        depends_on,
        variables,
        conflicts: listed.unit.map_or_else(ConflictPolicy::default, |unit| unit.conflicts),
        immutable: listed.unit.map_or_else(ImmutablePolicy::default, |unit| unit.immutable),
        ignore: listed.unit.map_or_else(|| Arc::from([]), |unit| Arc::clone(&unit.ignore)),
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
