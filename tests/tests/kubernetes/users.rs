//! Who may do what: the admin everything, others what they are given.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};
use reqwest::Method;
use serde_json::json;

#[test]
fn a_user_may_do_what_its_group_is_given_where_it_is_given() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let (shop, other) = (must(cluster.fresh_namespace()), must(cluster.fresh_namespace()));
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "shop"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "shop"}],
    });
    let bindings = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{shop}/rolebindings");
    must(cluster.admin().create(&bindings, &binding));

    let status = |user: &str, namespace: &str| {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps");
        must(must(cluster.api(user)).send(Method::GET, &path, None)).status
    };
    // The API server learns of the binding by a watch.
    await_true("the binding to hold", || status("ann", &shop) == 200);
    assert_eq!(status("ann", &other), 403);
    assert_eq!(status("ben", &shop), 403);
    assert_eq!(status("admin", &other), 200);
}

#[test]
fn every_user_has_a_kubeconfig_that_needs_no_other_file() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    for user in cluster.users() {
        let text = std::fs::read_to_string(must(cluster.kubeconfig(user))).expect("should be readable");
        assert!(text.contains(&cluster.url()) && text.contains("certificate-authority-data: "), "{text}");
    }
    let error = cluster.kubeconfig("eve").expect_err("should not know her");
    assert_eq!(error.to_string(), "there is no user eve, but admin, naksha, ann, ben");
}

#[test]
fn a_service_account_gets_a_token() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(cluster.fresh_namespace());
    let kubeconfig = must(cluster.service_account(&namespace, "deployer"));
    let text = std::fs::read_to_string(kubeconfig).expect("should be readable");
    let token =
        text.lines().find_map(|line| line.trim().strip_prefix("token: ")).expect("should have a token");
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    });
    let reviewed = must(cluster.admin().create("/apis/authentication.k8s.io/v1/tokenreviews", &review));
    let user = &reviewed["status"]["user"]["username"];
    assert_eq!(*user, json!(format!("system:serviceaccount:{namespace}:deployer")), "{reviewed}");
}

#[tokio::test]
async fn an_async_test_may_ask_too() {
    let Some(cluster) = ControlPlane::shared(Parts::Nodes) else { return };
    must(cluster.admin().get(&format!("/api/v1/namespaces/{}", must(cluster.fresh_namespace()))));
}
