//! From the webhook of an opened pull request to "in progress" on its head, and to the whole report.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use naksha::starter;
use naksha_tests::Installation;

use super::site::{Host, Said, Site, load};
use crate::Scale;
use crate::commit::Daemon;
use crate::result::{Measurement, percentile};
use crate::shop::program;

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];
/// A report of three environments is twelve writes, of which GitHub takes one a second in the long run.
const EVERY: Duration = Duration::from_secs(13);

/// Pull requests in turn: what one changes, and how.
const CHANGES: [(&str, &str, &str); 3] = [
    ("units/nats/unit.yaml", "cpu: 250m", "cpu: 3"),
    ("environments/staging/environment.yaml", "memory: 8Gi", "memory: 9"),
    ("environments/prod/environment.yaml", "retention: 30d", "retention: 4"),
];

/// The reference product; staging and prod run the commit that their locks name.
fn reference() -> anyhow::Result<Installation> {
    let program = program()?;
    let installation = Installation::new(program.to_str().context("the path is UTF-8")?);
    let repository = &installation.repository;
    starter::write_reference(repository.folder())?;
    repository.edit("naksha.yaml", "name: naksha-infra", "name: infra");
    for secret in starter::reference_secrets() {
        installation.write_secret(&format!("{}/{}", secret.path, secret.field), "nobody-knows");
    }
    let source = repository.commit("the reference product");
    for environment in ["staging", "prod"] {
        let lock = format!("apiVersion: naksha.dev/v1alpha1\nkind: Lock\nspec:\n  source: {source}\n");
        repository.write(&format!("environments/{environment}/lock.yaml"), &lock);
    }
    repository.commit("promoted");
    Ok(installation)
}

/// Seconds from the first webhook after a pull request was asked for, of which the forge needed so long before it sent that.
struct Took {
    told: f64,
    begun: f64,
    finished: f64,
}

fn measure(site: &Site, daemon: &Daemon, pull: usize) -> anyhow::Result<Took> {
    let (path, from, to) = CHANGES[pull % CHANGES.len()];
    let branch = format!("change-{pull}");
    let unit = if path.contains("units") {
        "m"
    } else if path.contains("staging") {
        "Gi"
    } else {
        "d"
    };
    let to = format!("{to}{pull:02}{unit}");
    let head = site.change(&branch, |installation| {
        installation.repository.edit(path, from, &to);
    })?;
    site.push(&branch)?;
    let started = Instant::now();
    let number = site.host.open(&branch)?;
    while site.host.said(&head)? == Said::Nothing {
        ensure!(started.elapsed() < Duration::from_mins(1), "nothing was said: {}", daemon.process.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    site.await_report(daemon, number, &head)?;
    let finished = Instant::now();
    let told = site.relay.first_since(started).context("nothing but a webhook wakes the daemon")?;
    let since = |at: Instant| at.duration_since(told).as_secs_f64();
    let (begun, finished) = (since(begun), since(finished));
    Ok(Took { told: told.duration_since(started).as_secs_f64(), begun, finished })
}

pub(crate) fn report(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let pulls = if scale.full { 30 } else { 10 };
    let mut sites = Vec::new();
    for host in [Host::gitea()?, Host::github()].into_iter().flatten() {
        let site = Site::new(host, reference()?)?;
        let daemon = site.begin(&ENVIRONMENTS)?;
        sites.push((site, daemon, Vec::new()));
    }
    ensure!(!sites.is_empty(), "there is no forge: run ./tests/run once");
    // Whatever the first commit left to do is done by then, and the first writes are paced by themselves.
    let mut next = Instant::now() + EVERY;
    for pull in 0..pulls {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next = Instant::now() + EVERY;
        for (site, daemon, took) in &mut sites {
            took.push(measure(site, daemon, pull)?);
        }
    }
    Ok(sites.iter().flat_map(|(site, _, took)| told(site.host.name(), took)).collect())
}

fn told(host: &str, took: &[Took]) -> Vec<Measurement> {
    let of = |what: fn(&Took) -> f64| took.iter().map(what).collect::<Vec<_>>();
    let (mut told, mut begun, mut finished) =
        (of(|took| took.told), of(|took| took.begun), of(|took| took.finished));
    let (count, before) = (took.len(), percentile(&mut told, 0.5));
    let note = format!("{count} pull requests; told by the forge after {before:.2} s, p50; {}", load());
    let mut measurements = Vec::new();
    for (what, samples, goal) in [("in progress", &mut begun, 1.0), ("the whole report", &mut finished, 3.0)]
    {
        for (name, part) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            let value = percentile(samples, part);
            let measurement = Measurement::new(format!("{host}: webhook to {what}, {name}"), value, "s");
            let measurement = if name == "p99" { measurement.at_most(goal) } else { measurement };
            measurements.push(measurement.note(note.clone()));
        }
    }
    measurements
}
