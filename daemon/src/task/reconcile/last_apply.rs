//! What is known of the last apply: what failed in it, and whether its end is recorded.
//!
//! A failure is told until the next apply, or until there is nothing left to do about it: because Git went back, or
//! because somebody mended it by hand. A restarted daemon reads it from the store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use naksha_environments::ids::{Generation, UnitName};
use naksha_environments::plan::Plan;
use naksha_environments::status::UnitStatus;
use naksha_executor::port::store::{ApplyOutcome, ApplyRecord, Scope, SharedStore, StepOutcome, StepRecord};

use super::{PassError, Reconciler};

/// Failed steps that are told one by one, per unit; more are counted.
const FEW: usize = 3;
/// Applies that were cut short say nothing of what they did not come to. So many are passed over to find one that ran
/// to its end; more in a row only happens to an environment whose branch moves faster than it is applied.
const LOOK_BACK: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct LastApply {
    /// Absent: not read from the store yet.
    failures: Option<Failures>,
    /// Nothing that this process began is without an end in the store.
    is_ended: bool,
}

impl LastApply {
    pub(super) fn begins(&mut self) {
        self.is_ended = false;
    }

    pub(super) fn ends(&mut self, steps: &[StepRecord]) {
        self.failures = Some(self.failures.take().unwrap_or_default().after(steps));
        self.is_ended = true;
    }
}

/// The steps that failed, by unit; those of workflows belong to none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failures(BTreeMap<Option<UnitName>, Vec<Failure>>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Failure {
    subject: String,
    reason: String,
}

impl Failures {
    /// What is failed after these steps: what was not tried again is as failed as before.
    fn after(mut self, steps: &[StepRecord]) -> Self {
        for step in steps.iter().filter(|step| !matches!(step.outcome, StepOutcome::Skipped { .. })) {
            let failed = self.0.entry(step.unit.clone()).or_default();
            failed.retain(|failure| failure.subject != step.subject);
            if let StepOutcome::Failed { reason } = &step.outcome {
                failed.push(Failure { subject: step.subject.clone(), reason: reason.clone() });
            }
        }
        self.0.retain(|_, failed| !failed.is_empty());
        // Steps end in any order.
        self.0.values_mut().for_each(|failed| failed.sort());
        self
    }

    /// Those that the plan would still have to do.
    fn left(&self, plan: &Plan) -> Self {
        let subjects: Vec<String> = plan.actions.iter().map(|action| action.subject.to_string()).collect();
        let is_left = |failure: &&Failure| subjects.contains(&failure.subject);
        let left = self.0.iter().filter_map(|(unit, failed)| {
            let failed: Vec<_> = failed.iter().filter(is_left).cloned().collect();
            (!failed.is_empty()).then(|| (unit.clone(), failed))
        });
        Self(left.collect())
    }

    /// What failed of a unit, in words.
    pub(super) fn of_unit(&self, unit: &UnitName) -> Option<String> {
        self.0.get(&Some(unit.clone())).map(|failed| words(failed))
    }

    /// What failed of no unit, or of one that is not among these: a line each.
    pub(super) fn beside(&self, units: &BTreeMap<UnitName, UnitStatus>) -> Vec<String> {
        let is_beside = |unit: &Option<UnitName>| unit.as_ref().is_none_or(|unit| !units.contains_key(unit));
        self.0.iter().filter(|(unit, _)| is_beside(unit)).map(|(_, failed)| words(failed)).collect()
    }

    /// Everything, a line per unit.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.values().map(|failed| words(failed)).collect()
    }
}

fn words(failed: &[Failure]) -> String {
    let mut words: Vec<_> =
        failed.iter().take(FEW).map(|failure| format!("{}: {}", failure.subject, failure.reason)).collect();
    if failed.len() > FEW {
        words.push(format!("and {} more", failed.len() - FEW));
    }
    words.join("; ")
}

