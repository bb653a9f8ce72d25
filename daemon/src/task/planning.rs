//! What is to be said of a change: worked out, compared with what is said, and the difference sent. For pull requests and for
//! merge queues alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_executor::port::forge::{Approval, Check, CheckState, Login, Pull, Reported};
use naksha_executor::port::review::{Ask, ShownPlan};
use naksha_executor::port::store::{Revisions, Scope};

use super::approving::Approvals;
use super::hosting::{Hosting, HostingError};
use super::words::Words;
use crate::failure::chain;
use crate::git::{GitError, RefName};
use crate::promotion::{Promoted, judge_proposal};
use crate::pulls::{
    AGGREGATE, Change, Gates, Lacking, Matter, Proposal, Proposed, Report, Rules, Seen, Subject, bases,
    begun, changed_rules, conflict, head_of, outlook, plain, promotions, propose, report, shown,
};

/// No forge cuts a summary to fewer bytes.
const SHORTEST_CUT: usize = 140;
/// Bytes of why something could not be looked at.
const MAX_WHY: usize = 500;

/// What environments had applied: an action is about the difference to that.
pub(super) type Applied = BTreeMap<EnvironmentName, Option<Revisions>>;

/// What is to be said of a change, and what that goes by.
#[derive(Debug)]
pub(super) struct Planned {
    pub report: Report,
    /// What it shows.
    pub plans: Vec<ShownPlan>,
    pub asks: Vec<Ask>,
    /// Of the environments that something was planned for.
    pub applied: Applied,
    pub words: Words,
    pub promotions: Vec<Promoted>,
    pub gates: Gates,
    /// What was said when it was planned; nothing: nobody's is needed.
    pub approvals: Option<Vec<Approval>>,
}

/// Whose change it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'a> {
    Pull(&'a Pull),
    /// Of a merge queue, which merges it as it was shown, with the approvals that it needs, or not at all.
    Queue {
        seen: &'a Seen,
        lacking: &'a Lacking,
    },
}

impl Hosting {
    pub(super) async fn plan(&self, change: &Change, whose: Whose<'_>) -> Result<Planned, HostingError> {
        let seen = match whose {
            Whose::Pull(_) => None,
            Whose::Queue { seen, .. } => Some(seen),
        };
        let (own_feed, own) = (self.feed.clone(), change.clone());
        let proposed = tokio::task::spawn_blocking(move || propose(&own_feed, &own)).await??;
        let (head, base) = (&change.head, change.base.head());
        let proposal = match proposed {
            Proposed::Conflicts(paths) => {
                let (gates, lacking, rules) = (Gates::new(), Lacking::new(), Rules::default());
                let subject = Subject { head, base, gates: &gates, lacking: &lacking, rules: &rules, seen };
                let report = conflict(&subject, &paths);
                let (plans, promotions, applied) = (Vec::new(), Vec::new(), Applied::new());
                let (asks, words, approvals) = (Vec::new(), Words::default(), None);
                return Ok(Planned { report, plans, asks, applied, words, promotions, gates, approvals });
            }
            Proposed::Merges(proposal) => proposal,
        };
        let promotions = promotions(&proposal);
        let gates = self.gates(&promotions).await?;
        let all = proposal.merged.loaded.definitions.environments.keys();
        let mut applied = self.applied(all.clone()).await?;
        let acknowledged = self.acknowledged(all).await?;
        let outlooks = outlook(&self.shared, &self.feed, &proposal).await;
        let plans = shown(&outlooks);
        let ruling = &proposal.base.loaded.definitions;
        let rules = changed_rules(ruling, &proposal.merged.loaded.definitions);
        let merged = &proposal.merged.tree;
        let matter = Matter { base: ruling, plans: &plans, rules: &rules, merged };
        let Approvals { asks, said: approvals, lacking } = match whose {
            Whose::Pull(pull) => self.approvals(pull, matter).await?,
            Whose::Queue { lacking, .. } => Approvals { lacking: lacking.clone(), ..Approvals::default() },
        };
        let subject = Subject { head, base, gates: &gates, lacking: &lacking, rules: &rules, seen };
        let report = report(&subject, &outlooks, &new_errors(&proposal));
        applied.retain(|name, _| plans.iter().any(|plan| plan.environment == *name));
        let files = &proposal.merged.loaded.definitions.approvals;
        let words = Words::about(&plans, &acknowledged, files, Timestamp::now());
        Ok(Planned { report, plans, asks, applied, words, promotions, gates, approvals })
    }

    /// Has the mirror let go of heads that were brought, of names that begin like this, but for these.
    pub(super) async fn keep_heads(
        &self,
        beginning: &'static str,
        there: BTreeSet<RefName>,
    ) -> Result<(), HostingError> {
        let mirror = Arc::clone(&self.feed.mirror);
        Ok(tokio::task::spawn_blocking(move || mirror.drop_heads(beginning, &there)).await??)
    }

