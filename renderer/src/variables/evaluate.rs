//! Evaluates variables and outputs on demand, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::{Diagnostic, Place, did_you_mean};
use naksha_environments::digest::Digest;
use naksha_environments::environment::{Environment, UnitUse};
use naksha_environments::expression::{EvaluationError, Text};
use naksha_environments::facts::Facts;
use naksha_environments::ids::UnitName;
use naksha_environments::repository::Repository;
use naksha_environments::unit::{Unit, UnitSource};
use naksha_environments::variables::{Variable, Variables};
use serde_json::{Map, Value, json};

use super::bindings::Bound;
use super::subject::{Subject, Trouble, Values, Written};

/// Namespace of objects that name none, where the environment's target names none either.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// What `environment` is in expressions and templates.
pub(crate) fn environment_value(environment: &Environment) -> Value {
    json!({
        "name": environment.name.as_str(),
        "namespace": environment.target.namespace().unwrap_or(DEFAULT_NAMESPACE),
        "production": environment.production,
    })
}

/// A unit's variables as written: unit defaults → repository → environment → the environment's entry.
pub(crate) fn layered(
    unit: &Unit,
    repository: Option<&Repository>,
    environment: &Environment,
    entry: &UnitUse,
) -> Variables {
    let shared = repository
        .map_or_else(|| unit.variables.clone(), |repository| unit.variables.layered(&repository.variables));
    shared.layered(&environment.variables).layered(&entry.variables)
}

/// Something that has a value: a variable or an output of a unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Variable(UnitName, String),
    Output(UnitName, String),
}

impl Item {
    fn in_words(&self) -> String {
        match self {
            Self::Variable(unit, name) => format!("variable `{name}` of unit `{unit}`"),
            Self::Output(unit, name) => format!("output `{name}` of unit `{unit}`"),
        }
    }

    fn unit(&self) -> &UnitName {
        match self {
            Self::Variable(unit, _) | Self::Output(unit, _) => unit,
        }
    }
}

type Answer = Result<Arc<Value>, Trouble>;

