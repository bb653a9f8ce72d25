//! Judging: an object and the rule of its kind give a health, and the name of what decided.

use naksha_environments::object::Health;
use serde_json::Value;

use crate::condition::{self, Condition, one_line};
use crate::conventions;
use crate::fits::{Fit, Found, Scope, fits, is_empty};
use crate::rule::{Form, Generation, Judging, KindRule, Pattern, Phase, Ready, State};

/// What an object's status says, and which rule says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub health: Health,
    /// `apps/Deployment: rolling out`; for who asks why.
    pub rule: String,
}

impl Judged {
    pub(crate) fn new(health: Health, label: &str, what: &str) -> Self {
        Self { health, rule: format!("{label}: {what}") }
    }

    pub(crate) fn progressing(message: &str, label: &str, what: &str) -> Self {
        Self::new(Health::Progressing(message.to_owned()), label, what)
    }

    pub(crate) fn rank(&self) -> u8 {
        match self.health {
            Health::Healthy | Health::Suspended => 0,
            Health::Progressing(_) => 1,
            Health::Missing => 2,
            Health::Unknown(_) => 3,
            Health::Degraded(_) => 4,
        }
    }
}

/// `apps` of `apps/v1`, empty for the core group; the kind.
pub(crate) fn group_kind(object: &Value) -> Option<(&str, &str)> {
    let version = object.get("apiVersion")?.as_str()?;
    let kind = object.get("kind")?.as_str()?;
    Some((version.split_once('/').map_or("", |(group, _)| group), kind))
}

/// An object that the API server was asked to delete: whatever its status says, it does not stay.
pub(crate) fn being_deleted(object: &Value) -> Option<Judged> {
    let metadata = object.get("metadata")?;
    let since = metadata.get("deletionTimestamp").filter(|since| !since.is_null())?;
    let finalizers = metadata.get("finalizers").and_then(Value::as_array);
    let waits: Vec<&str> = finalizers.into_iter().flatten().filter_map(Value::as_str).collect();
    let since = one_line(since.as_str().unwrap_or("some time"));
    let message = if waits.is_empty() {
        format!("being deleted since {since}")
    } else {
        one_line(&format!("being deleted since {since}; waits for {}", waits.join(", ")))
    };
    Some(Judged { health: Health::Progressing(message), rule: "being deleted".to_owned() })
}

/// Judges by the rule of a kind; `label` is how the judgement names it.
pub(crate) fn by_rule(rule: &KindRule, object: &Value) -> Judged {
    match &rule.form {
        Form::Data => Judged::new(Health::Healthy, &rule.label, "exists"),
        Form::Conventions => conventions::judge(object, &rule.label),
        Form::Judged(judging) => by_states(judging, object, &rule.label),
        Form::Broken(place) => {
            let health = Health::Unknown(format!("its health rule cannot be read ({place})"));
            Judged::new(health, &rule.label, "broken rule")
        }
    }
}

fn by_states(judging: &Judging, object: &Value, label: &str) -> Judged {
    let Judging { suspended, generation, states, phase, ready, otherwise: _ } = judging;
    let scope = Scope::new(object, conventions::generation_of(object));
    if let Some(test) = suspended
        && fits(test, &scope, &mut Found::default()) == Fit::Yes
    {
        return Judged::new(Health::Suspended, label, "suspended");
    }
    if let Some(message) = behind(generation, &scope) {
        return Judged::progressing(message, label, "not observed yet");
    }
    if let Some(judged) = states.iter().find_map(|state| by_state(state, &scope, label)) {
        return judged;
    }
    if let Some(judged) = phase.as_ref().and_then(|phase| by_phase(phase, object, label))
        && (ready.is_none() || judged.health != Health::Healthy)
    {
        return judged;
    }
    if let Some(judged) = ready.as_ref().and_then(|ready| by_ready(ready, &scope, label)) {
        return judged;
    }
    nothing_fits(judging, &scope, label)
}

