//! Starting a control plane, and what its users get from it.

mod trouble;

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, anyhow};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::commands::{Layout, command};
use super::credentials::{ADMIN, Credential, issue, kubeconfig, signing_key, token_file};
use super::{Api, Parts, Server, Setup};
use crate::programs::Programs;
use crate::servers::Servers;

/// The one Node of [`Parts::Nodes`].
pub const NODE: &str = "node-1";

/// A free port may be taken by somebody else before its server listens on it.
const ATTEMPTS: usize = 3;
const PORT_TAKEN: &str = "address already in use";

const STAGES: &str = include_str!("../../servers/kwok/stages.yaml");

/// A running control plane; stopped when dropped, and its temporary folder removed.
#[derive(Debug)]
pub struct ControlPlane {
    // Stopped before the folder goes.
    servers: Mutex<Servers>,
    _temporary: Option<TempDir>,
    programs: Programs,
    layout: Layout,
    credentials: Vec<Credential>,
    authority: String,
    admin: Api,
}

impl ControlPlane {
    /// Starts these parts, tuned for tests, and waits until they work.
    pub fn start(parts: Parts) -> anyhow::Result<Self> {
        Self::start_with(&Setup::new(parts))
    }

    /// Starts what the setup says and waits until it works. When a server does not, the end of its log is in the error.
    pub fn start_with(setup: &Setup) -> anyhow::Result<Self> {
        let programs = Programs::find(&setup.parts.programs())?;
        for _ in 1..ATTEMPTS {
            match Self::attempt(setup, &programs) {
                Err(error) if format!("{error:#}").contains(PORT_TAKEN) => {}
                ended => return ended,
            }
        }
        Self::attempt(setup, &programs)
    }

    fn attempt(setup: &Setup, programs: &Programs) -> anyhow::Result<Self> {
        let temporary = match setup.folder {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("naksha-cluster-").tempdir()?),
        };
        let folder = setup.folder.as_deref().or(temporary.as_ref().map(TempDir::path));
        let layout = lay_out(folder.context("there is a folder")?, setup)?;
        let credentials = issue(&setup.users);
        write_files(&layout, &credentials)?;
        let admin_file = layout.kubeconfig(ADMIN);
        let mut servers = Servers::new(layout.logs(), temporary.as_ref().map(TempDir::path));

        // The store and the API server at once: the latter waits for the former.
        for server in [Server::Etcd, Server::ApiServer] {
            servers.start(server.name(), command(server, programs, &layout, &admin_file))?;
        }
        let (admin, authority) = wait_for_api(&mut servers, &layout, &credentials)?;
        write_private(&layout.authority(), &authority)?;
        for Credential { user, token } in &credentials {
            let text = kubeconfig(&layout.url(), &authority, &user.name, token);
            write_private(&layout.kubeconfig(&user.name), &text)?;
        }

        // Then what needs a kubeconfig.
        if setup.parts >= Parts::Nodes {
            create_node(&admin)?;
        }
        for server in setup.parts.servers().iter().filter(|server| **server > Server::ApiServer) {
            servers.start(server.name(), command(*server, programs, &layout, &admin_file))?;
        }
        if setup.parts >= Parts::Controllers {
            let path = "/api/v1/namespaces/default/serviceaccounts/default";
            servers.wait_for(Server::ControllerManager.name(), || Ok(admin.get(path).is_ok()))?;
        }
        if setup.parts >= Parts::Nodes {
            servers.wait_for(Server::Kwok.name(), || node_is_ready(&admin))?;
        }
        let (servers, programs) = (Mutex::new(servers), programs.clone());
        Ok(Self { servers, _temporary: temporary, programs, layout, credentials, authority, admin })
    }

    /// Where the API server is.
    pub fn url(&self) -> String {
        self.layout.url()
    }

    pub fn parts(&self) -> Parts {
        self.layout.parts
    }

    /// Where everything is: `logs`, `users`, `etcd`.
    pub fn folder(&self) -> &Path {
        &self.layout.folder
    }

    /// The API server, as the admin.
    pub fn admin(&self) -> &Api {
        &self.admin
    }

    /// The API server, as this user.
    pub fn api(&self, user: &str) -> anyhow::Result<Api> {
        self.api_with(&self.credential(user)?.token)
    }

    /// The API server, as whoever this token says.
    pub fn api_with(&self, token: &str) -> anyhow::Result<Api> {
        Api::new(&self.url(), &self.authority, token)
    }

    /// The kubeconfig of `admin` or of a user of the setup. It needs no other file.
    pub fn kubeconfig(&self, user: &str) -> anyhow::Result<PathBuf> {
        Ok(self.layout.kubeconfig(&self.credential(user)?.user.name))
    }

    /// The users of this control plane, the admin first.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.credentials.iter().map(|credential| credential.user.name.as_str())
    }

    fn credential(&self, user: &str) -> anyhow::Result<&Credential> {
        self.credentials.iter().find(|credential| credential.user.name == user).with_context(|| {
            let users: Vec<_> = self.users().collect();
            format!("there is no user {user}, but {}", users.join(", "))
        })
    }

    /// A kubeconfig for a service account, which is made when there is none, with a token that holds for an hour.
    pub fn service_account(&self, namespace: &str, name: &str) -> anyhow::Result<PathBuf> {
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        create_unless_there(&self.admin, &accounts, &account)?;
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        });
        let answer = self.admin.create(&format!("{accounts}/{name}/token"), &request)?;
        let token = answer["status"]["token"].as_str().context("a token request has a token")?;
        let file = self.layout.kubeconfig(&format!("{namespace}.{name}"));
        write_private(&file, &kubeconfig(&self.url(), &self.authority, name, token))?;
        Ok(file)
    }

    /// The kubeconfig of a user, with another address for the server: that of something in between.
    pub fn kubeconfig_through(&self, user: &str, url: &str) -> anyhow::Result<PathBuf> {
        let text = fs::read_to_string(self.kubeconfig(user)?)?;
        let port = url.rsplit(':').next().context("an address has a port")?;
        let file = self.layout.kubeconfig(&format!("{user}.{port}"));
        write_private(&file, &text.replace(&self.url(), url))?;
        Ok(file)
    }

    /// Makes a namespace that nobody else uses. Where there are controllers, pods can be made in it at once.
    pub fn fresh_namespace(&self) -> anyhow::Result<String> {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "test-"}});
        let made = self.admin.create("/api/v1/namespaces", &namespace)?;
        let name = made["metadata"]["name"].as_str().context("a namespace has a name")?.to_owned();
        if self.layout.parts >= Parts::Controllers {
            let path = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
            let (mut servers, admin) = (self.servers(), &self.admin);
            servers.wait_for(Server::ControllerManager.name(), || Ok(admin.get(&path).is_ok()))?;
        }
        Ok(name)
    }

    /// Refuses when a server has ended, with the end of its log.
    pub fn check(&self) -> anyhow::Result<()> {
        self.servers().check()
    }

    /// A server's process, to measure it.
    pub fn process_id(&self, server: Server) -> Option<u32> {
        self.servers().process_id(server.name())
    }

    /// The end of a server's log.
    pub fn log(&self, server: Server) -> String {
        self.servers().tail(server.name())
    }

    /// A test that failed while it looked at them has not harmed them.
    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lay_out(folder: &Path, setup: &Setup) -> anyhow::Result<Layout> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    // Both are held before one is given back: they differ.
    let ports = [TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?];
    Ok(Layout {
        folder: folder.canonicalize()?,
        parts: setup.parts,
        tuning: setup.tuning,
        etcd_port: ports[0].local_addr()?.port(),
        api_port: ports[1].local_addr()?.port(),
    })
}

