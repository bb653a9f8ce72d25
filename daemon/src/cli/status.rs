//! `naksha status [ENV]`

use std::time::Duration;

use clap::Args;
use naksha_environments::wire::StatusDocument;
use naksha_renderer::present;

use super::goal::Goal;
use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::client::{Client, ClientError};
use crate::http::api::{RepositoryDocument, RepositoryProblem};

/// How often `--wait` asks.
const WAIT_POLL: Duration = Duration::from_millis(200);
/// States in which there is nothing left to do.
const AS_WANTED: [&str; 3] = ["synced", "destroyed", "disowned"];
/// States in which waiting helps nobody: a person or a commit must come first.
const NEEDS_SOMEBODY: [&str; 5] = ["suspended", "held", "orphaned", "not-promoted", "broken"];

/// Shows every environment: its state, its units, and why something is not applied.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Environment, as NAME or REPOSITORY/NAME; absent: all
    environment: Option<String>,
    /// Exit with 1 unless everything is synced
    #[arg(long)]
    exit_code: bool,
    /// Wait until everything is synced, at most this many seconds; ends at once, with 1, when an environment waits for
    /// a person or a commit
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// With --wait: until this commit of the repository in the working directory, or one after it, is what was applied
    #[arg(long, value_name = "REV", requires = "wait")]
    revision: Option<String>,
}

/// What the daemon said.
struct Seen {
    documents: Vec<StatusDocument>,
    /// Those of the environments that were asked for.
    repositories: Vec<RepositoryDocument>,
}

impl Status {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let client = context.client()?;
        let asked = self.environment.as_deref();
        let goal = self.revision.as_deref().map(Goal::open).transpose()?;
        let seen = match self.wait {
            None => block_on(look(&client, asked))??,
            Some(seconds) => block_on(awaited(&client, asked, goal.as_ref(), Duration::from_secs(seconds)))??,
        };
        print(context, &seen);
        let matters = self.exit_code || self.wait.is_some();
        if matters && !seen.has_reached(goal.as_ref()) {
            if self.wait.is_some() {
                explain(context, &seen, goal.as_ref());
            }
            return Ok(Outcome::Found);
        }
        Ok(Outcome::Fine)
    }
}

/// Repositories with a problem, then environments. The JSON is that of the environments alone, so problems go to
/// standard error there.
fn print(context: &Context, seen: &Seen) {
    let Seen { documents, repositories } = seen;
    let terminal = context.terminal;
    for repository in repositories {
        let Some(problem) = &repository.problem else { continue };
        let hint = problem.hint.iter().map(|hint| format!("\n  = hint: {}", present::clean_line(hint)));
        let line = format!("{}{}", present::clean_line(&repository.to_string()), hint.collect::<String>());
        if terminal.is_json() { terminal.note(&line) } else { terminal.print(&line) }
    }
    if terminal.is_json() {
        terminal.json(documents);
    } else {
        terminal.print(&present::status(documents, present::Style::new(terminal.colour)));
    }
}

/// The status once everything is synced, once waiting is of no use, or when the time is up.
async fn awaited(
    client: &Client,
    asked: Option<&str>,
    goal: Option<&Goal>,
    limit: Duration,
) -> Result<Seen, ClientError> {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let late = tokio::time::Instant::now() >= deadline;
        match look_at_all(client, asked).await {
            // Environments that the daemon does not know yet may not pass for synced.
            Ok((seen, all))
                if late || seen.stays_troubled(goal).is_some() || all && seen.is_settled(goal) =>
            {
                return Ok(seen);
            }
            // A daemon that was just started has no socket yet, and no environment.
            Err(error) if late => return Err(error),
            Ok(_) | Err(_) => {}
        }
        tokio::time::sleep(WAIT_POLL).await;
    }
}

/// The status, and whether every environment that is asked for is in it. One that is named is, or is refused: other
/// repositories are not waited for.
async fn look_at_all(client: &Client, asked: Option<&str>) -> Result<(Seen, bool), ClientError> {
    let all = asked.is_some() || client.is_ready().await?;
    Ok((look(client, asked).await?, all))
}

async fn look(client: &Client, asked: Option<&str>) -> Result<Seen, ClientError> {
    let documents: Vec<StatusDocument> = client.get(&path_for("/api/v1/status", asked)).await?;
    let mut repositories: Vec<RepositoryDocument> = client.get("/api/v1/repositories").await?;
    let is_theirs = |repository: &RepositoryDocument| {
        documents.iter().any(|document| document.repository == repository.repository)
    };
    repositories.retain(|repository| asked.is_none() || is_theirs(repository));
    Ok(Seen { documents, repositories })
}

impl Seen {
    /// Whether everything is as Git wants it, and is known to be.
    fn is_in_order(&self) -> bool {
        let is_known =
            |repository: &RepositoryDocument| repository.fetched.is_some() && repository.problem.is_none();
        self.is_synced() && self.repositories.iter().all(is_known)
    }

    fn is_synced(&self) -> bool {
        let is_synced = |document: &StatusDocument| AS_WANTED.contains(&document.state.as_str());
        !self.documents.is_empty() && self.documents.iter().all(is_synced)
    }

    /// Whether that is so of the commit that is waited for.
    fn has_reached(&self, goal: Option<&Goal>) -> bool {
        self.is_in_order() && goal.is_none_or(|goal| goal.missing(&self.documents).is_none())
    }

    /// A repository that does not become readable by waiting. One that was not read at the commit that is waited for may.
    fn stays_troubled(&self, goal: Option<&Goal>) -> Option<&RepositoryDocument> {
        let stays = |problem: &RepositoryProblem| !problem.transient;
        self.repositories.iter().find(|repository| {
            let is_seen = goal.is_none_or(|goal| goal.is_seen(repository.head.as_deref()));
            is_seen && repository.problem.as_ref().is_some_and(stays)
        })
    }

    /// Whether there is nothing to wait for.
    fn is_settled(&self, goal: Option<&Goal>) -> bool {
        self.has_reached(goal) || self.waits_for_somebody(goal).is_some()
    }

    /// An environment that does not become synced by waiting. One that has not looked at the commit that is waited for
    /// may.
    fn waits_for_somebody(&self, goal: Option<&Goal>) -> Option<&StatusDocument> {
        self.documents.iter().find(|document| {
            let is_seen = goal.is_none_or(|goal| goal.is_seen(document.control.as_deref()));
            is_seen && NEEDS_SOMEBODY.contains(&document.state.as_str())
        })
    }
}

/// Says why waiting ended without success. What a repository's problem is was printed already.
fn explain(context: &Context, seen: &Seen, goal: Option<&Goal>) {
    let note = match (seen.waits_for_somebody(goal), seen.stays_troubled(goal)) {
        (Some(document), _) => format!(
            "{}/{} is {}, and waiting does not change that: {}",
            document.repository,
            document.environment,
            document.state,
            document.why.first().map_or("no details", String::as_str)
        ),
        (None, Some(repository)) => format!("waiting does not change this: {repository}"),
        (None, None) => match goal.and_then(|goal| goal.missing(&seen.documents)) {
            Some(missing) => format!("the time is up: {missing}"),
            None => "the time is up, and not everything is synced".to_owned(),
        },
    };
    context.terminal.note(&note);
}
