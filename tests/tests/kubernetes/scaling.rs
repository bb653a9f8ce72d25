//! Replicas: whose they are, and what becomes of them when nobody sets them any more.

use naksha_tests::kubernetes::Parts;
use naksha_tests::{await_true, must};
use reqwest::Method;
use serde_json::json;

use super::shop::{Shop, shop};

/// Sets replicas as a scaler does.
pub(crate) fn scale(shop: &Shop, manager: &str, replicas: u32) {
    let path = format!("{}/scale", shop.deployment());
    // The Deployment's controller writes the status at the same time.
    await_true("the scale to be taken", || {
        let mut scale = shop.get(&path).expect("should have a scale");
        scale["spec"]["replicas"] = json!(replicas);
        let path = format!("{path}?fieldManager={manager}");
        must(shop.plane.admin().send(Method::PUT, &path, Some(&scale))).status == 200
    });
}

fn autoscaler() -> serde_json::Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 9,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
            }}],
        },
    })
}

#[test]
fn what_an_autoscaler_sets_is_left_alone_and_what_a_person_scales_is_not() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    scale(&shop, "kubectl", 4);
    await_true("what a person scaled to be healed", || shop.replicas() == 2);
    shop.create_as("somebody", "autoscaling/v2 horizontalpodautoscalers", &autoscaler());
    scale(&shop, "kube-controller-manager", 5);
    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "level: info", "level: debug");
    repository.commit("something else");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 5);
    repository.edit("units/web/web.yaml", "nginx:1.27", "nginx:1.28");
    repository.commit("another image");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 5, "nor is it reset by a write of something else");

    // Once it is gone, what it set is nobody's.
    must(shop.plane.admin().delete(&shop.path_of("autoscaling/v2 horizontalpodautoscalers/web")));
    repository.edit("units/web/web.yaml", "nginx:1.28", "nginx:1.29");
    repository.commit("a third image");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 2);
}

#[test]
fn replicas_that_git_drops_stay_as_they_are() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "  replicas: 2\n", "");
    repository.commit("an autoscaler will set them");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 2, "not 1, the default");
    let handed_over = shop.fields_of(&shop.deployment(), "naksha-handover");
    assert_eq!(handed_over, Some(json!({"f:spec": {"f:replicas": {}}})));
    scale(&shop, "kube-controller-manager", 7);
    repository.edit("units/web/web.yaml", "nginx:1.27", "nginx:1.28");
    repository.commit("another image");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 7);

    // Git may want them back, and nobody is in the way.
    repository.edit("units/web/web.yaml", "spec:\n  selector", "spec:\n  replicas: 3\n  selector");
    repository.commit("three");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 3);
}

#[test]
fn a_field_that_is_ignored_from_now_on_stays_as_it_is() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let unit = "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: web}\nspec:\n  manifests: [web.yaml]\n  ignore: [{kinds: [ConfigMap], fields: [/data/level], reason: theirs}]\n";
    let repository = &shop.installation.repository;
    repository.write("units/web/unit.yaml", unit).edit(
        "units/web/web.yaml",
        "data: {level: info}",
        "data: {level: info, more: a}",
    );
    repository.commit("the level is theirs");
    shop.await_applied(&daemon);
    assert_eq!(shop.get(&shop.settings()).unwrap()["data"], json!({"level": "info", "more": "a"}));
    shop.edit(&shop.settings(), |object| object["data"]["level"] = json!("debug"));
    repository.edit("units/web/web.yaml", "more: a", "more: b");
    repository.commit("more");
    shop.await_applied(&daemon);
    assert_eq!(shop.get(&shop.settings()).unwrap()["data"], json!({"level": "debug", "more": "b"}));
}