/// Evaluation over all units of one environment.
#[derive(Debug)]
pub(crate) struct Evaluation<'a> {
    pub(super) environment: Arc<Value>,
    pub(super) subjects: &'a BTreeMap<UnitName, Subject>,
    /// Listed, but without a readable definition.
    broken: &'a BTreeSet<UnitName>,
    facts: &'a Facts,
    known: BTreeMap<Item, Answer>,
    /// What is being evaluated, outermost first.
    pub(super) open: Vec<Item>,
    /// Outputs of other units that a unit's variables read.
    pub(super) reads: BTreeMap<UnitName, BTreeSet<(UnitName, String)>>,
    /// Units of which some value reads another unit.
    pub(super) outward: BTreeSet<UnitName>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        environment: Value,
        subjects: &'a BTreeMap<UnitName, Subject>,
        broken: &'a BTreeSet<UnitName>,
        facts: &'a Facts,
    ) -> Self {
        Self {
            environment: Arc::new(environment),
            subjects,
            broken,
            facts,
            known: BTreeMap::new(),
            open: Vec::new(),
            reads: BTreeMap::new(),
            outward: BTreeSet::new(),
            diagnostics: Vec::new(),
        }
    }

    /// A unit's variables and outputs with their final values, and the first trouble with a variable. A variable
    /// in trouble keeps what was written; an output in trouble is left out.
    pub(crate) fn values(&mut self, unit: &UnitName) -> (Arc<Values>, Option<Trouble>) {
        let subjects = self.subjects;
        let subject = subjects.get(unit);
        if let Some(Written::Known(values)) = subject.map(|subject| &subject.variables) {
            return (Arc::clone(values), None);
        }
        let mut variables = subject.map(|subject| subject.variables().clone()).unwrap_or_default();
        let mut trouble = None;
        for (name, variable) in &mut variables.0 {
            if !holds_expression(&variable.value) {
                continue;
            }
            match self.item(&Item::Variable(unit.clone(), name.clone()), None) {
                Ok(value) => variable.value = Value::clone(&value),
                Err(found) => {
                    trouble.get_or_insert(found);
                }
            }
        }
        let names = subject.into_iter().flat_map(|subject| subject.unit.outputs.keys());
        let outputs = names.filter_map(|name| {
            let value = self.item(&Item::Output(unit.clone(), name.clone()), None).ok()?;
            Some((name.clone(), value))
        });
        let outputs = outputs.collect();
        let values = variables.0.iter().map(|(name, variable)| (name.clone(), variable.value.clone()));
        let map = Value::Object(values.collect());
        let digest = Digest::of_json(&map);
        let values = Values { variables: Arc::new(variables), map: Arc::new(map), digest, outputs };
        (Arc::new(values), trouble)
    }

    /// Whether all values of a unit follow from its definitions alone, and there is one for each.
    pub(crate) fn is_self_contained(&self, unit: &UnitName, values: &Values) -> bool {
        let declared = self.subjects.get(unit).map_or(0, |subject| subject.unit.outputs.len());
        !self.outward.contains(unit) && values.outputs.len() == declared
    }

    /// One variable's final value; `None` when it is in trouble.
    pub(crate) fn value(&mut self, unit: &UnitName, name: &str) -> Option<Value> {
        let answer = self.item(&Item::Variable(unit.clone(), name.to_owned()), None);
        answer.ok().map(|value| Value::clone(&value))
    }

    /// Outputs of other units that the variables of `unit` read.
    pub(crate) fn reads(&self, unit: &UnitName) -> BTreeSet<(UnitName, String)> {
        self.reads.get(unit).cloned().unwrap_or_default()
    }

    /// An output of a unit of this environment. Who reads it reports its trouble: see [`Trouble::finding`].
    pub(crate) fn output(&mut self, unit: &str, output: &str) -> Answer {
        match UnitName::parse(unit) {
            Ok(name) if self.subjects.contains_key(&name) => {
                self.item(&Item::Output(name, output.to_owned()), None)
            }
            Ok(name) if self.broken.contains(&name) => Err(Trouble::Failed),
            _ => {
                let known = self.subjects.keys().map(UnitName::as_str);
                let hint = did_you_mean(unit, known).map(|near| format!("did you mean `{near}`?"));
                Err(Trouble::Undefined {
                    message: format!("unit `{unit}` is not part of this environment"),
                    hint: hint.unwrap_or_else(|| "list it under `units` of the environment".to_owned()),
                })
            }
        }
    }

    pub(super) fn item(&mut self, item: &Item, place: Option<&Place>) -> Answer {
        if let Some(answer) = self.known.get(item) {
            return answer.clone();
        }
        if let Some(at) = self.open.iter().position(|open| open == item) {
            self.circle(at, place);
            return Err(Trouble::Failed);
        }
        self.open.push(item.clone());
        let answer = match item {
            Item::Variable(unit, name) => self.variable(unit, name),
            Item::Output(unit, name) => self.declared_output(unit, name, place),
        };
        self.open.pop();
        self.known.insert(item.clone(), answer.clone());
        answer
    }

    fn circle(&mut self, at: usize, place: Option<&Place>) {
        let steps = self.open[at..].iter().chain(self.open.get(at)).map(Item::in_words);
        let message =
            format!("values refer to each other in a circle: {}", steps.collect::<Vec<_>>().join(" → "));
        let unit = self.open[at].unit().clone();
        let finding = Diagnostic::new(codes::EXPRESSION_CIRCLE, message).unit(&unit);
        self.report(finding.hint("give one of them a value that reads none of the others"), place);
    }

    fn variable(&mut self, unit: &UnitName, name: &str) -> Answer {
        let subjects = self.subjects;
        let subject = subjects.get(unit).ok_or(Trouble::Failed)?;
        let variable = subject.variables().0.get(name).ok_or(Trouble::Failed)?;
        if matches!(subject.variables, Written::Known(_)) {
            return Ok(Arc::new(variable.value.clone()));
        }
        let Variable { value, origins } = variable;
        let place = origins.last().and_then(|(_, place)| place.as_ref());
        let subject = format!("variable `{name}`");
        Ok(Arc::new(self.tree(unit, value, place, &subject)?))
    }

    /// Every text of a value. All of them are tried, so that all problems show.
    fn tree(
        &mut self,
        unit: &UnitName,
        value: &Value,
        place: Option<&Place>,
        subject: &str,
    ) -> Result<Value, Trouble> {
        match value {
            Value::String(text) if Text::may_hold_expression(text) => match Text::parse(text, None) {
                Ok(text) => self.text(unit, &text, place, subject),
                Err(error) => {
                    let message = format!("{subject} cannot be read: {error}");
                    let finding = Diagnostic::new(codes::EXPRESSION_FAILED, message).unit(unit);
                    self.report(with_hint(finding, error.hint), place);
                    Err(Trouble::Failed)
                }
            },
            Value::Array(items) => {
                let made: Vec<_> = items.iter().map(|item| self.tree(unit, item, place, subject)).collect();
                made.into_iter().collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Value::Object(map) => {
                let made: Vec<_> = map
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), self.tree(unit, item, place, subject)?)))
                    .collect();
                made.into_iter().collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            plain => Ok(plain.clone()),
        }
    }

    fn declared_output(&mut self, unit: &UnitName, name: &str, place: Option<&Place>) -> Answer {
        let subjects = self.subjects;
        let Some(subject) = subjects.get(unit) else { return Err(Trouble::Failed) };
        if let Written::Known(values) = &subject.variables
            && let Some(value) = values.outputs.get(name)
        {
            return Ok(Arc::clone(value));
        }
        if let Some(text) = subject.unit.outputs.get(name) {
            let own = text.place.clone();
            let subject = format!("output `{name}` of unit `{unit}`");
            return self.text(unit, text, own.as_ref().or(place), &subject).map(Arc::new);
        }
        if let Some(value) = self.facts.outputs.get(unit).and_then(|outputs| outputs.get(name)) {
            return Ok(Arc::new(value.clone()));
        }
        match &subject.unit.source {
            UnitSource::Manifests(_) | UnitSource::Templates(_) => {
                let known: Vec<&str> = subject.unit.outputs.keys().map(String::as_str).collect();
                let hint = match (did_you_mean(name, known.iter().copied()), known.is_empty()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, true) => format!("declare it under `outputs` in {}", subject.unit.place.path),
                    (None, false) => format!("it has `{}`", known.join("`, `")),
                };
                Err(Trouble::Undefined { message: format!("unit `{unit}` has no output `{name}`"), hint })
            }
            // Only running them tells what they give.
            _ => Err(Trouble::Waits { unit: unit.clone(), output: name.to_owned() }),
        }
    }

    fn text(
        &mut self,
        unit: &UnitName,
        text: &Text,
        place: Option<&Place>,
        subject: &str,
    ) -> Result<Value, Trouble> {
        let Bound { bindings, unknown } = self.bindings(unit, text, place)?;
        text.evaluate(&bindings).map_err(|error| match &error {
            EvaluationError::Unknown { reference } => {
                let found = unknown
                    .into_iter()
                    .find(|(unit, output)| *reference == format!("units.{unit}.outputs.{output}"));
                found.map_or(Trouble::Failed, |(unit, output)| Trouble::Waits { unit, output })
            }
            error => {
                let message = format!("{subject} cannot be evaluated: {error}");
                let finding = Diagnostic::new(codes::EXPRESSION_FAILED, message).unit(unit);
                let hint = self.nearest(unit, error).or_else(|| error.hint());
                self.report(with_hint(finding, hint), place);
                Trouble::Failed
            }
        })
    }

    /// "Did you mean" for a variable that is not there.
    fn nearest(&self, unit: &UnitName, error: &EvaluationError) -> Option<String> {
        let EvaluationError::Missing { key, .. } = error else { return None };
        let names = self.subjects.get(unit)?.variables().0.keys().map(String::as_str);
        did_you_mean(key, names).map(|near| format!("did you mean `{near}`?"))
    }

    pub(super) fn report(&mut self, finding: Diagnostic, place: Option<&Place>) {
        let finding = match place {
            Some(place) => finding.at(place.clone()),
            None => finding,
        };
        if !self.diagnostics.contains(&finding) {
            self.diagnostics.push(finding);
        }
    }
}

/// Whether `${{` stands anywhere in a value.
fn holds_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => Text::may_hold_expression(text),
        Value::Array(items) => items.iter().any(holds_expression),
        Value::Object(map) => map.values().any(holds_expression),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn with_hint(finding: Diagnostic, hint: Option<String>) -> Diagnostic {
    match hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}
