//! The decision for one object.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Owned;
use naksha_environments::object::{DesiredObject, Mark, ObjectKey, SecretValue, mark_placeholder};
use naksha_environments::plan::{
    Action, Cause, Change, Conflict, FieldPath, LeftField, Payload, Resolution, Shown, Subject, Unjudged,
    Verb,
};
use naksha_environments::run_once::is_run_once;
use naksha_environments::secret::{SecretMark, SecretRef};
use naksha_environments::stateful::is_stateful;
use naksha_environments::unit::ImmutablePolicy;
use serde_json::Value;

use super::existing::Existing;
use super::immutable::needs_replace;
use super::joined::{Seen, Wanted};
use super::wave::wave_of_applied;
use crate::diff::{Costs, FieldDiff, Sides, compare, shown, translate_secrets};

/// Why nothing is known of an object that nobody answered for.
const NOT_OBSERVED: &str = "it was not observed";

/// What happens to one object.
#[derive(Debug)]
pub(super) enum Decision {
    Act(Box<Action>),
    Unchanged,
    Unknown(String),
    Drifted(Vec<Change>),
    Kept(String),
    Forget,
}

/// A decision, and what of the object is left alone.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) decision: Decision,
    pub(super) left: Vec<LeftField>,
    pub(super) unjudged: Vec<Unjudged>,
}

impl From<Decision> for Decided {
    /// Nothing is left alone, as far as was looked.
    fn from(decision: Decision) -> Self {
        Self { decision, left: Vec::new(), unjudged: Vec::new() }
    }
}

/// What of the environment decides about a wanted object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes<'a> {
    pub(super) self_heal: bool,
    /// What is owned is in another target: that it is not in this one is no drift.
    pub(super) elsewhere: bool,
    /// Marks of what the sources of secrets hold now, as far as they were asked.
    pub(super) sources: Option<&'a BTreeMap<SecretRef, SecretMark>>,
    /// What conditions of ignore rules have cost in this plan.
    pub(super) costs: &'a Costs,
}

/// An object that a unit wants.
pub(super) fn decide_wanted(
    wishes: Wishes<'_>,
    wanted: &Wanted<'_>,
    owned: Option<&Owned>,
    seen: Seen<'_>,
) -> Decided {
    let key = &wanted.object.key;
    let rotated = || rotated(wishes, wanted.object, owned);
    let decision = match (seen, owned) {
        (Seen::Nothing, _) => Decision::Unknown(NOT_OBSERVED.to_owned()),
        (Seen::Unknown(reason), _) => Decision::Unknown(reason.to_owned()),
        (Seen::Absent, owned) => create(wishes, wanted, owned),
        (Seen::InSync(_), None) => {
            Decision::Unknown("it is as our last write left it, and the inventory knows of none".to_owned())
        }
        // The fast path: nothing is parsed.
        (Seen::InSync(mark), Some(owned))
            if owned.mark.is_some()
                && owned.unit == *wanted.unit
                && owned.desired == wanted.object.digest() =>
        {
            let rotated = rotated();
            if rotated.is_empty() {
                Decision::Unchanged
            } else {
                rotate(wanted, mark, &owned.applied.value(), rotated)
            }
        }
        (Seen::InSync(mark), Some(owned)) => {
            let live = owned.applied.value();
            return Existing { key, wanted, owned: Some(owned), mark, live, managed: None }.decide(wishes);
        }
        (Seen::Live(live), owned) => {
            let body = live.body.value();
            let owned = owned.filter(|owned| is_ours(key, owned, &live.mark, &body));
            let body = match owned {
                Some(owned) => translate_secrets(body, owned),
                None => recognise_secrets(body, wanted.object, wishes),
            };
            let (mark, managed) = (&live.expected(), live.managed.as_deref());
            return Existing { key, wanted, owned, mark, live: body, managed }.decide(wishes);
        }
    };
    decision.into()
}

