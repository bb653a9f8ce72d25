//! How each server is called. Pure; what a flag is for stands beside it where its name does not say it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Parts, Server, Tuning};
use crate::programs::Programs;

/// How the API server signs and checks the tokens of service accounts.
const ISSUER: &str = "https://kubernetes.default.svc";

/// What the command lines depend on.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) folder: PathBuf,
    pub(super) parts: Parts,
    pub(super) tuning: Tuning,
    pub(super) etcd_port: u16,
    pub(super) api_port: u16,
}

impl Layout {
    pub(super) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Rows of token, name, id and groups.
    pub(super) fn tokens(&self) -> PathBuf {
        self.folder.join("tokens.csv")
    }

    pub(super) fn service_account_key(&self) -> PathBuf {
        self.folder.join("service-account.key")
    }

    /// Where the API server writes the certificate that it makes for itself.
    pub(super) fn certificates(&self) -> PathBuf {
        self.folder.join("certificates")
    }

    /// The authority that signed it.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("authority.crt")
    }

    pub(super) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.join("users").join(format!("{user}.kubeconfig"))
    }

    pub(super) fn stages(&self) -> PathBuf {
        self.folder.join("stages.yaml")
    }

    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.api_port)
    }
}

/// The command that runs a server. `admin` is the kubeconfig of those that talk to the API server.
pub(super) fn command(server: Server, programs: &Programs, layout: &Layout, admin: &Path) -> Command {
    let mut command = Command::new(programs.path(server.name()));
    command.args(match server {
        Server::Etcd => etcd(layout),
        Server::ApiServer => api_server(layout),
        Server::ControllerManager => controller_manager(layout, admin),
        Server::Scheduler => scheduler(admin),
        Server::Kwok => kwok(layout, admin),
    });
    if server == Server::ApiServer && layout.tuning == Tuning::Tests {
        // Garbage is collected twice as often: an eighth less memory, and no later start.
        command.env("GOGC", "50");
    }
    command
}

fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}

fn etcd(layout: &Layout) -> Vec<String> {
    let url = format!("http://127.0.0.1:{}", layout.etcd_port);
    let mut flags = vec![
        flag("data-dir", layout.folder.join("etcd").display()),
        flag("listen-client-urls", &url),
        flag("advertise-client-urls", &url),
        // It has no peers; a port must be listened on all the same.
        flag("listen-peer-urls", "http://127.0.0.1:0"),
        flag("log-level", "warn"),
    ];
    if layout.tuning == Tuning::Tests {
        flags.push("--unsafe-no-fsync".to_owned());
    }
    flags
}

fn api_server(layout: &Layout) -> Vec<String> {
    let key = layout.service_account_key();
    let mut flags = vec![
        flag("etcd-servers", format!("http://127.0.0.1:{}", layout.etcd_port)),
        flag("bind-address", "127.0.0.1"),
        flag("secure-port", layout.api_port),
        // A machine without a network has no other address; loopback may not stand in the endpoints of `kubernetes`.
        flag("advertise-address", "127.0.0.1"),
        flag("endpoint-reconciler-type", "none"),
        flag("cert-dir", layout.certificates().display()),
        flag("token-auth-file", layout.tokens().display()),
        flag("authorization-mode", "RBAC"),
        flag("service-account-issuer", ISSUER),
        flag("service-account-key-file", key.display()),
        flag("service-account-signing-key-file", key.display()),
        flag("service-cluster-ip-range", "10.0.0.0/16"),
        flag("allow-privileged", true),
        flag("profiling", false),
    ];
    if layout.parts == Parts::Api {
        // Nobody would make the service account without which it refuses every pod.
        flags.push(flag("disable-admission-plugins", "ServiceAccount"));
    }
    flags
}

fn controller_manager(layout: &Layout, admin: &Path) -> Vec<String> {
    vec![
        flag("kubeconfig", admin.display()),
        flag("service-account-private-key-file", layout.service_account_key().display()),
        flag("root-ca-file", layout.authority().display()),
        flag("leader-elect", false),
        flag("use-service-account-credentials", false),
        // Without it a hundred Deployments take a minute.
        flag("kube-api-qps", 500),
        flag("kube-api-burst", 1000),
        // It makes this folder, elsewhere on the machine unless told.
        flag("flex-volume-plugin-dir", layout.folder.join("plugins").display()),
        // Nobody asks for its metrics.
        flag("secure-port", 0),
    ]
}

fn scheduler(admin: &Path) -> Vec<String> {
    vec![flag("kubeconfig", admin.display()), flag("leader-elect", false), flag("secure-port", 0)]
}

fn kwok(layout: &Layout, admin: &Path) -> Vec<String> {
    vec![
        flag("kubeconfig", admin.display()),
        flag("manage-all-nodes", true),
        flag("node-ip", "127.0.0.1"),
        flag("config", layout.stages().display()),
    ]
}
