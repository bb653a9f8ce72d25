//! The values that one text reads, and no others.

use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::expression::{Bindings, Text};
use naksha_environments::ids::UnitName;
use serde_json::{Map, Value, json};

use super::evaluate::{Evaluation, Item};
use super::subject::Trouble;

/// What an expression is evaluated over.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) bindings: Bindings,
    /// Outputs among them that are not known yet.
    pub(super) unknown: Vec<(UnitName, String)>,
}

/// Values as they are gathered.
#[derive(Debug, Default)]
struct Gathered {
    variables: Map<String, Value>,
    units: Map<String, Value>,
    unknown: Vec<(UnitName, String)>,
    trouble: Option<Trouble>,
}

impl Evaluation<'_> {
    /// Evaluates what `text`, a value of `unit`, reads.
    pub(super) fn bindings(
        &mut self,
        unit: &UnitName,
        text: &Text,
        place: Option<&Place>,
    ) -> Result<Bound, Trouble> {
        let mut gathered = Gathered::default();
        for path in text.references() {
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            match parts.as_slice() {
                ["variables", rest @ ..] => {
                    self.gather_variables(unit, rest.first().copied(), place, &mut gathered);
                }
                ["units", other, "outputs", output, ..] => {
                    self.outward.insert(unit.clone());
                    self.gather_output(unit, (other, output), place, &mut gathered);
                }
                ["units", ..] => {
                    let message =
                        "an output is read as `units.NAME.outputs.NAME`, with both names written out";
                    self.report(Diagnostic::new(codes::OUTPUT_NOT_DEFINED, message).unit(unit), place);
                    gathered.trouble.get_or_insert(Trouble::Failed);
                }
                // `environment` is bound below; what is not bound fails with its name.
                _ => {}
            }
        }
        let Gathered { variables, units, unknown, trouble } = gathered;
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        let mut bindings = Bindings::new()
            .with("environment", Arc::clone(&self.environment))
            .with("variables", Value::Object(variables))
            .with("units", Value::Object(units));
        for (unit, output) in &unknown {
            bindings.set_unknown(&["units", unit.as_str(), "outputs", output]);
        }
        Ok(Bound { bindings, unknown })
    }

    /// One variable of the unit, or all where the expression does not say which.
    fn gather_variables(
        &mut self,
        unit: &UnitName,
        name: Option<&str>,
        place: Option<&Place>,
        gathered: &mut Gathered,
    ) {
        let subjects = self.subjects;
        let all = subjects.get(unit).into_iter().flat_map(|subject| subject.variables().0.keys());
        for name in all.filter(|known| name.is_none_or(|name| name == *known)) {
            match self.item(&Item::Variable(unit.clone(), name.clone()), place) {
                Ok(value) => {
                    gathered.variables.insert(name.clone(), Value::clone(&value));
                }
                Err(found) => {
                    gathered.trouble.get_or_insert(found);
                }
            }
        }
    }

    fn gather_output(
        &mut self,
        unit: &UnitName,
        (other, output): (&str, &str),
        place: Option<&Place>,
        gathered: &mut Gathered,
    ) {
        // What only an output reads is no matter of the unit's own objects.
        if matches!(self.open.last(), Some(Item::Variable(..)))
            && let Ok(name) = UnitName::parse(other)
        {
            self.reads.entry(unit.clone()).or_default().insert((name, output.to_owned()));
        }
        match self.output(other, output) {
            Ok(value) => {
                let entry = gathered.units.entry(other.to_owned()).or_insert_with(|| json!({"outputs": {}}));
                entry["outputs"][output] = Value::clone(&value);
            }
            Err(Trouble::Waits { unit: source, output: wanted }) if source.as_str() == other => {
                gathered.unknown.push((source, wanted));
            }
            Err(found) => {
                if let Some(finding) = found.finding(unit, other, output) {
                    self.report(finding, place);
                }
                let found = match found {
                    // An output that reads an unknown output is no more known than that one.
                    Trouble::Waits { .. } => found,
                    Trouble::Undefined { .. } | Trouble::Failed => Trouble::Failed,
                };
                gathered.trouble.get_or_insert(found);
            }
        }
    }
}
