//! Measures naksha. `naksha-bench list`, `naksha-bench run NAME... [--json FILE|-] [--full]`.
//!
//! Figures are taken from the release build of the program beside this one, as a process, with real repositories and
//! real files. Ratios against a peer or a floor are taken in the same run.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints figures")]

mod cluster;
mod commit;
mod hostile;
mod idle;
mod peers;
mod plan;
mod pulls;
mod result;
mod shop;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::result::Measurement;

#[derive(Debug, Parser)]
#[command(name = "naksha-bench", about = "Measures naksha")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Name every benchmark
    List,
    /// Run benchmarks
    Run {
        /// Names, or `all`
        #[arg(required = true)]
        names: Vec<String>,
        /// Write the results as JSON; `-` is standard output
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Longer runs with more samples
        #[arg(long)]
        full: bool,
    },
}

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) full: bool,
}

type Benchmark = fn(Scale) -> anyhow::Result<Vec<Measurement>>;

const BENCHMARKS: &[(&str, &str, Benchmark)] = &[
    (
        "plan-1000-units",
        "cold check + render + plan of one of three environments, 1000 units × 4 objects",
        plan::cold,
    ),
    (
        "plan-one-changed",
        "the same with one unit changed, warm, against a 10-unit repository",
        plan::one_changed,
    ),
    (
        "commit-to-applied",
        "from a commit in a local repository to its effect in the directory target",
        commit::to_applied,
    ),
    ("no-change-10k", "a pass over 10,000 objects in which nothing changed", idle::no_change),
    ("idle-10k", "memory and CPU of a daemon that owns 10,000 objects and has nothing to do", idle::idle),
    ("hostile-input", "bombs of every kind end in a clear error, with the daemon alive", hostile::hostile),
    (
        "k8s-apply-1000x4",
        "4,000 objects of four kinds on a real API server, first apply and all changed, beside the floor",
        cluster::apply_1000x4,
    ),
    (
        "k8s-apply-10k-configmaps",
        "10,000 ConfigMaps of 2 KB, first apply and all changed, beside the floor",
        cluster::apply_10k_configmaps,
    ),
    ("k8s-no-change-10k", "a pass over 10,000 objects in which nothing changed", cluster::no_change_10k),
    ("k8s-drift-10k", "one of 10,000 objects drifts, and is healed", cluster::drift_10k),
    (
        "k8s-hold-100k",
        "100,000 ConfigMaps of 2 KB: memory, restart and idling of the daemon that owns them",
        cluster::hold_100k,
    ),
    (
        "pr-report",
        "from the webhook of an opened pull request to \"in progress\" and to its report, reference product, GitHub and Gitea",
        pulls::report,
    ),
    ("pr-100-open", "100 open pull requests, and the base moves: time and requests", pulls::hundred_open),
    (
        "pr-one-changed",
        "a pull request that changes one of 1000 units, against a 10-unit repository",
        pulls::one_changed,
    ),
    ("render-vs-kustomize", "rendering 1000 units against `kustomize build`", peers::kustomize),
];

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// True when every goal was met.
fn run(args: Args) -> anyhow::Result<bool> {
    let (names, json, full) = match args.command {
        Command::List => {
            for (name, what, _) in BENCHMARKS {
                println!("{name:<20} {what}");
            }
            return Ok(true);
        }
        Command::Run { names, json, full } => (names, json, full),
    };
    let all = names.iter().any(|name| name == "all");
    for name in names.iter().filter(|name| *name != "all") {
        anyhow::ensure!(BENCHMARKS.iter().any(|(known, ..)| known == name), "there is no benchmark `{name}`");
    }
    let mut results = Vec::new();
    for (name, what, benchmark) in
        BENCHMARKS.iter().filter(|(name, ..)| all || names.iter().any(|asked| asked == name))
    {
        eprintln!("{name}: {what}");
        for measurement in benchmark(Scale { full })? {
            eprintln!("  {measurement}");
            results.push(measurement.named(name));
        }
    }
    let text = serde_json::to_string_pretty(&results)?;
    match json {
        Some(path) if path.as_os_str() == "-" => println!("{text}"),
        Some(path) => std::fs::write(path, text + "\n")?,
        None => {}
    }
    Ok(results.iter().all(|result| result.met != Some(false)))
}