/// Values of a Secret that is not ours, and is to be adopted: one that is just what its source holds is no difference.
fn recognise_secrets(live: Value, wanted: &DesiredObject, wishes: Wishes<'_>) -> Value {
    let Some(sources) = wishes.sources else { return live };
    let mut live = live;
    let Some(data) = live.get_mut("data").and_then(Value::as_object_mut) else { return live };
    for (name, secret) in &wanted.secrets {
        let SecretValue::Reference(reference) = secret else { continue };
        if let (Some(value), Some(mark)) = (data.get_mut(name), sources.get(reference))
            && value.as_str() == Some(&*mark_placeholder(mark))
        {
            *value = Value::String(format!("ref:{reference}"));
        }
    }
    live
}

/// Whether the live object is the one the inventory speaks of. A write that was never confirmed made it ours only
/// if it is there exactly as intended.
fn is_ours(key: &ObjectKey, owned: &Owned, live: &Mark, body: &Value) -> bool {
    if let Some(mark) = &owned.mark {
        return mark.uid.is_none() || live.uid.is_none() || mark.uid == live.uid;
    }
    let intended = owned.applied.value();
    let sides = Sides { desired: &intended, live: Some(body), applied: None };
    compare(&key.kind, sides).iter().all(|diff| is_secret_reference(key, diff))
}

/// A reference that was intended cannot be told from the mark that is there.
fn is_secret_reference(key: &ObjectKey, diff: &FieldDiff) -> bool {
    let shown = |side: &Option<Value>| side.as_ref().map(|value| shown(key, &diff.path, value));
    let is_reference = matches!(shown(&diff.desired), Some(Shown::Secret { reference: Some(_), .. }));
    is_reference && matches!(shown(&diff.live), Some(Shown::Secret { .. }))
}

fn create(wishes: Wishes<'_>, wanted: &Wanted<'_>, owned: Option<&Owned>) -> Decision {
    let object = wanted.object;
    let desired = object.body.value();
    let sides = Sides { desired: &desired, live: None, applied: None };
    let changes = changes_of(&object.key, &compare(&object.key.kind, sides));
    let was_applied = owned.is_some_and(|owned| owned.mark.is_some() && owned.desired == object.digest());
    // It was here, and it is done.
    if was_applied && !wishes.elsewhere && is_run_once(&object.key, &desired) {
        return Decision::Unchanged;
    }
    let cause = if was_applied && !wishes.elsewhere { Cause::Drift } else { Cause::Change };
    if cause == Cause::Drift && !wishes.self_heal {
        return Decision::Drifted(changes);
    }
    let payload = Payload::Write { desired: Arc::clone(object), expect: None, leave: Vec::new() };
    act(wanted, Verb::Create, cause, changes, Vec::new(), payload)
}

pub(super) fn changes_of(key: &ObjectKey, diffs: &[FieldDiff]) -> Vec<Change> {
    diffs.iter().map(|diff| change_of(key, diff)).collect()
}

pub(super) fn change_of(key: &ObjectKey, diff: &FieldDiff) -> Change {
    Change {
        path: diff.path.clone(),
        before: diff.live.as_ref().map(|value| shown(key, &diff.path, value)),
        after: diff.desired.as_ref().map(|value| shown(key, &diff.path, value)),
    }
}

/// Keys of a Secret whose source holds another value than the one that was applied.
pub(super) fn rotated(wishes: Wishes<'_>, object: &DesiredObject, owned: Option<&Owned>) -> Vec<Change> {
    let (Some(sources), Some(owned)) = (wishes.sources, owned) else { return Vec::new() };
    let change = |(name, value): (&String, &SecretValue)| {
        let SecretValue::Reference(reference) = value else { return None };
        let (before, after) = (owned.secrets.get(name)?, sources.get(reference)?);
        let side = |mark: &SecretMark| {
            Some(Shown::Secret { reference: Some(reference.to_string()), mark: Some(mark.clone()) })
        };
        let path = FieldPath::default().key("data").key(name);
        (before != after).then(|| Change { path, before: side(before), after: side(after) })
    };
    object.secrets.iter().filter_map(change).collect()
}

