//! Commands in comments on pull requests: read, carried out for those who may, and answered. One pass at a time.
//!
//! What is asked for is read anew from the forge; a comment is carried out once, whatever is restarted. Nobody is believed whose
//! comment was edited, and no program. Who may is read from the trunk.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::codes::Code;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::plan::PlanId;
use naksha_environments::repository::Owners;
use naksha_environments::verdict::Acknowledgement;
use naksha_executor::port::forge::{Comment, CommentId, Login, Permission, PullNumber, Reaction};
use naksha_executor::port::review::Heard;
use naksha_executor::port::store::{AuditEntry, Scope, Suspension};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::RefState;
use super::hosting::{Hosting, HostingError};
use crate::failure::chain;
use crate::pages;
use crate::pulls::{Command, parse_command};
use crate::registry::Handle;

/// Comments are read again for so long before the latest that was: answers of forges may be late.
const OVERLAP: Duration = Duration::from_secs(60);
/// The comment that stands for "since when".
const BEGINNING: CommentId = CommentId(0);

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct CommandsTask(pub Hosting);

/// A comment that asks for something.
struct Asked<'a> {
    number: PullNumber,
    by: &'a Login,
}

/// What came of it. An error: why it was not done.
type Answer = Result<Done, String>;

enum Done {
    /// A reaction says it all.
    Quietly,
    Words(String),
}

impl CommandsTask {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut failures = 0_u32;
        let mut stirred = self.0.feed.stirred.subscribe();
        loop {
            stirred.mark_unchanged();
            let passed = tokio::select! {
                passed = self.pass() => passed,
                () = stop.cancelled() => return,
            };
            let pause = match passed {
                Ok(()) => {
                    failures = 0;
                    self.0.poll
                }
                Err(error) => {
                    failures += 1;
                    warn!(repository = %self.0.feed.name(), error = chain(&error), "comments were not read");
                    error.pause(failures)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stirred.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        let Some(Heard { until, comments: heard }) = shared.reviews.heard(feed.name()).await? else {
            return self.begin().await;
        };
        let comments = forge.comments_since(until.checked_sub(OVERLAP).unwrap_or(until)).await?;
        let mut us = None;
        for (number, comment) in comments.into_iter().filter(|(_, comment)| !heard.contains(&comment.id)) {
            if let Some(command) = parse_command(&comment.text) {
                let us = match &us {
                    Some(us) => us,
                    None => us.insert(forge.whoami().await?),
                };
                if comment.author != *us && !comment.is_bot && !comment.is_edited {
                    self.answer(number, &comment, command).await?;
                }
            }
            shared.reviews.hear(feed.name(), comment.id, comment.made).await?;
        }
        Ok(())
    }

    /// What was said before this daemon came was said to nobody.
    async fn begin(&self) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        let now = Timestamp::now();
        for (_, comment) in forge.comments_since(now.checked_sub(OVERLAP).unwrap_or(now)).await? {
            shared.reviews.hear(feed.name(), comment.id, comment.made).await?;
        }
        Ok(shared.reviews.hear(feed.name(), BEGINNING, now).await?)
    }

    async fn answer(
        &self,
        number: PullNumber,
        comment: &Comment,
        command: Result<Command, String>,
    ) -> Result<(), HostingError> {
        let Hosting { feed, forge, .. } = &self.0;
        let asked = Asked { number, by: &comment.author };
        let answer = match command {
            Ok(command) => self.carry_out(&asked, command).await?,
            Err(wrong) => Err(wrong),
        };
        let (reaction, words) = match answer {
            Ok(Done::Quietly) => (Reaction::Done, None),
            Ok(Done::Words(words)) => (Reaction::Done, Some(words)),
            Err(why) => (Reaction::Refused, Some(format!("Not done: {why}."))),
        };
        info!(repository = %feed.name(), pull = %number, by = %comment.author, done = ?reaction, "command");
        self.0.turn().await;
        forge.react(comment.id, reaction).await?;
        if let Some(words) = words {
            self.0.turn().await;
            forge.comment(number, &words).await?;
        }
        Ok(())
    }

    async fn carry_out(&self, asked: &Asked<'_>, command: Command) -> Result<Answer, HostingError> {
        match command {
            Command::Explain(code) => Ok(explained(&code)),
            Command::Plan => {
                if !self.writes(asked.by).await? {
                    return Ok(Err("this needs the right to write to the repository".to_owned()));
                }
                self.0.again.send_if_modified(|again| again.insert(asked.number));
                Ok(Ok(Done::Quietly))
            }
            Command::Acknowledge { plan, reason } => self.acknowledge(asked, &plan, &reason).await,
            Command::Suspend(environment) => {
                let handle = match self.allowed(asked, &environment, acknowledgers).await? {
                    Ok(handle) => handle,
                    Err(why) => return Ok(Err(why)),
                };
                let (by, reason) = (who(asked.by), format!("asked for on {}", asked.number));
                let suspension = Suspension { by, reason, since: Timestamp::now() };
                let audit = audit(asked, "suspend", &suspension.reason);
                self.0.shared.store.suspend(&handle.scope, Some(&suspension), &audit).await?;
                handle.halt();
                Ok(Ok(Done::Quietly))
            }
            Command::Resume(environment) => {
                let handle = match self.allowed(asked, &environment, acknowledgers).await? {
                    Ok(handle) => handle,
                    Err(why) => return Ok(Err(why)),
                };
                self.0.shared.store.suspend(&handle.scope, None, &audit(asked, "resume", "")).await?;
                handle.poke();
                Ok(Ok(Done::Quietly))
            }
            Command::Promote(environment) => {
                let handle = match self.allowed(asked, &environment, promoters).await? {
                    Ok(handle) => handle,
                    Err(why) => return Ok(Err(why)),
                };
                self.0.shared.store.unbar(&handle.scope, &audit(asked, "resume", "promote")).await?;
                self.0.shared.soaked.send_replace(());
                Ok(Ok(Done::Quietly))
            }
        }
    }

    /// A word about a plan that waits now, or that is shown on this very pull request. It is bound to what that plan does.
    async fn acknowledge(
        &self,
        asked: &Asked<'_>,
        prefix: &str,
        reason: &str,
    ) -> Result<Answer, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let mut found: Vec<(EnvironmentName, PlanId)> = Vec::new();
        for handle in
            shared.registry.all().into_iter().filter(|handle| handle.scope.repository == *feed.name())
        {
            let plan = handle.status().and_then(|status| status.plan.clone());
            found.extend(plan.map(|plan| (handle.scope.environment.clone(), plan)));
        }
        let shown = shared.reviews.documents(feed.name(), asked.number).await?;
        let shown = shown.into_iter().filter_map(|(environment, document)| {
            Some((environment, PlanId::parse(document.get("id")?.as_str()?).ok()?))
        });
        found.extend(shown);
        found.retain(|(_, plan)| plan.as_str().starts_with(prefix));
        found.sort();
        found.dedup();
        let [(environment, plan)] = &found[..] else {
            let what = if found.is_empty() { "no plan" } else { "more than one plan" };
            return Ok(Err(format!("{what} of that id waits, or is shown here")));
        };
        let handle = match self.allowed(asked, environment, acknowledgers).await? {
            Ok(handle) => handle,
            Err(why) => return Ok(Err(why)),
        };
        let given = Acknowledgement {
            plan: plan.clone(),
            by: who(asked.by),
            reason: reason.to_owned(),
            at: Some(Timestamp::now()),
            expires: None,
            source: format!("comment on {}", asked.number),
        };
        let audit = AuditEntry { plan: Some(plan.clone()), ..audit(asked, "ack", reason) };
        shared.store.acknowledge(&handle.scope, &given, &audit).await?;
        handle.poke();
        Ok(Ok(Done::Quietly))
    }

