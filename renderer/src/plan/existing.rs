//! The decision for a wanted object that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::inventory::Owned;
use naksha_environments::kubernetes::is_default;
use naksha_environments::object::{Body, FieldOwners, Managed, Mark, ObjectKey};
use naksha_environments::plan::{
    Cause, Change, Conflict, FieldPath, LeftField, LeftTo, Payload, Resolution, Verb,
};
use naksha_environments::run_once::is_job;
use naksha_environments::unit::{IgnoreRule, ImmutablePolicy};
use serde_json::Value;

use super::immutable::needs_replace;
use super::joined::Wanted;
use super::object::{Decided, Decision, Wishes, act, change_of, changes_of, rotate, rotated};
use crate::diff::{FieldDiff, Ignored, Origin, Sides, compare, without};

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

/// What is left alone, whatever is done with the rest.
struct Aside<'a> {
    rules: Ignored<'a>,
    /// The fields that are meant, and by which rule; none: an autoscaler's.
    ignored: BTreeMap<FieldPath, Option<&'a IgnoreRule>>,
    /// Those of them, and of those that the target rewrites, that differ.
    left: Vec<LeftField>,
}

impl Existing<'_> {
    pub(super) fn decide(&self, wishes: Wishes<'_>) -> Decided {
        let desired = self.wanted.object.body.value();
        let applied = self.owned.map(|owned| owned.applied.value());
        let rules = Ignored::of(&self.wanted.rendered.ignore, self.key, &desired, &self.live, wishes.costs);
        let mut aside = Aside { rules, ignored: BTreeMap::new(), left: Vec::new() };
        let differences = self.differences(&desired, applied.as_ref(), &mut aside);
        let decision = self.decide_on(wishes, &desired, applied.as_ref(), differences);
        Decided { decision, left: aside.left, unjudged: aside.rules.unjudged }
    }

    fn decide_on(
        &self,
        wishes: Wishes<'_>,
        desired: &Value,
        applied: Option<&Value>,
        differences: Differences,
    ) -> Decision {
        let Self { key, wanted, owned, mark, live, managed } = self;
        let object = wanted.object;
        let Differences { diffs, mut conflicts, leave, hands_over } = differences;
        let changes = changes_of(key, &diffs);

        let is_recorded = || {
            let applied = applied.filter(|_| owned.is_some_and(|owned| owned.mark.is_some()));
            applied.is_some_and(|applied| without(desired, &leave) == without(applied, &leave)) && !hands_over
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

    fn differences(&self, desired: &Value, applied: Option<&Value>, aside: &mut Aside<'_>) -> Differences {
        let Self { key, wanted, owned, mark: _, live, managed } = self;
        let owners = managed.map(|managed| &managed.owners);
        let fields = aside.rules.fields(&[desired, live]);
        aside.ignored.extend(fields.into_iter().map(|(path, rule)| (path, Some(rule))));
        if let Some(path) = owners.and_then(autoscaled) {
            aside.ignored.entry(path).or_insert(None);
        }
        let inherited = managed.and_then(|managed| managed.inherited.as_ref()).filter(|_| owned.is_none());
        let inherited = inherited.map(Body::value);
        let sides = Sides { desired, live: Some(live), applied: applied.or(inherited.as_ref()) };
        let mut diffs = compare(&key.kind, sides);
        if owned.is_none() {
            diffs.retain(|diff| !stays(key, diff));
        }
        diffs.retain(|diff| match self.left_to(diff, aside) {
            Some(to) => {
                aside.left.push(LeftField { change: change_of(key, diff), to });
                false
            }
            None => true,
        });
        let (mut conflicts, mut left) = conflicts_of(&diffs, wanted.rendered.conflicts.into(), owners);
        let given_up = owners.and_then(|_| given_up(&diffs));
        let hands_over = given_up.is_some();
        let resolution = Resolution::HandOver;
        conflicts.extend(given_up.clone().map(|path| Conflict { path, manager: None, resolution }));
        left.extend(given_up);
        diffs.retain(|diff| !left.contains(&diff.path));
        let leave: BTreeSet<FieldPath> = aside.ignored.keys().cloned().chain(left).collect();
        Differences { diffs, conflicts, leave: leave.into_iter().collect(), hands_over }
    }

    /// To whom a differing field is left, when it is.
    fn left_to(&self, diff: &FieldDiff, aside: &mut Aside<'_>) -> Option<LeftTo> {
        let path = &diff.path;
        let meant = (1..=path.0.len()).find_map(|length| aside.ignored.get(&path.0[..length])).copied();
        let owner = self.managed.and_then(|managed| managed.owners.of(path));
        let meant = meant.or_else(|| {
            let rule = aside.rules.of_manager(owner?)?;
            aside.ignored.insert(path.clone(), Some(rule));
            Some(Some(rule))
        });
        match meant {
            Some(Some(IgnoreRule { place, reason, .. })) => {
                Some(LeftTo::Rule { place: place.clone(), reason: reason.clone() })
            }
            Some(None) => Some(LeftTo::Autoscaler),
            None => self.is_answer(diff).then_some(LeftTo::Target),
        }
    }

    /// Whether the live value is what the target answered when we wrote just what Git wants: then writing it again changes
    /// nothing. The mark tells only of all our fields together; where one of them moved, it is known of none. A target that
    /// does not say who set what keeps what it is given.
    fn is_answer(&self, diff: &FieldDiff) -> bool {
        let recorded = self.owned.and_then(|owned| owned.mark.as_ref());
        diff.origin == Origin::Drift
            && self.managed.is_some_and(|managed| managed.by_us && managed.owners.of(&diff.path).is_none())
            && recorded.is_some_and(|recorded| recorded.fingerprint == self.mark.fingerprint)
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