impl Reconciler {
    /// Records that an apply was interrupted whose end nobody recorded: that of a process or a loop that died, or of a
    /// pass that lost the store. One pass runs at a time, so none is running now.
    pub(super) async fn end_last_apply(&mut self, generation: Generation) -> Result<(), PassError> {
        if !self.last_apply.is_ended {
            let store = &self.shared.store;
            store.interrupt(&self.scope, generation, Timestamp::now()).await.map_err(PassError::Store)?;
            self.last_apply = LastApply { failures: None, is_ended: true };
        }
        Ok(())
    }

    /// What failed in the last apply and is still to be done.
    pub(super) async fn failures(&mut self, plan: &Plan) -> Result<Failures, PassError> {
        let failures = match &self.last_apply.failures {
            Some(failures) => failures,
            None => self.last_apply.failures.insert(recorded(&self.shared.store, &self.scope).await?),
        };
        Ok(failures.left(plan))
    }
}

/// As the store tells it.
async fn recorded(store: &SharedStore, scope: &Scope) -> Result<Failures, PassError> {
    let mut applies = store.applies(scope, LOOK_BACK).await.map_err(PassError::Store)?;
    let cut_short = |apply: &ApplyRecord| {
        matches!(apply.outcome, None | Some(ApplyOutcome::Superseded | ApplyOutcome::Interrupted))
    };
    if let Some(whole) = applies.iter().position(|apply| !cut_short(apply)) {
        applies.truncate(whole + 1);
    }
    let mut failures = Failures::default();
    for apply in applies.iter().rev().filter(|apply| apply.steps > 0) {
        failures = failures.after(&store.steps(apply.id).await.map_err(PassError::Store)?);
    }
    Ok(failures)
}

#[cfg(test)]
mod tests {
    use naksha_environments::object::Health;
    use naksha_environments::status::UnitSync;
    use naksha_executor::port::store::Effect;

    use super::*;

    fn step(unit: Option<&str>, subject: &str, outcome: StepOutcome) -> StepRecord {
        let unit = unit.map(|unit| UnitName::parse(unit).unwrap());
        let (started, ended) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let (subject, verb, effect) = (subject.to_owned(), "create".to_owned(), Effect::None);
        StepRecord { subject, unit, verb, outcome, attempts: 1, started, ended, effect }
    }

    #[test]
    fn the_first_few_are_told_and_the_others_counted() {
        let failed = || StepOutcome::Failed { reason: "no right".to_owned() };
        let mut steps: Vec<_> =
            (0..5).map(|n| step(Some("web"), &format!("Pod web-{n}"), failed())).collect();
        steps.push(step(Some("web"), "Pod fine", StepOutcome::Done));
        steps.push(step(Some("web"), "Pod later", StepOutcome::Skipped { reason: "no".to_owned() }));
        steps.push(step(None, "Workflow ingest", failed()));
        let failures = Failures::default().after(&steps);
        let web = UnitName::parse("web").unwrap();
        let status = UnitStatus { state: UnitSync::Synced, health: Health::Healthy, objects: 7 };
        let told = "Pod web-0: no right; Pod web-1: no right; Pod web-2: no right; and 2 more";
        assert_eq!(failures.of_unit(&web).as_deref(), Some(told));
        assert_eq!(failures.beside(&BTreeMap::from([(web, status)])), ["Workflow ingest: no right"]);
        assert_eq!(failures.lines(), ["Workflow ingest: no right", told]);
        assert_eq!(failures.of_unit(&UnitName::parse("db").unwrap()), None);
    }

    #[test]
    fn what_was_not_tried_again_is_as_failed_as_before() {
        let failed = |reason: &str| StepOutcome::Failed { reason: reason.to_owned() };
        let skipped = StepOutcome::Skipped { reason: "a newer revision".to_owned() };
        let first = [
            step(Some("web"), "Pod a", failed("1")),
            step(Some("web"), "Pod b", failed("1")),
            step(Some("web"), "Pod c", failed("1")),
        ];
        let second = [
            step(Some("web"), "Pod a", skipped),
            step(Some("web"), "Pod b", failed("2")),
            step(Some("web"), "Pod c", StepOutcome::Done),
        ];
        assert_eq!(Failures::default().after(&first).after(&second).lines(), ["Pod a: 1; Pod b: 2"]);
    }
}
