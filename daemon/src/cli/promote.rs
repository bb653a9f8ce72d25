//! `naksha promote ENV [--source REV]`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::rendered::Rendered;
use naksha_environments::wire::StatusDocument;
use serde_json::json;

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::client::ClientError;
use crate::http::EnvironmentRef;
use crate::laptop::{Laptop, Side, Told};
use crate::promotion::{Record, lock_path, lock_text};

/// Writes an environment's lock into the working tree. Committing and merging it is the promotion.
#[derive(Debug, Args)]
pub(super) struct Promote {
    /// The environment to promote to; as REPOSITORY/NAME, only what the daemon says of that repository counts
    environment: EnvironmentRef,
    /// The commit to promote [default: what its upstream runs, as the daemon says; without a daemon, what upstream is
    /// locked to, or the head of the trunk]
    #[arg(long, value_name = "REV")]
    source: Option<String>,
    /// The repository, or a folder in it
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl Promote {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { environment, source, folder } = self;
        let laptop = Laptop::open(&folder)?;
        let mut side = laptop.on_disk()?;
        let asked = environment;
        // A lock that cannot be read is written over.
        if let Some(side) = Arc::get_mut(&mut side) {
            side.loaded.definitions.broken.locks.remove(&asked.environment);
        }
        let selected = laptop.select(&side, std::slice::from_ref(&asked.environment))?;
        let environment = selected.first().context("one environment is selected")?;
        let Follows::Promotion { from } = &environment.follows else {
            bail!(
                "{} follows a branch; only an environment with `promotesFrom` has a lock",
                environment.name
            );
        };
        let (source, because) = if let Some(source) = source {
            (source, None)
        } else {
            let Candidate { commit, because } = candidate(context, &laptop, &side, &asked, from)?;
            (commit.to_string(), Some(because))
        };
        let source = laptop.at(&source)?;
        let revision = source.revision.clone().context("a commit has an id")?;
        check_on_trunk(&laptop, &side, &revision)?;
        let rendered = laptop.render(&side, &source, environment);
        let errors = rendered.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        if errors > 0 {
            let (name, at) = (&environment.name, revision.short());
            let errors = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
            bail!("{name} has {errors} at {at}; `naksha check --revision {at}` shows them");
        }
        let path = write_lock(&laptop, environment, &revision, &rendered)?;
        if context.terminal.is_json() {
            context.terminal.json(&json!({
                "environment": environment.name,
                "source": revision,
                "because": because,
                "lock": path,
                "render": rendered.digest().to_string(),
            }));
        } else {
            let (name, lock) = (&environment.name, path.display());
            let because = because.map(|because| format!("\n  because {because}")).unwrap_or_default();
            context.terminal.print(&format!(
                "{name} is locked to {revision} in {lock}{because}\nnext: commit it; the merge is the promotion"
            ));
        }
        Ok(Outcome::Fine)
    }
}

/// A commit to promote, and why it is that one.
struct Candidate {
    commit: Revision,
    because: String,
}

/// What upstream runs now. Several upstreams: the newest commit that all of them have run, which is the oldest of
/// what they run.
fn candidate(
    context: &Context,
    laptop: &Laptop,
    side: &Side,
    asked: &EnvironmentRef,
    from: &[EnvironmentName],
) -> anyhow::Result<Candidate> {
    let objects = laptop.work.objects().context("promoting needs a Git repository")?;
    let mut oldest: Option<Candidate> = None;
    for upstream in from {
        let (name, upstream) = (upstream, asked.beside(upstream.clone()));
        let own = match running(context, laptop, &upstream)? {
            Running::At(commit) => {
                let commit = objects.resolve(&commit)?;
                Candidate { commit, because: format!("{upstream} runs it, as the daemon says") }
            }
            Running::Unknown(why) => declared(laptop, side, name, &why)?,
        };
        oldest = match oldest {
            Some(current) if objects.is_ancestor(&current.commit, &own.commit)? => Some(current),
            _ => Some(own),
        };
    }
    oldest.context("it has no upstream")
}

/// What upstream runs.
enum Running {
    At(String),
    /// Nobody says it who can be believed, and why.
    Unknown(String),
}

/// What the daemon says an environment of this repository runs.
fn running(context: &Context, laptop: &Laptop, upstream: &EnvironmentRef) -> anyhow::Result<Running> {
    let path = path_for("/api/v1/status", Some(&upstream.to_string()));
    let documents: Vec<StatusDocument> = match block_on(context.client()?.get(&path))? {
        Ok(documents) => documents,
        Err(ClientError::NotRunning { .. }) => return Ok(Running::Unknown("no daemon answers".to_owned())),
        Err(error) => {
            return Err(error)
                .context("the daemon does not say what upstream runs; name a commit with --source");
        }
    };
    let applied = match laptop.told(documents) {
        Told::About(document) => document.applied,
        Told::NotYet => None,
        Told::Nothing(why) => return Ok(Running::Unknown(why)),
    };
    let Some(applied) = applied else {
        bail!("{upstream} has not applied anything yet, as the daemon says; name a commit with --source")
    };
    Ok(Running::At(applied))
}

/// Without a daemon that could be believed, and why so: what upstream is meant to run.
fn declared(
    laptop: &Laptop,
    side: &Side,
    upstream: &EnvironmentName,
    why: &str,
) -> anyhow::Result<Candidate> {
    if let Some(lock) = side.loaded.definitions.locks.get(upstream) {
        let because = format!("{upstream} is locked to it ({why})");
        return Ok(Candidate { commit: lock.source.clone(), because });
    }
    let follows = side.loaded.definitions.environments.get(upstream).map(|upstream| &upstream.follows);
    if matches!(follows, Some(Follows::Promotion { .. })) {
        bail!("{upstream} was not promoted to itself yet; promote it first, or name a commit with --source");
    }
    let head =
        laptop.work.head()?.context("there is no commit yet; commit first, or name one with --source")?;
    let Some(trunk) = laptop.trunk(side)? else {
        return Ok(Candidate {
            commit: head,
            because: format!("it is checked out, and no trunk is known ({why})"),
        });
    };
    let base = laptop.work.merge_base(&trunk)?;
    let commit =
        base.context("nothing of what is checked out is on the trunk; name a commit with --source")?;
    let what = if commit == trunk.revision { "is the head of" } else { "is the newest one here that is on" };
    Ok(Candidate { because: format!("it {what} the trunk `{}` ({why})", trunk.name), commit })
}

fn check_on_trunk(laptop: &Laptop, side: &Side, revision: &Revision) -> anyhow::Result<()> {
    let (Some(trunk), Some(objects)) = (laptop.trunk(side)?, laptop.work.objects()) else { return Ok(()) };
    if !objects.is_ancestor(revision, &trunk.revision)? {
        bail!("{} is not on the trunk `{}`: only merged commits are promoted", revision.short(), trunk.name);
    }
    Ok(())
}

fn write_lock(
    laptop: &Laptop,
    environment: &Environment,
    source: &Revision,
    rendered: &Rendered,
) -> anyhow::Result<PathBuf> {
    let path = laptop.work.root().join(lock_path(environment));
    std::fs::write(&path, lock_text(source, &Record::of(rendered)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
