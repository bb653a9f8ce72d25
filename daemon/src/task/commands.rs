//! Commands in comments on pull requests: read, carried out for those who may, and answered. One pass at a time.
//!
//! What is asked for is read anew from the forge; a comment is carried out once, whatever is restarted. Nobody is believed whose
//! comment was edited, and no program. Who may is read from the trunk.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use naksha_environments::codes::Code;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::plan::PlanId;
use naksha_environments::repository::Owners;
use naksha_environments::status::State;
use naksha_environments::verdict::Acknowledgement;
use naksha_environments::wire::{DecisionDocument, HoldDocument};
use naksha_executor::port::forge::{Comment, CommentId, Login, PullNumber, Reaction};
use naksha_executor::port::review::{Heard, ShownPull};
use naksha_executor::port::store::{AuditEntry, Scope, Suspension};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Heads;
use super::hosting::{Hosting, HostingError, hint};
use super::owning::NOT_A_WRITER;
use crate::failure::chain;
use crate::pages;
use crate::pulls::{Command, Flood, outgoing, parse_command, said};
use crate::resume::resume;

/// Comments are read again for so long before the latest that was: answers of forges may be late.
const OVERLAP: Duration = Duration::from_secs(60);
/// A command that waited longer says nothing about now.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(1);
/// A comment is listed by its forge within this, whatever clocks say.
const LATENESS: SignedDuration = SignedDuration::from_mins(10);
/// For so long a word counts.
const WORD_LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Bytes of why something cannot be read.
const MAX_WHY: usize = 300;
/// The comment that stands for "since when".
const BEGINNING: CommentId = CommentId(0);

/// The task of one repository. A clone is another start of it.
#[derive(Debug, Clone)]
pub struct CommandsTask(pub Hosting);

/// A comment that asks for something.
struct Asked<'a> {
    number: PullNumber,
    by: &'a Login,
    made: Timestamp,
}

/// What came of it. An error: why it was not done.
type Answer = Result<Done, String>;

struct Reply {
    answer: Answer,
    is_in_words: bool,
}

enum Done {
    /// A reaction says it all.
    Quietly,
    Words(String),
}

