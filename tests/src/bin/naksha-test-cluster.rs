//! A real Kubernetes control plane to try things on by hand, or to measure against; `./tests/run` builds its programs.
//!
//! Prints how to use it and runs until Ctrl-C. Tuned as people run it: etcd waits for the disk.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that tells how to use what it started"
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use naksha_tests::kubernetes::{ControlPlane, Parts, Setup, Tuning};
use tokio::signal::unix::{SignalKind, signal};

/// Between two looks at whether every server is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Parser)]
#[command(name = "naksha-test-cluster", about = "A Kubernetes control plane for tries and measurements")]
struct Args {
    /// How much of it: the API server alone, with controllers, or with a node that pods run on
    #[arg(long, value_enum, default_value_t = Parts::Nodes)]
    parts: Parts,
    /// Keep everything in this folder, and go on with what is there; otherwise a temporary one
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("naksha-test-cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(args: Args) -> anyhow::Result<()> {
    // Until signals are listened to, one ends the process, and the keeper stops what was started.
    let keeps = args.folder.is_some();
    let setup = Setup { folder: args.folder, ..Setup::new(args.parts).tuned_for(Tuning::Benchmarks) };
    let started = Instant::now();
    let cluster = ControlPlane::start_with(&setup)?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    describe(&cluster, started.elapsed(), keeps)?;

    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = looks.tick() => cluster.check()?,
        }
    }
}

fn describe(cluster: &ControlPlane, took: Duration, keeps: bool) -> anyhow::Result<()> {
    let version = cluster.admin().get("/version")?;
    let others: Vec<_> = cluster.users().skip(1).collect();
    let folder = cluster.folder().display();
    writeln!(
        std::io::stdout(),
        "Kubernetes {version} at {url}, started in {seconds:.1} s

    export KUBECONFIG={kubeconfig}

The admin may do everything; {others} may do nothing yet and have kubeconfigs beside it.
Logs are in {folder}/logs. Ctrl-C stops it{removed}.",
        version = version["gitVersion"].as_str().unwrap_or("of an unknown version"),
        url = cluster.url(),
        seconds = took.as_secs_f64(),
        kubeconfig = cluster.kubeconfig("admin")?.display(),
        others = others.join(", "),
        removed = if keeps { "; the folder stays" } else { " and removes the folder" },
    )
    .context("cannot tell how to use it")
}
