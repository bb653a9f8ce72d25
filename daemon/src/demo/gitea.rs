//! `naksha demo --gitea URL`: pull requests, promotions and a rollback on a Gitea of the user's own, in a repository that is made
//! for it.
//!
//! Everything that people do is done with the token over the forge's API: no Git, and no other account. In the end the repository is
//! deleted, also after a failure or Ctrl-C; where that fails, it is named.

mod chapters;
mod ground;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use super::Stage;
use super::interrupt::Interrupt;
use crate::cli::Outcome;
use ground::Ground;

/// What the command line says.
pub(super) struct Asked {
    pub(super) url: String,
    pub(super) token_file: PathBuf,
    pub(super) owner: Option<String>,
    pub(super) folder: Option<PathBuf>,
    pub(super) keep: bool,
}

pub(super) fn play(stage: &Stage, asked: &Asked) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let interrupt = Interrupt::listen()?;
    let ground = Ground::create(asked)?;
    stage.say(&format!("Everything below happens in {}", ground.page()));
    let played = chapters::play(stage, &ground, &interrupt)
        .with_context(|| format!("the demo stopped; the daemon's log is {}", ground.scratch.log().display()));
    if asked.keep {
        stage.line(&format!("The repository stays: {}", ground.page()));
        stage.line(&format!("The scratch folder stays: {}", ground.scratch.root().display()));
    } else {
        // Whatever became of the story, nothing of it stays.
        ground.delete().with_context(|| format!("{} could not be deleted, and stays", ground.page()))?;
    }
    played?;
    let left = if asked.keep { "" } else { " The repository is deleted." };
    stage.line(&format!("The demo took {:.1} s.{left}", started.elapsed().as_secs_f64()));
    Ok(Outcome::Fine)
}
