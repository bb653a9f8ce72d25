//! Kinds that no rule is written for: what the Kubernetes API conventions and kstatus say of any status.
//!
//! Never healthy by a condition or a phase that they do not name. An object without any status is healthy: a kind of plain
//! settings would be waited for for ever, and its first status is judged as soon as it is there.

use naksha_environments::object::Health;
use serde_json::Value;

use crate::condition::{Condition, of_object, one_line};
use crate::fits::is_empty;
use crate::judge::Judged;

/// Conditions that are true when something is wrong.
const FAILED: [&str; 4] = ["Stalled", "Failed", "Degraded", "Failure"];
/// Conditions that are true while a controller works.
const WORKING: [&str; 4] = ["Reconciling", "Progressing", "Updating", "Deploying"];
/// Conditions that are true when the object does its work; all that are there must be.
const READY: [&str; 9] = [
    "Ready",
    "Available",
    "Healthy",
    "Established",
    "Succeeded",
    "Synced",
    "Programmed",
    "Accepted",
    "Reconciled",
];

/// Fields that hold one word about the whole.
const PHASES: [&str; 3] = ["phase", "state", "health"];
const GOOD: [&str; 11] = [
    "ready",
    "active",
    "available",
    "bound",
    "healthy",
    "succeeded",
    "success",
    "complete",
    "completed",
    "established",
    "synced",
];
const BAD: [&str; 6] = ["failed", "error", "degraded", "failure", "lost", "unhealthy"];
const ON_THE_WAY: [&str; 12] = [
    "pending",
    "creating",
    "progressing",
    "terminating",
    "provisioning",
    "initializing",
    "updating",
    "deleting",
    "upgrading",
    "reconciling",
    "deploying",
    "starting",
];
const PAUSED: [&str; 2] = ["suspended", "paused"];

pub(crate) fn generation_of(object: &Value) -> Option<i64> {
    object.get("metadata")?.get("generation")?.as_i64()
}

pub(crate) fn judge(object: &Value, label: &str) -> Judged {
    let Some(status) = object.get("status").filter(|status| !is_empty(status)) else {
        return Judged::new(Health::Healthy, label, "exists; its kind reports no status");
    };
    let generation = generation_of(object);
    let observed = status.get("observedGeneration").and_then(Value::as_i64);
    if matches!((observed, generation), (Some(observed), Some(generation)) if observed < generation) {
        let message = "its controller has not seen the latest change";
        return Judged::progressing(message, label, "not observed yet");
    }
    let found: Vec<Condition<'_>> = of_object(object).collect();
    by_conditions(&found, generation, label)
        .or_else(|| by_phase(status, label))
        .unwrap_or_else(|| neither(&found, status, observed.is_some(), label))
}

/// Absent: none of the conditions that the conventions name.
fn by_conditions(found: &[Condition<'_>], generation: Option<i64>, label: &str) -> Option<Judged> {
    let of = |kind: &&str| found.iter().find(|one| one.kind == *kind);
    let holds = |kind: &&str| of(kind).filter(|one| one.status == "True" && !one.is_old(generation));
    if let Some(condition) = FAILED.iter().find_map(holds) {
        let what = format!("{} is true", condition.kind);
        return Some(Judged::new(Health::Degraded(condition.words()), label, &what));
    }
    let ready: Vec<Judged> =
        READY.iter().filter_map(of).map(|one| by_condition(one, generation, label)).collect();
    // `Progressing` stays true in Deployments that are done: it counts where nothing says ready.
    let done = ready.first().is_some_and(|judged| judged.health.is_healthy());
    let working = WORKING.iter().filter(|kind| **kind == "Reconciling" || !done).find_map(holds);
    if let Some(condition) = working {
        let what = format!("{} is true", condition.kind);
        return Some(Judged::new(Health::Progressing(condition.words()), label, &what));
    }
    // Among equals the first: `Ready` where it is there.
    ready.into_iter().reduce(|worst, next| if next.rank() > worst.rank() { next } else { worst })
}

fn by_condition(condition: &Condition<'_>, generation: Option<i64>, label: &str) -> Judged {
    let what = format!("{} is {}", condition.kind, one_line(condition.status).to_lowercase());
    let health = match condition.status {
        _ if condition.is_old(generation) => {
            Health::Progressing(format!("{} is about an older generation", condition.kind))
        }
        "True" => Health::Healthy,
        "False" if condition.is_final() => Health::Degraded(condition.words()),
        "False" | "Unknown" => Health::Progressing(condition.words()),
        other => Health::Unknown(format!("{} is `{}`, which is no status", condition.kind, one_line(other))),
    };
    Judged::new(health, label, &what)
}

/// Absent: no field with one word about the whole.
fn by_phase(status: &Value, label: &str) -> Option<Judged> {
    let mut words = PHASES.iter().filter_map(|name| Some((*name, status.get(*name)?.as_str()?)));
    let (name, phase) = words.find(|(_, phase)| !phase.is_empty())?;
    let shown = one_line(phase);
    let lower = shown.to_lowercase();
    let told = status.get("message").and_then(Value::as_str).map(one_line).filter(|told| !told.is_empty());
    let words = || told.unwrap_or_else(|| format!("its {name} is {shown}"));
    let health = match lower.as_str() {
        word if GOOD.contains(&word) => Health::Healthy,
        word if BAD.contains(&word) => Health::Degraded(words()),
        word if ON_THE_WAY.contains(&word) => Health::Progressing(words()),
        word if PAUSED.contains(&word) => Health::Suspended,
        _ => Health::Unknown(format!("its {name} is `{shown}`, which is none that we know")),
    };
    Some(Judged::new(health, label, &format!("{name} {shown}")))
}

/// A status with neither: current when its controller says that it has seen this generation, and reports no condition.
fn neither(found: &[Condition<'_>], status: &Value, observed: bool, label: &str) -> Judged {
    let silent = status.get("conditions").is_none_or(is_empty);
    if silent && observed {
        return Judged::new(Health::Healthy, label, "observed; it reports no condition");
    }
    let message = match found.first() {
        Some(condition) => {
            format!("none of its conditions says whether it works, such as {}", one_line(condition.kind))
        }
        None => "its status does not say whether it works".to_owned(),
    };
    Judged::new(Health::Unknown(message), label, "unknown status")
}
