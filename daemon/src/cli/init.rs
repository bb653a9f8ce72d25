//! `naksha init [FOLDER] [--reference]`

use std::path::PathBuf;

use clap::Args;

use super::{Context, Outcome};
use crate::starter::{self, Started};

/// Writes a starter repository: one environment, one unit, one workflow.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where to
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Write the whole reference product instead: three environments, nine units, workflows, policies
    #[arg(long)]
    reference: bool,
}

impl Init {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { folder, reference } = self;
        let Started { written, kept } =
            if reference { starter::write_reference(&folder)? } else { starter::write_starter(&folder)? };
        if context.terminal.is_json() {
            context.terminal.json(&serde_json::json!({"files": written, "kept": kept}));
            return Ok(Outcome::Fine);
        }
        let mut text: Vec<_> = written.iter().map(|file| format!("  {}", file.display())).collect();
        text.insert(0, format!("wrote {} files:", written.len()));
        text.extend(kept.iter().map(|file| format!("kept {}, which was there", file.display())));
        text.push("next: `naksha check`, `naksha plan`, then commit".to_owned());
        context.terminal.print(&text.join("\n"));
        Ok(Outcome::Fine)
    }
}
