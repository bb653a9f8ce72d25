//! A real Vault in its development mode: stores, policies, tokens and logins.
//!
//! ```text
//!   Vault ──► Servers (one process, and its keeper)
//!     ├── store(version) ──► Store: entries of its own
//!     ├── policy, token, role, service_account ──► who may do what
//!     └── requests(what) ◄── its own record of what it was asked
//! ```
//!
//! One for all tests of a binary; each test has stores and roles of its own. One that is sealed or stopped is its own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use naksha::scratch::wait_for;
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Answer, Api};
use crate::must;
use crate::programs::{Programs, are_there};
use crate::servers::Servers;

const PROGRAM: &str = "vault";
/// Of whom everything is allowed.
const ROOT: &str = "root";

static SHARED: OnceLock<Result<Vault, String>> = OnceLock::new();

/// A running Vault; stopped when dropped, and its folder removed.
#[derive(Debug)]
pub struct Vault {
    // Stopped before the folder goes.
    _servers: Servers,
    folder: TempDir,
    url: String,
    root: Api,
    unseal_key: String,
    /// How many things it was asked to name.
    names: AtomicUsize,
}

/// Whether requests to it are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

/// A KV store.
#[derive(Debug)]
pub struct Store<'a> {
    vault: &'a Vault,
    pub name: String,
    version: u8,
}

/// A role that logs in with a secret id.
#[derive(Debug)]
pub struct Role {
    pub mount: String,
    pub role_id: String,
    pub secret_id: String,
}

/// A role that logs in with a signed token, as service accounts of a cluster do.
#[derive(Debug)]
pub struct ServiceAccount {
    pub mount: String,
    pub role: String,
    pub jwt: String,
}

