//! `naksha plan`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::EnvironmentName;
use naksha_environments::inventory::Inventory;
use naksha_environments::plan::Preconditions;
use naksha_environments::wire::{DiagnosticDocument, PlanDocument, StatusDocument};
use naksha_environments::workflow_change::Contexts;
use naksha_policies::FindingCache;
use naksha_renderer::plan::{diagnostics as plan_diagnostics, plan_between};
use naksha_renderer::present;
use serde_json::json;

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::judgement::{Base, Bench, judge, planner};
use crate::laptop::{EnvironmentView, Laptop, Side};
use crate::terminal::Format;

/// `--base` with this value compares with nothing.
const NO_BASE: &str = "none";

/// Shows what would change, and what policies say of it. Needs no daemon, cluster, token or network.
#[derive(Debug, Args)]
pub(super) struct PlanCommand {
    /// The repository, or a folder in it
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Environment; several may be given [default: all]
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<EnvironmentName>,
    /// Compare with this revision, or with `none` [default: the merge base with the trunk; on the trunk, what a daemon
    /// applied last, else nothing]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Plan this revision instead of the files on disk
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    /// Exit with 1 when there are changes
    #[arg(long)]
    exit_code: bool,
}

/// One environment's plan, and what to say beside it.
struct Planned {
    document: PlanDocument,
    /// A finding would hold it.
    blocked: bool,
    /// What it was compared with.
    against: String,
    preview: bool,
}

impl PlanCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { folder, environments, base, revision, exit_code } = self;
        let progress = context.terminal.progress("planning");
        let laptop = Laptop::open(&folder)?;
        let head = Arc::new(match &revision {
            Some(revision) => laptop.at(revision)?,
            None => laptop.on_disk()?,
        });
        let selected = laptop.select(&head, &environments)?;
        let mut planned = Vec::new();
        let mut diagnostics: Vec<Diagnostic> = head.loaded.diagnostics.clone();
        for environment in &selected {
            let base = base_of(context, &laptop, &head, environment, base.as_deref(), revision.is_some())?;
            planned.push(plan(&laptop, &head, environment, base.as_ref(), &mut diagnostics));
        }
        diagnostics.sort();
        diagnostics.dedup();
        progress.finish_and_clear();
        print(context, &planned, &diagnostics);
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        let blocked = planned.iter().any(|planned| planned.blocked);
        let changes = planned.iter().any(|planned| !planned.document.actions.is_empty());
        Ok(if failed || blocked || (exit_code && changes) { Outcome::Found } else { Outcome::Fine })
    }
}

fn plan(
    laptop: &Laptop,
    head: &Arc<Side>,
    environment: &Arc<Environment>,
    base: Option<&Arc<Side>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Planned {
    let view = laptop.view(head, environment);
    let before = base.and_then(|base| {
        let environment = base.loaded.definitions.environments.get(&environment.name)?;
        Some(laptop.view(base, environment))
    });
    let contexts = Contexts {
        before: before.as_ref().map(|before| &before.content.loaded.definitions.contexts),
        after: Some(&view.content.loaded.definitions.contexts),
    };
    let preconditions = Preconditions {
        control: head.revision.clone(),
        content: view.content.revision.clone(),
        policies: None,
        planner: planner(),
    };
    let rendered_before = before.as_ref().map(|before| &before.rendered);
    let plan = plan_between(rendered_before, &view.rendered, environment, contexts, preconditions);
    let judged = judge(&bench(head, &view, before.as_ref()), &plan, Timestamp::now());
    diagnostics.extend(view.rendered.diagnostics.iter().cloned());
    diagnostics.extend(judged.diagnostics);
    let own = plan_diagnostics(&plan, &view.rendered);
    let blocked = judged.verdict.blocking().next().is_some();
    let document = PlanDocument::of(&plan).with_verdict(&judged.verdict).with_diagnostics(&own);
    let against = match base {
        None => "nothing: everything is new".to_owned(),
        Some(side) => side
            .revision
            .as_ref()
            .map_or_else(|| "the working copy".to_owned(), |base| base.short().to_owned()),
    };
    Planned { document, blocked, against, preview: view.preview }
}

fn bench<'a>(head: &'a Side, view: &'a EnvironmentView, before: Option<&'a EnvironmentView>) -> Bench<'a> {
    static EMPTY: std::sync::LazyLock<(Inventory, FindingCache)> =
        std::sync::LazyLock::new(|| (Inventory::default(), FindingCache::new()));
    Bench {
        control: &head.loaded.definitions,
        content: &view.content.loaded.definitions,
        tree: &view.content.tree,
        environment: &view.environment,
        rendered: &view.rendered,
        base: before.map(|before| Base {
            rendered: &before.rendered,
            definitions: &before.content.loaded.definitions,
            tree: &before.content.tree,
        }),
        inventory: &EMPTY.0,
        acknowledgements: &[],
        applied_approvals: None,
        cache: &EMPTY.1,
    }
}

/// What to compare with: see the help of `--base`.
fn base_of(
    context: &Context,
    laptop: &Laptop,
    head: &Side,
    environment: &Environment,
    asked: Option<&str>,
    is_revision: bool,
) -> anyhow::Result<Option<Arc<Side>>> {
    match asked {
        Some(NO_BASE) => return Ok(None),
        Some(base) => return Ok(Some(Arc::new(laptop.at(base)?))),
        None => {}
    }
    let Some(trunk) = laptop.trunk(head)? else { return Ok(None) };
    if !is_revision && !laptop.work.is_on(&trunk)? {
        let base = laptop.work.merge_base(&trunk)?;
        return base.map(|base| laptop.at(base.as_str()).map(Arc::new)).transpose().map_err(Into::into);
    }
    let Some(applied) = applied(context, environment) else { return Ok(None) };
    // What a daemon applied may not be here: it may watch another repository.
    Ok(laptop.at(&applied).ok().map(Arc::new))
}

/// The commit that a daemon applied last, when one answers.
fn applied(context: &Context, environment: &Environment) -> Option<String> {
    let client = context.client().ok()?;
    let path = path_for("/api/v1/status", Some(environment.name.as_str()));
    let documents: Vec<StatusDocument> = block_on(client.get(&path)).ok()?.ok()?;
    let document = documents.into_iter().next()?;
    match environment.follows {
        // Rules of a pinned environment come from the trunk, its content from the lock.
        Follows::Promotion { .. } => document.control,
        Follows::Trunk | Follows::Branch(_) => document.applied,
    }
}

fn print(context: &Context, planned: &[Planned], diagnostics: &[Diagnostic]) {
    let terminal = context.terminal;
    let documents: Vec<PlanDocument> = planned.iter().map(|planned| planned.document.clone()).collect();
    let problems = DiagnosticDocument::all(diagnostics);
    let style = present::Style::new(terminal.colour);
    if terminal.format != Format::Json && !problems.is_empty() {
        terminal.note(&present::diagnostics(&problems, style));
    }
    match terminal.format {
        Format::Json => terminal.json(&json!({"plans": documents, "diagnostics": problems})),
        Format::Markdown => terminal.print(&present::markdown(&documents, present::COMMENT_BUDGET)),
        Format::Text => {
            for Planned { document, blocked: _, against, preview } in planned {
                let note =
                    if *preview { "; not promoted yet, shown as if this were promoted to it" } else { "" };
                terminal.print(&format!("{} against {against}{note}", document.environment));
                terminal.print(&present::text(document, style));
            }
        }
    }
}
