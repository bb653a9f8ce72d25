//! Ways to a server: through a proxy, by an authority of its own, to several at once.

use std::fs;
use std::path::PathBuf;

use naksha_tests::kubernetes::{ControlPlane, Parts, Proxy, can_start};
use naksha_tests::{await_true, must};

use crate::site::{Site, config_maps, many};

/// The admin's kubeconfig in a folder of its own, to be written otherwise.
struct Kubeconfig {
    folder: tempfile::TempDir,
    text: String,
}

impl Kubeconfig {
    fn of(plane: &ControlPlane) -> Self {
        let text = fs::read_to_string(must(plane.kubeconfig("admin"))).expect("should be readable");
        Self { folder: tempfile::tempdir().expect("should make a folder"), text }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Its line that begins so, trimmed.
    fn line(&self, begins: &str) -> &str {
        let line = self.text.lines().find(|line| line.trim_start_matches(['-', ' ']).starts_with(begins));
        line.expect("should have such a line").trim_start_matches(['-', ' '])
    }

    fn write(&self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from} is not in it");
        fs::write(self.path(), self.text.replace(from, to)).expect("should write");
    }
}

#[test]
fn through_a_proxy_everything_is_as_without() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let (proxy, kubeconfig) = (must(Proxy::start()), Kubeconfig::of(plane));
    let server = kubeconfig.line("server:");
    kubeconfig.write(server, &format!("{server}\n      proxy-url: {}", proxy.url()));
    let site = Site::as_whom(plane, &kubeconfig.path(), "own_rights = true");
    site.commit(&[("web", &[], config_maps(many(20), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    // Watches go through it too.
    site.edit(&format!("{}/many-3", site.config_maps_path()), |one| one["data"]["value"] = "theirs".into());
    await_true("drift to be healed", || site.config_maps_with("one") == 20);
    let authority = plane.url().replace("https://", "");
    let tunnels = proxy.tunnels();
    assert!(!tunnels.is_empty() && tunnels.iter().all(|tunnel| *tunnel == authority), "{tunnels:?}");

    // Without it there is no other way.
    drop(proxy);
    let status = site.await_told(&daemon, "NK0601");
    assert_eq!(status["state"], "unknown", "{status}");
    assert_eq!(site.config_maps_with("one"), 20);
}

#[test]
fn a_server_is_trusted_by_the_authority_that_is_given_and_by_no_other() {
    let (Some(plane), true) = (ControlPlane::shared(Parts::Nodes), can_start(Parts::Api)) else { return };
    let Some(other) = ControlPlane::shared(Parts::Api) else { return };
    let (kubeconfig, others) = (Kubeconfig::of(plane), Kubeconfig::of(other));
    let (own, foreign) =
        (kubeconfig.line("certificate-authority-data:"), others.line("certificate-authority-data:"));
    assert_ne!(own, foreign);
    kubeconfig.write(own, foreign);
    let site = Site::as_whom(plane, &kubeconfig.path(), "own_rights = true");
    site.commit(&[("web", &[], config_maps(many(3), "one"))]);
    let daemon = site.start();
    let status = site.await_told(&daemon, "certificate");
    assert_eq!(status["state"], "unknown", "{status}");
    assert_eq!(site.config_maps().len(), 0);

    // Without any authority it is not one that the machine knows.
    kubeconfig.write(own, "tls-server-name: kubernetes");
    site.await_told(&daemon, "certificate");
    kubeconfig.write(own, own);
    site.await_applied(&daemon);
}

#[test]
fn environments_on_several_clusters_do_not_wait_for_each_other() {
    let Some(plane) = ControlPlane::shared(Parts::Nodes) else { return };
    let Some(other) = ControlPlane::shared(Parts::Api) else { return };
    let site = Site::new(plane);
    let namespace = must(other.fresh_namespace());
    let away = Kubeconfig::of(other);
    let server = away.line("server:");
    // Nobody listens there.
    away.write(server, "server: https://127.0.0.1:1");
    site.installation.configure(&format!(
        "\n[clusters.other]\nkubeconfig = \"{}\"\n[clusters.other.environments.\"infra/far\"]\nown_rights = true\n",
        away.path().display()
    ));
    site.installation.repository.write(
        "environments/far/environment.yaml",
        &format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {{name: far}}\nspec:\n  target: {{kubernetes: {{cluster: other, namespace: {namespace}}}}}\n  units: [web]\n"
        ),
    );
    let commit = site.commit(&[("web", &[], config_maps(many(4), "one"))]);
    let daemon = site.start();
    site.await_applied(&daemon);
    let status = daemon.await_state("far", "unknown");
    assert!(status["why"].to_string().contains("target other is unreachable"), "{status}");

    away.write(server, server);
    daemon.await_applied("far", &commit);
    let there = must(other.admin().get(&format!("/api/v1/namespaces/{namespace}/configmaps/many-3")));
    assert_eq!(there["data"]["value"], "one");
    assert_eq!(site.config_maps_with("one"), 4);
}