    /// The promotions that a pull request is, as it is now.
    pub(super) async fn promotions_of(&self, pull: &Pull) -> Result<Vec<Promoted>, HostingError> {
        let (feed, pull) = (self.feed.clone(), pull.clone());
        let found = tokio::task::spawn_blocking(move || {
            let Some(base) = bases(&feed)?.remove(&pull.base) else { return Ok(Vec::new()) };
            let (head, at) = (pull.head, head_of(pull.number)?);
            match propose(&feed, &Change { head, at, base, is_trusted: false })? {
                Proposed::Merges(proposal) => Ok(promotions(&proposal)),
                Proposed::Conflicts(_) => Ok::<_, GitError>(Vec::new()),
            }
        });
        Ok(found.await??)
    }

    pub(super) async fn applied(
        &self,
        environments: impl Iterator<Item = &EnvironmentName>,
    ) -> Result<Applied, HostingError> {
        let mut applied = Applied::new();
        for environment in environments {
            let scope = Scope { repository: self.feed.name().clone(), environment: environment.clone() };
            let record = self.shared.store.environment(&scope).await?;
            applied.insert(environment.clone(), record.applied);
        }
        Ok(applied)
    }

    pub(super) async fn gates(&self, promotions: &[Promoted]) -> Result<Gates, HostingError> {
        let mut gates = Gates::new();
        for promoted in promotions {
            let verdicts = judge_proposal(&self.shared, &self.feed, promoted).await?;
            gates.insert(promoted.environment.name.clone(), verdicts);
        }
        Ok(gates)
    }

    /// Says that a head is looked at; what counts on it then and is ours. `is_shown`: it was told of this very thing before. Else whatever
    /// is set there was about something else, a merge for instance, and must let nothing through meanwhile.
    pub(super) async fn begin(
        &self,
        us: &Login,
        head: &Revision,
        is_shown: bool,
    ) -> Result<Vec<Reported>, HostingError> {
        let mut known = self.forge.checks(head).await?;
        known.retain(|known| known.author.as_ref() == Some(us));
        let counts = |check: &Reported| is_shown || check.state == CheckState::Running;
        if !known.iter().any(|check| check.name == AGGREGATE && counts(check)) {
            self.forge.report(head, &begun()).await?;
            // What it said before counts no more, and is said again if it is so.
            known.retain(|check| check.name != AGGREGATE);
        }
        Ok(known)
    }

    /// That nothing else can be said of a head. Where not even that is taken, nobody hears of it but the log.
    pub(super) async fn say_why(&self, head: &Revision, error: &HostingError) -> Result<(), HostingError> {
        match self.forge.report(head, &unlooked(&chain(error))).await {
            Err(error) if !error.is_transient() => Ok(()),
            reported => Ok(reported?),
        }
    }

    /// Every check but the one that sums up; false: they are set like this already.
    pub(super) async fn set_parts(
        &self,
        head: &Revision,
        checks: &[Check],
        known: &[Reported],
    ) -> Result<bool, HostingError> {
        self.set(head, checks.iter().filter(|check| check.name != AGGREGATE), known).await
    }

    /// And that one: whoever waits for it finds everything else.
    pub(super) async fn set_sum(
        &self,
        head: &Revision,
        checks: &[Check],
        known: &[Reported],
    ) -> Result<bool, HostingError> {
        self.set(head, checks.iter().filter(|check| check.name == AGGREGATE), known).await
    }

    /// Sets checks that are not set like this already; whether there were any.
    async fn set(
        &self,
        head: &Revision,
        checks: impl Iterator<Item = &Check>,
        known: &[Reported],
    ) -> Result<bool, HostingError> {
        let mut is_news = false;
        for check in checks {
            let known = known.iter().find(|known| known.name == check.name);
            if known.is_none_or(|known| !says(known, check)) {
                self.forge.report(head, check).await?;
                is_news = true;
            }
        }
        Ok(is_news)
    }
}

/// Whether a forge has a check as it would be set. Some cut what is long.
pub(super) fn says(known: &Reported, check: &Check) -> bool {
    let is_cut = known.summary.len() >= SHORTEST_CUT && check.summary.starts_with(&known.summary);
    let shows_same = known.content.is_none_or(|content| content == check.content());
    has_state(known, check) && shows_same && (known.summary == check.summary || is_cut)
}

/// Some know one word for what runs and what waits.
pub(super) fn has_state(known: &Reported, check: &Check) -> bool {
    let is_open = |state| matches!(state, CheckState::Running | CheckState::Waits);
    known.state == check.state || is_open(known.state) && is_open(check.state)
}

/// Pure. What is said of what could not be looked at.
fn unlooked(why: &str) -> Check {
    Check {
        name: AGGREGATE.to_owned(),
        state: CheckState::Failed,
        summary: plain(&format!("it could not be looked at: {why}"), MAX_WHY),
        text: None,
        annotations: Vec::new(),
    }
}

/// Errors that merging would bring.
fn new_errors(proposal: &Proposal) -> Vec<Diagnostic> {
    let (base, merged) = proposal.sides();
    let known = &base.loaded.diagnostics;
    let found = merged.loaded.diagnostics.iter();
    found.filter(|found| found.is_error() && !known.contains(found)).cloned().collect()
}
