//! The decision for a wanted object that is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use naksha_environments::inventory::Owned;
use naksha_environments::kubernetes::is_default;
use naksha_environments::object::{Body, FieldOwners, Managed, Mark, ObjectKey};
use naksha_environments::plan::{Cause, Change, Conflict, FieldPath, Payload, Resolution, Verb};
use naksha_environments::unit::ImmutablePolicy;
use serde_json::Value;

use super::immutable::needs_replace;
use super::joined::Wanted;
use super::object::{Decision, Wishes, act, changes_of, rotate, rotated};
use crate::diff::{FieldDiff, Origin, Sides, compare, ignored_fields, is_ignored_manager, without};

/// A wanted object that is there.
pub(super) struct Existing<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) wanted: &'a Wanted<'a>,
    /// Present only when the live object is that one.
    pub(super) owned: Option<&'a Owned>,
    pub(super) mark: &'a Mark,
    pub(super) live: Value,
    /// What the target tells besides, where it keeps track of who set what.
    pub(super) managed: Option<&'a Managed>,
}

/// How an object is not as wanted, and what of that is left to others.
struct Differences {
    diffs: Vec<FieldDiff>,
    conflicts: Vec<Conflict>,
    leave: Vec<FieldPath>,
    /// A field of ours is not set any more and is to stay as it is.
    hands_over: bool,
}

impl Existing<'_> {
    pub(super) fn decide(&self, wishes: Wishes<'_>) -> Decision {
        let Self { key, wanted, owned, mark, live, managed } = self;
        let object = wanted.object;
        let desired = object.body.value();
        let applied = owned.map(|owned| owned.applied.value());
        let Differences { diffs, mut conflicts, leave, hands_over } =
            self.differences(&desired, applied.as_ref());
        let changes = changes_of(key, &diffs);

        let is_recorded = || {
            let applied = applied.as_ref().filter(|_| owned.is_some_and(|owned| owned.mark.is_some()));
            applied.is_some_and(|applied| without(&desired, &leave) == without(applied, &leave))
                && !hands_over
        };
        let signed = managed.is_none_or(|managed| managed.signed);
        let moves_from = owned.filter(|owned| owned.unit != *wanted.unit).map(|owned| owned.unit.clone());
        if signed && owned.is_some() && moves_from.is_none() && changes.is_empty() && is_recorded() {
            let rotated = rotated(wishes, object, *owned);
            return if rotated.is_empty() {
                Decision::Unchanged
            } else {
                rotate(wanted, mark, live, rotated)
            };
        }
        let (fixed, is_known) = self.fixed(live, &changes);
        let recreates = match wanted.rendered.immutable {
            // What is not proven to be ours is never deleted.
            _ if owned.is_none() => false,
            ImmutablePolicy::Recreate => true,
            ImmutablePolicy::Fail => is_known && is_job(key),
        };
        let verb = match (owned, moves_from) {
            (None, _) => Verb::Adopt,
            (Some(_), _) if !fixed.is_empty() && recreates => Verb::Replace,
            (Some(_), Some(from)) => Verb::Move { from },
            (Some(_), None) => Verb::Update,
        };
        if !recreates {
            let refused = |path| Conflict { path, manager: None, resolution: Resolution::Immutable };
            conflicts.extend(fixed.into_iter().map(refused));
        }
        let cause = if hands_over { Cause::Change } else { cause_of(&verb, &diffs) };
        if cause == Cause::Drift && !changes.is_empty() && !wishes.self_heal {
            return Decision::Drifted(changes);
        }
        let payload = Payload::Write { desired: Arc::clone(object), expect: Some((*mark).clone()), leave };
        act(wanted, verb, cause, changes, conflicts, payload)
    }

    fn differences(&self, desired: &Value, applied: Option<&Value>) -> Differences {
        let Self { key, wanted, owned, mark: _, live, managed } = self;
        let (rules, owners) = (&wanted.rendered.ignore, managed.map(|managed| &managed.owners));
        let mut ignored = ignored_fields(rules, key, &[desired, live]);
        ignored.extend(owners.and_then(autoscaled));
        let inherited = managed.and_then(|managed| managed.inherited.as_ref()).filter(|_| owned.is_none());
        let inherited = inherited.map(Body::value);
        let sides = Sides { desired, live: Some(live), applied: applied.or(inherited.as_ref()) };
        let mut diffs = compare(&key.kind, sides, &ignored);
        if owned.is_none() {
            diffs.retain(|diff| !stays(key, diff));
        }
        let is_theirs = |diff: &&FieldDiff| {
            owners
                .and_then(|owners| owners.of(&diff.path))
                .is_some_and(|who| is_ignored_manager(rules, key, who))
        };
        ignored.extend(diffs.iter().filter(is_theirs).map(|diff| diff.path.clone()));
        diffs.retain(|diff| !ignored.contains(&diff.path));
        let (mut conflicts, mut left) = conflicts_of(&diffs, wanted.rendered.conflicts.into(), owners);
        let given_up = owners.and_then(|_| given_up(&diffs));
        let hands_over = given_up.is_some();
        let resolution = Resolution::HandOver;
        conflicts.extend(given_up.clone().map(|path| Conflict { path, manager: None, resolution }));
        left.extend(given_up);
        diffs.retain(|diff| !left.contains(&diff.path));
        Differences { diffs, conflicts, leave: ignored.into_iter().chain(left).collect(), hands_over }
    }

    /// Changed fields that cannot be changed in place: known ones, or what the target said when it was tried.
    /// Says, too, whether they are known ones.
    fn fixed(&self, live: &Value, changes: &[Change]) -> (Vec<FieldPath>, bool) {
        let known = changes.iter().filter(|change| needs_replace(self.key, live, change));
        let known: Vec<FieldPath> = known.map(|change| change.path.clone()).collect();
        let refused = self.managed.and_then(|managed| managed.refused.as_ref());
        match refused.filter(|refused| refused.desired == self.wanted.object.digest()) {
            Some(refused) if known.is_empty() => (vec![told_field(refused.field.as_deref(), changes)], false),
            Some(_) | None => (known, true),
        }
    }
}

