//! What history shows: a row per apply, and a row per plan that led to none.

use jiff::{SignedDuration, Timestamp};
use naksha_environments::ids::{EnvironmentName, RepositoryName, Revision};
use naksha_executor::port::store::{ApplyId, Revisions};

use super::*;

fn scope() -> Scope {
    Scope {
        repository: RepositoryName::parse("infra").unwrap(),
        environment: EnvironmentName::parse("dev").unwrap(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn revisions(digit: char) -> Revisions {
    let revision = Revision::parse(&digit.to_string().repeat(40)).unwrap();
    Revisions { control: revision.clone(), content: revision }
}

fn plan(digit: char, seconds: i64, decision: &str) -> PlanRecord {
    PlanRecord {
        scope: scope(),
        plan: PlanId::parse(&digit.to_string().repeat(32)).unwrap(),
        parent: None,
        revisions: Some(revisions(digit)),
        decision: decision.to_owned(),
        reasons: if decision == "hold" { vec!["a guard".to_owned()] } else { Vec::new() },
        at: at(seconds),
    }
}

fn apply(id: i64, digit: char, seconds: i64, outcome: Option<ApplyOutcome>) -> ApplyRecord {
    ApplyRecord {
        id: ApplyId(id),
        plan: PlanId::parse(&digit.to_string().repeat(32)).unwrap(),
        revisions: None,
        ended: outcome.as_ref().map(|_| at(seconds + 1)),
        outcome,
        started: at(seconds),
        steps: 1,
        failed: 0,
    }
}

/// `plan decision outcome revision` of each row.
fn rows(plans: Vec<PlanRecord>, applies: &[ApplyRecord], limit: usize) -> Vec<String> {
    let row = |entry: HistoryEntry| {
        let digit = |text: &str| text[..1].to_owned();
        let (outcome, revision) = (entry.outcome.unwrap_or_default(), entry.revision.as_deref().map(digit));
        format!("{} {} {outcome} {}", digit(&entry.plan), entry.decision, revision.unwrap_or_default())
            .trim_end()
            .to_owned()
    };
    merged(&scope(), plans, applies, limit).into_iter().map(row).collect()
}

#[test]
fn every_apply_of_a_plan_has_a_row() {
    let plans = vec![plan('a', 30, "apply"), plan('b', 20, "apply")];
    let applies = [
        apply(3, 'a', 31, Some(ApplyOutcome::Succeeded)),
        apply(2, 'b', 21, Some(ApplyOutcome::Failed { reason: "no".to_owned() })),
        apply(1, 'a', 11, Some(ApplyOutcome::Superseded)),
    ];
    // Where the first apply of `a` was made is not known any more: its plan was proposed again since.
    assert_eq!(rows(plans, &applies, 9), ["a apply succeeded a", "b apply failed b", "a apply superseded"]);
}

#[test]
fn plans_that_led_to_no_apply_have_rows_of_their_own() {
    let plans =
        vec![plan('a', 40, "hold"), plan('c', 35, "wait"), plan('d', 32, "apply"), plan('b', 20, "hold")];
    let applies = [apply(1, 'a', 11, Some(ApplyOutcome::Interrupted))];
    assert_eq!(
        rows(plans, &applies, 9),
        ["a hold  a", "c wait  c", "d apply  d", "b hold  b", "a apply interrupted"]
    );
}

#[test]
fn a_running_apply_says_so() {
    assert_eq!(rows(vec![plan('a', 1, "apply")], &[apply(1, 'a', 1, None)], 9), ["a apply running a"]);
}

#[test]
fn the_newest_are_kept() {
    let plans = vec![plan('a', 40, "hold"), plan('b', 20, "hold")];
    let applies = [apply(2, 'c', 30, None), apply(1, 'c', 10, Some(ApplyOutcome::Interrupted))];
    assert_eq!(rows(plans, &applies, 2), ["a hold  a", "c apply running"]);
}
