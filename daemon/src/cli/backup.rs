//! `naksha backup FILE`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use naksha_executor_store::SqliteStore;

use super::{Context, Outcome, block_on};

/// Writes a consistent copy of the daemon's database into one file. Works while the daemon runs.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Where to; must not exist
    file: PathBuf,
}

impl Backup {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let database = context.config()?.database();
        let progress = context.terminal.progress("copying the database");
        let copied = block_on(SqliteStore::backup_file(&database, &self.file))?;
        progress.finish_and_clear();
        copied.with_context(|| format!("no backup of {} was written", database.display()))?;
        if context.terminal.is_json() {
            context.terminal.json(&serde_json::json!({"file": self.file}));
        } else {
            context.terminal.print(&format!("{} is a copy of {}", self.file.display(), database.display()));
        }
        Ok(Outcome::Fine)
    }
}
