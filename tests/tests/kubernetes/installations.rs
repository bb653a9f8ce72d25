//! Two installations with databases of their own that want to apply one environment: one does, the other names it.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};
use serde_json::json;

use crate::site::{Site, config_maps, many};

#[test]
fn a_second_installation_writes_nothing_and_names_the_first() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let first = Site::new(plane);
    first.commit(&[("web", &[], config_maps(many(3), "one"))]);
    let running = first.start();
    first.await_applied(&running);
    let lease = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases/naksha-infra-{}",
        first.namespace, first.environment
    );
    let holder = must(plane.admin().get(&lease))["spec"]["holderIdentity"].clone();
    let holder = holder.as_str().expect("should have a holder");

    let second = first.beside();
    second.commit(&[("web", &[], config_maps(many(4), "two"))]);
    let other = second.start();
    let status = second.await_told(&other, "NK0618");
    assert!(status["why"].to_string().contains(holder), "{status}");
    assert_eq!(first.config_maps_with("one"), 3);

    // The first one is not disturbed, and is the owner after a restart too.
    first.edit(&format!("{}/many-0", first.config_maps_path()), |one| one["data"]["value"] = json!("theirs"));
    await_true("drift to be healed", || first.config_maps_with("one") == 3);
    running.kill();
    let running = first.start();
    first.await_applied(&running);
    assert_eq!(must(plane.admin().get(&lease))["spec"]["holderIdentity"], holder);

    // It is gone for good, and somebody says so: what it made is not taken over without a word.
    running.kill();
    must(plane.admin().delete(&lease));
    let status = other.await_state(&second.environment, "held");
    assert!(status["why"].to_string().contains("adopt"), "{status}");
    assert_eq!(first.config_maps_with("one"), 3);
    assert_ne!(must(plane.admin().get(&lease))["spec"]["holderIdentity"], holder);
    let plan = status["plan"].as_str().expect("should have a plan");
    let acknowledged = second
        .installation
        .program
        .run(second.installation.repository.folder(), &["ack", plan, "--reason", "the other one is gone"]);
    acknowledged.expect_code(0);
    second.await_applied(&other);
    assert_eq!(first.config_maps_with("two"), 4);
}

#[test]
fn without_the_right_to_leases_an_environment_is_applied_all_the_same() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(plane.fresh_namespace());
    let kubeconfig = must(plane.service_account(&namespace, "unguarded"));
    let site = Site::as_whom(plane, &kubeconfig, "own_rights = true");
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "few"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch", "create", "patch", "delete"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "few"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "few"},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "unguarded"}],
    });
    let group = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", site.namespace);
    must(plane.admin().create(&format!("{group}/roles"), &role));
    must(plane.admin().create(&format!("{group}/rolebindings"), &binding));
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    assert!(daemon.log().contains("no Lease can be used"), "{}", daemon.log());
}
