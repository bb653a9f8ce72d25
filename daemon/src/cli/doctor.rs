//! `naksha doctor`

use clap::Args;
use serde_json::json;

use super::{Context, Outcome, block_on};
use crate::config::{Overrides, Problem, ProblemKind};
use crate::doctor::{self, Examined, Finding, Level};
use naksha_renderer::present::counted;

/// Looks over what the configuration names: whether Git and the forge of each repository answer, who we are there, what we may, and
/// whether the webhook and the rules of the trunk are as naksha needs them. Changes nothing.
#[derive(Debug, Args)]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self {} = self;
        let problems = context.config_problems(Overrides::default())?;
        // What cannot be read at all names no repository.
        let examined = match context.config() {
            Ok(config) => {
                let progress = context.terminal.progress("asking Git and the forges");
                let examined = block_on(doctor::examine(&config))?;
                progress.finish_and_clear();
                examined
            }
            Err(error) if problems.is_empty() => return Err(error),
            Err(_) => Vec::new(),
        };
        let count = |level| {
            let told = problems.iter().map(level_of);
            let found = examined.iter().flat_map(|one| &one.findings).map(|finding| finding.level);
            told.chain(found).filter(|own| *own == level).count()
        };
        let (errors, warnings) = (count(Level::Error), count(Level::Warning));
        if context.terminal.is_json() {
            context.terminal.json(&document(&problems, &examined, errors, warnings));
        } else {
            context.terminal.print(&text(&problems, &examined, context.terminal.colour, errors, warnings));
        }
        Ok(if errors > 0 { Outcome::Found } else { Outcome::Fine })
    }
}

fn level_of(problem: &Problem) -> Level {
    match problem.kind {
        ProblemKind::Wrong | ProblemKind::Needed => Level::Error,
        ProblemKind::Missing => Level::Warning,
    }
}

fn document(
    problems: &[Problem],
    examined: &[Examined],
    errors: usize,
    warnings: usize,
) -> serde_json::Value {
    let problem = |problem: &Problem| json!({"level": level_of(problem), "place": problem.place, "message": problem.message});
    let repository = |one: &Examined| json!({"repository": one.repository, "findings": one.findings});
    json!({
        "errors": errors,
        "warnings": warnings,
        "configuration": problems.iter().map(problem).collect::<Vec<_>>(),
        "repositories": examined.iter().map(repository).collect::<Vec<_>>(),
    })
}

fn text(problems: &[Problem], examined: &[Examined], colour: bool, errors: usize, warnings: usize) -> String {
    let mut lines = vec!["configuration".to_owned()];
    if problems.is_empty() {
        lines.push(line(Level::Ok, "", "it can be read, and nothing in it is wrong", colour));
    }
    lines.extend(problems.iter().map(|problem| line(level_of(problem), "", &problem.to_string(), colour)));
    for Examined { repository, findings } in examined {
        lines.push(repository.clone());
        for Finding { about, level, message, hint, code } in findings {
            let code = code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
            lines.push(line(*level, about, &format!("{message}{code}"), colour));
            lines.extend(hint.iter().map(|hint| format!("           = hint: {hint}")));
        }
    }
    lines.push(match (errors, warnings) {
        (0, 0) => "nothing is wrong".to_owned(),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    });
    lines.join("\n")
}

/// The level in its colour, what was looked at, and what was found.
fn line(level: Level, about: &str, message: &str, colour: bool) -> String {
    let (on, off) = match (colour, level) {
        (false, _) => ("", ""),
        (true, Level::Ok) => ("\x1b[32m", "\x1b[0m"),
        (true, Level::Warning) => ("\x1b[33m", "\x1b[0m"),
        (true, Level::Error) => ("\x1b[31m", "\x1b[0m"),
    };
    let about = if about.is_empty() { String::new() } else { format!("{about:<11} ") };
    format!("  {on}{:<8}{off} {about}{message}", level.word())
}
