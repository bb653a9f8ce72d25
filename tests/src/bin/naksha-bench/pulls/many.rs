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
/// What one move of the base may take of them: ten moves an hour leave half to everything else.
const BUDGET: f64 = 250.0;
/// Writes that go through at once, before there is one a second (`daemon/src/pulls/pace.rs`).
const BURST: usize = 30;
/// For so long nobody asked anything: a pass is over.
const QUIET: Duration = Duration::from_secs(3);

pub(crate) fn hundred_open(_: Scale) -> anyhow::Result<Vec<Measurement>> {
    let host = Host::github().context("there is no GitHub: run ./tests/run once")?;
    let site = Site::new(host, installation(PULLS + 1)?)?;
    let Host::GitHub(forged) = &site.host else { bail!("it was GitHub a moment ago") };
    // A hundred first reports are a thousand writes: more than GitHub takes in two hours. An Enterprise Server takes them.
    forged.github.limit(false);
    let daemon = site.begin(&["dev", "staging", "prod"])?;
    let (number, first, first_took) = open(&site, &daemon)?;
    let first_report = told("first reports of 101, where nothing is limited", first_took, &first);
    settle(forged)?;

    forged.github.limit(true);
    forged.github.forget_asked();
    let left = forged.github.requests_left(&forged.github.app_login());
    let started = Instant::now();
    forged.merge(number, "squash")?;
    let base = forged.github.head("main").context("main has a head")?;
    await_reported(&daemon, &base)?;
    let took = started.elapsed().as_secs_f64();
    settle(forged)?;
    let counted = Counted::of(forged);
    let spent = left - forged.github.requests_left(&forged.github.app_login());
    let mut measurements = vec![first_report, told("the base moved, 100 reported anew", took, &counted)];
    measurements.extend(counted.measurements(spent));

    forged.github.forget_asked();
    let left = forged.github.requests_left(&forged.github.app_login());
    site.stir()?;
    settle(forged)?;
    let counted = Counted::of(forged);
    let spent = left - forged.github.requests_left(&forged.github.app_login());
    let quiet = Measurement::new("a pass with nothing new, requests that count", as_f64(spent), "requests");
    measurements.push(quiet.at_most(2.0).note(counted.to_string()));
    ensure!(counted.writes() == 0, "a pass with nothing new wrote: {counted}");
    Ok(measurements)
}

/// One more than a hundred, each with a unit of its own, until all are reported on: the number of the first, and what that took.
fn open(site: &Site, daemon: &Daemon) -> anyhow::Result<(u64, Counted, f64)> {
    let Host::GitHub(forged) = &site.host else { bail!("it was GitHub a moment ago") };
    let mut heads = Vec::new();
    for unit in 0..=PULLS {
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
    for unit in 0..=PULLS {
        opened.push(site.host.open(&format!("change-{unit}"))?);
    }
    for (number, head) in opened.iter().zip(&heads) {
        site.await_report(daemon, *number, head)?;
    }
    let took = started.elapsed().as_secs_f64();
    let first = opened.first().context("some were opened")?;
    Ok((*first, Counted::of(forged), took))
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

    fn measurements(&self, spent: u64) -> Vec<Measurement> {
        let share = as_f64(spent) / as_f64(HOURLY) * 100.0;
        vec![
            Measurement::new("of that, waiting for the pace of writes", as_f64(self.paced_s()), "s at least"),
            Measurement::new("requests", as_f64(self.all()), "requests").note(self.to_string()),
            Measurement::new("requests that count", as_f64(spent), "requests")
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
