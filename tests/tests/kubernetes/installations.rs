//! Two installations with databases of their own that want to apply one environment: one does, the other names it.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{DaemonProcess, await_patiently, await_true, must};
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

    // It is gone for good: the other one has seen enough of that after a minute. What the first one made is not taken over
    // without a word.
    running.kill();
    await_patiently("the other one to take over", || {
        must(plane.admin().get(&lease))["spec"]["holderIdentity"] != holder
    });
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

    // Given up, it is nobody's.
    let environment = format!("environments/{}/environment.yaml", second.environment);
    second.installation.repository.remove(&environment);
    second.installation.repository.commit("no more");
    other.await_state(&second.environment, "orphaned");
    let forget = ["forget", &second.environment, "--reason", "it is done"];
    second.installation.program.run(second.installation.repository.folder(), &forget).expect_code(0);
    assert_eq!(first.get(&lease), None);
}

#[test]
fn environments_of_one_name_in_two_repositories_do_not_hear_of_each_other() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let first = Site::new(plane);
    let second = first.of_another_repository("other");
    first.commit(&[("web", &[], config_maps(many(2), "one"))]);
    second.commit(&[("web", &[], config_maps(many(3), "two"))]);
    let (one, two) = (first.start(), second.start());
    first.await_applied(&one);
    second.await_applied(&two);
    assert_eq!((first.config_maps_with("one"), second.config_maps_with("two")), (2, 3));

    // Nor does one take what the other signed.
    let rebuilt = second.installation.program.run(
        second.installation.repository.folder(),
        &["inventory", "rebuild", &second.environment, "--format", "json"],
    );
    let rebuilt = rebuilt.expect_code(0).json();
    assert_eq!(
        (rebuilt["known"].as_u64(), rebuilt["objects"].as_array().map(Vec::len)),
        (Some(3), Some(0)),
        "{rebuilt}"
    );
}

/// One whose account may not use Leases.
fn unguarded(plane: &ControlPlane) -> Site<'_> {
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
    site
}

#[test]
fn without_the_right_to_leases_an_environment_is_applied_all_the_same() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let site = unguarded(plane);
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    assert!(daemon.log().contains("no Lease can be used"), "{}", daemon.log());
}

#[test]
fn two_that_do_not_see_each_other_fight_and_back_off() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let first = unguarded(plane);
    let second = first.beside();
    first.commit(&[("web", &[], config_maps(many(1), "one"))]);
    let one = first.start();
    first.await_applied(&one);
    second.commit(&[("web", &[], config_maps(many(1), "two"))]);
    let two = second.start();
    let held = two.await_state(&second.environment, "held");
    let plan = held["plan"].as_str().expect("should have a plan");
    let program = &second.installation.program;
    let ack = ["ack", plan, "--reason", "ours, for the sake of the argument"];
    program.run(second.installation.repository.folder(), &ack).expect_code(0);
    // Whoever has enough first says so, and leaves the object to the other for a while.
    let fought = |daemon: &DaemonProcess| {
        let status = daemon.await_status(&first.environment, "peace", |status| {
            status["state"] == "synced" || status["why"].to_string().contains("is fought over")
        });
        status["why"].to_string().contains("is fought over")
    };
    await_true("one of the two to have enough", || fought(&one) || fought(&two));
}
