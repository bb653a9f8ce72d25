//! Approvals of what a change does to an environment, where `owners` ask for them. Pure.
//!
//! One is given to actions, and not to a commit: it outlives a rebase, a new lock that renders alike, or a change of something else,
//! and nothing that does more to the environment than what was looked at.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_executor::port::forge::Approval;
use naksha_executor::port::review::ShownPlan;

/// Of whom one has to approve, and nobody did: by environment.
pub type Lacking = BTreeMap<EnvironmentName, Vec<String>>;

/// What was shown before, and of which head.
#[derive(Debug, Clone, Default)]
pub struct Before {
    pub head: Option<Revision>,
    pub plans: Vec<ShownPlan>,
}

/// Who approved of just what this plan does. `head`: of what it is a plan now.
pub fn approved(
    approvals: &[Approval],
    head: &Revision,
    plan: &ShownPlan,
    before: &Before,
) -> BTreeSet<String> {
    let is_same =
        |before: &&ShownPlan| before.environment == plan.environment && before.actions == plan.actions;
    let same = before.plans.iter().find(is_same);
    let counts = |approval: &&Approval| {
        let known = |same: &ShownPlan| {
            before.head.as_ref() == Some(&approval.head) || same.approved.contains(approval.by.as_str())
        };
        approval.head == *head || same.is_some_and(known)
    };
    approvals.iter().filter(counts).map(|approval| approval.by.to_string()).collect()
}

/// In words of one clause.
pub(super) fn waits_for(approvers: &[String]) -> String {
    format!("waits for an approval by {}", approvers.join(" or "))
}

#[cfg(test)]
mod tests {
    use naksha_environments::digest::Digest;
    use naksha_environments::plan::PlanId;
    use naksha_executor::port::forge::Login;

    use super::*;

    fn revision(digit: char) -> Revision {
        Revision::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn plan(environment: &str, actions: &[&str], approved: &[&str]) -> ShownPlan {
        ShownPlan {
            environment: EnvironmentName::parse(environment).unwrap(),
            plan: PlanId::parse(&"a".repeat(32)).unwrap(),
            actions: actions.iter().map(|name| Digest::of_bytes(name.as_bytes())).collect(),
            document: String::new(),
            approvers: vec!["@ann".to_owned()],
            approved: approved.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn an_approval_is_of_what_was_looked_at() {
        let ann = |head| [Approval { by: Login::new("ann"), head: revision(head) }];
        let before = |head, plan| Before { head: Some(revision(head)), plans: vec![plan] };
        let counts = |approvals: &[Approval], plan: &ShownPlan, before: &Before| {
            !approved(approvals, &revision('2'), plan, before).is_empty()
        };
        let (one, two) = (plan("prod", &["one"], &[]), plan("prod", &["one", "two"], &[]));
        assert!(counts(&ann('2'), &one, &Before::default()), "of this very head");
        assert!(!counts(&ann('1'), &one, &Before::default()), "of a head that nobody knows");
        assert!(counts(&ann('1'), &one, &before('1', one.clone())), "of another head that did the same");
        assert!(!counts(&ann('1'), &two, &before('1', one.clone())), "of less");
        assert!(!counts(&ann('1'), &one, &before('1', plan("dev", &["one"], &[]))), "elsewhere");
        // It was seen when it was given, and two heads have done the same since.
        assert!(counts(&ann('0'), &one, &before('1', plan("prod", &["one"], &["ann"]))));
        assert!(!counts(&[], &one, &before('1', plan("prod", &["one"], &["ann"]))), "taken back");
    }
}