/// Why the status says nothing about the present spec.
fn behind(rule: &Generation, scope: &Scope<'_>) -> Option<&'static str> {
    let Generation { at, required, ignored } = rule;
    let not_yet = Some("its controller has not looked at it yet");
    let status = scope.object.get("status");
    if *required && status.is_none_or(is_empty) {
        return not_yet;
    }
    let (Some(generation), false) = (scope.generation, *ignored) else { return None };
    let own = at.as_ref().and_then(|path| path.first(scope.object));
    let usual = status.and_then(|status| status.get("observedGeneration")).filter(|value| !value.is_null());
    if *required && own.or(usual).is_none() {
        return not_yet;
    }
    // Some controllers write it as a text.
    let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let told: Vec<Option<i64>> = [own, usual].into_iter().flatten().map(number).collect();
    if told.iter().flatten().any(|observed| *observed < generation) {
        return Some("its controller has not seen the latest change");
    }
    told.contains(&None).then_some("its controller tells no generation that can be read")
}

fn by_state(state: &State, scope: &Scope<'_>, label: &str) -> Option<Judged> {
    let mut found = Found::default();
    if fits(&state.test, scope, &mut found) != Fit::Yes {
        return None;
    }
    let health = state.word.health(|| {
        let own = state.message.as_ref().and_then(|message| message.words(scope, &found));
        let of_condition = || Some(found.condition.filter(|_| state.message.is_none())?.words());
        own.or_else(of_condition).unwrap_or_else(|| state.name.clone())
    });
    Some(Judged::new(health, label, &state.name))
}

/// Absent: there is no word yet.
fn by_phase(phase: &Phase, object: &Value, label: &str) -> Option<Judged> {
    let Phase { at, words, messages } = phase;
    let value = at.first(object)?;
    let own = match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let name = at.last_key();
    let shown = one_line(&own);
    let what = format!("{name} {shown}");
    let Some((_, word)) = words.iter().find(|(pattern, _)| pattern.fits(&own)) else {
        if own.is_empty() && matches!(value, Value::String(_)) {
            return None;
        }
        let message = format!("its {name} is `{shown}`, which is none that we know");
        return Some(Judged::new(Health::Unknown(message), label, &what));
    };
    let health = word.health(|| {
        let mut told = messages.iter().filter_map(|path| path.text(object)).map(one_line);
        told.find(|words| !words.is_empty()).unwrap_or_else(|| format!("its {name} is {shown}"))
    });
    Some(Judged::new(health, label, &what))
}

/// Absent: none of the conditions is there.
fn by_ready(ready: &Ready, scope: &Scope<'_>, label: &str) -> Option<Judged> {
    let Ready { conditions, failed, working, .. } = ready;
    let found: Vec<Condition<'_>> = condition::of_object(scope.object).collect();
    let fresh = |kind: &String| {
        found.iter().find(|one| one.kind == kind && !one.is_old(scope.generation) && one.status == "True")
    };
    if let Some(condition) = failed.iter().find_map(fresh) {
        let what = format!("{} is true", condition.kind);
        return Some(Judged::new(Health::Degraded(condition.words()), label, &what));
    }
    if let Some(condition) = working.iter().find_map(fresh) {
        let what = format!("{} is true", condition.kind);
        return Some(Judged::new(Health::Progressing(condition.words()), label, &what));
    }
    let mut worst: Option<Judged> = None;
    let mut missing = None;
    for kind in conditions {
        let Some(condition) = found.iter().find(|one| one.kind == kind) else {
            missing = missing.or(Some(kind));
            continue;
        };
        let judged = by_condition(ready, condition, scope.generation, label);
        if worst.as_ref().is_none_or(|worst| judged.rank() > worst.rank()) {
            worst = Some(judged);
        }
    }
    match (worst, missing) {
        (Some(worst), Some(kind)) if worst.health == Health::Healthy => {
            Some(Judged::progressing(&format!("{kind} is not told yet"), label, &format!("no {kind} yet")))
        }
        (worst, _) => worst,
    }
}

fn by_condition(ready: &Ready, condition: &Condition<'_>, generation: Option<i64>, label: &str) -> Judged {
    let kind = condition.kind;
    if condition.is_old(generation) {
        let message = format!("{kind} is about an older generation");
        return Judged::progressing(&message, label, &format!("{kind} is old"));
    }
    let listed = |patterns: &[Pattern]| patterns.iter().any(|own| own.fits(condition.reason));
    let health = match condition.status {
        "True" => Health::Healthy,
        "False" => {
            let lasting = ready.false_is_degraded || condition.is_final() || listed(&ready.broken);
            if lasting && !listed(&ready.waiting) {
                Health::Degraded(condition.words())
            } else {
                Health::Progressing(condition.words())
            }
        }
        "Unknown" => Health::Progressing(condition.words()),
        other => Health::Unknown(format!("{kind} is `{}`, which is no status", one_line(other))),
    };
    Judged::new(health, label, &format!("{kind} is {}", one_line(condition.status).to_lowercase()))
}

fn nothing_fits(judging: &Judging, scope: &Scope<'_>, label: &str) -> Judged {
    let mut conditions = condition::of_object(scope.object);
    if scope.met_old.get() || conditions.any(|one| one.is_old(scope.generation)) {
        let message = "its conditions are about an older generation";
        return Judged::progressing(message, label, "its conditions are old");
    }
    if let Some(word) = judging.otherwise {
        let health = word.health(|| "none of the states that we know".to_owned());
        return Judged::new(health, label, "otherwise");
    }
    if scope.object.get("status").is_none_or(is_empty) {
        return Judged::progressing("no status yet", label, "no status yet");
    }
    if let Some(kind) = judging.ready.as_ref().and_then(|ready| ready.conditions.first()) {
        return Judged::progressing(&format!("{kind} is not told yet"), label, &format!("no {kind} yet"));
    }
    let message = "its status is none that we know".to_owned();
    Judged::new(Health::Unknown(message), label, "unknown status")
}

/// The names of what a rule can say, with the word: for tables and tests.
pub(crate) fn names(judging: &Judging) -> Vec<(String, &'static str)> {
    let suspended = judging.suspended.iter().map(|_| ("suspended".to_owned(), "Suspended"));
    let states = judging.states.iter().map(|state| (state.name.clone(), state.word.as_str()));
    let otherwise = judging.otherwise.iter().map(|word| ("otherwise".to_owned(), word.as_str()));
    suspended.chain(states).chain(otherwise).collect()
}
