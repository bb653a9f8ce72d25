//! A network that loses, delays and cuts, and answers of something that stands between us and the server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use naksha_tests::kubernetes::{Asked, ControlPlane, Parts, Verdict, Weather};
use naksha_tests::{await_true, must};
use serde_json::json;

use crate::site::{Site, config_map, config_maps, many};

const COUNT: usize = 120;

/// Nothing was made twice: no object of the environment was written again after it was made.
fn assert_made_once(site: &Site<'_>) {
    for object in site.config_maps() {
        let managers = object["metadata"]["managedFields"].as_array().expect("should have managers");
        assert_eq!(managers.len(), 1, "{object}");
        assert_eq!(managers[0]["manager"], "naksha", "{object}");
    }
}

#[test]
fn a_wave_that_is_cut_in_the_middle_ends_with_everything_applied_once() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let wire = must(plane.wire());
    let site = Site::through(plane, &wire.url());
    let commit = site.commit(&[
        ("first", &[], config_maps(many(COUNT), "one")),
        ("second", &["first"], config_map("last", "one")),
    ]);
    let daemon = site.start();
    for some in [1, COUNT / 2] {
        await_true("some of it to be there", || site.config_maps().len() > some);
        wire.set(Weather::Cut);
        wire.set(Weather::Fair);
    }
    daemon.await_applied(&site.environment, &commit);
    assert_eq!(site.config_maps_with("one"), COUNT + 1);
    assert_made_once(&site);

    // And one that changes everything, with a network that stays away for a while.
    let commit = site.commit(&[
        ("first", &[], config_maps(many(COUNT), "two")),
        ("second", &["first"], config_map("last", "two")),
    ]);
    await_true("some of it to be changed", || site.config_maps_with("two") > COUNT / 3);
    wire.set(Weather::Cut);
    site.await_told(&daemon, "NK0601");
    wire.set(Weather::Fair);
    daemon.await_applied(&site.environment, &commit);
    assert_eq!((site.config_maps().len(), site.config_maps_with("two")), (COUNT + 1, COUNT + 1));
    assert_made_once(&site);
}

#[test]
fn what_was_changed_behind_a_cut_is_healed_when_it_is_over() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let wire = must(plane.wire());
    let site = Site::through(plane, &wire.url());
    site.commit(&[("web", &[], config_maps(many(3), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    wire.set(Weather::Cut);
    daemon.await_state(&site.environment, "unknown");
    let path = |name: &str| format!("{}/{name}", site.config_maps_path());
    site.edit(&path("many-0"), |one| one["data"]["value"] = json!("theirs"));
    must(plane.admin().delete(&path("many-1")));
    wire.set(Weather::Fair);
    await_true("both to be healed", || site.config_maps_with("one") == 3);
    site.await_applied(&daemon);
}

#[test]
fn a_connection_that_freezes_is_noticed_and_told() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let wire = must(plane.wire());
    let site = Site::through(plane, &wire.url());
    site.commit(&[("web", &[], config_maps(many(3), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    wire.set(Weather::Frozen);
    let frozen = Instant::now();
    // Pings without an answer, then a connection that does not come about. Nothing was asked meanwhile.
    let status = daemon.await_state(&site.environment, "unknown");
    assert!(status["why"].to_string().contains("NK0601"), "{status}");
    assert!(frozen.elapsed() < Duration::from_secs(60), "{:?}", frozen.elapsed());
    wire.set(Weather::Fair);
    daemon.await_state(&site.environment, "synced");
    site.edit(&format!("{}/many-0", site.config_maps_path()), |one| one["data"]["value"] = json!("theirs"));
    await_true("drift to be healed", || site.config_maps_with("one") == 3);
}

#[test]
fn a_slow_network_only_takes_longer() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let wire = must(plane.wire());
    wire.set(Weather::Slow(Duration::from_millis(300)));
    let site = Site::through(plane, &wire.url());
    site.commit(&[("web", &[], config_maps(many(40), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    assert_eq!(site.config_maps_with("one"), 40);
    assert_made_once(&site);
}

#[test]
fn what_fails_for_a_while_is_tried_again_and_what_something_in_between_says_is_not_believed() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let gate = must(plane.gate());
    let site = Site::through(plane, &gate.url());
    let writes = AtomicUsize::new(0);
    // Every third write fails, each in another way.
    gate.judge(move |asked: &Asked| {
        if !asked.is_write() {
            return Verdict::Pass;
        }
        match writes.fetch_add(1, Ordering::Relaxed) {
            number if number % 3 != 0 => Verdict::Pass,
            number => match number / 3 % 4 {
                0 => Verdict::Refuse(502, "<html>bad gateway</html>", None),
                1 => Verdict::Refuse(503, "<html>not now</html>", Some(1)),
                2 => Verdict::Refuse(500, "<html>oops</html>", None),
                _ => Verdict::Refuse(429, "too many", Some(1)),
            },
        }
    });
    site.commit(&[("web", &[], config_maps(many(40), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    assert_eq!(site.config_maps_with("one"), 40);
    assert_made_once(&site);

    // A gateway that knows no path is no server that has no objects.
    gate.judge(|_| Verdict::Refuse(404, "<html>no such site</html>", None));
    let commit = site.commit(&[("web", &[], config_maps(many(39), "two"))]);
    let status = daemon.await_status(&site.environment, "told", |status| {
        status["content"] == commit && status["state"] != "synced" && status["state"] != "progressing"
    });
    assert_eq!(status["objects"], 40, "{status}");
    gate.judge(|_| Verdict::Pass);
    daemon.await_applied(&site.environment, &commit);
    assert_eq!(site.config_maps_with("two"), 39);
}
