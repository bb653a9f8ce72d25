//! `naksha daemon`

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::{Context, Outcome};
use crate::config::{ConfigError, Overrides, Problem, ProblemKind, problems};

/// Watches repositories and keeps their environments applied, until it is told to stop.
#[derive(Debug, Args)]
pub(super) struct Daemon {
    /// Watch this repository (path or URL) instead of those of the configuration file
    #[arg(long, env = "NAKSHA_REPOSITORY", value_name = "URL")]
    repository: Option<String>,
    /// Listen here for /healthz, /readyz, /metrics and the API: ADDRESS:PORT on loopback, or `off`
    #[arg(long, env = "NAKSHA_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// End when the process that started this one does
    #[arg(long, hide = true)]
    with_parent: bool,
    /// Check the configuration, and end
    #[arg(long)]
    check_config: bool,
}

impl Daemon {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { repository, listen, with_parent, check_config } = self;
        if with_parent {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
        }
        // A path means the same whatever the folder, also after a restart from elsewhere.
        let repository = repository.map(|url| match std::path::Path::new(&url).canonicalize() {
            Ok(path) => path.display().to_string(),
            Err(_) => url,
        });
        let overrides = Overrides { repository, listen, ..Overrides::default() };
        if check_config {
            return Ok(report(context, &context.config_problems(overrides)?));
        }
        let loaded = match context.config_with(overrides.clone()) {
            Ok(loaded) => loaded,
            Err(error) => {
                // The first error of a text hides the others.
                refuse_wrong(&context.config_problems(overrides)?)?;
                return Err(error);
            }
        };
        let problems = problems(&loaded);
        refuse_wrong(&problems)?;
        // What is not there now may come; the daemon tries again. What a start needs is told by the start.
        for problem in problems.iter().filter(|problem| problem.kind == ProblemKind::Missing) {
            context.terminal.note(&format!("warning: {problem}"));
        }
        let config = loaded.config;
        crate::telemetry::install(&config.log)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(crate::supervisor::run(config));
        // Blocking reads that outlive the grace period must not keep the process.
        runtime.shutdown_background();
        result?;
        Ok(Outcome::Fine)
    }
}

/// What can never work, all of it at once.
fn refuse_wrong(problems: &[Problem]) -> anyhow::Result<()> {
    let wrong = problems.iter().filter(|problem| problem.kind == ProblemKind::Wrong);
    let lines: Vec<_> = wrong.map(ToString::to_string).collect();
    if !lines.is_empty() {
        bail!(ConfigError::Wrong(lines.join("\n")));
    }
    Ok(())
}

/// An error stops a start, a warning does not.
fn line(problem: &Problem) -> String {
    let Problem { kind, place, message } = problem;
    let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    format!("{place}{}: {message}", kind.severity().as_str())
}

fn report(context: &Context, problems: &[Problem]) -> Outcome {
    if context.terminal.is_json() {
        let row = |problem: &Problem| {
            let severity = problem.kind.severity().as_str();
            json!({"place": problem.place, "severity": severity, "message": problem.message})
        };
        context.terminal.json(&json!({"problems": problems.iter().map(row).collect::<Vec<_>>()}));
    } else if problems.is_empty() {
        context.terminal.print("the configuration is fine");
    } else {
        let lines: Vec<_> = problems.iter().map(line).collect();
        context.terminal.print(&lines.join("\n"));
    }
    if problems.is_empty() { Outcome::Fine } else { Outcome::Found }
}
