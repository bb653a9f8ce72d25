//! While an apply waits for health, the rest of the environment is looked after.

use naksha_tests::kubernetes::Parts;
use naksha_tests::{DaemonProcess, await_true, must};
use reqwest::Method;
use serde_json::Value;

use crate::shop::{Shop, manifests, shop};

const UNIT: &str = "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: page}\nspec: {dependsOn: [web], manifests: [page.yaml]}\n";
const PAGE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: page}\ndata: {text: hello}\n";
const OTHER: &str =
    "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: other}\nspec: {manifests: [other.yaml]}\n";
const MENU: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: menu}\ndata: {dish: soup}\n";

/// A shop whose page waits for pods that never become ready, and a menu that nobody waits for.
fn waiting(shop: &Shop) -> DaemonProcess {
    let (repository, environment) = (&shop.installation.repository, &shop.environment);
    let fails = "metadata: {labels: {app: web, naksha.test/fails: never-ready}}";
    let web = manifests("nginx:1.27", 1, "info").replace("metadata: {labels: {app: web}}", fails);
    repository
        .write("units/web/web.yaml", &web)
        .write("units/page/unit.yaml", UNIT)
        .write("units/page/page.yaml", PAGE)
        .write("units/other/unit.yaml", OTHER)
        .write("units/other/other.yaml", MENU)
        .edit(
            &format!("environments/{environment}/environment.yaml"),
            "units: [web]",
            "units: [web, page, other]",
        )
        .commit("never ready");
    let daemon = shop.installation.start();
    await_wait(shop, &daemon);
    daemon
}

fn await_wait(shop: &Shop, daemon: &DaemonProcess) {
    daemon.await_status(&shop.environment, "waiting", |status: &Value| {
        status["state"] == "progressing" && status["why"].to_string().contains("page: waiting for web: ")
    });
}

#[test]
fn what_somebody_does_meanwhile_is_healed() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = waiting(&shop);
    let (menu, page) = (shop.path("/api/v1", "configmaps/menu"), shop.path("/api/v1", "configmaps/page"));
    let uid = |path: &str| Some(shop.get(path)?["metadata"]["uid"].clone());
    // Written by the very apply that waits.
    await_true("the menu", || uid(&menu).is_some());
    let first = uid(&menu).expect("should be there");
    must(shop.plane.admin().send(Method::DELETE, &menu, None));
    await_true("the menu to be made again", || uid(&menu).is_some_and(|now| now != first));
    await_wait(&shop, &daemon);
    // Not touched by what waits now.
    shop.edit(&menu, |object| object["data"]["dish"] = "stones".into());
    await_true("the dish to be taken back", || {
        shop.get(&menu).expect("should be there")["data"]["dish"] == "soup"
    });
    // And what is waited for: pods come and go.
    shop.edit(&shop.deployment(), |object| object["spec"]["replicas"] = 3.into());
    await_true("the replicas to be taken back", || shop.replicas() == 1);
    await_wait(&shop, &daemon);
    assert!(shop.get(&page).is_none(), "the page still waits");

    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", ", naksha.test/fails: never-ready", "").commit("ready");
    shop.await_applied(&daemon);
    assert!(shop.get(&page).is_some());
}