/// A Job serves nobody: another one is another run.
fn is_job(key: &ObjectKey) -> bool {
    &*key.group == "batch" && &*key.kind == "Job"
}

/// The field that the target named; else the first that changed.
fn told_field(field: Option<&str>, changes: &[Change]) -> FieldPath {
    let plain = |field: &&str| field.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    match (field.filter(plain), changes.first()) {
        (Some(field), _) => field.split('.').fold(FieldPath::default(), |path, key| path.key(key)),
        (None, Some(change)) => change.path.clone(),
        (None, None) => FieldPath::default().key("spec"),
    }
}

/// The field that people and autoscalers scale by.
fn replicas() -> FieldPath {
    FieldPath::default().key("spec").key("replicas")
}

/// The field that an autoscaler sets: what Git says of it was only the beginning.
fn autoscaled(owners: &FieldOwners) -> Option<FieldPath> {
    Some(replicas()).filter(|replicas| owners.of(replicas) == Some(FieldOwners::AUTOSCALER))
}

/// Replicas that Git sets no more. Where the target keeps track of who set what, they would fall to their default at
/// once; whoever stops setting them is about to leave them to an autoscaler.
fn given_up(diffs: &[FieldDiff]) -> Option<FieldPath> {
    Some(replicas())
        .filter(|replicas| diffs.iter().any(|diff| diff.path == *replicas && diff.desired.is_none()))
}

/// Whether a field that nobody sets any more gets the value again that it has.
fn stays(key: &ObjectKey, diff: &FieldDiff) -> bool {
    diff.desired.is_none() && diff.live.as_ref().is_some_and(|live| is_default(key, &diff.path, live))
}

/// Changes that heal are drift; so is an update without any, which only records what is already so.
fn cause_of(verb: &Verb, diffs: &[FieldDiff]) -> Cause {
    let in_place = matches!(verb, Verb::Update | Verb::Replace);
    if in_place && diffs.iter().all(|diff| diff.origin == Origin::Drift) {
        Cause::Drift
    } else {
        Cause::Change
    }
}

/// The conflicts, and the fields that are left to whoever set them. Where the target knows who set what, a field that
/// nobody owns is in nobody's way: it is a default.
fn conflicts_of(
    diffs: &[FieldDiff],
    resolution: Resolution,
    owners: Option<&FieldOwners>,
) -> (Vec<Conflict>, BTreeSet<FieldPath>) {
    let paths = diffs.iter().filter(|diff| diff.origin == Origin::Conflict).map(|diff| &diff.path);
    let manager = |path: &FieldPath| match owners {
        None => Some(None),
        Some(owners) => owners.of(path).map(|manager| Some(manager.to_owned())),
    };
    let conflict =
        |path: &FieldPath| Some(Conflict { path: path.clone(), manager: manager(path)?, resolution });
    let conflicts: Vec<_> = paths.filter_map(conflict).collect();
    let left =
        conflicts.iter().filter(|_| resolution == Resolution::Leave).map(|it| it.path.clone()).collect();
    (conflicts, left)
}
