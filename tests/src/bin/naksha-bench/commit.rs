//! From a commit to its effect on disk.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use naksha_tests::{DaemonProcess, Installation};
use serde_json::Value;

use crate::Scale;
use crate::result::{Measurement, percentile};
use crate::shop::{installation, objects_yaml, source_path};

const PATIENCE: Duration = Duration::from_mins(2);

/// A running daemon, asked over its socket without starting a process each time.
pub(crate) struct Daemon {
    pub(crate) process: DaemonProcess,
    client: naksha::client::Client,
    runtime: tokio::runtime::Runtime,
}

impl Daemon {
    pub(crate) fn start(installation: &Installation) -> anyhow::Result<Self> {
        let process = installation.start();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = naksha::client::Client::new(installation.root().join("state/naksha.sock"));
        Ok(Self { process, client, runtime })
    }

    pub(crate) fn status(&self, environment: &str) -> anyhow::Result<Value> {
        let path = format!("/api/v1/status?environment={environment}");
        let documents: Value = self.runtime.block_on(self.client.get(&path))?;
        Ok(documents.get(0).cloned().unwrap_or(Value::Null))
    }

    pub(crate) fn metrics(&self) -> anyhow::Result<String> {
        Ok(self.runtime.block_on(self.client.get_text("/metrics"))?)
    }

    pub(crate) fn sync(&self, environment: &str) -> anyhow::Result<()> {
        let path = format!("/api/v1/sync?environment={environment}");
        let _: Value = self.runtime.block_on(self.client.post(&path, &serde_json::json!({})))?;
        Ok(())
    }

    pub(crate) fn await_synced(&self, environment: &str, commit: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let status = self.status(environment).unwrap_or(Value::Null);
            if status["state"] == "synced" && status["applied"] == commit {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("{environment} was not synced: {status}\n{}", self.process.log());
            }
            // A status of a thousand units is no small thing to write: asking must not be what is measured.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Count and sum of the reconcile histogram of an environment.
pub(crate) fn reconcile_seconds(metrics: &str, environment: &str) -> (u64, f64) {
    let label = format!("environment=\"{environment}\"");
    let value = |suffix: &str| {
        let name = format!("naksha_reconcile_duration_seconds_{suffix}{{");
        let line = metrics.lines().find(|line| line.starts_with(&name) && line.contains(&label));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let count = value("count") as u64;
    (count, value("sum"))
}

pub(crate) fn to_applied(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let installation = installation(50)?;
    let daemon = Daemon::start(&installation)?;
    daemon.await_synced("dev", &installation.repository.head())?;
    let file = installation.target("dev").join("shop/configmap/app-0.yaml");
    let mut samples = Vec::new();
    for sample in 0..if scale.full { 500 } else { 100 } {
        let level = format!("level-{sample}");
        installation.repository.write(&source_path(0), &objects_yaml(0, &level));
        let commit = installation.repository.commit("one unit");
        let started = Instant::now();
        loop {
            if std::fs::read_to_string(&file).unwrap_or_default().contains(&level) {
                break;
            }
            ensure!(started.elapsed() < PATIENCE, "commit {commit} was not applied");
            std::thread::sleep(Duration::from_micros(500));
        }
        samples.push(started.elapsed().as_secs_f64() * 1000.0);
        daemon.await_synced("dev", &commit)?;
    }
    let commits = samples.len();
    let note = format!("{commits} commits, 50 units, the effect seen on disk");
    Ok(vec![
        Measurement::new("commit to applied, p50", percentile(&mut samples, 0.5), "ms")
            .at_most(150.0)
            .note(note.clone()),
        Measurement::new("commit to applied, p99", percentile(&mut samples, 0.99), "ms")
            .at_most(1000.0)
            .note(note),
    ])
}

/// The resident set of a process, in MiB.
pub(crate) fn resident_mib(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("the kernel tells the resident set")?;
    let kib: f64 = line.split_whitespace().nth(1).context("it has a number")?.parse()?;
    Ok(kib / 1024.0)
}

/// CPU seconds that a process and its reaped children used.
pub(crate) fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit_once(')').context("a stat line has a name")?.1;
    let fields: Vec<f64> =
        after_name.split_whitespace().skip(11).take(4).filter_map(|field| field.parse().ok()).collect();
    // Clock ticks are 1/100 s on every Linux that matters (sysconf(_SC_CLK_TCK)).
    Ok(fields.iter().sum::<f64>() / 100.0)
}
