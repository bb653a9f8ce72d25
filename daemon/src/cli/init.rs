//! `naksha init [FOLDER] [--reference]`, and `naksha init --github OWNER/REPO`, `--gitea URL --repository OWNER/REPO`

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::Args;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_directory::NoSecrets;
use naksha_executor_forge::Done;
use serde_json::{Value, json};

use super::{Context, Outcome, block_on};
use crate::failure::chain;
use crate::forge::Lines;
use crate::setup::{self, Performed, Place, Site, Step};
use crate::starter::{self, Started};

/// Writes a starter repository: one environment, one unit, one workflow. With `--github` or `--gitea`: says what a repository needs
/// to begin with its forge, to be copied.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where to
    #[arg(default_value = ".", conflicts_with_all = ["github", "gitea"])]
    folder: PathBuf,
    /// Write the whole reference product instead: three environments, nine units, workflows, policies
    #[arg(long, conflicts_with_all = ["github", "gitea"])]
    reference: bool,
    /// Say what this repository on GitHub needs to begin
    #[arg(long, value_name = "OWNER/REPO", help_heading = "A forge", conflicts_with_all = ["gitea", "repository"])]
    github: Option<String>,
    /// The API of a GitHub Enterprise Server: https://HOST/api/v3
    #[arg(long, value_name = "URL", help_heading = "A forge", requires = "github")]
    api: Option<String>,
    /// Id of the GitHub App, once there is one
    #[arg(long, value_name = "ID", help_heading = "A forge", requires = "github")]
    app: Option<String>,
    /// Say what a repository on this Gitea or Forgejo needs to begin
    #[arg(long, value_name = "URL", help_heading = "A forge", requires = "repository")]
    gitea: Option<String>,
    /// The repository there
    #[arg(long, value_name = "OWNER/REPO", help_heading = "A forge", requires = "gitea")]
    repository: Option<String>,
    #[command(flatten)]
    more: More,
}

/// What the steps say, and how they are performed.
#[derive(Debug, Args)]
struct More {
    /// What the daemon calls the repository [default: what the forge does]
    #[arg(long, value_name = "NAME", help_heading = "A forge")]
    name: Option<String>,
    /// Where the forge reaches the daemon, for its webhook: https://HOST
    #[arg(long, value_name = "URL", help_heading = "A forge")]
    address: Option<String>,
    /// Folder of the daemon's secret files
    #[arg(long, value_name = "DIR", help_heading = "A forge", default_value = "/etc/naksha")]
    secrets: PathBuf,
    /// Make the webhook and require the check, as far as the token may
    #[arg(long, help_heading = "A forge", requires = "token_file")]
    perform: bool,
    /// File with the token that performs it, of an administrator of the repository; the bot's own on Gitea
    #[arg(long, value_name = "FILE", help_heading = "A forge")]
    token_file: Option<PathBuf>,
}

impl Init {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { folder, reference, github, api, app, gitea, repository, more } = self;
        let (site, repository) = match (github, gitea, repository) {
            (Some(repository), ..) => (Site::github(api.as_deref(), app)?, repository),
            (None, Some(url), Some(repository)) => (Site::gitea(&url)?, repository),
            _ => return write(context, &folder, reference),
        };
        let mut place = Place::new(site, &repository, more.name.as_deref(), more.secrets)?;
        place.daemon = more.address.map(|address| reachable(&address)).transpose()?;
        place.token_file = more.token_file.map(std::path::absolute).transpose()?;
        if more.perform { perform(context, &place) } else { Ok(say(context, &place)) }
    }
}

fn write(context: &Context, folder: &std::path::Path, reference: bool) -> anyhow::Result<Outcome> {
    let Started { written, kept } =
        if reference { starter::write_reference(folder)? } else { starter::write_starter(folder)? };
    if context.terminal.is_json() {
        context.terminal.json(&json!({"files": written, "kept": kept}));
        return Ok(Outcome::Fine);
    }
    let mut text: Vec<_> = written.iter().map(|file| format!("  {}", file.display())).collect();
    text.insert(0, format!("wrote {} files:", written.len()));
    text.extend(kept.iter().map(|file| format!("kept {}, which was there", file.display())));
    text.push("next: `naksha check`, `naksha plan`, then commit".to_owned());
    context.terminal.print(&text.join("\n"));
    Ok(Outcome::Fine)
}

