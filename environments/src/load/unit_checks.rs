//! What units and workflows read of each other and of variables, in each environment that lists them.

use std::collections::{BTreeMap, BTreeSet};

use super::cross::{Cross, cycle_finding, of_kind};
use crate::codes::reference as codes;
use crate::definition::cycle::{cycles, path_text};
use crate::definition::references::Reference;
use crate::definition::{FoundValue, Kind};
use crate::diagnostic::{Diagnostic, Severity};
use crate::environment::{Environment, TargetRef};
use crate::ids::{EnvironmentName, UnitName};
use crate::unit::{Unit, UnitSource};
use crate::variables::Variables;

/// Names of the environments that list something.
type ListedBy<'a> = BTreeMap<&'a str, Vec<&'a Environment>>;

pub(super) fn check(cross: &mut Cross<'_>) {
    let environments = cross.definitions.environments.values();
    let mut units = ListedBy::new();
    let mut workflows = ListedBy::new();
    for environment in environments {
        for own in &environment.units {
            units.entry(own.name.as_str()).or_default().push(environment);
        }
        for (name, _) in &environment.workflows {
            workflows.entry(name.as_str()).or_default().push(environment);
        }
    }
    // Uses of units that were read, by unit: dependencies that nobody declared.
    let mut reads: BTreeMap<UnitName, BTreeSet<UnitName>> = BTreeMap::new();
    for found in cross.all_found() {
        let references = &found.references;
        match &found.value {
            Some(FoundValue::Unit(unit)) if of_kind(found, Kind::Unit).is_some() => {
                let listing = units.get(unit.name.as_str()).map(Vec::as_slice).unwrap_or_default();
                for reference in references {
                    check_output(cross, reference, Some(&unit.name), &mut reads);
                    check_variable(cross, reference, Some(unit), listing);
                }
            }
            Some(FoundValue::Workflow(workflow)) => {
                let listing = workflows.get(workflow.name.as_str()).map(Vec::as_slice).unwrap_or_default();
                for reference in references {
                    check_variable(cross, reference, None, listing);
                }
            }
            Some(FoundValue::Environment(environment)) => {
                for reference in references {
                    check_output(cross, reference, None, &mut reads);
                    check_environment_variable(cross, reference, environment);
                }
            }
            _ => {
                for reference in references {
                    check_output(cross, reference, None, &mut reads);
                }
            }
        }
    }
    dependency_cycles(cross, &reads);
    dependencies_listed(cross, &reads);
}

/// `units.x.outputs.y` must name an output of a unit.
fn check_output(
    cross: &mut Cross<'_>,
    reference: &Reference,
    reader: Option<&UnitName>,
    reads: &mut BTreeMap<UnitName, BTreeSet<UnitName>>,
) {
    let path = &reference.path;
    if path[0] != "units" || reference.guarded {
        return;
    }
    let Some(name) = path.get(1) else { return };
    let definitions = cross.definitions;
    let broken = &definitions.broken;
    let Some((name, unit)) =
        UnitName::parse(name).ok().and_then(|name| definitions.units.get_key_value(&name))
    else {
        let known_broken = broken.units.iter().any(|own| own.as_str() == name);
        if !known_broken && broken.nameless.is_empty() {
            let names = definitions.units.keys().map(UnitName::as_str);
            let hint = match cross.suggestions.near(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a unit of this repository".to_owned(),
            };
            let message = format!("there is no unit `{name}`");
            let diagnostic = Diagnostic::new(codes::UNKNOWN_UNIT, message).at(reference.place.clone());
            cross.found.push(diagnostic.hint(hint));
        }
        return;
    };
    if let Some(reader) = reader {
        reads.entry(reader.clone()).or_default().insert(name.clone());
    }
    let report = |message: String, hint: String| {
        Diagnostic::new(codes::UNKNOWN_OUTPUT, message).at(reference.place.clone()).hint(hint)
    };
    match (path.get(2).map(String::as_str), path.get(3)) {
        (Some("outputs"), Some(output)) if !offers(unit, output) => {
            let hint = match cross.suggestions.near(output, unit.outputs.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add it under `outputs` of unit `{name}`"),
            };
            cross.found.push(report(format!("unit `{name}` has no output `{output}`"), hint));
        }
        (Some("outputs") | None, _) => {}
        (Some(other), _) => {
            let hint = format!("write `units[\"{name}\"].outputs.…`");
            cross.found.push(report(format!("units offer `outputs`, and no `{other}`"), hint));
        }
    }
}

/// What a stack gives out is known when it ran; everything else is declared.
fn offers(unit: &Unit, output: &str) -> bool {
    unit.outputs.contains_key(output) || matches!(unit.source, UnitSource::Terraform(_))
}

fn has(variables: &Variables, name: &str) -> bool {
    variables.0.contains_key(name)
}