impl Vault {
    /// The one that all tests of this process share, started by the first that asks. Nothing when there is no program:
    /// the test is skipped and says so.
    ///
    /// # Panics
    /// When it does not start, or when a program that is demanded is missing.
    pub fn shared() -> Option<&'static Self> {
        if !are_there(&[PROGRAM]) {
            return None;
        }
        let started = SHARED
            .get_or_init(|| Self::start(Transport::Plain).map_err(|error| format!("{error:#}")))
            .as_ref();
        Some(must(started.map_err(|error| anyhow!("{error}"))))
    }

    /// One that nobody else has. Nothing when there is no program.
    ///
    /// # Panics
    /// As [`shared`](Self::shared).
    pub fn own(transport: Transport) -> Option<Self> {
        are_there(&[PROGRAM]).then(|| must(Self::start(transport)))
    }

    fn start(transport: Transport) -> anyhow::Result<Self> {
        let programs = Programs::find(&[PROGRAM])?;
        let folder = tempfile::Builder::new().prefix("naksha-vault-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut servers = Servers::new(folder.path().to_owned(), Some(folder.path()));
        servers.start(PROGRAM, command(programs.path(PROGRAM), folder.path(), port, transport))?;
        let log = folder.path().join(format!("{PROGRAM}.log"));
        let mut key = None;
        servers.wait_for(PROGRAM, || {
            let log = fs::read_to_string(&log).unwrap_or_default();
            key = log.lines().find_map(|line| line.strip_prefix("Unseal Key: ").map(str::to_owned));
            Ok(key.is_some())
        })?;
        let unseal_key = key.context("it printed no key")?;
        let (url, root) = match transport {
            Transport::Plain => {
                let url = format!("http://127.0.0.1:{port}");
                (url.clone(), Api::plain(&url, ROOT)?)
            }
            Transport::Tls => {
                let url = format!("https://127.0.0.1:{port}");
                (url.clone(), Api::new(&url, &fs::read_to_string(authority(folder.path()))?, ROOT)?)
            }
        };
        servers.wait_for(PROGRAM, || Ok(root.get("/v1/sys/health").is_ok()))?;
        let vault = Self { _servers: servers, folder, url, root, unseal_key, names: AtomicUsize::new(0) };
        let options = json!({"type": "file", "options": {"file_path": vault.record()}});
        vault.ask(Method::POST, "sys/audit/record", Some(&options))?;
        Ok(vault)
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate (PEM) of who vouches for it, where requests are encrypted.
    pub fn authority(&self) -> PathBuf {
        authority(self.folder.path())
    }

    /// A KV store, empty.
    pub fn store(&self, version: u8) -> Store<'_> {
        let store = Store { vault: self, name: self.next_name("kv"), version };
        must(store.enable());
        store
    }

    /// A policy with these rules, in Vault's language; its name.
    pub fn policy(&self, rules: &str) -> String {
        let name = self.next_name("policy");
        must(self.ask(Method::PUT, &format!("sys/policies/acl/{name}"), Some(&json!({"policy": rules}))));
        name
    }

    /// A token of whoever has these policies. `lasts` is like `5s`.
    pub fn token(&self, policies: &[&str], lasts: &str) -> String {
        let body = json!({"policies": policies, "ttl": lasts});
        let answer = must(self.ask(Method::POST, "auth/token/create", Some(&body)));
        text(&answer, "/auth/client_token")
    }

    pub fn revoke(&self, token: &str) {
        must(self.ask(Method::POST, "auth/token/revoke", Some(&json!({"token": token}))));
    }

    /// A role with a way to log in of its own. `settings`: such as `token_policies`, `token_ttl`.
    pub fn role(&self, settings: &Value) -> Role {
        let mount = self.next_name("approle");
        let role = format!("auth/{mount}/role/naksha");
        must(self.ask(Method::POST, &format!("sys/auth/{mount}"), Some(&json!({"type": "approle"}))));
        must(self.ask(Method::POST, &role, Some(settings)));
        let id = must(self.ask(Method::GET, &format!("{role}/role-id"), None));
        let secret = must(self.ask(Method::POST, &format!("{role}/secret-id"), Some(&json!({}))));
        Role { mount, role_id: text(&id, "/data/role_id"), secret_id: text(&secret, "/data/secret_id") }
    }

    /// A role for who has a token that was signed with a certain key. Its login is asked for as that of Kubernetes is, which the
    /// program was built without.
    pub fn service_account(&self, policies: &[&str]) -> ServiceAccount {
        let (mount, role) = (self.next_name("kubernetes"), "naksha".to_owned());
        let key = must(rcgen::KeyPair::generate().context("cannot make a key"));
        let config = json!({"jwt_validation_pubkeys": [key.public_key_pem()]});
        let settings = json!({
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": policies,
        });
        must(self.ask(Method::POST, &format!("sys/auth/{mount}"), Some(&json!({"type": "jwt"}))));
        must(self.ask(Method::POST, &format!("auth/{mount}/config"), Some(&config)));
        must(self.ask(Method::POST, &format!("auth/{mount}/role/{role}"), Some(&settings)));
        ServiceAccount { mount, role, jwt: must(signed(&key)) }
    }

    /// Ends what everybody has who logged in there.
    pub fn end_logins(&self, mount: &str) {
        must(self.ask(
            Method::PUT,
            &format!("sys/leases/revoke-prefix/auth/{mount}/login"),
            Some(&json!({})),
        ));
    }

    pub fn seal(&self) {
        must(self.ask(Method::PUT, "sys/seal", None));
    }

    pub fn unseal(&self) {
        must(self.ask(Method::PUT, "sys/unseal", Some(&json!({"key": self.unseal_key}))));
    }

    /// How often it was asked for something, such as `read kv/data/db` or `update auth/approle/login`. `who` is the policy of
    /// who asked, where that matters.
    pub fn requests(&self, what: &str, who: Option<&str>) -> usize {
        let (operation, path) = what.split_once(' ').expect("should be an operation and a path");
        let record = must(fs::read_to_string(self.record()).context("it keeps no record"));
        // The last line may be half written.
        let lines = record.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let is_by = |line: &Value, who: &str| {
            line["auth"]["policies"]
                .as_array()
                .is_some_and(|policies| policies.iter().any(|name| name == who))
        };
        let is_meant = |line: &Value| {
            let request = &line["request"];
            line["type"] == "request" && request["operation"] == operation && request["path"] == path
        };
        lines.filter(|line| is_meant(line) && who.is_none_or(|who| is_by(line, who))).count()
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let what = format!("{method} {path}");
        let Answer { status, body } = self.root.send(method, &format!("/v1/{path}"), body)?;
        if !(200..300).contains(&status) {
            bail!("{what}: {status}: {}", body["errors"]);
        }
        Ok(body)
    }

    fn record(&self) -> PathBuf {
        self.folder.path().join("record.json")
    }

    /// A name that nothing has yet.
    fn next_name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }
}

