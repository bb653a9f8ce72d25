//! Calls to the target: fence, secrets, write, retry.
//!
//! Before every try the fence is checked: outside systems know no generation, so that the lease is all that keeps
//! a daemon that lost it from writing. The store says how much of the lease is left, so that it need not be asked for each. Secrets are resolved just before they are written and dropped right after.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use naksha_environments::codes::apply as codes;
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Owned;
use naksha_environments::merge;
use naksha_environments::object::{Body, DesiredObject, Mark, ObjectKey, SecretValue};
use naksha_environments::plan::{Action, FieldPath, Resolution, Subject, Verb};
use naksha_environments::secret::Secret;
use tracing::{debug, warn};

use super::progress::Progress;
use super::run::{Run, Turn, stored};
use super::step::{Refusal, Tried, failed, intent};
use crate::port::secrets::SecretError;
use crate::port::store::{Effect, Scope};
use crate::port::target::{Removal, Write, WriteError, WriteMode, Written};
use crate::retry;

/// Writes the desired object, with retries. The answer says what the inventory should hold from now on.
pub(super) async fn write(
    run: &Run<'_>,
    turn: &mut Turn<'_>,
    action: &Action,
    key: &ObjectKey,
    desired: &DesiredObject,
    expect: Option<&Mark>,
    leave: &[FieldPath],
) -> Tried {
    if let Some(refusal) = refused_conflict(action) {
        return (0, Err(refusal));
    }
    let Some(unit) = &action.unit else { return (0, Err(Refusal::Halted)) };
    // A replacement gave it back in between.
    turn.take().await;
    let owned = run.input.inventory.get(key).map(AsRef::as_ref);
    let owned = owned.filter(|owned| owned.mark.is_some());
    let request = request(run.input.scope, unit, key, desired, (expect, &action.verb), owned, leave);
    let intended = intent(unit, desired, leave, action.stateful);
    let announced = match announce(run, key, owned, &request.mode, &intended).await {
        Ok(announced) => announced,
        Err(refusal) => return (0, Err(refusal)),
    };
    let mut attempt = 0;
    let mut certain = true;
    loop {
        attempt += 1;
        let trouble = match ready(run, desired).await {
            Ok(secrets) => {
                let write = Write { secrets, ..request.clone() };
                match run.input.target.write(&write).await {
                    Ok(written) => {
                        turn.give_back();
                        return (attempt, Ok(confirmed(run, key, intended, written)));
                    }
                    Err(error) => Trouble::Write(error),
                }
            }
            Err(Stop::Later(trouble)) => trouble,
            Err(Stop::Refused(refusal)) => return (attempt, Err(refusal)),
        };
        certain &= !matches!(trouble, Trouble::Write(WriteError::Transient { .. }));
        if let Err(refusal) = pause(run, turn, &action.subject, attempt, trouble).await {
            let known = owned.filter(|_| announced && certain);
            return (attempt, Err(restoring(refusal, key, known)));
        }
    }
}

/// What is asked of the target, but for the values of secrets.
pub(super) fn request(
    scope: &Scope,
    unit: &UnitName,
    key: &ObjectKey,
    desired: &DesiredObject,
    (expect, verb): (Option<&Mark>, &Verb),
    owned: Option<&Owned>,
    leave: &[FieldPath],
) -> Write {
    let (mode, previous) = match (expect.cloned(), verb) {
        (None, _) => (WriteMode::Create, None),
        (Some(expect), Verb::Adopt) => (WriteMode::Adopt { expect }, None),
        (Some(expect), _) => (WriteMode::Update { expect }, owned.map(|owned| owned.applied.clone())),
    };
    Write {
        key: key.clone(),
        scope: scope.clone(),
        unit: unit.clone(),
        mode,
        previous,
        body: desired.body.clone(),
        secrets: BTreeMap::new(),
        leave: leave.to_vec(),
    }
}

fn confirmed(run: &Run<'_>, key: &ObjectKey, intended: Owned, written: Written) -> Effect {
    let Written { mark, secrets, health } = written;
    let owned = Owned { mark: Some(mark.clone()), secrets, ..intended };
    let owned = owned.ended(key, &health).unwrap_or(owned);
    run.wrote(key, mark, health);
    Effect::Own(key.clone(), Arc::new(owned))
}

/// Makes the inventory true for both cases, that the process dies before the write and that it dies after it:
/// fields that join an object are noted, and an object that is made again becomes an intent. Says whether anything
/// had to be noted. (What the inventory does not have at all was noted when the apply began.)
async fn announce(
    run: &Run<'_>,
    key: &ObjectKey,
    owned: Option<&Owned>,
    mode: &WriteMode,
    intended: &Owned,
) -> Result<bool, Refusal> {
    let Some(owned) = owned else { return Ok(false) };
    let noted = match mode {
        WriteMode::Create => intended.clone(),
        WriteMode::Update { .. } | WriteMode::Adopt { .. } => {
            let applied = owned.applied.value();
            let widened = merge::widen(&applied, &intended.applied.value());
            if widened == applied {
                return Ok(false);
            }
            Owned { applied: Body::new(&widened), end: None, ..owned.clone() }
        }
    };
    fence(run).await?;
    let noted = BTreeMap::from([(key.clone(), Arc::new(noted))]);
    let note = || run.input.store.refresh_marks(run.input.scope, run.input.generation, &noted);
    let result = stored("note what is about to be written", note).await;
    result.map(|()| true).map_err(|error| {
        run.fail(error);
        Refusal::Halted
    })
}

/// A write that certainly did not happen takes back what was announced of it.
fn restoring(refusal: Refusal, key: &ObjectKey, known: Option<&Owned>) -> Refusal {
    match (refusal, known) {
        (Refusal::Failed { code, reason, hint, .. }, Some(owned)) => {
            let restore = Some(Box::new((key.clone(), owned.clone())));
            Refusal::Failed { code, reason, hint, restore }
        }
        (refusal, _) => refusal,
    }
}