/// A variable must be set by some layer, in every environment that lists the unit or workflow.
fn check_variable(
    cross: &mut Cross<'_>,
    reference: &Reference,
    unit: Option<&Unit>,
    listing: &[&Environment],
) {
    let Some(name) = variable(reference) else { return };
    let repository = cross.definitions.repository.as_deref();
    if unit.is_some_and(|unit| has(&unit.variables, name))
        || repository.is_some_and(|repository| has(&repository.variables, name))
        || cross.definitions.broken.repository
    {
        return;
    }
    let sets = |environment: &Environment| {
        let own = environment.units.iter().find(|own| unit.is_some_and(|unit| unit.name == own.name));
        has(&environment.variables, name) || own.is_some_and(|own| has(&own.variables, name))
    };
    let lacking: Vec<&EnvironmentName> = listing
        .iter()
        .filter(|environment| !sets(environment))
        .map(|environment| &environment.name)
        .collect();
    let anywhere =
        cross.definitions.environments.values().any(|environment| has(&environment.variables, name));
    let message = match lacking.as_slice() {
        [] if !listing.is_empty() || anywhere => return,
        [] => format!("no layer sets the variable `{name}`"),
        [one] => format!("the variable `{name}` is not set in environment `{one}`"),
        many => {
            let names: Vec<String> = many.iter().map(|name| format!("`{name}`")).collect();
            format!("the variable `{name}` is not set in the environments {}", names.join(", "))
        }
    };
    let own = unit.into_iter().flat_map(|unit| unit.variables.0.keys());
    let shared = repository.into_iter().flat_map(|repository| repository.variables.0.keys());
    let environments = listing.iter().flat_map(|environment| environment.variables.0.keys());
    let known: BTreeSet<&str> = own.chain(shared).chain(environments).map(String::as_str).collect();
    let hint = match cross.suggestions.near(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "set it in the environment, in naksha.yaml, or as a default of the unit".to_owned(),
    };
    let diagnostic = Diagnostic::new(codes::UNKNOWN_VARIABLE, message).at(reference.place.clone()).hint(hint);
    cross.found.push(match unit {
        Some(unit) => diagnostic.unit(&unit.name),
        None => diagnostic,
    });
}

/// Values of an environment may use its own variables, the repository's, and those of its units.
fn check_environment_variable(cross: &mut Cross<'_>, reference: &Reference, environment: &Environment) {
    let Some(name) = variable(reference) else { return };
    let repository = cross.definitions.repository.as_deref();
    let units = environment.units.iter();
    let set = has(&environment.variables, name)
        || repository.is_some_and(|repository| has(&repository.variables, name))
        || cross.definitions.broken.repository
        || units.clone().any(|own| has(&own.variables, name))
        || units
            .filter_map(|own| cross.definitions.units.get(&own.name))
            .any(|unit| has(&unit.variables, name));
    if !set {
        let hint = match cross.suggestions.near(name, environment.variables.0.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "set it under `variables`".to_owned(),
        };
        let message = format!("no layer sets the variable `{name}`");
        let diagnostic = Diagnostic::new(codes::UNKNOWN_VARIABLE, message).at(reference.place.clone());
        cross.found.push(diagnostic.hint(hint));
    }
}

fn variable(reference: &Reference) -> Option<&str> {
    let name = reference.path.get(1).filter(|_| reference.path[0] == "variables" && !reference.guarded)?;
    Some(name)
}

fn dependency_cycles(cross: &mut Cross<'_>, reads: &BTreeMap<UnitName, BTreeSet<UnitName>>) {
    let units = &cross.definitions.units;
    let graph: BTreeMap<UnitName, Vec<UnitName>> = units
        .iter()
        .map(|(name, unit)| {
            let declared = unit.depends_on.iter().map(|(name, _)| name);
            let read = reads.get(name).into_iter().flatten();
            let all: BTreeSet<UnitName> = declared.chain(read).cloned().collect();
            (name.clone(), all.into_iter().collect())
        })
        .collect();
    for cycle in cycles(&graph) {
        let places = cycle.iter().map(|name| (name.to_string(), units[name].place.clone())).collect();
        let message = format!("units wait for each other: {}", path_text(&cycle));
        let hint = "remove one `dependsOn`, or one use of another unit's outputs";
        cross.found.push(cycle_finding(codes::DEPENDENCY_CYCLE, message, hint, places));
    }
}

/// A unit's dependencies must be in the environment too; a value that is read from one that is not is never known.
fn dependencies_listed(cross: &mut Cross<'_>, reads: &BTreeMap<UnitName, BTreeSet<UnitName>>) {
    let definitions = cross.definitions;
    for environment in definitions.environments.values() {
        let listed: BTreeSet<&UnitName> = environment.units.iter().map(|own| &own.name).collect();
        if let TargetRef::FromUnit { unit, .. } = &environment.target
            && definitions.units.contains_key(unit)
            && !listed.contains(unit)
        {
            let message =
                format!("environment `{}` is made by unit `{unit}`, and does not list it", environment.name);
            let mut diagnostic =
                Diagnostic::new(codes::DEPENDENCY_NOT_LISTED, message).at(environment.place.clone());
            diagnostic.severity = Severity::Error;
            cross.found.push(diagnostic.hint(format!("add `{unit}` to `units`")));
        }
        for own in &environment.units {
            let Some(unit) = definitions.units.get(&own.name) else { continue };
            let read = reads.get(&own.name);
            let declared = unit.depends_on.iter().map(|(name, _)| name);
            let all: BTreeSet<&UnitName> = declared.chain(read.into_iter().flatten()).collect();
            for missing in all.into_iter().filter(|name| !listed.contains(name) && **name != own.name) {
                // Units that do not exist were reported where they are named.
                if !definitions.units.contains_key(missing) {
                    continue;
                }
                let value = read.is_some_and(|read| read.contains(missing));
                let what = if value { "reads outputs of" } else { "depends on" };
                let message = format!(
                    "unit `{}` {what} `{missing}`, which environment `{}` does not list",
                    own.name, environment.name
                );
                let mut diagnostic = Diagnostic::new(codes::DEPENDENCY_NOT_LISTED, message)
                    .at(own.place.clone())
                    .hint(format!("add `{missing}` to `units`"));
                if value {
                    diagnostic.severity = Severity::Error;
                    diagnostic = diagnostic.unit(&own.name);
                }
                cross.found.push(diagnostic);
            }
        }
    }
}