    /// The environment, for somebody who may.
    async fn allowed(
        &self,
        asked: &Asked<'_>,
        environment: &EnvironmentName,
        list: fn(&Owners) -> &[String],
    ) -> Result<Result<Handle, String>, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let scope = Scope { repository: feed.name().clone(), environment: environment.clone() };
        let Some(handle) = shared.registry.get(&scope) else {
            return Ok(Err(format!("there is no environment `{environment}`")));
        };
        let owners = self.owners(environment).await?;
        let may = match &owners {
            Some(owners) => self.is_among(asked.by, list(owners)).await?,
            None => self.writes(asked.by).await?,
        };
        if may {
            return Ok(Ok(handle));
        }
        Ok(Err(match &owners {
            Some(owners) if list(owners).is_empty() => {
                format!("nobody may, as `owners.{environment}` on the trunk says")
            }
            Some(owners) => format!(
                "this is for {}, as `owners.{environment}` on the trunk says",
                list(owners).join(", ").replace('@', "")
            ),
            None => "this needs the right to write to the repository".to_owned(),
        }))
    }

    /// As the trunk says; absent where it says nothing about the environment.
    async fn owners(&self, environment: &EnvironmentName) -> Result<Option<Owners>, HostingError> {
        let feed = &self.0.feed;
        let Some(trunk) = feed.trunk() else { return Ok(None) };
        let RefState::At(head) = feed.at(&trunk) else { return Ok(None) };
        let (revisions, name) = (Arc::clone(&feed.revisions), environment.clone());
        let control = tokio::task::spawn_blocking(move || revisions.read(&head)).await??;
        let repository = control.loaded.definitions.repository.as_ref();
        Ok(repository.and_then(|repository| repository.owners.get(&name).cloned()))
    }

    /// `@login`, or `@organisation/team`.
    async fn is_among(&self, login: &Login, owners: &[String]) -> Result<bool, HostingError> {
        for owner in owners {
            let name = owner.trim_start_matches('@');
            let is_it = match name.split_once('/') {
                Some((organisation, team)) => self.0.forge.is_member(organisation, team, login).await?,
                None => Login::new(name) == *login,
            };
            if is_it {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn writes(&self, login: &Login) -> Result<bool, HostingError> {
        Ok(self.0.forge.permission(login).await? >= Permission::Write)
    }
}

fn acknowledgers(owners: &Owners) -> &[String] {
    &owners.acknowledge
}

fn promoters(owners: &Owners) -> &[String] {
    &owners.promote
}

fn who(login: &Login) -> String {
    format!("@{login}")
}

fn audit(asked: &Asked<'_>, what: &str, result: &str) -> AuditEntry {
    AuditEntry {
        at: Timestamp::now(),
        who: who(asked.by),
        what: what.to_owned(),
        revision: None,
        plan: None,
        result: result.to_owned(),
    }
}

/// The page of a code.
fn explained(code: &str) -> Answer {
    let page = Code::parse(code).and_then(|code| pages::of(code.id()));
    page.map(|page| Done::Words(page.to_owned())).ok_or_else(|| "there is no such code".to_owned())
}
