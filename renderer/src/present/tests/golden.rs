//! Snapshots.

use naksha_environments::ids::{EnvironmentName, Revision, UnitName};
use naksha_environments::object::Health;
use naksha_environments::plan::Plan;
use naksha_environments::status::{EnvironmentStatus, State, UnitStatus, UnitSync};
use naksha_environments::verdict::{HoldKind, HoldReason};
use naksha_environments::wire::{DiagnosticDocument, PlanDocument, StatusDocument};

use super::sample;
use crate::present::{Style, diagnostics, markdown, status, text, text_after};

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
        plan: None,
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