/// Deletes, with the inventory's word for it that the object is ours, whatever the plan says.
pub(super) async fn remove(
    run: &Run<'_>,
    turn: &mut Turn<'_>,
    key: &ObjectKey,
    expect: Option<&Mark>,
    effect: Effect,
) -> Tried {
    let unproven = |reason: &str| {
        let hint = "look at the object; delete it by hand, or let `lifecycle: disown` give it up";
        Err(failed(codes::NOT_PROVEN_OURS, reason.to_owned(), hint))
    };
    let Some(owned) = run.input.inventory.get(key) else {
        return (0, unproven("it is not in the inventory"));
    };
    let Some(mark) = owned.mark.as_ref().filter(|mark| mark.uid.is_some()) else {
        return (0, unproven("the inventory has no uid of it: its first write was never confirmed"));
    };
    if expect.is_some_and(|expect| expect.uid != mark.uid) {
        return (0, unproven("another object has its name now"));
    }
    let removal = Removal { key: key.clone(), expect: expect.unwrap_or(mark).clone() };
    let subject = Subject::Object(key.clone());
    let mut attempt = 0;
    loop {
        attempt += 1;
        if let Err(refusal) = fence(run).await {
            return (attempt, Err(refusal));
        }
        match run.input.target.remove(&removal).await {
            Ok(()) => {
                turn.give_back();
                return (attempt, Ok(effect));
            }
            Err(error) => match pause(run, turn, &subject, attempt, Trouble::Write(error)).await {
                Ok(()) => {}
                Err(refusal) => return (attempt, Err(refusal)),
            },
        }
    }
}

/// Conflicts that the unit's policy refuses are held back before an apply; this is the last door.
pub(super) fn refused_conflict(action: &Action) -> Option<Refusal> {
    let conflict = action.conflicts.iter().find(|conflict| conflict.resolution.refuses())?;
    if conflict.resolution == Resolution::Immutable {
        let reason =
            format!("`{}` cannot be changed in place, and the unit does not recreate", conflict.path);
        let hint = "set `immutable: recreate` in the unit, or undo the change";
        return Some(failed(codes::OBJECT_INVALID, reason, hint));
    }
    let who = conflict.manager.as_deref().unwrap_or("somebody else");
    let reason = format!("`{}` is set by {who}, and the unit does not take it", conflict.path);
    let hint = "set `conflicts: take` or `conflicts: leave` in the unit, or remove the field";
    Some(failed(codes::FIELD_CONFLICT, reason, hint))
}

enum Stop {
    Refused(Refusal),
    Later(Trouble),
}

/// Trouble with one try.
enum Trouble {
    Write(WriteError),
    Secret(SecretError),
}

/// I/O: the fence, then the values of secrets. Both as late as can be.
async fn ready(run: &Run<'_>, desired: &DesiredObject) -> Result<BTreeMap<String, Secret>, Stop> {
    fence(run).await.map_err(Stop::Refused)?;
    let mut values = BTreeMap::new();
    for (name, value) in &desired.secrets {
        let value = match value {
            SecretValue::Inline(secret) => secret.clone(),
            SecretValue::Reference(reference) => {
                let resolved = run.input.secrets.resolve(reference).await;
                resolved.map_err(|error| Stop::Later(Trouble::Secret(error)))?
            }
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

async fn fence(run: &Run<'_>) -> Result<(), Refusal> {
    if run.halt.is_cancelled() {
        return Err(Refusal::Halted);
    }
    run.fence().await.map_err(|error| {
        if error.is_fenced() {
            warn!(scope = %run.input.scope, "another daemon owns the environment; the apply ends here");
        }
        run.fail(error);
        Refusal::Halted
    })
}

/// Waits before the next try, when there is one; otherwise says why not.
async fn pause(
    run: &Run<'_>,
    turn: &mut Turn<'_>,
    subject: &Subject,
    attempt: u32,
    trouble: Trouble,
) -> Result<(), Refusal> {
    let (asked, refusal) = match trouble {
        Trouble::Write(error) => {
            let (code, hint) = (error.code(), error.hint());
            let (asked, reason) = match error {
                WriteError::Transient { reason, after, .. } => (Some(after.unwrap_or_default()), reason),
                WriteError::Moved { reason, .. } => {
                    (None, format!("it changed since it was planned: {reason}"))
                }
                WriteError::Blocked { reason, .. } => (None, reason),
                WriteError::Invalid { field: Some(field), reason, .. } => {
                    (None, format!("`{field}`: {reason}"))
                }
                WriteError::Invalid { field: None, reason, .. } => (None, reason),
            };
            (asked, (code, reason, hint))
        }
        Trouble::Secret(error) => {
            let again = matches!(error, SecretError::Unavailable { .. }).then_some(Duration::ZERO);
            (again, (error.code(), error.to_string(), error.hint()))
        }
    };
    let (code, reason, hint) = refusal;
    let own = retry::WRITES.pause(attempt, retry::spread());
    let is_transient = asked.is_some();
    let (Some(asked), Some(own)) = (asked.filter(|asked| *asked <= retry::MAX_ASKED), own) else {
        if is_transient {
            run.suspect_loss().await;
        }
        return Err(failed(code, reason, hint));
    };
    let pause = own.max(asked);
    debug!(%subject, attempt, %reason, "a write failed; trying again");
    run.tell(&Progress::StepRetried { subject: subject.clone(), attempt, pause, reason });
    turn.give_back();
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = run.halt.cancelled() => return Err(Refusal::Halted),
    }
    turn.take().await;
    Ok(())
}
