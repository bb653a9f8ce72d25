//! Building policy sets.

use std::sync::Arc;

use naksha_environments::diagnostic::{Place, Severity};
use naksha_environments::policy::PolicyMatch;
use naksha_environments::repository::{SeveritySetting, Waiver};

use crate::PolicySet;
use crate::testing::{World, path, policy};

fn build(world: &World) -> (PolicySet, Vec<String>) {
    let (set, diagnostics) = PolicySet::build(Some(&world.repository), &world.custom, &world.environment);
    let shown = diagnostics.iter().map(|one| format!("{} {}", one.code.id(), one.message)).collect();
    (set, shown)
}

#[test]
fn what_protects_cannot_be_lowered() {
    let mut world = World::new();
    let rules = world.repository.policies.severity.entry(world.environment.name.clone()).or_default();
    let at = |line| Place::at_line(&path("naksha.yaml"), line, 9);
    rules.insert("cleartext-secret".parse().unwrap(), (SeveritySetting::Off, at(7)));
    rules.insert("guard-stateful".parse().unwrap(), (SeveritySetting::At(Severity::Warning), at(8)));
    rules.insert("missing-requests".parse().unwrap(), (SeveritySetting::Off, at(9)));
    let (set, diagnostics) = build(&world);
    let (_, found) = PolicySet::build(Some(&world.repository), &world.custom, &world.environment);
    let places: Vec<_> = found.iter().filter_map(|one| one.place.as_ref()).map(ToString::to_string).collect();
    assert_eq!(places, ["naksha.yaml:7:9", "naksha.yaml:8:9"], "where it is set");
    assert_eq!(
        diagnostics,
        [
            "NK0501 the severity of `cleartext-secret` cannot be lowered",
            "NK0501 the severity of `guard-stateful` cannot be lowered",
        ]
    );
    assert_eq!(set.severity(&"cleartext-secret".parse().unwrap()), Some(Severity::Error));
    assert_eq!(set.severity(&"missing-requests".parse().unwrap()), None);
}

#[test]
fn shipped_names_are_taken_and_guards_are_not_waived() {
    let mut world = World::new();
    let own = policy("privileged", PolicyMatch::Plan, "true");
    world.custom.insert(own.name.clone(), Arc::new(own));
    world.repository.policies.waivers.push(Waiver {
        rule: "guard-stateful".parse().unwrap(),
        subject: "StatefulSet naksha/db".to_owned(),
        environment: None,
        reason: "it is empty".to_owned(),
        expires: "2031-01-01".parse().unwrap(),
        place: Place::file(&path("naksha.yaml")),
    });
    let (set, diagnostics) = build(&world);
    assert_eq!(
        diagnostics,
        [
            "NK0503 `guard-stateful` is a guard and cannot be waived",
            "NK0502 policy `privileged` has the name of a shipped rule",
        ]
    );
    assert_eq!(set.severity(&"privileged".parse().unwrap()), Some(Severity::Error));
}

#[test]
fn the_digest_follows_everything_that_judges() {
    let plain = build(&World::new()).0.digest();
    assert_eq!(plain, build(&World::new()).0.digest());
    let mut production = World::new();
    production.environment.production = true;
    let own = World::new().policy("own", &[], "true");
    let other = World::new().policy("own", &[], "false");
    let digests = [plain, build(&production).0.digest(), build(&own).0.digest(), build(&other).0.digest()];
    let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
}

#[test]
fn other_sets_leave_guards_and_locked_rules() {
    let mut world = World::new();
    world.repository.policies.sets = vec!["none".to_owned()];
    let (set, _) = build(&world);
    assert_eq!(set.severity(&"guard-stateful".parse().unwrap()), Some(Severity::Error));
    assert_eq!(set.severity(&"cleartext-secret".parse().unwrap()), Some(Severity::Error));
    assert_eq!(set.severity(&"missing-requests".parse().unwrap()), None);
}