impl Store<'_> {
    /// Writes an entry, or its next version.
    pub fn write(&self, entry: &str, fields: &Value) {
        let (path, body) = match self.version {
            1 => (self.path(entry), fields.clone()),
            _ => (format!("{}/data/{entry}", self.name), json!({"data": fields})),
        };
        // One that was just enabled is not ready yet.
        must(wait_for("an entry to be written", || match self.vault.ask(Method::POST, &path, Some(&body)) {
            Ok(_) => Ok(Some(())),
            Err(error) if format!("{error:#}").contains("Upgrading") => Ok(None),
            Err(error) => Err(error),
        }));
    }

    /// Deletes the version that an entry has now.
    pub fn delete(&self, entry: &str) {
        must(self.vault.ask(Method::DELETE, &self.read_path(entry), None));
    }

    /// An entry as a reference names it.
    pub fn path(&self, entry: &str) -> String {
        format!("{}/{entry}", self.name)
    }

    /// Where an entry is read.
    pub fn read_path(&self, entry: &str) -> String {
        if self.version == 1 { self.path(entry) } else { format!("{}/data/{entry}", self.name) }
    }

    /// The rules of who may read all of it.
    pub fn reading(&self) -> String {
        format!("path \"{}\" {{ capabilities = [\"read\"] }}", self.read_path("*"))
    }

    /// Another store in its place, empty.
    pub fn replaced(self, version: u8) -> Self {
        must(self.vault.ask(Method::DELETE, &format!("sys/mounts/{}", self.name), None));
        let store = Self { version, ..self };
        must(store.enable());
        store
    }

    fn enable(&self) -> anyhow::Result<()> {
        let body = json!({"type": "kv", "options": {"version": self.version.to_string()}});
        self.vault.ask(Method::POST, &format!("sys/mounts/{}", self.name), Some(&body)).map(drop)
    }
}

fn command(program: &Path, folder: &Path, port: u16, transport: Transport) -> Command {
    let mut command = Command::new(program);
    command.arg("server").arg(match transport {
        Transport::Plain => "-dev".to_owned(),
        Transport::Tls => format!("-dev-tls-cert-dir={}", folder.display()),
    });
    if transport == Transport::Tls {
        command.arg("-dev-tls");
    }
    command
        .args([&format!("-dev-root-token-id={ROOT}"), "-dev-no-store-token"])
        .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
        .current_dir(folder)
        // Nothing of who tests.
        .env("HOME", folder)
        .env_remove("VAULT_ADDR")
        .env_remove("VAULT_TOKEN");
    command
}

fn authority(folder: &Path) -> PathBuf {
    folder.join("vault-ca.pem")
}

/// A token that says who somebody is for an hour (RFC 7519).
fn signed(key: &rcgen::KeyPair) -> anyhow::Result<String> {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let now = Timestamp::now().as_second();
    let claims = json!({"sub": "naksha", "aud": "vault", "iat": now, "exp": now + 3600});
    let words = format!("{}.{}", part(&json!({"alg": "ES256", "typ": "JWT"})), part(&claims));
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random);
    let key = key.map_err(|error| anyhow!("{error}"))?;
    let signature = key.sign(&random, words.as_bytes()).map_err(|error| anyhow!("{error}"))?;
    Ok(format!("{words}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

fn text(answer: &Value, pointer: &str) -> String {
    let found = answer.pointer(pointer).and_then(Value::as_str).context("its answer lacks something");
    must(found.with_context(|| pointer.to_owned())).to_owned()
}
