//! The daemon's configuration: everything that Git must not decide.
//!
//! Order, later wins: built-in defaults, the file, environment variables (`NAKSHA_…`), flags. Credentials are named
//! here by file, variable or secret, never written here. Which target an environment may use follows from this file alone:
//! an environment's directories lie beneath a root of its own.

mod cluster;
mod forge;
mod inspect;
mod origins;
mod place;
mod print;
mod problems;
mod read;
mod secrets;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use naksha_environments::ids::{EnvironmentName, RepositoryName};
use naksha_environments::secret::{MASK, SecretRef};
use naksha_environments::wire::scrub;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_forge::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cluster::{ClusterConfig, ClusterUse, NotGiven, access};
pub use forge::{Access, AppConfig, ForgeConfig, ForgeKind, Wrong};
pub use inspect::inspect;
pub use origins::Origins;
pub use print::printed;
pub use problems::{Problem, ProblemKind, problems};
pub use read::{ConfigError, Loaded, Overrides, load};
pub use secrets::{AppRoleLogin, KubernetesLogin, SecretsConfig, VaultConfig};

use place::Written;

/// Port of the loopback listener; not registered for anything else that this audience runs.
const DEFAULT_PORT: u16 = 8642;
/// Without a signal, a remote is asked for its refs this often (Argo CD asks every 3 minutes; an ls-remote is cheap).
const DEFAULT_POLL: Duration = Duration::from_secs(60);
/// A reconcile without progress for this long makes /readyz say no.
const DEFAULT_STUCK_AFTER: Duration = Duration::from_secs(600);
/// Plans, applies and steps are kept a quarter of a year: long enough for an incident review.
const DEFAULT_HISTORY: Duration = Duration::from_secs(90 * 24 * 3600);

/// The whole configuration, as `naksha config print` shows it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder for the database, the mirrors and the socket. Made with mode 0700.
    pub state: PathBuf,
    /// The repositories to watch.
    pub repository: Vec<RepositoryConfig>,
    pub targets: TargetsConfig,
    /// The clusters that environments may name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<String, ClusterConfig>,
    pub secrets: SecretsConfig,
    pub http: HttpConfig,
    pub status: StatusConfig,
    pub log: LogConfig,
    pub limits: LimitsConfig,
}

/// One repository.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryConfig {
    /// The installation's own name for it; part of every target path.
    #[schemars(with = "String")]
    pub name: RepositoryName,
    /// A path, `file://…`, `https://…` or `ssh://…`. Never with credentials in it.
    pub url: String,
    /// The branch whose head rules. Absent: what the remote's HEAD names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// Asked for changes this often, ± 20 %. A local repository is also watched.
    #[serde(default = "default_poll", with = "duration_text")]
    #[schemars(with = "String")]
    pub poll: Duration,
    #[serde(default)]
    pub credentials: CredentialsConfig,
    /// Where its pull requests are. Absent: they are of no interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<ForgeConfig>,
    /// Environments that this daemon runs. Absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub only: Option<Vec<EnvironmentName>>,
    /// Per environment: where its directory targets lie, when not beneath `targets.directory`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, PathBuf>")]
    pub directories: BTreeMap<EnvironmentName, PathBuf>,
}

/// How to reach a remote. Files and variables are read anew at every fetch, so rotation needs no restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CredentialsConfig {
    /// User name beside a token; most forges take any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// File with an https token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Environment variable with an https token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// The secret that is an https token: `vault:PATH#FIELD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<String>,
    /// Private key of a deploy key, for ssh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_key_file: Option<PathBuf>,
    /// Host keys, in the form of `known_hosts`. Absent: the ssh client's own files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_hosts_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's, for https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetsConfig {
    /// Root of directory targets: `<root>/<repository>/<environment>/<what the environment names>`.
    /// Absent: `<state>/targets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
}

impl CredentialsConfig {
    /// Where the token of a fetch is; nothing: none is configured. `secrets`: where references to secrets lead.
    pub fn token(&self, secrets: &Arc<dyn SecretSource>) -> Result<Option<Place>, Wrong> {
        let written = Written {
            keys: ["token_file", "token_env", "token_secret"],
            file: self.token_file.as_ref(),
            variable: self.token_env.as_ref(),
            secret: self.token_secret.as_ref(),
        };
        written.place(secrets)
    }
}

