//! A hundred open pull requests, and a base that moves: what telling them all costs the forge.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use naksha_tests::github::{Asked, Forged};

use super::site::{Host, Site, load};
use crate::Scale;
use crate::commit::Daemon;
use crate::result::Measurement;
use crate::shop::{installation, objects_yaml, source_path};

const PULLS: usize = 100;
/// Requests that GitHub takes in an hour.
const HOURLY: u64 = 5_000;
/// What one move of the base may take of them: there may be ten in an hour.
const BUDGET: f64 = 500.0;
/// Writes that go through at once, before there is one a second (`executor/forge/src/pace.rs`).
const BURST: usize = 30;
/// For so long nobody asked anything: a pass is over.
const QUIET: Duration = Duration::from_secs(3);

pub(crate) fn hundred_open(_: Scale) -> anyhow::Result<Vec<Measurement>> {
    let host = Host::github().context("there is no GitHub: run ./tests/run once")?;
    let site = Site::new(host, installation(PULLS + 2)?)?;
    let Host::GitHub(forged) = &site.host else { bail!("it was GitHub a moment ago") };
    // A hundred first reports are a thousand writes: more than GitHub takes in two hours. An Enterprise Server takes them.
    forged.github.limit(false);
    let daemon = site.begin(&["dev", "staging", "prod"])?;
    let (opened, first, first_took) = open(&site, &daemon)?;
    settle(forged)?;
    forged.github.limit(true);
    let mut measurements = vec![told("first reports of 102, where nothing is limited", first_took, &first)];
    // What was asked for before it was written to is asked for once more at the first move, and not at the second.
    for (number, what) in opened.iter().zip(["the base moves", "it moves again"]) {
        let (took, counted, spent) = spent_on(forged, || {
            forged.merge(*number, "squash")?;
            await_reported(&daemon, &forged.github.head("main").context("main has a head")?)
        })?;
        measurements.push(told(&format!("{what}: all are reported anew"), took, &counted));
        measurements.extend(counted.measurements(what, spent));
    }
    let (_, counted, spent) = spent_on(forged, || site.stir())?;
    let quiet = Measurement::new("a pass with nothing new, requests that count", as_f64(spent), "requests");
    measurements.push(quiet.at_most(2.0).note(counted.to_string()));
    ensure!(counted.writes() == 0, "a pass with nothing new wrote: {counted}");
    Ok(measurements)
}

/// What something costs, and whatever comes of it: seconds until it returned, requests until nobody asked any more, and those that count.
fn spent_on(
    forged: &Forged,
    something: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<(f64, Counted, u64)> {
    let us = forged.github.app_login();
    forged.github.forget_asked();
    let (left, started) = (forged.github.requests_left(&us), Instant::now());
    something()?;
    let took = started.elapsed().as_secs_f64();
    settle(forged)?;
    Ok((took, Counted::of(forged), left - forged.github.requests_left(&us)))
}

/// Two more than are left in the end, each with a unit of its own, until all are reported on: their numbers, and what that took.
fn open(site: &Site, daemon: &Daemon) -> anyhow::Result<(Vec<u64>, Counted, f64)> {
    let Host::GitHub(forged) = &site.host else { bail!("it was GitHub a moment ago") };
    let mut heads = Vec::new();
    for unit in 0..PULLS + 2 {
        let change = |installation: &naksha_tests::Installation| {
            installation.repository.write(&source_path(unit), &objects_yaml(unit, "debug"));
        };
        heads.push(site.change(&format!("change-{unit}"), change)?);
    }
    site.push("refs/heads/change-*:refs/heads/change-*")?;
    settle(forged)?;
    forged.github.forget_asked();
    let started = Instant::now();
    let mut opened = Vec::new();
    for unit in 0..PULLS + 2 {
        opened.push(site.host.open(&format!("change-{unit}"))?);
    }
    for (number, head) in opened.iter().zip(&heads) {
        site.await_report(daemon, *number, head)?;
    }
    let took = started.elapsed().as_secs_f64();
    Ok((opened, Counted::of(forged), took))
}

/// Waits until everything that is open was planned on this base, and told.
fn await_reported(daemon: &Daemon, base: &str) -> anyhow::Result<()> {
    let (started, base) = (Instant::now(), format!("base=\"{}\"", &base[..10]));
    loop {
        let log = daemon.process.log();
        let reports = log.lines().filter(|line| line.contains("reported") && line.contains(&base));
        let pulls: BTreeSet<_> =
            reports.filter_map(|line| line.split("pull=").nth(1)?.split(' ').next()).collect();
        if pulls.len() >= PULLS {
            return Ok(());
        }
        ensure!(started.elapsed() < Duration::from_mins(5), "{} were reported on: {log}", pulls.len());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the daemon has asked something, and then nothing for a while.
fn settle(forged: &Forged) -> anyhow::Result<()> {
    let (started, mut seen, mut since) = (Instant::now(), 0, Instant::now());
    while since.elapsed() < QUIET || seen == 0 {
        let asked = forged.github.asked().len();
        if asked != seen {
            (seen, since) = (asked, Instant::now());
        }
        ensure!(started.elapsed() < Duration::from_mins(2), "the daemon does not stop asking");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Requests of the daemon's by method, and those that were answered by "nothing new".
struct Counted {
    methods: BTreeMap<String, usize>,
    unchanged: usize,
}

impl Counted {
    fn of(forged: &Forged) -> Self {
        let us = forged.github.app_login();
        let (mut methods, mut unchanged) = (BTreeMap::new(), 0);
        let is_api = |asked: &Asked| asked.caller == us && !asked.path.contains(".git/");
        for asked in forged.github.asked().into_iter().filter(is_api) {
            unchanged += usize::from(asked.status == Some(304));
            *methods.entry(asked.method).or_insert(0) += 1;
        }
        Self { methods, unchanged }
    }

    fn all(&self) -> usize {
        self.methods.values().sum()
    }

    fn writes(&self) -> usize {
        self.methods.iter().filter(|(method, _)| *method != "GET").map(|(_, count)| count).sum()
    }

    /// At least so long the daemon waited for its own pace.
    fn paced_s(&self) -> usize {
        self.writes().saturating_sub(BURST)
    }

    fn measurements(&self, what: &str, spent: u64) -> Vec<Measurement> {
        let share = as_f64(spent) / as_f64(HOURLY) * 100.0;
        vec![
            Measurement::new(
                format!("{what}: of that, for the pace of writes"),
                as_f64(self.paced_s()),
                "s at least",
            ),
            Measurement::new(format!("{what}: requests"), as_f64(self.all()), "requests")
                .note(self.to_string()),
            Measurement::new(format!("{what}: requests that count"), as_f64(spent), "requests")
                .at_most(BUDGET)
                .note(format!("{share:.1} % of {HOURLY} an hour")),
        ]
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (method, count) in &self.methods {
            write!(f, "{method} {count}, ")?;
        }
        write!(f, "of these {} answered 304", self.unchanged)
    }
}

fn told(what: &str, took: f64, counted: &Counted) -> Measurement {
    let note = format!("{} requests, {} of them writes; {}", counted.all(), counted.writes(), load());
    Measurement::new(what, took, "s").note(note)
}

#[allow(clippy::cast_precision_loss, reason = "a few thousand")]
fn as_f64(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or_default() as f64
}
