//! What objects stand on goes away under them: a definition, a namespace, the server of a group.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Site, config_map, config_maps, many, unit};

pub(crate) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";

/// Makes the definition of `Widget` in this group, and waits until it is served.
pub(crate) fn define(plane: &ControlPlane, group: &str) {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                }},
            }],
        },
    });
    must(plane.admin().create(DEFINITIONS, &definition));
    await_true("the kind to be served", || code(plane, &format!("/apis/{group}/v1/widgets")) == 200);
}

fn code(plane: &ControlPlane, path: &str) -> u16 {
    must(plane.admin().send(Method::GET, path, None)).status
}

fn widget(site: &Site<'_>, group: &str, name: &str) -> String {
    let namespace = &site.namespace;
    format!(
        "apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{size: 1}}\n"
    )
}

fn widgets(site: &Site<'_>, group: &str) -> Vec<Value> {
    let path = format!("/apis/{group}/v1/namespaces/{}/widgets", site.namespace);
    site.get(&path).and_then(|list| list["items"].as_array().cloned()).unwrap_or_default()
}

#[test]
fn a_definition_that_is_deleted_is_told_and_the_rest_goes_on() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let group = "deleted.storm.test";
    define(plane, group);
    let site = Site::new(plane);
    let both = widget(&site, group, "one") + "---\n" + &widget(&site, group, "two");
    site.commit(&[("web", &[], config_maps(many(2), "one")), ("widgets", &[], both)]);
    let daemon = site.start();
    site.await_applied(&daemon);
    assert_eq!(widgets(&site, group).len(), 2);

    must(plane.admin().delete(&format!("{DEFINITIONS}/widgets.{group}")));
    site.await_told(&daemon, "the server does not serve deleted.storm.test/Widget");
    let status = daemon.await_state(&site.environment, "degraded");
    assert_eq!(unit(&status, "web")["state"], "synced", "{status}");
    site.edit(&format!("{}/many-0", site.config_maps_path()), |one| one["data"]["value"] = json!("theirs"));
    await_true("the rest to be healed", || site.config_maps_with("one") == 2);

    // It is made again, and what stood on it too.
    define(plane, group);
    site.await_applied(&daemon);
    assert_eq!(widgets(&site, group).len(), 2);

    // And goes for good, with what Git drops.
    must(plane.admin().delete(&format!("{DEFINITIONS}/widgets.{group}")));
    site.await_told(&daemon, "the server does not serve deleted.storm.test/Widget");
    site.commit(&[("web", &[], config_maps(many(2), "one")), ("widgets", &[], config_map("left", "one"))]);
    let status = site.await_applied(&daemon);
    assert_eq!(status["objects"], 3, "{status}");
}

/// A namespace that goes waits for every group: where controllers are, one that is broken holds up others.
#[test]
fn of_a_group_whose_server_is_broken_nothing_is_known_and_nothing_pruned() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let group = "broken.storm.test";
    define(plane, group);
    let site = Site::new(plane);
    let one = widget(&site, group, "one");
    let two = widget(&site, group, "two");
    site.commit(&[("web", &[], config_maps(many(2), "one")), ("widgets", &[], one.clone() + "---\n" + &two)]);
    let daemon = site.start();
    site.await_applied(&daemon);
    let uids =
        || -> Vec<Value> { widgets(&site, group).iter().map(|one| one["metadata"]["uid"].clone()).collect() };
    let before = uids();

    // From now on the group is said to be served by somebody who is not there.
    let path = format!("{SERVICES}/v1.{group}");
    let mut service = must(plane.admin().get(&path));
    service["metadata"]["labels"] = json!({});
    service["spec"]["service"] = json!({"namespace": site.namespace, "name": "nobody", "port": 443});
    service["spec"]["insecureSkipTLSVerify"] = json!(true);
    let answer = must(plane.admin().send(Method::PUT, &path, Some(&service)));
    assert_eq!(answer.status, 200, "{}", answer.body);
    await_true("the group to be broken", || code(plane, &format!("/apis/{group}/v1")) == 503);

    // A commit that drops one and changes what is beside it. Who found the group whole before is refused, or finds it
    // broken when its watch breaks first.
    let commit = site.commit(&[("web", &[], config_maps(many(2), "two")), ("widgets", &[], one)]);
    let silent = format!("the server of `{group}/v1` does not answer");
    daemon.await_status(&site.environment, "told of the group", |status| {
        let why = status["why"].to_string();
        why.contains("the server failed: it answered 503") || why.contains(&silent)
    });
    await_true("the rest to be applied", || site.config_maps_with("two") == 2);
    // Who comes anew finds it broken.
    daemon.kill();
    let daemon = site.start();
    let status = site.await_told(&daemon, &silent);
    assert!(status["why"].to_string().contains("is unknown"), "{status}");
    assert_ne!(status["applied"], commit, "{status}");

    // Its own server is back, and nothing was lost but what Git dropped.
    must(plane.admin().delete(&path));
    await_true("the group to be served", || code(plane, &format!("/apis/{group}/v1")) == 200);
    assert_eq!(uids(), before);
    daemon.await_applied(&site.environment, &commit);
    assert_eq!(uids(), before[..1]);
}

#[test]
fn a_namespace_on_its_way_out_is_told_and_one_that_is_back_is_filled_again() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let site = Site::new(plane);
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);

    // Somebody's object keeps it from going.
    let keeper = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "keeper", "finalizers": ["storm.test/keeps"]},
    });
    must(plane.admin().create(&site.config_maps_path(), &keeper));
    let namespace = format!("/api/v1/namespaces/{}", site.namespace);
    must(plane.admin().delete(&namespace));
    site.await_told(&daemon, "its namespace is being deleted");
    await_true("ours to be gone", || site.config_maps().is_empty());

    site.edit(&format!("{}/keeper", site.config_maps_path()), |one| {
        one["metadata"]["finalizers"] = json!([]);
    });
    await_true("the namespace to be gone", || code(plane, &namespace) == 404);
    site.await_told(&daemon, &format!("namespace `{}` does not exist", site.namespace));

    let again = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": site.namespace}});
    must(plane.admin().create("/api/v1/namespaces", &again));
    site.await_applied(&daemon);
    assert_eq!(site.config_maps_with("one"), 2);
}

#[test]
fn a_namespace_on_its_way_out_that_holds_nothing_of_ours_keeps_only_new_objects_back() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let site = Site::new(plane);
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);

    let other = must(plane.fresh_namespace());
    let keeper = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "keeper", "finalizers": ["storm.test/keeps"]},
    });
    let there = format!("/api/v1/namespaces/{other}/configmaps");
    must(plane.admin().create(&there, &keeper));
    must(plane.admin().delete(&format!("/api/v1/namespaces/{other}")));
    let elsewhere =
        config_map("guest", "one").replace("{name: guest}", &format!("{{name: guest, namespace: {other}}}"));
    site.commit(&[("guests", &[], elsewhere), ("web", &[], config_maps(many(2), "two"))]);
    let status = site.await_told(&daemon, "its namespace is being deleted");
    assert_eq!(unit(&status, "web")["state"], "synced", "{status}");
    assert_eq!(site.config_maps_with("two"), 2);

    site.edit(&format!("{there}/keeper"), |one| one["metadata"]["finalizers"] = json!([]));
    site.commit(&[("web", &[], config_maps(many(2), "two"))]);
    site.await_applied(&daemon);
}