/// An address that a forge can call.
fn reachable(address: &str) -> anyhow::Result<String> {
    let is_whole = address.starts_with("https://") || address.starts_with("http://");
    let is_plain =
        !address.chars().any(|sign| sign.is_whitespace() || sign.is_control() || "@?#".contains(sign));
    if !is_whole || !is_plain {
        return Err(anyhow!("--address is where the forge reaches the daemon: `https://HOST`"));
    }
    Ok(address.trim_end_matches('/').to_owned())
}

fn say(context: &Context, place: &Place) -> Outcome {
    let steps = setup::steps(place);
    if context.terminal.is_json() {
        let steps: Vec<_> =
            steps.iter().map(|step| json!({"title": step.title, "text": step.text})).collect();
        let mut document = json!({
            "configuration": setup::configuration(place),
            "webhook": place.webhook(),
            "check": crate::pulls::AGGREGATE,
            "steps": steps,
        });
        if let Site::GitHub { .. } = place.site {
            document["manifest"] = setup::manifest(place);
        }
        context.terminal.json(&document);
        return Outcome::Fine;
    }
    let (on, off) = if context.terminal.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let step = |(number, Step { title, text }): (usize, &Step)| {
        format!("{on}{}. {title}{off}\n\n{text}", number + 1)
    };
    let text: Vec<_> = steps.iter().enumerate().map(step).collect();
    context.terminal.print(&text.join("\n\n"));
    Outcome::Fine
}

fn perform(context: &Context, place: &Place) -> anyhow::Result<Outcome> {
    let app = match &place.site {
        // A client id does not name the source of a check.
        Site::GitHub { app, .. } => app.as_ref().and_then(|app| app.parse().ok()),
        Site::Gitea { .. } => None,
    };
    let performed = block_on(async {
        let secrets: Arc<dyn SecretSource> = Arc::new(NoSecrets);
        let host = crate::forge::open(&place.forge(), (&secrets, None), &Lines::default())
            .map_err(|(key, reason)| anyhow!("{key}: {reason}"))?;
        anyhow::Ok(setup::perform(place, host.as_ref(), &place.webhook_secret(), app).await)
    })??;
    if context.terminal.is_json() {
        let performed: Vec<Value> = performed.iter().map(document).collect();
        context.terminal.json(&json!({"performed": performed, "configuration": setup::configuration(place)}));
    } else {
        let lines: Vec<_> = performed.iter().map(line).collect();
        let rest = format!("\nThe daemon's configuration:\n\n{}", setup::configuration(place));
        context.terminal.print(&format!("{}\n{rest}", lines.join("\n")));
    }
    match performed.into_iter().find_map(|one| one.done.err().map(|error| (one.what, error))) {
        Some((what, error)) => Err(error).context(what),
        None => Ok(Outcome::Fine),
    }
}

fn word(Performed { what: _, done }: &Performed) -> &'static str {
    match done {
        Ok(Done::Made) => "made",
        Ok(Done::Changed) => "changed",
        Ok(Done::Found) => "found",
        Ok(Done::Left(_)) => "left",
        Err(_) => "failed",
    }
}

fn line(one: &Performed) -> String {
    let why = match &one.done {
        Ok(Done::Left(why)) => format!(": {why}"),
        Err(error) => format!(": {}", chain(error)),
        Ok(_) => String::new(),
    };
    format!("{:<8} {}{why}", word(one), one.what)
}

fn document(one: &Performed) -> Value {
    let why = match &one.done {
        Ok(Done::Left(why)) => Some(why.clone()),
        Err(error) => Some(chain(error)),
        Ok(_) => None,
    };
    json!({"what": one.what, "done": word(one), "why": why})
}
