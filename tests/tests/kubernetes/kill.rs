//! SIGKILL at every step boundary, on a cluster: before a write reaches the server, and after it did while nobody hears the
//! answer. Started again, the daemon ends where an undisturbed one would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use naksha_tests::kubernetes::{Asked, ControlPlane, Gate, Parts, Verdict};
use naksha_tests::{DaemonProcess, await_true, must};
use reqwest::Method;

use crate::site::{Site, Unit, config_map, config_maps};

/// Writes of each of the two applies: as many places to die at.
const WRITES: usize = 5;

fn named(names: &[&str], value: &str) -> String {
    config_maps(names.iter().map(|name| (*name).to_owned()), value)
}

/// Three units, one after the other: 2 + 2 + 1 objects.
fn first() -> Vec<Unit<'static>> {
    vec![
        ("base", &[], named(&["base-0", "base-1"], "one")),
        ("middle", &["base"], named(&["middle-0", "middle-1"], "one")),
        ("top", &["middle"], config_map("top-0", "one")),
    ]
}

/// Two are changed, one is new, and two are dropped from different units.
fn second() -> Vec<Unit<'static>> {
    vec![
        ("base", &[], config_map("base-0", "two")),
        ("middle", &["base"], named(&["middle-0", "middle-2"], "two")),
        ("top", &["middle"], config_map("top-0", "one")),
    ]
}

/// What is there then.
fn wanted() -> BTreeMap<String, String> {
    let wanted = [("base-0", "two"), ("middle-0", "two"), ("middle-2", "two"), ("top-0", "one")];
    wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// One site, and the writes that reached the server.
struct Scene<'p> {
    site: Site<'p>,
    gate: Gate,
    passed: Arc<Mutex<Vec<Asked>>>,
}

impl Scene<'_> {
    /// Lets this many writes through. Those after them are held: before the server hears of them, or with their answers.
    fn hold_after(&self, count: usize, how: &Verdict) {
        let (passed, how, seen) = (Arc::clone(&self.passed), how.clone(), AtomicUsize::new(0));
        self.gate.forget();
        self.gate.judge(move |asked| {
            if !asked.is_write() {
                return Verdict::Pass;
            }
            let number = seen.fetch_add(1, Ordering::SeqCst);
            let verdict = match number {
                number if number < count => Verdict::Pass,
                number if number == count => how.clone(),
                _ => Verdict::Hold,
            };
            if verdict != Verdict::Hold {
                passed.lock().expect("should be whole").push(asked.clone());
            }
            verdict
        });
    }

    /// Runs the daemon until it has done so many writes and begun another; kills it there, and lets the next one go on.
    fn killed_after(
        &self,
        daemon: Option<DaemonProcess>,
        units: &[Unit<'_>],
        count: usize,
        how: &Verdict,
    ) -> DaemonProcess {
        self.hold_after(count, how);
        let commit = self.site.commit(units);
        let daemon = daemon.unwrap_or_else(|| self.site.start());
        await_true("the write to be held", || self.gate.held() > 0);
        daemon.kill();
        self.hold_after(usize::MAX, how);
        let daemon = self.site.start();
        daemon.await_applied(&self.site.environment, &commit);
        daemon
    }
}

fn check(plane: &ControlPlane, count: usize, how: &Verdict) {
    let gate = must(plane.gate());
    let site = Site::through(plane, &gate.url());
    let scene = Scene { site, gate, passed: Arc::default() };
    let daemon = scene.killed_after(None, &first(), count, how);
    assert_eq!(scene.site.config_maps_with("one"), WRITES, "{how:?} after {count}");
    let daemon = scene.killed_after(Some(daemon), &second(), count, how);

    let site = &scene.site;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let there = site.config_maps();
    let there: BTreeMap<String, String> =
        there.iter().map(|one| (text(&one["metadata"]["name"]), text(&one["data"]["value"]))).collect();
    assert_eq!(there, wanted(), "{how:?} after {count}");
    // The inventory has just these: the next pass finds nothing to do, and says how many are owned.
    let status = site.await_applied(&daemon);
    assert_eq!(status["objects"], 4, "{status}");
    let mut deleted: BTreeMap<String, usize> = BTreeMap::new();
    for asked in scene.passed.lock().expect("should be whole").iter() {
        if asked.method == Method::DELETE {
            *deleted.entry(asked.path.clone()).or_default() += 1;
        }
    }
    assert_eq!(deleted.values().copied().collect::<Vec<_>>(), [1, 1], "{how:?} after {count}: {deleted:?}");
}

#[test]
fn killed_before_any_write_reaches_the_server_it_ends_where_an_undisturbed_one_would() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    (0..WRITES).for_each(|count| check(plane, count, &Verdict::Hold));
}

#[test]
fn killed_before_any_answer_is_heard_it_ends_where_an_undisturbed_one_would() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    (0..WRITES).for_each(|count| check(plane, count, &Verdict::HoldAnswer));
}
