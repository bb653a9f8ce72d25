//! `naksha check [FOLDER]`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
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
        let mut diagnostics: Vec<Diagnostic> = side.loaded.diagnostics.clone();
        for view in laptop.views(&side, &environments) {
            diagnostics.extend(view.rendered.diagnostics);
        }
        diagnostics.sort();
        diagnostics.dedup();
        progress.finish_and_clear();
        let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let terminal = context.terminal;
        if terminal.is_json() {
            let documents: Vec<_> = diagnostics.iter().map(DiagnosticDocument::of).collect();
            terminal.json(&json!({"errors": errors, "warnings": warnings, "diagnostics": documents}));
        } else {
            terminal.print(&present::diagnostics(&diagnostics, present::Style::new(terminal.colour)));
        }
        let failed = errors > 0 || (strict && warnings > 0);
        Ok(if failed { Outcome::Found } else { Outcome::Fine })
    }
}
