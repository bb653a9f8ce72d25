//! Credentials that end, are replaced or never were enough: told as that, taken up without a restart, and nothing is written
//! meanwhile.

use std::fs;
use std::path::PathBuf;

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};
use reqwest::Method;
use serde_json::json;

use crate::site::{Site, config_maps, many};

const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";

/// An account that may do everything, with tokens that end when we want them to.
struct Account<'p> {
    plane: &'p ControlPlane,
    namespace: String,
    name: &'static str,
    folder: tempfile::TempDir,
}

impl<'p> Account<'p> {
    fn new(plane: &'p ControlPlane, name: &'static str) -> Self {
        let namespace = must(plane.fresh_namespace());
        must(plane.service_account(&namespace, name));
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        });
        must(plane.admin().create(BINDINGS, &binding));
        let folder = tempfile::tempdir().expect("should make a folder");
        Self { plane, namespace, name, folder }
    }

    fn secrets(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", self.namespace)
    }

    /// A token that is good as long as this Secret is there.
    fn token(&self, secret: &str) -> String {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}});
        let made = must(self.plane.admin().create(&self.secrets(), &object));
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "boundObjectRef": {
                "apiVersion": "v1", "kind": "Secret", "name": secret, "uid": made["metadata"]["uid"],
            }},
        });
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", self.namespace, self.name);
        let answer = must(self.plane.admin().create(&path, &request));
        answer["status"]["token"].as_str().expect("should have a token").to_owned()
    }

    /// Revokes the token that is bound to this Secret, and waits until the server refuses it.
    fn revoke(&self, secret: &str, token: &str) {
        must(self.plane.admin().delete(&format!("{}/{secret}", self.secrets())));
        let api = must(self.plane.api_with(token));
        let status = || must(api.send(Method::GET, "/api/v1/namespaces/default", None)).status;
        await_true("the token to be refused", || status() == 401);
    }

    /// Writes the token to its file, as an editor does.
    fn write_token(&self, token: &str) -> PathBuf {
        let file = self.folder.path().join("token");
        fs::write(&file, format!("{token}\n")).expect("should write");
        file
    }

    /// A kubeconfig; `credentials` is what it says of the user.
    fn write_kubeconfig(&self, credentials: &str) -> PathBuf {
        let text = fs::read_to_string(must(self.plane.kubeconfig("admin"))).expect("should be readable");
        let token =
            text.lines().find(|line| line.trim().starts_with("token: ")).expect("should have a token");
        let file = self.folder.path().join("kubeconfig");
        fs::write(&file, text.replace(token, &format!("      {credentials}"))).expect("should write");
        file
    }
}

const REFUSED: &str = "does not accept our credentials: they are expired, revoked or wrong";

#[test]
fn a_token_file_that_rotates_is_read_again_when_the_old_token_is_refused() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let account = Account::new(plane, "rotates");
    let first = account.token("first");
    let file = account.write_token(&first);
    let kubeconfig = account.write_kubeconfig(&format!("tokenFile: {}", file.display()));
    let site = Site::as_whom(plane, &kubeconfig, "own_rights = true");
    site.commit(&[("web", &[], config_maps(many(3), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);

    // Replaced in time, nobody notices.
    let second = account.token("second");
    account.write_token(&second);
    account.revoke("first", &first);
    site.commit(&[("web", &[], config_maps(many(3), "two"))]);
    site.await_applied(&daemon);
    assert!(!daemon.log().contains(REFUSED), "{}", daemon.log());

    // Not replaced, it is told; nothing is concluded from it.
    account.revoke("second", &second);
    let commit = site.commit(&[("web", &[], config_maps(many(2), "three"))]);
    let status = site.await_told(&daemon, REFUSED);
    assert_ne!(status["applied"], commit, "{status}");
    assert_eq!(site.config_maps_with("two"), 3);
    account.write_token(&account.token("third"));
    daemon.await_applied(&site.environment, &commit);
    assert_eq!((site.config_maps().len(), site.config_maps_with("three")), (2, 2));
}

#[test]
fn a_kubeconfig_that_is_replaced_is_read_again() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let account = Account::new(plane, "replaced");
    let kubeconfig = account.write_kubeconfig("token: never-a-token");
    let site = Site::as_whom(plane, &kubeconfig, "own_rights = true");
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    let daemon = site.start();
    let status = site.await_told(&daemon, REFUSED);
    assert_eq!(status["state"], "unknown", "{status}");
    assert!(status["why"].to_string().contains("NK0602"), "{status}");
    account.write_kubeconfig(&format!("token: {}", account.token("good")));
    site.await_applied(&daemon);
}

#[test]
fn whoever_may_not_impersonate_writes_nothing() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let namespace = must(plane.fresh_namespace());
    let kubeconfig = must(plane.service_account(&namespace, "weak"));
    let site = Site::as_whom(plane, &kubeconfig, "service_account = \"somewhere/somebody\"");
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    let daemon = site.start();
    let status = site.await_told(&daemon, "impersonate");
    assert_ne!(status["state"], "synced", "{status}");
    assert_eq!(site.config_maps().len(), 0);
}

#[test]
fn rights_that_are_taken_away_are_told_and_taken_up_again() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let account = Account::new(plane, "deprived");
    let kubeconfig = must(plane.service_account(&account.namespace, account.name));
    let site = Site::as_whom(plane, &kubeconfig, "own_rights = true");
    site.commit(&[("web", &[], config_maps(many(3), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    let binding = must(plane.admin().get(&format!("{BINDINGS}/deprived")));
    must(plane.admin().delete(&format!("{BINDINGS}/deprived")));
    let commit = site.commit(&[("web", &[], config_maps(many(2), "two"))]);
    let status = site.await_told(&daemon, "is forbidden: User");
    assert_ne!(status["applied"], commit, "{status}");
    assert_eq!(site.config_maps_with("one"), 3, "nothing is written and nothing pruned");

    let again = json!({
        "apiVersion": binding["apiVersion"],
        "kind": binding["kind"],
        "metadata": {"name": "deprived"},
        "roleRef": binding["roleRef"],
        "subjects": binding["subjects"],
    });
    must(plane.admin().create(BINDINGS, &again));
    daemon.await_applied(&site.environment, &commit);
    assert_eq!((site.config_maps().len(), site.config_maps_with("two")), (2, 2));
}

#[test]
fn a_kubeconfig_in_a_secret_is_used_and_read_anew_when_it_is_refused() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let account = Account::new(plane, "in-a-secret");
    let old = account.token("old");
    let site = Site::new(plane);
    let installation = &site.installation;
    let config = fs::read_to_string(&installation.program.config).expect("should read the configuration");
    let file = format!("kubeconfig = \"{}\"", must(plane.kubeconfig("admin")).display());
    assert!(config.contains(&file), "{config}");
    let secret = "kubeconfig_secret = \"vault:clusters/test#kubeconfig\"";
    fs::write(&installation.program.config, config.replace(&file, secret)).expect("should write it");
    let write = |token: &str| {
        let kubeconfig = account.write_kubeconfig(&format!("token: {token}"));
        let text = fs::read_to_string(kubeconfig).expect("should read a kubeconfig");
        installation.write_secret("clusters/test/kubeconfig", &text);
    };
    write(&old);
    site.commit(&[("web", &[], config_maps(many(2), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);

    account.revoke("old", &old);
    let commit = site.commit(&[("web", &[], config_maps(many(2), "two"))]);
    site.await_told(&daemon, REFUSED);
    write(&account.token("new"));
    daemon.await_applied(&site.environment, &commit);
    assert_eq!(site.config_maps_with("two"), 2);
}
