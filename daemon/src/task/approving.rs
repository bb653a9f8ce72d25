//! Whose approval a pull request needs and has: as `owners` of its base say, and as the forge says of reviews.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{Approval, Login, Permission, Pull, PullNumber};
use naksha_executor::port::review::{Approved, Ask};
use tracing::warn;

use super::hosting::{Hosting, HostingError};
use crate::pulls::{Lacking, Matter, about, asks, closed_to, is_about, waits_for};

/// What was found about approvals.
#[derive(Debug, Default)]
pub(super) struct Approvals {
    pub(super) asks: Vec<Ask>,
    /// What the forge says; nothing: no approval is needed, and it was not asked.
    pub(super) said: Option<Vec<Approval>>,
    pub(super) lacking: Lacking,
}

/// Whether somebody is in a team, as far as it was asked for. Nothing: the forge does not say.
type Members = BTreeMap<(String, String), Option<bool>>;

impl Hosting {
    /// Who has to approve, and who has not.
    pub(super) async fn approvals(&self, pull: &Pull, matter: Matter<'_>) -> Result<Approvals, HostingError> {
        let asks = asks(matter);
        if asks.is_empty() {
            return Ok(Approvals::default());
        }
        let said = self.said(pull.number).await?.unwrap_or_default();
        let about = self.about(pull.number, &said).await?;
        let mut lacking = self.lacking(&pull.author, &asks, &said, &about).await?;
        for ask in &asks {
            if let Some(words) = lacking.get_mut(&ask.environment) {
                words.push_str(&closed_to(&self.strangers(ask).await?));
            }
        }
        Ok(Approvals { asks, said: Some(said), lacking })
    }

    /// What is lacking of what was shown last: at its merge, or in front of it.
    pub(super) async fn unapproved(&self, pull: &Pull) -> Result<Lacking, HostingError> {
        let asked = self.shared.reviews.asked(self.feed.name(), pull.number).await?;
        if asked.asks.is_empty() {
            return Ok(Lacking::new());
        }
        let said = self.said(pull.number).await?.unwrap_or_default();
        let about = self.about(pull.number, &said).await?;
        self.lacking(&pull.author, &asked.asks, &said, &about).await
    }

    /// The approvals that there are by now. Nothing: the forge does not let us see them, so that none counts, and nobody else waits for that.
    pub(super) async fn said(&self, number: PullNumber) -> Result<Option<Vec<Approval>>, HostingError> {
        match self.forge.approvals(number).await {
            Err(error) if !error.is_transient() => {
                warn!(repository = %self.feed.name(), pull = %number, %error, "who approves is not known");
                Ok(None)
            }
            said => Ok(Some(said?)),
        }
    }

    /// What reviews are about, by what was shown until now.
    pub(super) async fn about(
        &self,
        number: PullNumber,
        said: &[Approval],
    ) -> Result<Approved, HostingError> {
        let (reviews, repository) = (&self.shared.reviews, self.feed.name());
        let shown = reviews.pulls(repository).await?.into_iter().find(|shown| shown.number == number);
        let head: Option<Revision> = shown.map(|shown| shown.head);
        let known = reviews.asked(repository, number).await?;
        Ok(about(said, head.as_ref(), &known))
    }

    /// Nobody approves of what he proposes himself.
    async fn lacking(
        &self,
        author: &Login,
        asks: &[Ask],
        said: &[Approval],
        about: &Approved,
    ) -> Result<Lacking, HostingError> {
        let (mut members, mut lacking) = (Members::new(), Lacking::new());
        for ask in asks {
            let (mut has_it, mut is_of_another) = (false, false);
            for approval in said.iter().filter(|approval| approval.by != *author) {
                let counts = is_about(approval, ask, about);
                if !has_it && self.is_asked(&approval.by, ask, &mut members).await? {
                    has_it = counts;
                    is_of_another = is_of_another || !counts;
                }
            }
            if !has_it {
                let unreadable = members.iter().filter(|(_, is_in)| is_in.is_none());
                let unreadable: BTreeSet<String> = unreadable.map(|((_, team), _)| team.clone()).collect();
                let words = waits_for(ask, is_of_another, &unreadable);
                lacking.insert(ask.environment.clone(), words);
            }
        }
        Ok(lacking)
    }

    /// Persons who are asked and may not even read the repository: a slip of the pen would be waited for in vain.
    async fn strangers(&self, ask: &Ask) -> Result<Vec<String>, HostingError> {
        let mut strangers = Vec::new();
        for name in ask.approvers.iter().filter(|name| !name.contains('/')) {
            match self.forge.permission(&Login::new(name.trim_start_matches('@'))).await {
                Ok(Permission::None) => strangers.push(name.clone()),
                // Where the forge does not say, nobody is a stranger.
                Err(error) if !error.is_transient() => {}
                known => drop(known?),
            }
        }
        Ok(strangers)
    }

    /// Persons first: teams cost a request.
    async fn is_asked(&self, by: &Login, ask: &Ask, members: &mut Members) -> Result<bool, HostingError> {
        let (teams, persons): (Vec<_>, Vec<_>) = ask.approvers.iter().partition(|name| name.contains('/'));
        if self.is_among(by, &persons.into_iter().cloned().collect::<Vec<_>>()).await? {
            return Ok(true);
        }
        for team in teams {
            let key = (by.as_str().to_lowercase(), team.clone());
            let is_in = match members.get(&key) {
                Some(known) => *known,
                None => match self.is_among(by, std::slice::from_ref(team)).await {
                    // What the forge does not say makes nobody an owner, and holds nobody else up.
                    Err(HostingError::Forge(error)) if !error.is_transient() => {
                        warn!(repository = %self.feed.name(), team, %error, "who is in a team is not known");
                        None
                    }
                    is_in => Some(is_in?),
                },
            };
            members.insert(key, is_in);
            if is_in == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
