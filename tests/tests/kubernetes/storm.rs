//! A server that has enough: "too many requests" slows us down, and nothing fails of it.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};
use serde_json::json;

use crate::site::{Site, config_maps, many};

const COUNT: usize = 300;
const FLOWS: &str = "/apis/flowcontrol.apiserver.k8s.io/v1";

/// Members of system:masters are exempt from flow control: an account that may do everything, and is not.
fn account(plane: &ControlPlane, namespace: &str) -> std::path::PathBuf {
    let kubeconfig = must(plane.service_account(namespace, "storm"));
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "storm"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "storm"}],
    });
    must(plane.admin().create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding));
    kubeconfig
}

/// A few seats for this account, no queue before them, and none to borrow.
fn throttle(plane: &ControlPlane, namespace: &str) {
    let level = json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": "storm"},
        "spec": {"type": "Limited", "limited": {
            "nominalConcurrencyShares": 1,
            "lendablePercent": 0,
            "borrowingLimitPercent": 0,
            "limitResponse": {"type": "Reject"},
        }},
    });
    must(plane.admin().create(&format!("{FLOWS}/prioritylevelconfigurations"), &level));
    let schema = json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "storm"},
        "spec": {
            "priorityLevelConfiguration": {"name": "storm"},
            "matchingPrecedence": 100,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{
                "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"namespace": namespace, "name": "storm"}}],
                "resourceRules": [
                    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]}
                ],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            }],
        },
    });
    must(plane.admin().create(&format!("{FLOWS}/flowschemas"), &schema));
    await_true("the flow schema to hold", || {
        let schema = must(plane.admin().get(&format!("{FLOWS}/flowschemas/storm")));
        let conditions = schema["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|one| one["type"] == "Dangling" && one["status"] == "False")
    });
}

#[test]
fn a_storm_of_refusals_slows_down_and_fails_nothing() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(plane.fresh_namespace());
    let kubeconfig = account(plane, &namespace);
    throttle(plane, &namespace);
    let site = Site::as_whom(plane, &kubeconfig, "own_rights = true");
    site.commit(&[("web", &[], config_maps(many(COUNT), "one"))]);
    let daemon = site.start();
    let allowed = || site.metric("naksha_cluster_requests_allowed{");
    let mut seen = Vec::new();
    await_true("everything to be there", || {
        seen.extend(allowed());
        site.config_maps_with("one") == COUNT
    });
    site.await_applied(&daemon);
    let throttled = site.metric("naksha_cluster_throttled_total{").expect("should be counted");
    assert!(throttled > 0.0, "the server refused something");
    let least = seen.iter().copied().fold(f64::MAX, f64::min);
    assert!(least < 32.0, "it went down: {seen:?}");
    assert!(seen.windows(2).any(|pair| pair[1] > pair[0]), "and up again: {seen:?}");
    let failed = daemon.log().lines().filter(|line| line.contains("failed")).count();
    assert_eq!(failed, 0, "{}", daemon.log());

    // The storm is over.
    must(plane.admin().delete(&format!("{FLOWS}/flowschemas/storm")));
    must(plane.admin().delete(&format!("{FLOWS}/prioritylevelconfigurations/storm")));
    let before = allowed().expect("should be told");
    site.commit(&[("web", &[], config_maps(many(COUNT), "two"))]);
    site.await_applied(&daemon);
    assert_eq!(site.config_maps_with("two"), COUNT);
    assert!(allowed() > Some(before), "{before}");
}
