//! Ignore rules of a unit, made concrete for one object: which of them apply to it, and which fields they leave alone.

use std::cell::RefCell;
use std::collections::BTreeMap;

use naksha_environments::diagnostic::Place;
use naksha_environments::expression::{BUDGET, Bindings, Expression};
use naksha_environments::merge::shape::{Shape, item_key, shape_of};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{FieldPath, Segment, Unjudged};
use naksha_environments::unit::IgnoreRule;
use serde_json::Value;

use super::mask::masked;

/// Steps that one condition may take in one plan, over all objects: some seconds. A usual one takes about a thousand per
/// object, so that this is enough even when a large environment has drifted as a whole.
const CONDITION_BUDGET: u64 = 20 * BUDGET;

/// What the conditions of rules have cost in one plan, by their place.
#[derive(Debug, Default)]
pub struct Costs(RefCell<BTreeMap<Place, u64>>);

impl Costs {
    fn is_spent(&self, rule: &IgnoreRule) -> bool {
        self.0.borrow().get(&rule.place).is_some_and(|spent| *spent >= CONDITION_BUDGET)
    }

    /// A condition that takes more than one evaluation may cost gets no second one.
    fn spend(&self, rule: &IgnoreRule, steps: u64) {
        let steps = if steps > BUDGET { CONDITION_BUDGET } else { steps };
        let mut costs = self.0.borrow_mut();
        let spent = costs.entry(rule.place.clone()).or_default();
        *spent = spent.saturating_add(steps);
    }
}

/// The rules that apply to one object.
#[derive(Debug, Default)]
pub struct Ignored<'a> {
    rules: Vec<&'a IgnoreRule>,
    /// Rules about it that do not apply, because their condition gives no answer.
    pub unjudged: Vec<Unjudged>,
}

impl<'a> Ignored<'a> {
    /// `desired` and `live`: the two versions of the object.
    pub fn of(
        rules: &'a [IgnoreRule],
        key: &ObjectKey,
        desired: &Value,
        live: &Value,
        costs: &Costs,
    ) -> Self {
        let mut ignored = Self::default();
        let mut bindings = None;
        for rule in rules.iter().filter(|rule| rule.is_about(key)) {
            let Some(when) = &rule.when else {
                ignored.rules.push(rule);
                continue;
            };
            let bindings = bindings.get_or_insert_with(|| {
                Bindings::new().with("live", masked(key, live)).with("desired", masked(key, desired))
            });
            match holds(rule, when, bindings, costs) {
                Ok(true) => ignored.rules.push(rule),
                Ok(false) => {}
                Err(unjudged) => ignored.unjudged.push(*unjudged),
            }
        }
        ignored
    }

    /// The fields of `sides` (versions of the object) that are left alone, and by which rule.
    ///
    /// In a list of items with an identity a pointer names an item by its index or by its first key field
    /// (`/spec/template/spec/containers/app/image`). A pointer into any other list means the whole list.
    pub fn fields(&self, sides: &[&Value]) -> BTreeMap<FieldPath, &'a IgnoreRule> {
        let mut fields = BTreeMap::new();
        for (rule, pointer) in
            self.rules.iter().flat_map(|rule| rule.fields.iter().map(move |it| (*rule, it)))
        {
            let tokens: Vec<String> =
                pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
            for path in sides.iter().filter_map(|side| resolve(side, &tokens)) {
                fields.entry(path).or_insert(rule);
            }
        }
        fields
    }

    /// The rule that leaves to `manager` whatever it set.
    pub fn of_manager(&self, manager: &str) -> Option<&'a IgnoreRule> {
        // `NAME (scale)`: what it set through a subresource is its as well.
        let name = manager.split_once(" (").map_or(manager, |(name, _)| name);
        self.rules.iter().copied().find(|rule| rule.managers.iter().any(|one| one == name))
    }
}

/// Whether a rule's condition is true.
fn holds(
    rule: &IgnoreRule,
    when: &Expression,
    bindings: &Bindings,
    costs: &Costs,
) -> Result<bool, Box<Unjudged>> {
    let unjudged = |why: String, hint: Option<String>| {
        let place = when.place.clone().unwrap_or_else(|| rule.place.clone());
        Box::new(Unjudged { place, reason: rule.reason.clone(), why, hint })
    };
    if costs.is_spent(rule) {
        let hint = "let the rule name kinds or names, or loop over less".to_owned();
        return Err(unjudged("it takes too much to ask it of every object".to_owned(), Some(hint)));
    }
    let (answer, steps) = when.evaluate_counted(bindings);
    costs.spend(rule, steps);
    match answer {
        Ok(Value::Bool(answer)) => Ok(answer),
        Ok(_) => Err(unjudged("it gives neither true nor false".to_owned(), None)),
        Err(error) => Err(unjudged(error.to_string(), error.hint())),
    }
}

/// Where `tokens` lead in `value`; none when there is nothing, or when they name the object itself.
fn resolve(value: &Value, tokens: &[String]) -> Option<FieldPath> {
    let mut path = FieldPath::default();
    let mut at = value;
    for token in tokens {
        match at {
            Value::Object(fields) => {
                at = fields.get(token)?;
                path = path.key(token);
            }
            Value::Array(items) => {
                let Shape::Map { keys, .. } = shape_of(&path.0, &[items]) else { return Some(path) };
                let first = keys.first()?;
                let named = |item: &&Value| item.get(*first).and_then(Value::as_str) == Some(token);
                at = items.iter().find(named).or_else(|| items.get(token.parse::<usize>().ok()?))?;
                path = path.with(Segment::Item(item_key(at, keys)?));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        }
    }
    (!path.0.is_empty()).then_some(path)
}
