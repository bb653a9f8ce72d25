//! Snapshots.

use naksha_environments::ids::{EnvironmentName, Revision, UnitName};
use naksha_environments::object::Health;
use naksha_environments::plan::Plan;
use naksha_environments::status::{EnvironmentStatus, State, UnitStatus, UnitSync};
use naksha_environments::verdict::{HoldKind, HoldReason};
use naksha_environments::wire::{
    AcknowledgementDocument, ApplyDocument, DiagnosticDocument, PlanDocument, StatusDocument, StepDocument,
    StoredPlanDocument,
};

use super::sample;
use crate::present::{Style, diagnostics, markdown, status, stored, stored_markdown, text, text_after};

const PLAIN: Style = Style { colour: false, width: 100 };

#[test]
fn a_plan_in_the_terminal() {
    insta::assert_snapshot!(text(&sample::document(), PLAIN));
}

#[test]
fn a_plan_in_colour() {
    let shown = text(&sample::document(), Style::new(true)).replace('\u{1b}', "␛");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_plan_in_markdown() {
    let empty = Plan::empty(&EnvironmentName::parse("prod").unwrap());
    insta::assert_snapshot!(markdown(&[sample::document(), PlanDocument::of(&empty)], 65_000));
}

#[test]
fn a_plan_in_little_markdown() {
    insta::assert_snapshot!(markdown(&[sample::document()], 1_800));
}

/// A secret in a file that no environment owns.
fn in_a_file(environment: &str) -> PlanDocument {
    let mut plan = sample::document();
    plan.environment = environment.to_owned();
    let mut finding = plan.findings[0].clone();
    finding.subject = None;
    finding.rule = "cleartext-secret".to_owned();
    finding.message = "`password` holds a password in clear".to_owned();
    plan.findings.push(finding);
    plan
}

#[test]
fn what_a_file_holds_is_told_with_the_first_environment() {
    let (dev, staging) = (in_a_file("dev"), in_a_file("staging"));
    let told = |text: &str| text.matches("holds a password in clear").count();
    assert_eq!(told(&text_after(&dev, &[], PLAIN)), 1);
    let later = text_after(&staging, std::slice::from_ref(&dev), PLAIN);
    assert_eq!(told(&later), 0, "{later}");
    assert!(later.contains("1 more finding is told with dev"), "{later}");
    // Objects of two environments are two objects.
    assert!(later.contains("replacing it deletes what is in it"), "{later}");
    let page = markdown(&[dev, staging], 65_000);
    assert_eq!(told(&page), 1, "{page}");
    assert!(page.contains("- staging: 1 more finding is told with dev"), "{page}");
}

#[test]
fn a_plan_in_json() {
    insta::assert_json_snapshot!(sample::document());
}

#[test]
fn an_empty_plan_says_so() {
    let empty = Plan::empty(&EnvironmentName::parse("prod").unwrap());
    let shown = text(&PlanDocument::of(&empty), PLAIN);
    assert!(shown.ends_with("\nNothing to do; 0 unchanged"), "{shown}");
}

#[test]
fn a_stored_plan_is_shown_as_it_was_made() {
    let document = sample::document();
    let stored: PlanDocument = serde_json::from_str(&serde_json::to_string(&document).unwrap()).unwrap();
    assert_eq!(stored, document);
    assert_eq!(text(&stored, PLAIN), text(&document, PLAIN));
}

#[test]
fn diagnostics_point_at_the_line() {
    insta::assert_snapshot!(diagnostics(&DiagnosticDocument::all(&sample::diagnostics()), PLAIN));
}

/// The sample, acknowledged, as a daemon stored it.
fn kept(fate: &str, apply: Option<ApplyDocument>) -> (StoredPlanDocument, PlanDocument) {
    let mut plan = sample::document();
    plan.acknowledgements = vec![AcknowledgementDocument {
        by: "@sam".to_owned(),
        reason: "the data was copied".to_owned(),
        at: Some("2031-05-04T08:00:00.123456Z".to_owned()),
        expires: Some("2031-05-05T08:00:00Z".to_owned()),
        source: "socket".to_owned(),
    }];
    let steps = apply.iter().map(|_| StepDocument {
        subject: "StatefulSet naksha/postgres".to_owned(),
        verb: "replace".to_owned(),
        outcome: "failed".to_owned(),
        reason: Some("no room".to_owned()),
        attempts: 3,
        milliseconds: 12,
    });
    let stored = StoredPlanDocument {
        version: 1,
        repository: "shop".to_owned(),
        environment: "staging".to_owned(),
        decision: "hold".to_owned(),
        reasons: vec!["it replaces 1 object that holds data; naksha ack …".to_owned()],
        at: "2031-05-04T07:59:59.5Z".to_owned(),
        fate: fate.to_owned(),
        plan: serde_json::to_value(&plan).unwrap(),
        steps: steps.collect(),
        apply,
    };
    (stored, plan)
}

fn applied(outcome: &str, detail: Option<&str>) -> ApplyDocument {
    ApplyDocument {
        id: 7,
        started: "2031-05-04T08:01:00.25Z".to_owned(),
        ended: (outcome != "running").then(|| "2031-05-04T08:01:09Z".to_owned()),
        outcome: outcome.to_owned(),
        detail: detail.map(str::to_owned),
        steps: 5,
        failed: u32::from(detail.is_some()),
    }
}

#[test]
fn a_stored_plan_says_what_became_of_it() {
    let first = |fate: &str, apply: Option<ApplyDocument>| {
        let (document, plan) = kept(fate, apply);
        let text = stored(&document, &plan, PLAIN);
        assert!(!text.contains("Will be applied") || fate == "approved", "{text}");
        let end = text.split_once("data was copied\n\n").unwrap().1.lines().next().unwrap().to_owned();
        let page = stored_markdown(&document, &plan, 65_000);
        assert_eq!(page.contains("is held:"), fate == "held", "{page}");
        end
    };
    let when = "apply 7, 2031-05-04T08:01:00Z to 2031-05-04T08:01:09Z, 5 steps";
    assert_eq!(first("applied", Some(applied("succeeded", None))), format!("Applied: {when}"));
    assert_eq!(
        first("failed", Some(applied("failed", Some("no room")))),
        format!("Failed: {when}, 1 failed: no room")
    );
    let text = format!("Stopped before its end: {when}; something newer came");
    assert_eq!(first("superseded", Some(applied("superseded", None))), text);
    let text = format!("Interrupted: {when}; the daemon ended in its middle");
    assert_eq!(first("interrupted", Some(applied("interrupted", None))), text);
    let text = "Being applied: apply 7, 2031-05-04T08:01:00Z, 5 steps so far";
    assert_eq!(first("applying", Some(applied("running", None))), text);
    assert_eq!(first("approved", None), "Will be applied: decided at 2031-05-04T07:59:59Z, not begun yet");
    assert_eq!(first("suspended", None), "Not applied: staging is suspended");
    assert_eq!(first("shown", None), "Only shown: by a pull request, at 2031-05-04T07:59:59Z");
    assert!(
        first("dropped", None)
            .starts_with("Never applied: planned at 2031-05-04T07:59:59Z, then another plan")
    );
    assert_eq!(first("held", Some(applied("succeeded", None))), "Held since 2031-05-04T07:59:59Z");
}

#[test]
fn a_stored_plan_in_the_terminal() {
    let (document, plan) = kept("held", Some(applied("failed", Some("no room"))));
    let text = stored(&document, &plan, PLAIN);
    insta::assert_snapshot!(text.split_once("Acknowledged").unwrap().1);
}

#[test]
fn what_is_told_beside_a_unit_is_not_told_above_it() {
    let unit = |name: &str, state, health| {
        (UnitName::parse(name).unwrap(), UnitStatus { state, health, objects: 1 })
    };
    let degraded = Health::Degraded("crash loop".to_owned());
    let status = EnvironmentStatus {
        why: vec![
            "nats is degraded: crash loop".to_owned(),
            "web failed: no right".to_owned(),
            "web-2 is left by hand: no right".to_owned(),
            "the remote is down".to_owned(),
        ],
        units: [
            unit("nats", UnitSync::Synced, degraded),
            unit("web", UnitSync::Failed("no right".to_owned()), Health::Healthy),
        ]
        .into(),
        ..EnvironmentStatus::bare(
            EnvironmentName::parse("dev").unwrap(),
            State::Degraded,
            jiff::Timestamp::UNIX_EPOCH,
        )
    };
    let document = StatusDocument::of("shop", &status);
    assert_eq!(document.why.len(), 4, "those who read nothing else have all of it");
    let text = crate::present::status(&[document], PLAIN);
    for (words, times) in
        [("crash loop", 1), ("web failed", 0), ("no right", 2), ("by hand", 1), ("the remote is down", 1)]
    {
        assert_eq!(text.matches(words).count(), times, "{words}:\n{text}");
    }
}

#[test]
fn states_answer_why() {
    let unit = |name: &str, state, health| {
        (UnitName::parse(name).unwrap(), UnitStatus { state, health, objects: 2 })
    };
    let base = EnvironmentStatus {
        environment: EnvironmentName::parse("dev").unwrap(),
        state: State::Synced,
        why: vec![],
        control: None,
        content: Some(Revision::parse(&"a1".repeat(20)).unwrap()),
        applied: Some(Revision::parse(&"a1".repeat(20)).unwrap()),
        applied_control: Some(Revision::parse(&"a1".repeat(20)).unwrap()),
        plan: None,
        barred: [].into(),
        objects: 4,
        units: [
            unit("web", UnitSync::Synced, Health::Healthy),
            unit("nats", UnitSync::Synced, Health::Healthy),
        ]
        .into(),
        diagnostics: vec![],
        // Shown to the second.
        since: jiff::Timestamp::new(1_900_000_000, 123_456_789).unwrap(),
    };
    let hold = HoldReason {
        kind: HoldKind::Guard,
        message: "it deletes 1 object that holds data".to_owned(),
        lift: "naksha ack 0123456789ab --reason …".to_owned(),
    };
    let staging = EnvironmentStatus {
        environment: EnvironmentName::parse("staging").unwrap(),
        state: State::Held { reasons: vec![hold] },
        content: Some(Revision::parse(&"b2".repeat(20)).unwrap()),
        barred: [(Revision::parse(&"c3".repeat(20)).unwrap(), "its promotion #7 was closed".to_owned())]
            .into(),
        units: [
            unit("postgres", UnitSync::Pending, Health::Progressing("1 of 2 replicas ready".to_owned())),
            unit("web", UnitSync::Waiting("waiting for postgres".to_owned()), Health::Missing),
            unit("nats", UnitSync::Synced, Health::Healthy),
        ]
        .into(),
        diagnostics: sample::diagnostics(),
        ..base.clone()
    };
    let documents = [StatusDocument::of("shop", &base), StatusDocument::of("shop", &staging)];
    insta::assert_snapshot!(status(&documents, PLAIN));
}
