//! Where each value came from: the data behind `naksha render --explain-values`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::diagnostic::Place;
use naksha_environments::environment::UnitUse;
use naksha_environments::ids::UnitName;
use naksha_environments::variables::{Layer, Variables};
use serde_json::Value;

use crate::render::RenderInput;

use super::evaluate::{Evaluation, environment_value, layered};
use super::subject::{Subject, Written};

/// One variable of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    pub name: String,
    /// The final value; absent when it cannot be known (the render's diagnostics say why).
    pub value: Option<Value>,
    /// What was written in the layer that won, where that differs from the value.
    pub written: Option<Value>,
    pub layer: Layer,
    pub place: Option<Place>,
    /// What the lower layers said, the lowest first.
    pub overridden: Vec<Overridden>,
}

/// A value that another layer replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct Overridden {
    pub layer: Layer,
    pub place: Option<Place>,
    /// As written.
    pub value: Value,
}

/// Every variable of a unit, sorted by name; `None` when the environment does not list the unit or one of them
/// is not defined.
pub fn explain_values(input: &RenderInput<'_>, unit: &UnitName) -> Option<Vec<Explained>> {
    let environment = input.control.environments.get(input.environment)?;
    let repository = input.content.repository.as_deref();
    let entry = environment.units.iter().find(|entry| entry.name == *unit)?;
    let definition = input.content.units.get(unit)?;
    let nothing = Variables::default();
    let layers: [(Layer, &Variables); 4] = [
        (Layer::Unit, &definition.variables),
        (Layer::Repository, repository.map_or(&nothing, |repository| &repository.variables)),
        (Layer::Environment, &environment.variables),
        (Layer::EnvironmentUnit, &entry.variables),
    ];
    let subjects: BTreeMap<UnitName, Subject> = environment
        .units
        .iter()
        .filter_map(|entry| Some((entry.name.clone(), subject(input, entry)?)))
        .collect();
    let broken = BTreeSet::new();
    let mut evaluation = Evaluation::new(environment_value(environment), &subjects, &broken, input.facts);
    let written = layered(definition, repository, environment, entry);
    let mut explained: Vec<Explained> = written
        .0
        .iter()
        .map(|(name, variable)| {
            let mut said: Vec<Overridden> = layers
                .iter()
                .filter_map(|(layer, variables)| {
                    let variable = variables.0.get(name)?;
                    let place = variable.origins.last().and_then(|(_, place)| place.clone());
                    Some(Overridden { layer: *layer, place, value: variable.value.clone() })
                })
                .collect();
            let won = said.pop();
            let value = evaluation.value(unit, name);
            let written = (value.as_ref() != Some(&variable.value)).then(|| variable.value.clone());
            Explained {
                name: name.clone(),
                value,
                written,
                layer: won.as_ref().map_or(Layer::Unit, |won| won.layer),
                place: won.and_then(|won| won.place),
                overridden: said,
            }
        })
        .collect();
    explained.sort_by(|a, b| a.name.cmp(&b.name));
    Some(explained)
}

fn subject(input: &RenderInput<'_>, entry: &UnitUse) -> Option<Subject> {
    let environment = input.control.environments.get(input.environment)?;
    let unit = input.content.units.get(&entry.name)?;
    let variables = layered(unit, input.content.repository.as_deref(), environment, entry);
    Some(Subject { unit: Arc::clone(unit), variables: Written::Layered(variables) })
}