/// What the servers read when they start. A key that is there stays: tokens were signed with it.
fn write_files(layout: &Layout, credentials: &[Credential]) -> anyhow::Result<()> {
    for folder in ["logs", "users"] {
        fs::create_dir_all(layout.folder.join(folder))?;
    }
    write_private(&layout.tokens(), &token_file(credentials))?;
    write_private(&layout.stages(), STAGES)?;
    if !layout.service_account_key().exists() {
        write_private(&layout.service_account_key(), &signing_key()?)?;
    }
    Ok(())
}

fn write_private(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(fs::set_permissions(file, Permissions::from_mode(0o600))?)
}

/// Waits until the API server is ready and has made the namespace `default`; the admin's access and the authority that
/// signed the server's certificate.
fn wait_for_api(
    servers: &mut Servers,
    layout: &Layout,
    credentials: &[Credential],
) -> anyhow::Result<(Api, String)> {
    let token = &credentials.first().context("there is an admin")?.token;
    let mut access = None;
    servers.wait_for(Server::ApiServer.name(), || {
        // Its certificate is whole once it listens.
        if TcpStream::connect((Ipv4Addr::LOCALHOST, layout.api_port)).is_err() {
            return Ok(false);
        }
        if access.is_none() {
            let authority = authority(&layout.certificates().join("apiserver.crt"))?;
            access = Some((Api::new(&layout.url(), &authority, token)?, authority));
        }
        let is_there = |path| {
            let answer = access.as_ref().and_then(|(api, _)| api.send(Method::GET, path, None).ok());
            answer.is_some_and(|answer| answer.status == 200)
        };
        Ok(is_there("/readyz") && is_there("/api/v1/namespaces/default"))
    })?;
    access.context("an API server that is ready was asked")
}

/// The last certificate of a chain: the controllers refuse one that is no authority.
fn authority(chain: &Path) -> anyhow::Result<String> {
    let chain = fs::read_to_string(chain).context("cannot read the API server's certificate")?;
    let last = chain.rfind("-----BEGIN CERTIFICATE-----").context("it holds no certificate")?;
    Ok(chain[last..].to_owned())
}

fn create_node(admin: &Api) -> anyhow::Result<()> {
    // For the pods of all tests of a binary, which nobody takes away; a pod that fits nowhere asks for 1000 CPUs.
    let room = json!({"cpu": "500", "memory": "4Ti", "ephemeral-storage": "1Ti", "pods": "10000"});
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": {"kubernetes.io/hostname": NODE}},
        "status": {"capacity": room, "allocatable": room},
    });
    create_unless_there(admin, "/api/v1/nodes", &node)
}

fn create_unless_there(admin: &Api, collection: &str, object: &Value) -> anyhow::Result<()> {
    let answer = admin.send(Method::POST, collection, Some(object))?;
    match answer.status {
        201 | 409 => Ok(()),
        status => Err(anyhow!("{collection}: {status}: {}", answer.body)),
    }
}

/// Ready, and nothing keeps pods away: a new Node is tainted until a controller has seen that it is ready.
fn node_is_ready(admin: &Api) -> anyhow::Result<bool> {
    let node = admin.get(&format!("/api/v1/nodes/{NODE}"))?;
    let conditions = node["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    Ok(ready && node["spec"]["taints"].is_null())
}
