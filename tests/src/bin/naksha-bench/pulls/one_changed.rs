//! One unit of a thousand is changed by a pull request: the plan costs the change, and not the repository.

use anyhow::{Context as _, ensure};

use super::site::{Host, Site, load};
use crate::Scale;
use crate::commit::{Daemon, cpu_seconds};
use crate::result::Measurement;
use crate::shop::{installation, objects_yaml, source_path};

/// The same order of magnitude.
const MOST_TIMES: f64 = 10.0;

/// Milliseconds of one pull request.
struct Cost {
    plan: f64,
    cpu: f64,
}

pub(crate) fn one_changed(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let pulls = if scale.full { 30 } else { 10 };
    let small = cost(10, pulls)?;
    let large = cost(1000, pulls)?;
    let note = || format!("mean of {pulls}, three environments; {}", load());
    Ok(vec![
        Measurement::new("plan, one of 10 units changed", small.plan, "ms").note(note()),
        Measurement::new("plan, one of 1000 units changed", large.plan, "ms")
            .at_most(small.plan * MOST_TIMES)
            .compared_with(format!("{:.1} ms with 10 units", small.plan))
            .note(format!("{:.1} times", large.plan / small.plan)),
        Measurement::new("CPU of one report, 10 units", small.cpu, "ms").note(note()),
        Measurement::new("CPU of one report, 1000 units", large.cpu, "ms")
            .compared_with(format!("{:.1} ms with 10 units", small.cpu)),
    ])
}

fn cost(units: usize, pulls: usize) -> anyhow::Result<Cost> {
    let host = Host::github().context("there is no GitHub: run ./tests/run once")?;
    let site = Site::new(host, installation(units)?)?;
    if let Host::GitHub(forged) = &site.host {
        // Waiting for its pace is none of the plan's time.
        forged.github.limit(false);
    }
    let daemon = site.begin(&["dev", "staging", "prod"])?;
    // The first one reads what the others find read.
    propose(&site, &daemon, 0)?;
    let (count, sum) = plan_seconds(&daemon.metrics()?);
    let mut cpu = 0.0;
    for pull in 1..=pulls {
        cpu += propose(&site, &daemon, pull)?;
    }
    let (count_after, sum_after) = plan_seconds(&daemon.metrics()?);
    ensure!(count_after > count, "nothing was planned");
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let pulls = pulls as f64;
    Ok(Cost { plan: (sum_after - sum) / (count_after - count) * 1000.0, cpu: cpu / pulls * 1000.0 })
}

/// The CPU seconds of the daemon from before the push until a head is reported on.
fn propose(site: &Site, daemon: &Daemon, pull: usize) -> anyhow::Result<f64> {
    let branch = format!("change-{pull}");
    let head = site.change(&branch, |installation| {
        installation.repository.write(&source_path(1), &objects_yaml(1, &format!("level-{pull}")));
    })?;
    let before = cpu_seconds(daemon.process.id())?;
    site.push(&branch)?;
    let number = site.host.open(&branch)?;
    site.await_report(daemon, number, &head)?;
    Ok(cpu_seconds(daemon.process.id())? - before)
}

/// Count and sum of the histogram.
fn plan_seconds(metrics: &str) -> (f64, f64) {
    let value = |suffix: &str| {
        let name = format!("naksha_pull_plan_duration_seconds_{suffix}{{");
        let line = metrics.lines().find(|line| line.starts_with(&name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0)
    };
    (value("count"), value("sum"))
}
