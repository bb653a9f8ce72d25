//! Why a pod does not do its work: a sentence from its status. Pure.
//!
//! What comes and goes within seconds is left out of the sentence (a container between two crashes runs; an image is being
//! pulled again): it is told anew only when something is new.

mod container;

use serde_json::Value;

use super::words::{with, words};
use container::{containers, not_ready};

/// Why a pod does not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) cause: Cause,
    /// `container `web` cannot pull image `web:1`: not found`
    pub(crate) words: String,
}

/// What keeps a pod from its work. The later ones say more about why its owner is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Going,
    /// It failed, and its owner makes another one.
    Replaced,
    /// On its way; events say what holds it up.
    Starting,
    NotReady,
    /// Nobody hears of its node.
    Lost,
    Gated,
    Unschedulable,
    /// It failed for good.
    Failed,
    CannotStart,
    Crash,
    ImagePull,
}

impl Trouble {
    fn new(cause: Cause, words: impl Into<String>) -> Self {
        Self { cause, words: words.into() }
    }
}

/// What keeps a pod from its work. `None`: it does it, or has done it.
pub(crate) fn trouble(pod: &Value) -> Option<Trouble> {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return Some(Trouble::new(Cause::Going, "it is being deleted"));
    }
    let phase = text(pod, "/status/phase");
    if phase == "Succeeded" {
        return None;
    }
    if phase == "Failed" {
        return Some(failed(pod));
    }
    // A status says of containers what it said last, also when the node is not heard of any more.
    if phase == "Unknown" {
        return Some(Trouble::new(Cause::Lost, "its node is not heard of"));
    }
    containers(pod).or_else(|| unscheduled(pod)).or_else(|| not_ready(pod)).or_else(|| unready(pod, phase))
}

/// Why a pod has failed: it does not start again.
fn failed(pod: &Value) -> Trouble {
    let reason = words(text(pod, "/status/reason"));
    let said = words(text(pod, "/status/message"));
    let words = match (container::ended(pod), reason.is_empty()) {
        // An eviction says more than how its containers were ended.
        (_, false) => with(&reason, &said),
        (Some(ended), true) => ended,
        (None, true) => with("it failed", &said),
    };
    let owner = controller(pod).and_then(|owner| owner.get("kind")?.as_str());
    // A Job counts its failed pods; everything else makes another one.
    Trouble::new(if matches!(owner, Some("Job") | None) { Cause::Failed } else { Cause::Replaced }, words)
}

fn unscheduled(pod: &Value) -> Option<Trouble> {
    let scheduled = condition(pod, "PodScheduled").filter(|it| text(it, "/status") == "False")?;
    let said = words(text(scheduled, "/message"));
    Some(match text(scheduled, "/reason") {
        "SchedulingGated" => Trouble::new(Cause::Gated, with("its scheduling is held by a gate", &said)),
        _ => Trouble::new(Cause::Unschedulable, with("it cannot be scheduled", &said)),
    })
}

/// A pod of which no container says why it is not ready.
fn unready(pod: &Value, phase: &str) -> Option<Trouble> {
    let ready = condition(pod, "Ready");
    if ready.is_some_and(|ready| text(ready, "/status") == "True") {
        return None;
    }
    if phase != "Running" {
        return Some(Trouble::new(Cause::Starting, "it has not started yet"));
    }
    let open = |gate: &&str| condition(pod, gate).is_none_or(|gate| text(gate, "/status") != "True");
    let gates = pod.pointer("/spec/readinessGates").and_then(Value::as_array).into_iter().flatten();
    let gate = gates.filter_map(|gate| gate.get("conditionType")?.as_str()).find(open);
    let said = match (gate, ready) {
        (Some(gate), _) => format!("its readiness gate `{}` is not true", words(gate)),
        (None, Some(ready)) => {
            let said = with(&words(text(ready, "/reason")), &words(text(ready, "/message")));
            with("it is not ready", &said)
        }
        (None, None) => "it is not ready".to_owned(),
    };
    Some(Trouble::new(Cause::NotReady, said))
}

fn condition<'v>(pod: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = pod.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| text(condition, "/type") == kind)
}

/// Who made an object and keeps it: of its owners the one that controls it.
pub(crate) fn controller(object: &Value) -> Option<&Value> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
