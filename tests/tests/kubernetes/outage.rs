//! An API server that goes and comes back: nothing is concluded from its silence, and nobody has to start anything anew.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use naksha_tests::kubernetes::{ControlPlane, Parts, Server, can_start};
use naksha_tests::{await_true, must};
use serde_json::json;

use crate::site::{Site, config_map, config_maps, many, unit};

/// One that may be stopped, by one test at a time.
fn plane() -> Option<(&'static ControlPlane, MutexGuard<'static, ()>)> {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    if !can_start(Parts::Api) {
        return None;
    }
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let plane = PLANE.get_or_init(|| must(ControlPlane::start(Parts::Api)));
    // A test that failed left it as it was then.
    if plane.process_id(Server::ApiServer).is_none() {
        must(plane.start_api_server());
    }
    Some((plane, turn))
}

#[test]
fn while_nobody_answers_the_last_words_stand_and_say_since_when() {
    let Some((plane, _turn)) = plane() else { return };
    let site = Site::new(plane);
    let commit = site.commit(&[("web", &[], config_maps(many(3), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);

    must(plane.stop_api_server());
    let status = daemon.await_state(&site.environment, "unknown");
    let why = status["why"].to_string();
    assert!(why.contains("NK0601") && why.contains("target test is unreachable"), "{status}");
    assert!(why.contains("what is said of its units is as of 20"), "{status}");
    assert_eq!((&status["applied"], &status["objects"]), (&json!(commit), &json!(3)), "{status}");
    assert_eq!(unit(&status, "web")["state"], "synced", "{status}");

    // A commit that drops one is no reason to think that it is gone.
    let wanted = config_maps(many(2), "two");
    let commit = site.commit(&[("web", &[], wanted)]);
    daemon.await_status(&site.environment, "the same", |status| status["state"] == "unknown");
    must(plane.start_api_server());
    daemon.await_applied(&site.environment, &commit);
    assert_eq!((site.config_maps().len(), site.config_maps_with("two")), (2, 2));

    // The watches began anew.
    site.edit(&format!("{}/many-0", site.config_maps_path()), |one| one["data"]["value"] = json!("theirs"));
    await_true("drift to be seen and healed", || site.config_maps_with("two") == 2);
}

#[test]
fn a_wave_that_is_broken_off_goes_on_where_it_was() {
    const COUNT: usize = 150;
    let Some((plane, _turn)) = plane() else { return };
    let site = Site::new(plane);
    let commit = site.commit(&[
        ("first", &[], config_maps(many(COUNT), "one")),
        ("second", &["first"], config_map("last", "one")),
    ]);
    let daemon = site.start();
    await_true("some of it to be there", || site.config_maps().len() > 3);
    must(plane.stop_api_server());
    // It is told, whether or not the apply is over.
    site.await_told(&daemon, "NK0601");
    must(plane.start_api_server());
    daemon.await_applied(&site.environment, &commit);
    assert_eq!(site.config_maps_with("one"), COUNT + 1);
}

#[test]
fn a_daemon_that_starts_while_nobody_answers_waits() {
    let Some((plane, _turn)) = plane() else { return };
    let site = Site::new(plane);
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    must(plane.stop_api_server());
    let daemon = site.start();
    site.await_told(&daemon, "NK0601");
    must(plane.start_api_server());
    site.await_applied(&daemon);
}
