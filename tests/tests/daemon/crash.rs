//! SIGKILL at any moment: started again, the daemon ends where an undisturbed one would.

use std::collections::BTreeMap;

use crate::{running, shop};

/// Enough objects that a kill can fall between any two of them.
const OBJECTS: usize = 60;

fn manifest(level: &str) -> String {
    let object = |number: usize| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: many-{number}, namespace: shop}}\ndata: {{level: {level}}}\n"
        )
    };
    (0..OBJECTS).map(object).collect::<Vec<_>>().join("---\n")
}

/// Objects without what differs from run to run: the identity that the target gave them.
fn comparable(objects: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let strip =
        |text: String| text.lines().filter(|line| !line.contains("uid:")).collect::<Vec<_>>().join("\n");
    objects.into_iter().map(|(name, text)| (name, strip(text))).collect()
}

#[test]
fn a_daemon_killed_at_any_step_converges_to_the_undisturbed_end() {
    let undisturbed = {
        let shop = shop();
        shop.repository.write("units/settings/settings.yaml", &manifest("info")).commit("many");
        let daemon = shop.start();
        daemon.await_applied("dev", &shop.repository.head());
        let changed =
            shop.repository.write("units/settings/settings.yaml", &manifest("debug")).commit("debug");
        daemon.await_applied("dev", &changed);
        comparable(shop.objects("dev"))
    };
    // Kill after about every fourth object, in an apply that creates and in one that changes.
    for killed_after in (0..OBJECTS).step_by(4) {
        let shop = shop();
        shop.repository.write("units/settings/settings.yaml", &manifest("info")).commit("many");
        let daemon = shop.start();
        naksha_tests::await_true("some objects", || shop.objects("dev").len() >= killed_after);
        daemon.kill();
        let daemon = shop.start();
        daemon.await_applied("dev", &shop.repository.head());
        let commit =
            shop.repository.write("units/settings/settings.yaml", &manifest("debug")).commit("debug");
        let changed = || shop.objects("dev").values().filter(|text| text.contains("level: debug")).count();
        naksha_tests::await_true("some changes", || changed() >= killed_after);
        daemon.kill();
        let daemon = shop.start();
        daemon.await_applied("dev", &commit);
        assert_eq!(comparable(shop.objects("dev")), undisturbed, "killed after {killed_after}");
        drop(daemon);
    }
}

#[test]
fn the_next_daemon_may_start_while_the_killed_one_is_dying() {
    let (shop, mut daemon) = running();
    for _ in 0..5 {
        daemon.kill_without_waiting();
        daemon = shop.start();
        daemon.await_state("dev", "synced");
    }
}
