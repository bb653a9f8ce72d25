//! `naksha demo --kubernetes CONTEXT`: the loop on a cluster of the user's own, in a namespace that is made for it.
//!
//! Everything that is made there is named after the namespace or lies in it. It is removed in the end, by the daemon in the last
//! chapter; after a failure or Ctrl-C by the demo itself. What cannot be removed is named.

mod chapters;
mod cleanup;
mod ground;
mod people;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use naksha_environments::ids::EnvironmentName;

use super::Stage;
use super::interrupt::Interrupt;
use crate::cli::Outcome;
use cleanup::Left;
use ground::Ground;
use people::People;

/// What the command line says.
pub(super) struct Asked {
    pub(super) context: String,
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) namespace: Option<String>,
    pub(super) folder: Option<PathBuf>,
    pub(super) keep: bool,
}

pub(super) fn play(stage: &Stage, asked: &Asked) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let interrupt = Interrupt::listen()?;
    let name = match &asked.namespace {
        Some(name) => name.clone(),
        None => format!("naksha-demo-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]),
    };
    let name = EnvironmentName::parse(&name).context("the namespace cannot be called so")?;
    let kubeconfig = asked.kubeconfig.clone().or_else(usual_kubeconfig).context("no kubeconfig is named")?;
    let people = People::reach(&kubeconfig, &asked.context)?;
    if people.namespace(name.as_str())?.is_some() {
        bail!("namespace `{name}` exists already; the demo makes one of its own: leave --namespace out");
    }
    let cast = people.cast()?;
    let ground = Ground::create(asked, &kubeconfig, &name, &cast)?;
    stage.say(&format!(
        "Everything below happens in namespace {name} of context {}; the repository is {}",
        asked.context,
        ground.repository.folder().display()
    ));
    stage.say(&cast.words());
    let played = chapters::play(stage, &ground, &people, &interrupt)
        .with_context(|| format!("the demo stopped; the daemon's log is {}", ground.scratch.log().display()));
    // Whatever became of the story, nothing of it stays.
    stage.say("Looking for what is left on the cluster …");
    let Left { removed, stays } = cleanup::clean(&ground, &kubeconfig, &asked.context)?;
    if !removed.is_empty() {
        stage.line(&format!("Removed what the story left: {}", removed.join(", ")));
    }
    for left in &stays {
        stage.line(&format!("This stays on the cluster: {left}"));
    }
    played?;
    if !stays.is_empty() {
        bail!("not everything could be removed");
    }
    stage.line(&format!(
        "The demo took {:.1} s. Nothing of it is left on the cluster.",
        started.elapsed().as_secs_f64()
    ));
    if asked.keep {
        stage.line(&format!("The scratch folder stays: {}", ground.scratch.root().display()));
    }
    Ok(Outcome::Fine)
}

/// Where kubectl looks.
fn usual_kubeconfig() -> Option<PathBuf> {
    let listed = std::env::var_os("KUBECONFIG").and_then(|files| std::env::split_paths(&files).next());
    let listed = listed.filter(|file| !file.as_os_str().is_empty());
    listed.or_else(|| std::env::home_dir().map(|home| home.join(".kube/config")))
}
