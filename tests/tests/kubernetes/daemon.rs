//! The daemon on a real API server: commits become objects, drift is healed, what is dropped goes.

use naksha_environments::source::TreePath;
use naksha_environments::yaml::{Dialect, parse};
use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};
use serde_json::json;

use super::shop::{manifests, shop, shop_as};

#[test]
fn a_fight_names_who_changes_what() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let scale =
        || shop.edit_as("kubectl-edit", &shop.deployment(), |object| object["spec"]["replicas"] = json!(5));
    for _ in 0..4 {
        scale();
        await_true("the scale to be healed", || shop.replicas() == 2);
        daemon.await_state(&shop.environment, "synced");
    }
    let installation = &shop.installation;
    let history = installation.program.run(installation.root(), &["history", &shop.environment]);
    let history = history.expect_code(0).out;
    let healed = "heal, 1 step\n    kubectl-edit changed `spec.replicas` of apps/Deployment";
    assert!(history.contains(healed), "{history}");
    scale();
    let words = "kubectl-edit changed `spec.replicas`, which was healed 4 times since";
    daemon.await_status(&shop.environment, words, |status| status["why"].to_string().contains(words));
    assert_eq!(shop.replicas(), 5, "healing pauses");
}

#[test]
fn a_commit_is_applied_and_what_it_drops_is_deleted() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let deployment = shop.get(&shop.deployment()).expect("should be there");
    assert_eq!(deployment["status"]["readyReplicas"], 2, "applied means healthy");
    let owner = &deployment["metadata"]["annotations"]["naksha.dev/owner"];
    let signature = format!("infra/{}/web apps/Deployment {}/web", shop.environment, shop.namespace);
    assert_eq!(*owner, json!(signature));
    let managers = deployment["metadata"]["managedFields"].as_array().unwrap();
    assert!(managers.iter().any(|one| one["manager"] == "naksha" && one["operation"] == "Apply"));

    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "replicas: 2", "replicas: 3");
    repository.commit("three");
    shop.await_applied(&daemon);
    assert_eq!(shop.replicas(), 3);

    let text = manifests("nginx:1.27", 3, "info");
    let (_, rest) = text.split_once("---\n").unwrap();
    repository.write("units/web/web.yaml", rest);
    repository.commit("no settings");
    shop.await_applied(&daemon);
    assert_eq!(shop.get(&shop.settings()), None);
    assert!(shop.get(&shop.deployment()).is_some());
}

#[test]
fn drift_is_seen_by_the_watch_and_healed() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    shop.edit(&shop.settings(), |object| object["data"]["level"] = json!("debug"));
    await_true("the edit to be healed", || {
        shop.get(&shop.settings()).is_some_and(|object| object["data"]["level"] == "info")
    });
    shop.edit(&shop.deployment(), |object| object["spec"]["replicas"] = json!(5));
    await_true("the scale to be healed", || shop.replicas() == 2);
    must(shop.plane.admin().delete(&shop.settings()));
    await_true("the deletion to be healed", || shop.get(&shop.settings()).is_some());
    // Without its label, or with another value of it, the watch would lose sight of it.
    for labels in [json!({}), json!({"naksha.dev/environment": shop.environment})] {
        shop.edit(&shop.settings(), |object| object["metadata"]["labels"] = labels.clone());
        await_true("the label to be put back", || {
            let settings = shop.get(&shop.settings()).expect("should be there");
            settings["metadata"]["labels"]["naksha.dev/environment"] == format!("infra_{}", shop.environment)
        });
    }
    // What others add is theirs.
    shop.edit(&shop.settings(), |object| object["data"]["theirs"] = json!("1"));
    shop.await_applied(&daemon);
    assert_eq!(shop.get(&shop.settings()).expect("should be there")["data"]["theirs"], "1");
}

