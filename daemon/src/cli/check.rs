//! `naksha check [FOLDER]`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::{Diagnostic, Severity};
use naksha_environments::wire::DiagnosticDocument;
use naksha_renderer::present;
use serde_json::json;

use super::{Context, Outcome};
use crate::laptop::Laptop;

/// Reads every definition, renders every environment, and reports everything that is wrong.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The repository, or a folder in it
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Check this revision instead of the files on disk
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    /// Warnings fail the check too
    #[arg(long)]
    strict: bool,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { folder, revision, strict } = self;
        let progress = context.terminal.progress("checking");
        let laptop = Laptop::open(&folder)?;
        let side = Arc::new(match revision {
            Some(revision) => laptop.at(&revision)?,
            None => laptop.on_disk()?,
        });
        let environments = laptop.select(&side, &[])?;
        // That a unit's definition has errors is no news beside those errors.
        let views = laptop.views(&side, &environments);
        let news = views.into_iter().flat_map(|view| view.rendered.diagnostics);
        let mut rendering: Vec<_> = news.filter(|diagnostic| diagnostic.code != codes::UNIT_BROKEN).collect();
        rendering.sort();
        rendering.dedup();
        // Definitions first: what is wrong in them is the cause of most of the rest.
        let mut diagnostics: Vec<Diagnostic> = side.loaded.diagnostics.clone();
        rendering.retain(|diagnostic| !diagnostics.contains(diagnostic));
        diagnostics.extend(rendering);
        progress.finish_and_clear();
        let count =
            |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let terminal = context.terminal;
        if terminal.is_json() {
            let documents = DiagnosticDocument::all(&diagnostics);
            terminal.json(&json!({"errors": errors, "warnings": warnings, "diagnostics": documents}));
        } else if diagnostics.is_empty() {
            terminal.print(&format!("{}: nothing is wrong", counted(environments.len(), "environment")));
        } else {
            terminal.print(&present::diagnostics(
                &DiagnosticDocument::all(&diagnostics),
                present::Style::new(terminal.colour),
            ));
        }
        let failed = errors > 0 || (strict && warnings > 0);
        Ok(if failed { Outcome::Found } else { Outcome::Fine })
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
