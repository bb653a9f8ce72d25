//! `naksha demo`: the whole loop on a scratch repository, with the real daemon, as a story of real commits.
//!
//! Nothing is staged: every chapter makes a commit or edits a file, waits for what the daemon says, and checks the
//! effect on disk, on the cluster of `--kubernetes`, or on the forge of `--gitea`. A chapter whose effect does not show ends the demo with an error.

mod chapters;
mod cluster;
mod gitea;
mod interrupt;
mod playground;
mod program;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use crate::cli::{Context, Outcome};
use crate::terminal::Terminal;
use playground::Playground;

/// Plays the whole loop in a scratch folder, with the real daemon: a good commit, a bad one, drift, a dangerous
/// deletion, a revert, a workflow change, and a daemon killed in the middle of an apply.
#[derive(Debug, Args)]
pub struct Demo {
    /// Keep the scratch folder
    #[arg(long)]
    keep: bool,
    /// Print one line per chapter
    #[arg(long)]
    quiet: bool,
    /// Afterwards, leave the daemon running on the scratch repository
    #[arg(long)]
    serve: bool,
    /// Scratch folder; must not exist [default: one under the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Play on a Kubernetes cluster: this context of a kubeconfig, in a namespace that the demo makes and removes
    #[arg(long, value_name = "CONTEXT", conflicts_with = "serve")]
    kubernetes: Option<String>,
    /// Kubeconfig of --kubernetes [default: the first file of KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE", requires = "kubernetes")]
    kubeconfig: Option<PathBuf>,
    /// Namespace of --kubernetes; must not exist [default: a name that nobody has]
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    namespace: Option<String>,
    /// Play pull requests and promotions on this Gitea or Forgejo, in a repository that the demo makes and deletes
    #[arg(long, value_name = "URL", conflicts_with_all = ["serve", "kubernetes"], requires = "token_file")]
    gitea: Option<String>,
    /// File with a token for --gitea; its scopes are write:repository, write:issue, write:user and write:organization
    #[arg(long, value_name = "FILE", requires = "gitea")]
    token_file: Option<PathBuf>,
    /// Organisation of the repository of --gitea [default: whom the token belongs to]
    #[arg(long, value_name = "NAME", requires = "gitea")]
    owner: Option<String>,
}

impl Demo {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let started = Instant::now();
        let Self { keep, quiet, serve, folder, kubernetes, kubeconfig, namespace, gitea, token_file, owner } =
            self;
        let stage = Stage { terminal: context.terminal, quiet };
        if let Some(context) = kubernetes {
            return cluster::play(&stage, &cluster::Asked { context, kubeconfig, namespace, folder, keep });
        }
        if let (Some(url), Some(token_file)) = (gitea, token_file) {
            return gitea::play(&stage, &gitea::Asked { url, token_file, owner, folder, keep });
        }
        let playground = Playground::create(folder, keep || serve)?;
        let Playground { scratch, .. } = &playground;
        stage.say(&format!("Everything below happens in {}", scratch.root().display()));
        let mut daemon = chapters::play(&stage, &playground)
            .with_context(|| format!("the demo stopped; the daemon's log is {}", scratch.log().display()))?;
        stage.line(&format!("The demo took {:.1} s.", started.elapsed().as_secs_f64()));
        if serve {
            stage.line(&chapters::serving(scratch));
        } else {
            daemon.terminate()?;
        }
        daemon.ended()?;
        if keep || serve {
            stage.line(&format!("The scratch folder stays: {}", scratch.root().display()));
        }
        stage.say(chapters::WHERE_NEXT);
        Ok(Outcome::Fine)
    }
}

/// Where the story is told.
struct Stage {
    terminal: Terminal,
    quiet: bool,
}

impl Stage {
    /// The head of a chapter.
    fn chapter(&self, number: usize, title: &str) {
        let (on, off) = if self.terminal.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let gap = if self.quiet { "" } else { "\n" };
        self.terminal.print(&format!("{gap}{on}{number}. {title}{off}"));
    }

    /// Prose and output, left out when quiet.
    fn say(&self, text: &str) {
        if !self.quiet {
            self.terminal.print(text);
        }
    }

    /// A command's output, indented.
    fn show(&self, text: &str) {
        let indented: Vec<_> = text.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect();
        self.say(&indented.join("\n"));
    }

    /// What is printed always.
    fn line(&self, text: &str) {
        self.terminal.print(text);
    }
}