#[test]
fn a_field_of_somebody_else_is_a_conflict_that_names_him() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    shop.edit(&shop.deployment(), |object| object["spec"]["minReadySeconds"] = json!(7));
    shop.await_applied(&daemon);
    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "  replicas: 2", "  replicas: 2\n  minReadySeconds: 3");
    repository.commit("patience");
    let status = daemon.await_state(&shop.environment, "held");
    let why = status["why"].to_string();
    assert!(why.contains("`spec.minReadySeconds` was set by `kubectl-edit`"), "{status}");
    assert_eq!(shop.get(&shop.deployment()).unwrap()["spec"]["minReadySeconds"], 7, "nothing is taken");
}

#[test]
fn a_killed_daemon_goes_on() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let before = shop.get(&shop.deployment()).unwrap()["metadata"]["generation"].clone();
    daemon.kill();
    shop.edit(&shop.settings(), |object| object["data"]["level"] = json!("debug"));
    let daemon = shop.installation.start();
    await_true("what happened meanwhile to be healed", || {
        shop.get(&shop.settings()).is_some_and(|object| object["data"]["level"] == "info")
    });
    shop.await_applied(&daemon);
    assert_eq!(shop.get(&shop.deployment()).unwrap()["metadata"]["generation"], before, "and nothing else");
}

/// Makes what deploy/kubernetes/rbac.yaml says, for another namespace than its own.
fn grant(plane: &ControlPlane, namespace: &str) {
    let text = include_str!("../../../deploy/kubernetes/rbac.yaml")
        .replace("namespace: shop", &format!("namespace: {namespace}"))
        .replace("{name: shop}", &format!("{{name: {namespace}}}"));
    let path = TreePath::parse("rbac.yaml").expect("should be a path");
    let (documents, found) = parse(&text, &path, Dialect::Manifest);
    assert!(found.is_empty(), "{found:?}");
    for document in documents {
        let object = document.root.to_json();
        if object["kind"] == "Namespace" && object["metadata"]["name"] == namespace {
            continue;
        }
        let plural = format!("{}s", object["kind"].as_str().expect("should have a kind").to_lowercase());
        let version = object["apiVersion"].as_str().expect("should have a version");
        let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let collection = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        };
        must(plane.admin().create(&collection, &object));
    }
}

#[test]
fn the_rights_that_the_manifests_give_are_enough_and_no_others_are_had() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    // The account of the daemon is made by the manifests; its token comes after.
    let namespace = must(plane.fresh_namespace());
    grant(plane, &namespace);
    let kubeconfig = must(plane.service_account("naksha", "naksha"));
    let mut shop = shop_as(plane, "staging", &kubeconfig, "service_account = \"naksha/staging\"");
    shop.installation.repository.edit("environments/staging/environment.yaml", &shop.namespace, &namespace);
    shop.installation.repository.commit("where the rights are");
    shop.namespace = namespace;
    let daemon = shop.running();
    shop.edit(&shop.settings(), |object| object["data"]["level"] = json!("debug"));
    await_true("the edit to be healed", || {
        shop.get(&shop.settings()).is_some_and(|object| object["data"]["level"] == "info")
    });
    let root = shop.installation.root();
    let tree = shop.installation.program.run(root, &["tree", "staging", "--format", "json"]).expect_code(0);
    assert_eq!(tree.json()[0].get("gaps"), None, "everything may be looked at: {}", tree.out);
    // A kind that the role does not name.
    let repository = &shop.installation.repository;
    let text = manifests("nginx:1.27", 2, "info")
        + "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 1, selector: {matchLabels: {app: web}}}\n";
    repository.write("units/web/web.yaml", &text);
    repository.commit("a budget");
    let status = daemon.await_status("staging", "forbidden", |status| {
        status["why"].to_string().contains("poddisruptionbudgets") && status["state"] != "progressing"
    });
    assert!(status["why"].to_string().contains("system:serviceaccount:naksha:staging"), "{status}");
}

