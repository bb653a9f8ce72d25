//! Policies.

use crate::codes::definition as codes;
use crate::definition::reading::{At, Reading};
use crate::definition::v1alpha1::{MatchSpec, PolicySpec, SeverityWord};
use crate::diagnostic::Severity;
use crate::ids::RuleName;
use crate::policy::{Policy, PolicyMatch};

/// What a rule sees, by what it is evaluated for.
const OBJECT_ROOTS: [&str; 5] = ["object", "oldObject", "environment", "unit", "action"];
const WORKFLOW_ROOTS: [&str; 3] = ["workflow", "oldWorkflow", "environment"];
const PLAN_ROOTS: [&str; 2] = ["plan", "environment"];

pub(in crate::definition) fn policy(
    reading: &mut Reading<'_>,
    name: RuleName,
    spec: PolicySpec,
    root: At<'_>,
) -> Option<Policy> {
    let at = root.key("spec");
    let PolicySpec { r#match, rule, message, fix, severity } = spec;
    let matches = matches(reading, r#match, at.key("match"));
    let own = at.key("rule");
    let rule = reading.expression(&rule.0, own);
    if let (Some(rule), Some(matches)) = (&rule, &matches) {
        let roots: &[&str] = match matches {
            PolicyMatch::Objects { .. } => &OBJECT_ROOTS,
            PolicyMatch::Workflows => &WORKFLOW_ROOTS,
            PolicyMatch::Plan => &PLAN_ROOTS,
        };
        reading.visit_expression(rule, own, &mut |reading, rule, read, place| {
            reading.known_root(rule, read, &place, roots);
        });
        reading.must_decide(rule, "the rule", own);
    }
    let message = reading.filled(&message, "the message", at.key("message"));
    Some(Policy {
        name,
        place: reading.place(root.key("metadata").key("name")),
        matches: matches?,
        rule: rule?,
        message: message?,
        fix,
        severity: match severity {
            SeverityWord::Info => Severity::Info,
            SeverityWord::Warning => Severity::Warning,
            SeverityWord::Error => Severity::Error,
        },
    })
}

fn matches(reading: &mut Reading<'_>, spec: MatchSpec, at: At<'_>) -> Option<PolicyMatch> {
    match spec {
        MatchSpec { kinds: Some(kinds), workflows: None, plan: None } => Some(PolicyMatch::Objects { kinds }),
        MatchSpec { kinds: None, workflows: Some(true), plan: None } => Some(PolicyMatch::Workflows),
        MatchSpec { kinds: None, workflows: None, plan: Some(true) } => Some(PolicyMatch::Plan),
        // Of the wrong type, which was reported.
        MatchSpec { kinds: None, workflows: None, plan: None }
            if ["kinds", "workflows", "plan"].iter().filter(|word| at.key(word).exists()).count() == 1 =>
        {
            None
        }
        MatchSpec { .. } => {
            let message = "a policy matches exactly one of objects, workflows and the plan";
            let hint = "write `kinds: [Service]` (`[]`: every kind), `workflows: true` or `plan: true`";
            reading.key_problem(codes::NOT_EXACTLY_ONE, at, message, hint);
            None
        }
    }
}