impl CommandsTask {
    /// Runs until stopped.
    pub async fn run(self, stop: CancellationToken) {
        let (mut failures, mut flood) = (0_u32, Flood::default());
        let mut stirred = self.0.feed.stirred.subscribe();
        loop {
            stirred.mark_unchanged();
            let passed = tokio::select! {
                passed = self.pass(&mut flood) => passed,
                () = stop.cancelled() => return,
            };
            let pause = self.0.pause(passed, &mut failures, "commands");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = hint(&mut stirred, failures) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn pass(&self, flood: &mut Flood) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        let Some(Heard { until, comments: heard }) = shared.reviews.heard(feed.name()).await? else {
            return self.begin().await;
        };
        // One that was kept by a clock that was wrong must not make us deaf.
        let until = until.min(forge.now());
        let comments = forge.comments_since(until.checked_sub(OVERLAP).unwrap_or(until)).await?;
        // By its clock everything is dated that is compared here; it was told by the answer just now.
        let (now, mut us) = (forge.now(), None);
        let newest = comments.iter().map(|(_, comment)| comment.made).max();
        for (number, comment) in comments.into_iter().filter(|(_, comment)| !heard.contains(&comment.id)) {
            let Some(command) = parse_command(&comment.text) else {
                shared.reviews.hear(feed.name(), comment.id, comment.made).await?;
                continue;
            };
            let us = match &us {
                Some(us) => us,
                None => us.insert(forge.whoami().await?),
            };
            let is_old = now.duration_since(comment.made) > TOO_OLD;
            let counts = comment.author != *us && !comment.is_bot && !comment.is_edited && !is_old;
            let answer = if counts { self.attend(number, &comment, command, flood).await? } else { None };
            // Done is done, whether or not the answer arrives: what is asked for by a second door meanwhile is not undone.
            shared.reviews.hear(feed.name(), comment.id, comment.made).await?;
            let Some(answer) = answer else { continue };
            match self.answer(number, &comment, answer).await {
                // A conversation may be locked: it is done without an answer.
                Err(error) if !error.is_general() => {
                    warn!(pull = %number, error = chain(&error), "a command was not answered");
                }
                answered => answered?,
            }
        }
        // What was listed is not listed again, but for what may have been late. By what was listed, and by nobody's clock.
        let until = newest.map_or(until, |newest| until.max(newest.checked_sub(LATENESS).unwrap_or(newest)));
        Ok(shared.reviews.hear(feed.name(), BEGINNING, until).await?)
    }

    /// What was said before this daemon came was said to nobody.
    async fn begin(&self) -> Result<(), HostingError> {
        let Hosting { shared, feed, forge, .. } = &self.0;
        // Somebody's clock is asked for what it says.
        forge.hosted().await?;
        let now = forge.now();
        for (_, comment) in forge.comments_since(now.checked_sub(OVERLAP).unwrap_or(now)).await? {
            shared.reviews.hear(feed.name(), comment.id, comment.made).await?;
        }
        shared.reviews.hear(feed.name(), BEGINNING, now).await?;
        info!(repository = %feed.name(), since = %now, "commands are heard");
        Ok(())
    }

    /// Carries it out. Nothing: somebody asks for more than a person does, and gets no answer.
    async fn attend(
        &self,
        number: PullNumber,
        comment: &Comment,
        command: Result<Command, String>,
        flood: &mut Flood,
    ) -> Result<Option<Reply>, HostingError> {
        let asked = Asked { number, by: &comment.author, made: comment.made };
        let writes = match self.0.writes(asked.by).await {
            Err(HostingError::Forge(error)) if !error.is_transient() => false,
            writes => writes?,
        };
        if !flood.admits(&comment.author, comment.made, writes) {
            warn!(repository = %self.0.feed.name(), pull = %number, by = %asked.by, "too many commands: not heard for a while");
            return Ok(None);
        }
        let answer = match command {
            Ok(command) => self.carry_out(&asked, command).await,
            Err(wrong) => Ok(Err(wrong)),
        };
        let answer = match answer {
            // One that the forge does not let us judge keeps no other waiting.
            Err(HostingError::Forge(error)) if !error.is_transient() => {
                warn!(%error, by = %asked.by, "whether somebody may is not known");
                Err("the forge does not say whether that is allowed".to_owned())
            }
            answer => answer?,
        };
        info!(repository = %self.0.feed.name(), pull = %number, by = %asked.by, done = answer.is_ok(), "command");
        Ok(Some(Reply { answer, is_in_words: writes }))
    }

    /// Only a sign for those who may not write: words of ours are not to be had by anybody.
    async fn answer(&self, number: PullNumber, comment: &Comment, reply: Reply) -> Result<(), HostingError> {
        let Reply { answer, is_in_words } = reply;
        let (reaction, words) = match answer {
            Ok(Done::Quietly) => (Reaction::Done, None),
            Ok(Done::Words(words)) => (Reaction::Done, Some(words)),
            Err(why) => (Reaction::Refused, Some(format!("Not done: {why}."))),
        };
        self.0.forge.react(comment.id, reaction).await?;
        if let Some(words) = words.filter(|_| is_in_words) {
            self.0.forge.comment(number, &outgoing(&words)).await?;
        }
        Ok(())
    }

    async fn carry_out(&self, asked: &Asked<'_>, command: Command) -> Result<Answer, HostingError> {
        match command {
            Command::Explain(code) if self.0.writes(asked.by).await? => Ok(explained(&code)),
            Command::Explain(_) => Ok(Err(NOT_A_WRITER.to_owned())),
            Command::Plan => {
                if !self.0.writes(asked.by).await? {
                    return Ok(Err(NOT_A_WRITER.to_owned()));
                }
                self.0.again.send_if_modified(|again| again.insert(asked.number));
                Ok(Ok(Done::Quietly))
            }
            Command::Allow(head) => self.allow(asked, &head).await,
            Command::Acknowledge { plan, reason } => self.acknowledge(asked, &plan, &reason).await,
            Command::Suspend(environment) => {
                let handle = match self.0.allowed(asked.by, &environment, acknowledgers).await? {
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
                let handle = match self.0.allowed(asked.by, &environment, acknowledgers).await? {
                    Ok(handle) => handle,
                    Err(why) => return Ok(Err(why)),
                };
                let (store, heads) = (self.0.shared.store.as_ref(), Heads::new(vec![self.0.feed.clone()]));
                let lifted = resume(store, &handle.scope, &heads, &audit(asked, "resume", "")).await?;
                handle.poke();
                Ok(if lifted.is_empty() {
                    Err("there was nothing to resume".to_owned())
                } else {
                    Ok(Done::Quietly)
                })
            }
            Command::Promote(environment) => {
                if let Some(answer) = self.skip(asked, &environment).await? {
                    return Ok(answer);
                }
                let handle = match self.0.allowed(asked.by, &environment, promoters).await? {
                    Ok(handle) => handle,
                    Err(why) => return Ok(Err(why)),
                };
                if self.0.shared.store.environment(&handle.scope).await?.barred.is_empty() {
                    return Ok(Err(format!(
                        "nothing is barred in {environment}; what can be promoted is proposed by itself"
                    )));
                }
                self.0.shared.store.unbar(&handle.scope, &audit(asked, "promote", "")).await?;
                handle.poke();
                self.0.shared.soaked.send_replace(());
                Ok(Ok(Done::Quietly))
            }
        }
    }

    /// A stranger's head may be compared with what is there. Nothing is kept: whoever plans reads the comment itself.
    async fn allow(&self, asked: &Asked<'_>, head: &Revision) -> Result<Answer, HostingError> {
        if !self.0.writes(asked.by).await? {
            return Ok(Err(NOT_A_WRITER.to_owned()));
        }
        let pull = self.0.forge.pull(asked.number).await?;
        if !pull.is_fork {
            return Ok(Err("its head is in this repository, and needs no leave".to_owned()));
        }
        if pull.head != *head {
            return Ok(Err(format!("its head is {} now: look at that, and allow it", pull.head)));
        }
        self.0.again.send_if_modified(|again| again.insert(asked.number));
        Ok(Ok(Done::Quietly))
    }

    /// On a promotion, by somebody who may skip an environment: it need not have run before it what it gets. Nothing: it is none, or he
    /// may not, and then the word means what it means elsewhere.
    async fn skip(
        &self,
        asked: &Asked<'_>,
        environment: &EnvironmentName,
    ) -> Result<Option<Answer>, HostingError> {
        let Hosting { shared, feed, .. } = &self.0;
        let may = match self.0.owners(environment).await? {
            Ok(Some(owners)) => self.0.is_among(asked.by, &owners.skip).await?,
            Ok(None) | Err(_) => false,
        };
        if !may {
            return Ok(None);
        }
        let pull = self.0.forge.pull(asked.number).await?;
        let promotions = match self.0.promotions_of(&pull).await {
            // Its head moved, or is gone.
            Err(HostingError::Git(error)) => {
                return Ok(Some(Err(format!("it cannot be read: {}", said(&error.to_string(), MAX_WHY)))));
            }
            promotions => promotions?,
        };
        let Some(promoted) =
            promotions.into_iter().find(|promoted| promoted.environment.name == *environment)
        else {
            return Ok(None);
        };
        // A word is about what was there to be read when it was said. Forges tell whole seconds.
        let shown = shared.reviews.pulls(feed.name()).await?;
        let is_about = |shown: &ShownPull| {
            shown.number == asked.number
                && shown.head == pull.head
                && shown.at.as_second() <= asked.made.as_second()
        };
        if !shown.iter().any(is_about) {
            return Ok(Some(
                Err("it moved since: look at what it proposes now, and say it again".to_owned()),
            ));
        }
        let scope = Scope { repository: feed.name().clone(), environment: environment.clone() };
        let result = format!("{} goes there before those before it had it", promoted.source.short());
        let audit = AuditEntry { revision: Some(promoted.source.clone()), ..audit(asked, "skip", &result) };
        shared.soaks.skip(&scope, &promoted.source, &who(asked.by), &audit).await?;
        shared.soaked.send_replace(());
        Ok(Some(Ok(Done::Quietly)))
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
            let is_waiting = |state: &State| matches!(state, State::Held { .. } | State::Waiting { .. });
            let status = handle.status().filter(|status| is_waiting(&status.state));
            let plan = status.and_then(|status| status.plan.clone());
            found.extend(plan.map(|plan| (handle.scope.environment.clone(), plan)));
        }
        let shown = shared.reviews.shown(feed.name(), asked.number).await?;
        found.extend(shown.into_iter().map(|shown| (shown.environment, shown.plan)));
        found.retain(|(_, plan)| plan.as_str().starts_with(prefix));
        found.sort();
        found.dedup();
        let [(environment, plan)] = &found[..] else {
            let what = if found.is_empty() { "no plan" } else { "more than one plan" };
            return Ok(Err(format!("{what} of that id waits, or is shown here")));
        };
        let handle = match self.0.allowed(asked.by, environment, acknowledgers).await? {
            Ok(handle) => handle,
            Err(why) => return Ok(Err(why)),
        };
        if let Some(why) = self.in_vain(asked, &handle.scope, plan).await? {
            return Ok(Err(why));
        }
        let now = Timestamp::now();
        let given = Acknowledgement {
            plan: plan.clone(),
            by: who(asked.by),
            reason: reason.to_owned(),
            at: Some(now),
            expires: now.checked_add(WORD_LASTS).ok(),
            source: format!("comment on {}", asked.number),
        };
        let audit = AuditEntry { plan: Some(plan.clone()), ..audit(asked, "ack", reason) };
        shared.store.acknowledge(&handle.scope, &given, &audit).await?;
        handle.poke();
        // Its report says so.
        self.0.again.send_if_modified(|again| again.insert(asked.number));
        Ok(Ok(Done::Quietly))
    }

    /// Why a word about a plan is not taken: it lifts nothing, or is the author's own where no rule names him.
    async fn in_vain(
        &self,
        asked: &Asked<'_>,
        scope: &Scope,
        plan: &PlanId,
    ) -> Result<Option<String>, HostingError> {
        let Hosting { shared, forge, .. } = &self.0;
        let document = shared.store.plan_document(scope, plan).await?;
        let decision = document.and_then(|mut document| document.get_mut("decision").map(Value::take));
        let decision =
            decision.and_then(|decision| serde_json::from_value::<DecisionDocument>(decision).ok());
        let holds = decision.map(|decision| decision.holds).unwrap_or_default();
        if !holds.iter().any(HoldDocument::takes_acknowledgement) {
            return Ok(Some("nothing holds it that a word would lift".to_owned()));
        }
        // What was pushed directly is nobody's proposal.
        let shown = shared.reviews.shown(&scope.repository, asked.number).await?;
        let is_shown =
            shown.iter().any(|shown| shown.environment == scope.environment && shown.plan == *plan);
        let is_author = is_shown && forge.pull(asked.number).await?.author == *asked.by;
        let is_named = matches!(self.0.owners(&scope.environment).await?, Ok(Some(_)));
        let why = "somebody else than its author has to say so, or `owners` has to name him";
        Ok((is_author && !is_named).then(|| why.to_owned()))
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