/// `live`: as it is, or as we applied it.
pub(super) fn rotate(wanted: &Wanted<'_>, mark: &Mark, live: &Value, changes: Vec<Change>) -> Decision {
    let key = &wanted.object.key;
    let fixed: Vec<&Change> = changes.iter().filter(|change| needs_replace(key, live, change)).collect();
    let recreates = wanted.rendered.immutable == ImmutablePolicy::Recreate;
    let verb = if !fixed.is_empty() && recreates { Verb::Replace } else { Verb::Rotate };
    let refused = |change: &&Change| Conflict {
        path: change.path.clone(),
        manager: None,
        resolution: Resolution::Immutable,
    };
    let conflicts = if recreates { Vec::new() } else { fixed.iter().map(refused).collect() };
    let payload =
        Payload::Write { desired: Arc::clone(wanted.object), expect: Some(mark.clone()), leave: Vec::new() };
    act(wanted, verb, Cause::Rotation, changes, conflicts, payload)
}

pub(super) fn act(
    wanted: &Wanted<'_>,
    verb: Verb,
    cause: Cause,
    changes: Vec<Change>,
    conflicts: Vec<Conflict>,
    payload: Payload,
) -> Decision {
    let subject = Subject::Object(wanted.object.key.clone());
    Decision::Act(Box::new(Action {
        digest: Action::digest_of(&subject, &verb, &changes),
        unit: Some(wanted.unit.clone()),
        stateful: is_stateful(&wanted.object.key),
        wave: wanted.object.wave,
        subject,
        verb,
        cause,
        changes,
        conflicts,
        payload,
    }))
}

/// Why an owned object that nobody wants any more would stay all the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pruning<'a> {
    pub(super) prune: bool,
    /// A unit whose desired state is not known: the object may have moved there.
    pub(super) unknown: Option<&'a UnitName>,
    /// What is owned is in another target: what is not in this one is given up, which somebody must have said yes to.
    pub(super) elsewhere: bool,
}

/// An owned object that no unit wants.
pub(super) fn decide_unwanted(
    pruning: Pruning<'_>,
    key: &ObjectKey,
    owned: &Owned,
    seen: Seen<'_>,
) -> Decision {
    let mark = match seen {
        Seen::Nothing => return Decision::Unknown(NOT_OBSERVED.to_owned()),
        Seen::Unknown(reason) => return Decision::Unknown(reason.to_owned()),
        Seen::Absent if pruning.elsewhere && owned.mark.is_some() => return disown(key, owned),
        Seen::Absent => return Decision::Forget,
        Seen::InSync(mark) => mark,
        Seen::Live(live) => &live.mark,
    };
    let kept = |reason: String| Decision::Kept(reason);
    let Some(recorded) = &owned.mark else {
        return kept("its first write was never confirmed, so that it is not proven to be ours".to_owned());
    };
    match (&recorded.uid, &mark.uid) {
        (Some(recorded), Some(live)) if recorded != live => return Decision::Forget,
        (Some(_), Some(_)) => {}
        (None, _) | (_, None) => {
            return kept("it has no uid, so that it is not proven to be ours".to_owned());
        }
    }
    match pruning {
        Pruning { prune: false, .. } => return kept("the environment does not prune".to_owned()),
        Pruning { unknown: Some(unit), .. } => {
            return kept(format!("it may have moved to unit `{unit}`, of which nothing is known now"));
        }
        Pruning { .. } => {}
    }
    let payload = Payload::Remove { expect: Some(mark.clone()) };
    Decision::Act(Box::new(removal(key, owned, Verb::Delete, payload)))
}

/// Gives an object up; it stays as it is, observed or not.
pub(super) fn disown(key: &ObjectKey, owned: &Owned) -> Decision {
    Decision::Act(Box::new(removal(key, owned, Verb::Disown, Payload::Remove { expect: owned.mark.clone() })))
}

fn removal(key: &ObjectKey, owned: &Owned, verb: Verb, payload: Payload) -> Action {
    let subject = Subject::Object(key.clone());
    Action {
        digest: Action::digest_of(&subject, &verb, &[]),
        unit: Some(owned.unit.clone()),
        stateful: owned.stateful || is_stateful(key),
        wave: wave_of_applied(key, &owned.applied.value()),
        subject,
        verb,
        cause: Cause::Change,
        changes: Vec::new(),
        conflicts: Vec::new(),
        payload,
    }
}