#[test]
fn an_account_without_rights_does_nothing() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let kubeconfig = must(plane.kubeconfig("admin"));
    let shop = shop_as(plane, "nobody", &kubeconfig, "service_account = \"nowhere/nobody\"");
    let daemon = shop.installation.start();
    let status = daemon.await_status("nobody", "refused", |status| {
        status["why"].to_string().contains("system:serviceaccount:nowhere:nobody")
    });
    assert_ne!(status["state"], "synced", "{status}");
    assert_eq!(shop.get(&shop.settings()), None);
}

#[test]
fn what_the_server_refuses_is_told_with_the_field() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let repository = &shop.installation.repository;
    repository.edit("units/web/web.yaml", "replicas: 2", "replicas: 2\n  revisionHistoryLimit: -1");
    repository.commit("a slip");
    let status = daemon.await_state(&shop.environment, "degraded");
    let why = status["why"].to_string();
    assert!(
        why.contains("spec.revisionHistoryLimit") && why.contains("greater than or equal to 0"),
        "{status}"
    );
    assert!(!why.contains("nginx"), "no object is quoted: {status}");
    repository.edit("units/web/web.yaml", "revisionHistoryLimit: -1", "revisionHistoryLimit: 1");
    repository.commit("mended");
    shop.await_applied(&daemon);
}

#[test]
fn why_a_pod_does_not_start_is_told() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let daemon = shop.running();
    let repository = &shop.installation.repository;
    let text = manifests("nginx:1.28", 2, "info").replace(
        "metadata: {labels: {app: web}}",
        "metadata: {labels: {app: web, naksha.test/fails: never-ready}}",
    );
    repository.write("units/web/web.yaml", &text);
    let commit = repository.commit("never ready");
    let status = daemon.await_status(&shop.environment, "not healthy", |status| {
        status["applied"] == commit && status["state"] != "synced"
    });
    assert!(status["why"].to_string().contains("web"), "{status}");
}

#[test]
fn a_daemon_that_is_killed_amid_its_first_apply_adopts_nothing() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let one = manifests("nginx:1.27", 0, "info");
    let many: Vec<String> = (0..60)
        .map(|number| {
            one.replace("name: web,", &format!("name: web-{number},"))
                .replace("{name: settings}", &format!("{{name: settings-{number}}}"))
                .replace("metadata: {name: web}", &format!("metadata: {{name: web-{number}}}"))
        })
        .collect();
    shop.installation.repository.write("units/web/web.yaml", &many.join("---\n"));
    shop.installation.repository.commit("many");
    let count = || {
        let list = must(shop.plane.admin().get(&shop.path("/apis/apps/v1", "deployments")));
        list["items"].as_array().map_or(0, Vec::len)
    };
    let daemon = shop.installation.start();
    await_true("some of them to be there", || count() > 3);
    daemon.kill();
    let there = count();
    let daemon = shop.installation.start();
    shop.await_applied(&daemon);
    assert_eq!(count(), 60);
    assert!(there < 60, "it was killed amid the apply");
}

#[test]
fn kinds_without_a_namespace_are_known_by_the_cluster() {
    let Some(shop) = shop(Parts::Nodes) else { return };
    let group = format!("{}.example.com", shop.environment);
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("issuers.{group}")},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"kind": "Issuer", "plural": "issuers"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    });
    must(shop.plane.admin().create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition));
    let text =
        format!("apiVersion: {group}/v1\nkind: Issuer\nmetadata: {{name: letters}}\nspec: {{by: hand}}\n");
    shop.installation.repository.write("units/web/web.yaml", &text);
    shop.installation.repository.commit("an issuer");
    let daemon = shop.running();
    let path = format!("/apis/{group}/v1/issuers/letters");
    let issuer = shop.get(&path).expect("should be made");
    assert!(issuer["metadata"]["namespace"].is_null());
    shop.edit(&path, |object| object["spec"]["by"] = json!("nobody"));
    await_true("the edit to be healed", || {
        shop.get(&path).is_some_and(|object| object["spec"]["by"] == "hand")
    });
    drop(daemon);
}
