//! Ten thousand objects and nothing to do.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::Scale;
use crate::commit::{Daemon, cpu_seconds, reconcile_seconds, resident_mib};
use crate::result::{Measurement, percentile};
use crate::shop::{OBJECTS_PER_UNIT, installation};

/// 2500 units of four objects.
const UNITS: usize = 10_000 / OBJECTS_PER_UNIT;

pub(crate) fn no_change(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let installation = installation(UNITS)?;
    installation.only(&["dev"]);
    let daemon = Daemon::start(&installation)?;
    daemon.await_synced("dev", &installation.repository.head())?;
    let newest = || newest_write(&installation.target("dev"));
    let before = newest()?;
    let mut samples = Vec::new();
    for _ in 0..if scale.full { 50 } else { 15 } {
        let (count, sum) = reconcile_seconds(&daemon.metrics()?, "dev");
        daemon.sync("dev")?;
        let started = Instant::now();
        let took = loop {
            let (count_after, sum_after) = reconcile_seconds(&daemon.metrics()?, "dev");
            if count_after > count {
                #[allow(clippy::cast_precision_loss, reason = "a handful")]
                let passes = (count_after - count) as f64;
                break (sum_after - sum) / passes;
            }
            ensure!(started.elapsed() < Duration::from_secs(30), "no pass was made");
            std::thread::sleep(Duration::from_millis(5));
        };
        samples.push(took * 1000.0);
    }
    ensure!(newest()? == before, "a pass without changes wrote to the target");
    let objects = installation.objects("dev").len();
    Ok(vec![
        Measurement::new("pass over 10,000 unchanged objects, p50", percentile(&mut samples, 0.5), "ms")
            .at_most(200.0)
            .note(format!("{objects} objects, forced by `naksha sync`, no file written")),
        Measurement::new("pass over 10,000 unchanged objects, worst", percentile(&mut samples, 1.0), "ms"),
    ])
}

pub(crate) fn idle(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let installation = installation(UNITS)?;
    installation.only(&["dev"]);
    let daemon = Daemon::start(&installation)?;
    daemon.await_synced("dev", &installation.repository.head())?;
    let started = Instant::now();
    // The first passes after an apply settle the watches and caches.
    std::thread::sleep(Duration::from_secs(5));
    let (before, from) = (cpu_seconds(daemon.process.id())?, Instant::now());
    std::thread::sleep(Duration::from_secs(if scale.full { 100 } else { 30 }));
    let used = cpu_seconds(daemon.process.id())? - before;
    let share = used / from.elapsed().as_secs_f64() * 100.0;
    let resident = resident_mib(daemon.process.id())?;
    let objects = installation.objects("dev").len();
    let note = format!("{objects} objects, {:.0} s after the first apply", started.elapsed().as_secs_f64());
    Ok(vec![
        Measurement::new("resident memory, idle", resident, "MiB").at_most(150.0).note(note.clone()),
        Measurement::new("CPU, idle", share, "% of a core").at_most(1.0).note(note),
    ])
}

/// The newest modification time below a folder.
fn newest_write(folder: &std::path::Path) -> anyhow::Result<std::time::SystemTime> {
    let mut newest = std::time::SystemTime::UNIX_EPOCH;
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            newest = newest.max(entry.metadata()?.modified()?);
            if entry.path().is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(newest)
}
