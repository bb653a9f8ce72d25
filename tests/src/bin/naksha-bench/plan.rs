//! Planning: cold as a process, and warm with one unit changed, as the daemon does it.

use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::Scale;
use crate::commit::{Daemon, reconcile_seconds};
use crate::result::{Measurement, percentile};
use crate::shop::{installation, objects_yaml, source_path};

pub(crate) fn cold(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let installation = installation(1000)?;
    let folder = installation.repository.folder();
    let mut measurements = Vec::new();
    for (metric, arguments) in [
        ("check of three environments, cold", ["check", "--format", "json", "."].as_slice()),
        (
            "check + render + plan of one environment, cold",
            ["plan", "--env", "dev", "--base", "none", "--format", "json", "."].as_slice(),
        ),
    ] {
        let mut samples = Vec::new();
        for _ in 0..if scale.full { 10 } else { 3 } {
            let started = Instant::now();
            let printed = installation.program.run(folder, arguments);
            samples.push(started.elapsed().as_secs_f64());
            ensure!(
                printed.code == 0,
                "it failed: {}{}",
                printed.out.chars().take(2000).collect::<String>(),
                printed.err
            );
        }
        let measurement =
            Measurement::new(metric, percentile(&mut samples, 0.5), "s").note("median, one process each");
        measurements.push(if arguments[0] == "plan" { measurement.at_most(1.5) } else { measurement });
    }
    Ok(measurements)
}

pub(crate) fn one_changed(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let samples = if scale.full { 60 } else { 20 };
    let small = pass_ms(10, samples)?;
    let large = pass_ms(1000, samples)?;
    Ok(vec![
        Measurement::new("a pass with one of 10 units changed", small, "ms")
            .note("median, snapshot to applied"),
        Measurement::new("a pass with one of 1000 units changed", large, "ms")
            .at_most(60.0)
            .note("median, snapshot to applied"),
        Measurement::new("1000 units beside 10, one changed", large, "ms")
            .at_most((small * 2.0).max(small + 15.0))
            .compared_with(format!("{small:.1} ms with 10 units")),
    ])
}

/// Median length of the passes that apply a commit which touches one unit.
fn pass_ms(units: usize, samples: usize) -> anyhow::Result<f64> {
    let installation = installation(units)?;
    let daemon = Daemon::start(&installation)?;
    daemon.await_synced("dev", &installation.repository.head())?;
    let mut took = Vec::new();
    for sample in 0..samples {
        let (count, sum) = reconcile_seconds(&daemon.metrics()?, "dev");
        installation.repository.write(&source_path(0), &objects_yaml(0, &format!("level-{sample}")));
        let commit = installation.repository.commit("one unit");
        daemon.await_synced("dev", &commit)?;
        let (count_after, sum_after) = reconcile_seconds(&daemon.metrics()?, "dev");
        ensure!(count_after > count, "no pass was measured");
        // Our own writes wake one more pass, which finds nothing to do: the longest is the one that applied.
        took.push((sum_after - sum) * 1000.0);
    }
    Some(percentile(&mut took, 0.5)).context("there are samples")
}