impl Config {
    fn references_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let repositories = self.repository.iter_mut().flat_map(|repository| {
            let forge = repository.forge.iter_mut().flat_map(ForgeConfig::secrets_mut);
            repository.credentials.token_secret.iter_mut().chain(forge)
        });
        let clusters = self.clusters.values_mut().filter_map(|cluster| cluster.kubeconfig_secret.as_mut());
        repositories.chain(clusters)
    }

    /// Files with credentials that are named here.
    pub fn own_files(&self) -> impl Iterator<Item = &PathBuf> {
        let repositories = self.repository.iter().flat_map(|repository| {
            let CredentialsConfig { token_file, ssh_key_file, .. } = &repository.credentials;
            let forge = repository.forge.iter().flat_map(ForgeConfig::files);
            token_file.iter().chain(ssh_key_file).chain(forge)
        });
        let clusters = self.clusters.values().filter_map(|cluster| cluster.kubeconfig.as_ref());
        repositories.chain(clusters).chain(&self.http.token_file)
    }

    /// Secrets that are named here. What is no reference is told by whoever opens it.
    pub fn own_secrets(&self) -> impl Iterator<Item = SecretRef> {
        let repositories = self.repository.iter().flat_map(|repository| {
            let forge = repository.forge.iter().flat_map(ForgeConfig::secrets);
            repository.credentials.token_secret.iter().chain(forge)
        });
        let clusters = self.clusters.values().filter_map(|cluster| cluster.kubeconfig_secret.as_ref());
        repositories.chain(clusters).filter_map(|reference| SecretRef::parse(reference).ok())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Loopback address for /healthz, /readyz, /metrics and the API (bearer token). Absent port or `off`: none.
    #[schemars(with = "String")]
    pub listen: Listen,
    /// File with the API's bearer token. Absent: the API is on the socket only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Unix socket of the API, mode 0600. Absent: `<state>/naksha.sock`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    Off,
    At(SocketAddr),
}

impl TryFrom<String> for Listen {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address: SocketAddr =
            text.parse().map_err(|_| format!("`{text}` is neither `off` nor ADDRESS:PORT"))?;
        if address.ip().is_loopback() {
            Ok(Self::At(address))
        } else {
            Err(format!(
                "`{text}` is not a loopback address; put a proxy with TLS in front to reach it from outside"
            ))
        }
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        match listen {
            Listen::Off => "off".to_owned(),
            Listen::At(address) => address.to_string(),
        }
    }
}

/// Where other tools can read what was applied.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StatusConfig {
    /// JSON file with the status of every environment, replaced at each change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// JSON-lines log of what happened. Absent: `<state>/events.jsonl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<PathBuf>,
    /// Write Git notes (`refs/notes/naksha`) on applied commits; local repositories only.
    pub notes: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,naksha=debug`.
    pub level: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// A reconcile without progress for this long makes /readyz fail.
    #[serde(with = "duration_text")]
    #[schemars(with = "String")]
    pub stuck_after: Duration,
    /// Plans, applies and steps older than this are dropped.
    #[serde(with = "duration_text")]
    #[schemars(with = "String")]
    pub history: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: default_state(),
            repository: Vec::new(),
            targets: TargetsConfig::default(),
            clusters: BTreeMap::new(),
            secrets: SecretsConfig::default(),
            http: HttpConfig::default(),
            status: StatusConfig::default(),
            log: LogConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        let listen = Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)));
        Self { listen, token_file: None, socket: None }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { stuck_after: DEFAULT_STUCK_AFTER, history: DEFAULT_HISTORY }
    }
}

impl Config {
    pub fn socket(&self) -> PathBuf {
        self.http.socket.clone().unwrap_or_else(|| self.state.join("naksha.sock"))
    }

    pub fn database(&self) -> PathBuf {
        self.state.join("naksha.db")
    }

    pub fn events(&self) -> PathBuf {
        self.status.events.clone().unwrap_or_else(|| self.state.join("events.jsonl"))
    }

    /// The same with every default written out, and without what must not be shown.
    #[must_use]
    pub fn effective(&self) -> Self {
        let mut effective = self.clone();
        effective.targets.directory.get_or_insert_with(|| self.state.join("targets"));
        effective.http.socket = Some(self.socket());
        effective.status.events = Some(self.events());
        for repository in &mut effective.repository {
            // An address with a password in it is refused elsewhere; it is not repeated here either.
            repository.url = scrub(&repository.url).into_owned();
        }
        // Nor is what somebody wrote in the place of a reference.
        for reference in effective.references_mut().filter(|text| SecretRef::parse(text).is_err()) {
            MASK.clone_into(reference);
        }
        effective
    }

    /// The folder that every directory target of an environment lies beneath: no other environment's can.
    pub fn directory_root(&self, repository: &RepositoryConfig, environment: &EnvironmentName) -> PathBuf {
        if let Some(own) = repository.directories.get(environment) {
            return own.clone();
        }
        let root = self.targets.directory.clone().unwrap_or_else(|| self.state.join("targets"));
        root.join(repository.name.as_str()).join(environment.as_str())
    }
}

fn default_poll() -> Duration {
    DEFAULT_POLL
}

/// `$XDG_STATE_HOME/naksha`, else `~/.local/state/naksha`, else `/var/lib/naksha`.
fn default_state() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match (from("XDG_STATE_HOME"), from("HOME")) {
        (Some(state), _) => state.join("naksha"),
        (None, Some(home)) => home.join(".local/state/naksha"),
        (None, None) => PathBuf::from("/var/lib/naksha"),
    }
}

/// Durations as people write them: `90d`, `1h30m`, `60s`. The same words as in definitions.
mod duration_text {
    use std::time::Duration;

    use naksha_environments::definition::{format_duration, parse_duration};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map_err(|why| {
            serde::de::Error::custom(format!(
                "`{text}` is no duration: {why}; write `30s`, `5m`, `1h30m` or `90d`"
            ))
        })
    }
}
