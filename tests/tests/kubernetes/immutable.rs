//! Fields that cannot be changed in place: known ones, and those that only the server knows of.

use naksha_tests::kubernetes::Parts;
use naksha_tests::must;
use serde_json::json;

use super::shop::shop;

const RECREATES: &str = "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: web}\nspec: {manifests: [web.yaml], immutable: recreate}\n";

#[test]
fn a_known_immutable_field_is_refused_before_anything_is_tried() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let before = shop.get(&shop.deployment()).unwrap();
    let repository = &shop.installation.repository;
    repository
        .edit(
            "units/web/web.yaml",
            "selector: {matchLabels: {app: web}}",
            "selector: {matchLabels: {app: shop}}",
        )
        .edit(
            "units/web/web.yaml",
            "    metadata: {labels: {app: web}}",
            "    metadata: {labels: {app: shop}}",
        );
    repository.commit("another selector");
    let status = daemon.await_state(&shop.environment, "held");
    let why = status["why"].to_string();
    assert!(why.contains("`spec.selector.matchLabels.app` cannot be changed in place"), "{status}");
    assert_eq!(
        shop.get(&shop.deployment()).unwrap()["metadata"]["generation"],
        before["metadata"]["generation"]
    );
    repository.write("units/web/unit.yaml", RECREATES);
    repository.commit("make it anew");
    shop.await_applied(&daemon);
    let after = shop.get(&shop.deployment()).unwrap();
    assert_eq!(after["spec"]["selector"]["matchLabels"], json!({"app": "shop"}));
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
}

#[test]
fn a_field_that_only_the_server_knows_to_be_immutable_is_recognised() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let group = format!("{}.example.net", shop.environment);
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"},
        "zone": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "zones do not move"}]},
    }}}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("disks.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Disk", "plural": "disks"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    must(shop.plane.admin().create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition));
    let disk = |zone: &str, size: &str| {
        format!(
            "apiVersion: {group}/v1\nkind: Disk\nmetadata: {{name: data}}\nspec: {{zone: {zone}, size: {size}}}\n"
        )
    };
    let repository = &shop.installation.repository;
    repository.write("units/web/web.yaml", &disk("a", "1"));
    repository.commit("a disk");
    let daemon = shop.running();
    let path = shop.path(&format!("/apis/{group}/v1"), "disks/data");
    let before = shop.get(&path).unwrap();
    repository.write("units/web/web.yaml", &disk("b", "1"));
    repository.commit("another zone");
    let status = daemon.await_state(&shop.environment, "held");
    assert!(status["why"].to_string().contains("`spec.zone` cannot be changed in place"), "{status}");
    repository.write("units/web/unit.yaml", RECREATES);
    repository.commit("make it anew");
    shop.await_applied(&daemon);
    let after = shop.get(&path).unwrap();
    assert_eq!(after["spec"]["zone"], "b");
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    // What is wrong in itself is no reason to delete anything.
    repository.write("units/web/web.yaml", &disk("b", "none"));
    repository.commit("a slip");
    let status = daemon.await_state(&shop.environment, "degraded");
    assert!(status["why"].to_string().contains("spec.size"), "{status}");
    assert_eq!(shop.get(&path).unwrap()["metadata"]["uid"], after["metadata"]["uid"]);
}
