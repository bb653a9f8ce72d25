//! Whose approval a pull request needs and has: as `owners` of its base say, and as the forge says of reviews.

use std::collections::BTreeSet;

use naksha_environments::ids::EnvironmentName;
use naksha_environments::repository::Definitions;
use naksha_executor::port::forge::{Approval, Login, Pull};
use naksha_executor::port::review::{ShownPlan, ShownPull};

use super::hosting::{Hosting, HostingError};
use crate::pulls::{Before, Lacking, approved};

/// What was found about approvals.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    /// What the forge says; nothing: no approval is needed, and it was not asked.
    pub(super) said: Option<Vec<Approval>>,
    pub(super) lacking: Lacking,
}

impl Hosting {
    /// Notes with each plan who has to approve and who did, and tells who has not. `base`: what rules.
    pub(super) async fn approvals(
        &self,
        pull: &Pull,
        base: &Definitions,
        plans: &mut [ShownPlan],
    ) -> Result<Approvals, HostingError> {
        let owners = base.repository.as_ref().map(|repository| &repository.owners);
        for plan in plans.iter_mut().filter(|plan| !plan.actions.is_empty()) {
            let own = owners.and_then(|owners| owners.get(&plan.environment));
            plan.approvers = own.map(|own| own.approve.clone()).unwrap_or_default();
        }
        if plans.iter().all(|plan| plan.approvers.is_empty()) {
            return Ok(Approvals::default());
        }
        let (reviews, repository) = (&self.shared.reviews, self.feed.name());
        let known = reviews.pulls(repository).await?.into_iter().find(|known| known.number == pull.number);
        let head = known.map(|known| known.head);
        let before = Before { head, plans: reviews.shown(repository, pull.number).await? };
        let said = self.forge.approvals(pull.number).await?;
        let mut lacking = Lacking::new();
        for plan in plans.iter_mut() {
            plan.approved = approved(&said, &pull.head, plan, &before);
            if !self.is_approved(plan, &pull.author).await? {
                lacking.insert(plan.environment.clone(), plan.approvers.clone());
            }
        }
        Ok(Approvals { said: Some(said), lacking })
    }

    /// Environments that a merged pull request changes, and that nobody approved of who had to.
    pub(super) async fn unapproved(
        &self,
        pull: &Pull,
        shown: &ShownPull,
    ) -> Result<BTreeSet<EnvironmentName>, HostingError> {
        let plans = self.shared.reviews.shown(self.feed.name(), pull.number).await?;
        if plans.iter().all(|plan| plan.approvers.is_empty()) {
            return Ok(BTreeSet::new());
        }
        let said = self.forge.approvals(pull.number).await?;
        let before = Before { head: Some(shown.head.clone()), plans: plans.clone() };
        let mut unapproved = BTreeSet::new();
        for mut plan in plans {
            plan.approved = approved(&said, &shown.head, &plan, &before);
            if !self.is_approved(&plan, &pull.author).await? {
                unapproved.insert(plan.environment);
            }
        }
        Ok(unapproved)
    }

    /// Nobody approves of what he proposes himself.
    async fn is_approved(&self, plan: &ShownPlan, author: &Login) -> Result<bool, HostingError> {
        if plan.approvers.is_empty() {
            return Ok(true);
        }
        for login in plan.approved.iter().map(|login| Login::new(login)) {
            if login != *author && self.is_among(&login, &plan.approvers).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
