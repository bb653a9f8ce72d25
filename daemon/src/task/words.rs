//! Words about the plans that a pull request shows, as far as they count: a report says otherwise once somebody says one elsewhere, or
//! one runs out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::environment::Approval;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::plan::PlanId;
use naksha_executor::port::review::ShownPlan;
use naksha_executor::port::store::Scope;

use super::hosting::{Hosting, HostingError};

/// Plans that somebody acknowledged in the store, and whose word did not run out.
pub(super) type Acknowledged = BTreeSet<(EnvironmentName, PlanId)>;

/// What a report went by.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    plans: BTreeMap<EnvironmentName, PlanId>,
    acknowledged: Acknowledged,
    /// When the first of the files that it brings runs out.
    until: Option<Timestamp>,
}

impl Words {
    /// `known` was read before it was planned, so that what came meanwhile is news. `files`: those that it would have.
    pub(super) fn about(
        shown: &[ShownPlan],
        known: &Acknowledged,
        files: &[Arc<Approval>],
        now: Timestamp,
    ) -> Self {
        let plans: BTreeMap<_, _> =
            shown.iter().map(|shown| (shown.environment.clone(), shown.plan.clone())).collect();
        let is_shown = |file: &&Arc<Approval>| plans.values().any(|plan| *plan == file.plan);
        let ends = files.iter().filter(is_shown).filter_map(|file| file.expires);
        let until = ends.filter(|end| *end > now).min();
        Self { acknowledged: of(&plans, known), plans, until }
    }

    pub(super) fn environments(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.plans.keys()
    }

    /// Whether another report would come of what is known now.
    pub(super) fn are_other(&self, known: &Acknowledged, now: Timestamp) -> bool {
        of(&self.plans, known) != self.acknowledged || self.until.is_some_and(|until| until <= now)
    }
}

fn of(plans: &BTreeMap<EnvironmentName, PlanId>, known: &Acknowledged) -> Acknowledged {
    let is_about = |(environment, plan): &&_| plans.get(environment) == Some(plan);
    known.iter().filter(is_about).cloned().collect()
}

impl Hosting {
    pub(super) async fn acknowledged(
        &self,
        environments: impl Iterator<Item = &EnvironmentName>,
    ) -> Result<Acknowledged, HostingError> {
        let (mut acknowledged, now) = (Acknowledged::new(), Timestamp::now());
        for environment in environments {
            let scope = Scope { repository: self.feed.name().clone(), environment: environment.clone() };
            let given = self.shared.store.acknowledgements(&scope).await?;
            let counting = given.into_iter().filter(|given| given.counts(&given.plan, now));
            acknowledged.extend(counting.map(|given| (environment.clone(), given.plan)));
        }
        Ok(acknowledged)
    }
}

#[cfg(test)]
mod tests {
    use naksha_environments::source::TreePath;

    use super::*;

    #[test]
    fn what_is_said_elsewhere_or_runs_out_is_news() {
        let name = |name: &str| EnvironmentName::parse(name).unwrap();
        let plan = |digit: &str| PlanId::parse(&digit.repeat(32)).unwrap();
        let shown = [ShownPlan {
            environment: name("prod"),
            plan: plan("a"),
            actions: BTreeSet::new(),
            document: String::new(),
        }];
        let (now, end) = (Timestamp::from_second(100).unwrap(), Timestamp::from_second(200).unwrap());
        let file = |of: &str| {
            Arc::new(Approval {
                plan: plan(of),
                by: "@ada".to_owned(),
                reason: "why".to_owned(),
                expires: Some(end),
                path: TreePath::parse(&format!("approvals/{of}.yaml")).unwrap(),
            })
        };
        let (none, said) = (Acknowledged::new(), Acknowledged::from([(name("prod"), plan("a"))]));
        let words = Words::about(&shown, &none, &[], now);
        assert!(!words.are_other(&none, end));
        assert!(words.are_other(&said, now), "said elsewhere");
        let elsewhere = [(name("dev"), plan("a")), (name("prod"), plan("b"))].into();
        assert!(!words.are_other(&elsewhere, now), "about something else");
        assert!(Words::about(&shown, &said, &[], now).are_other(&none, now), "it ran out");

        let words = Words::about(&shown, &none, &[file("a"), file("b")], now);
        assert!(!words.are_other(&none, now) && words.are_other(&none, end), "a file runs out");
        assert!(!Words::about(&shown, &none, &[file("b")], now).are_other(&none, end), "about another plan");
    }
}
