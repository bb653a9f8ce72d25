//! `naksha plan`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::{Environment, TargetRef};
use naksha_environments::wire::{DiagnosticDocument, PlanDocument, StatusDocument};
use naksha_renderer::plan::{diagnostics as plan_diagnostics, unknown_kinds};
use naksha_renderer::present;
use rayon::prelude::*;
use serde_json::json;

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::http::EnvironmentRef;
use crate::laptop::{Base, Laptop, Planned, Told};
use crate::terminal::Format;

const NOT_TOLD: &str = "no daemon tells what was applied";

/// Shows what would change, and what policies say of it. Needs no daemon, cluster, token or network.
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    /// The repository, or a folder in it
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Environment; several may be given [default: all]. As REPOSITORY/NAME, only what a daemon says of that repository
    /// counts
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<EnvironmentRef>,
    /// Compare with this revision, or with `none` [default: where the branch left the trunk; on the trunk, what a
    /// daemon applied last, else nothing]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Plan this revision instead of the files on disk
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    /// Exit with 1 when there are changes
    #[arg(long)]
    exit_code: bool,
}

/// One environment's plan, and what it was compared with.
struct Shown {
    planned: Planned,
    document: PlanDocument,
    base: Base,
}

impl PlanCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { folder, environments, base, revision, exit_code } = self;
        let progress = context.terminal.progress("planning");
        let laptop = Laptop::open(&folder)?;
        let head = laptop.side(revision.as_deref())?;
        let names: Vec<_> = environments.iter().map(|asked| asked.environment.clone()).collect();
        let selected = laptop.select(&head, &names)?;
        let base = laptop.base(&head, base.as_deref())?;
        let name_of = |environment: &Environment| {
            let asked = environments.iter().find(|asked| asked.environment == environment.name);
            asked.map_or_else(|| environment.name.to_string(), ToString::to_string)
        };
        let base_of = |environment: &Environment| match &base {
            Some(base) => base.clone(),
            None => applied(context, &laptop, &name_of(environment)),
        };
        let based: Vec<_> = selected.iter().map(|environment| (environment, base_of(environment))).collect();
        let planned = based.into_par_iter().map(|(environment, base)| {
            let planned = laptop.plan(&head, environment, &base);
            let own = plan_diagnostics(&planned.plan, &planned.view.rendered);
            let document = PlanDocument::of(&planned.plan)
                .with_verdict(&planned.verdict)
                .with_acknowledgements(&planned.acknowledgements)
                .with_diagnostics(&own);
            Shown { planned, document, base }
        });
        let shown: Vec<Shown> = planned.collect();
        let diagnostics = all_diagnostics(&laptop, &head, &shown)?;
        progress.finish_and_clear();
        print(context, &shown, &diagnostics);
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        let blocked = shown.iter().any(|shown| shown.planned.verdict.blocking().next().is_some());
        let changes = shown.iter().any(|shown| !shown.planned.plan.actions.is_empty());
        Ok(if failed || blocked || (exit_code && changes) { Outcome::Found } else { Outcome::Fine })
    }
}

/// What only a cluster could tell.
fn not_known_here(planned: &Planned) -> Option<Diagnostic> {
    let is_cluster = !matches!(planned.view.environment.target, TargetRef::Directory { .. });
    is_cluster.then(|| unknown_kinds(&planned.view.rendered)).flatten()
}

fn all_diagnostics(
    laptop: &Laptop,
    head: &Arc<crate::laptop::Side>,
    shown: &[Shown],
) -> anyhow::Result<Vec<Diagnostic>> {
    let mut diagnostics = laptop.diagnostics(head, shown.iter().map(|shown| &shown.planned.view))?;
    let mut rules: Vec<_> = shown.iter().flat_map(|shown| shown.planned.rules.iter().cloned()).collect();
    rules.sort();
    rules.dedup();
    diagnostics.extend(rules);
    diagnostics.extend(shown.iter().filter_map(|shown| not_known_here(&shown.planned)));
    Ok(diagnostics)
}

/// On the trunk: what a daemon applied last, when one answers about this repository. `name` is what it is asked for.
fn applied(context: &Context, laptop: &Laptop, name: &str) -> Base {
    let nothing = |why: &str| Base::Nothing(format!("on the trunk, and {why}"));
    let Some(answers) = answers(context, name) else {
        return nothing(NOT_TOLD);
    };
    let document = match laptop.told(answers) {
        Told::About(document) => document,
        Told::NotYet => return nothing(NOT_TOLD),
        Told::Nothing(why) => return nothing(&why),
    };
    let Some(applied) = document.applied else { return nothing("nothing was applied there yet") };
    // Rules come from the trunk, wherever the content does. What was read since is not applied: it may be held.
    let control = document.applied_control.unwrap_or_else(|| applied.clone());
    match (laptop.at(&control), laptop.at(&applied)) {
        (Ok(rules), Ok(applied)) => Base::Applied { control: rules, content: applied },
        (Err(error), _) | (_, Err(error)) => nothing(&error.to_string()),
    }
}

/// `None`: no daemon answers, or it does not know the environment.
fn answers(context: &Context, name: &str) -> Option<Vec<StatusDocument>> {
    let client = context.client().ok()?;
    block_on(client.get(&path_for("/api/v1/status", Some(name)))).ok()?.ok()
}

fn print(context: &Context, shown: &[Shown], diagnostics: &[Diagnostic]) {
    let terminal = context.terminal;
    let documents: Vec<PlanDocument> = shown.iter().map(|shown| shown.document.clone()).collect();
    let problems = DiagnosticDocument::all(diagnostics);
    let style = present::Style::new(terminal.colour);
    if terminal.format != Format::Json && !problems.is_empty() {
        terminal.note(&present::diagnostics(&problems, style));
    }
    match terminal.format {
        Format::Json => terminal.json(&json!({"plans": documents, "diagnostics": problems})),
        Format::Markdown => terminal.print(&present::markdown(&documents, present::COMMENT_BUDGET)),
        Format::Text => {
            for (at, Shown { planned, document, base }) in shown.iter().enumerate() {
                let note = planned.view.preview.map(|why| format!("; {why}")).unwrap_or_default();
                let gap = if at > 0 { "\n" } else { "" };
                terminal.print(&format!("{gap}{} against {base}{note}", document.environment));
                terminal.print(&present::text_after(document, &documents[..at], style));
            }
        }
    }
}
