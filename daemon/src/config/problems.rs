//! Everything that is wrong with a configuration, at once: what can never work, and what is not there now.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use naksha_environments::diagnostic::{Severity, did_you_mean};
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_directory::NoSecrets;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::read::Loaded;
use super::{
    ClusterConfig, Config, CredentialsConfig, ForgeConfig, RepositoryConfig, SecretsConfig, VaultConfig,
};
use crate::git::{MirrorConfig, RefName, RemoteUrl};

/// Shorter is a slip of the pen: `0s`, or a unit that was meant to be a larger one.
const MIN_DURATION: Duration = Duration::from_secs(1);
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// Bytes of a Unix socket's path that Linux takes (unix(7): 108 with the end).
const MAX_SOCKET_PATH: usize = 107;

pub(super) const NO_REPOSITORY: &str = "no repository is configured; name one here or with --repository";

/// One thing that is wrong, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// `naksha.toml:12:9`, or the flag or variable; absent: nothing was written.
    pub place: Option<String>,
    pub message: String,
}

/// Whether a daemon can start with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// It contradicts itself, or means nothing.
    Wrong,
    /// It names what is not there now, and what a start needs: the start itself refuses, with a code of its own.
    Needed,
    /// It names what is not there now. It may come: a mount, a secret that is written later.
    Missing,
}

impl ProblemKind {
    /// How it is told: an error stops a start, a warning does not.
    pub fn severity(self) -> Severity {
        match self {
            Self::Wrong | Self::Needed => Severity::Error,
            Self::Missing => Severity::Warning,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Whether references are references can be told without asking anybody.
fn no_secrets() -> Arc<dyn SecretSource> {
    Arc::new(NoSecrets)
}

/// Looks at everything, also at the files that are named. In the order of the file.
pub fn problems(loaded: &Loaded) -> Vec<Problem> {
    let mut found = Found { loaded, problems: Vec::new() };
    let config = &loaded.config;
    if config.repository.is_empty() {
        found.wrong("repository", NO_REPOSITORY);
    }
    let mut names = BTreeMap::new();
    for (index, repository) in config.repository.iter().enumerate() {
        let key = format!("repository[{index}]");
        if let Some(first) = names.insert(&repository.name, index) {
            let first = loaded.origins.near(&format!("repository[{first}].name")).unwrap_or_default();
            let message =
                format!("two repositories are named `{}` (the other one: {first})", repository.name);
            found.wrong(&format!("{key}.name"), message);
        }
        found.repository(&key, repository);
    }
    found.directories(config);
    for (name, cluster) in &config.clusters {
        found.cluster(name, cluster, config);
    }
    found.secrets(config);
    if let Some(file) = &config.http.token_file {
        found.file("http.token_file", file);
    }
    found.socket(&config.socket());
    for (key, file) in [("status.file", &config.status.file), ("status.events", &config.status.events)] {
        if let Some(file) = file {
            found.parent(ProblemKind::Missing, key, file);
        }
    }
    found.log_level(&config.log.level);
    found.duration("limits.stuck_after", config.limits.stuck_after);
    found.duration("limits.history", config.limits.history);
    found.problems
}

struct Found<'a> {
    loaded: &'a Loaded,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, kind: ProblemKind, key: &str, message: String) {
        self.problems.push(Problem { kind, place: self.loaded.origins.near(key), message });
    }

    fn wrong(&mut self, key: &str, message: impl Into<String>) {
        self.add(ProblemKind::Wrong, key, message.into());
    }

    fn missing(&mut self, key: &str, message: impl Into<String>) {
        self.add(ProblemKind::Missing, key, message.into());
    }

    fn repository(&mut self, key: &str, repository: &RepositoryConfig) {
        let RepositoryConfig { name, url, trunk, poll, credentials, forge, only, directories: _ } =
            repository;
        let url_key = format!("{key}.url");
        match MirrorConfig::new(name.clone(), url).map(|config| config.url) {
            Ok(RemoteUrl::Local(path)) => self.local(&url_key, &path),
            Ok(RemoteUrl::Http(_) | RemoteUrl::Ssh(_)) => {}
            Err(error) => self.wrong(&url_key, error.to_string()),
        }
        if let Some(Err(error)) = trunk.as_deref().map(RefName::branch) {
            self.wrong(&format!("{key}.trunk"), error.to_string());
        }
        if only.as_ref().is_some_and(Vec::is_empty) {
            let message = "`only` is empty, so that no environment is run; leave it out to run all of them";
            self.wrong(&format!("{key}.only"), message);
        }
        self.duration(&format!("{key}.poll"), *poll);
        self.credentials(&format!("{key}.credentials"), credentials);
        if let Some(forge) = forge {
            self.forge(&format!("{key}.forge"), forge);
        }
    }

    fn forge(&mut self, key: &str, forge: &ForgeConfig) {
        let ForgeConfig {
            kind: _,
            api: _,
            repository: _,
            app,
            token_file,
            token_env,
            token_secret: _,
            webhook_secret_file: secret_file,
            webhook_secret_env,
            webhook_secret: _,
            poll,
        } = forge;
        if let Err((name, reason)) = forge.opened(&no_secrets()) {
            self.wrong(&format!("{key}.{name}"), reason);
        }
        let key_file = app.as_ref().and_then(|app| app.key_file.clone());
        let files =
            [("token_file", token_file), ("webhook_secret_file", secret_file), ("app.key_file", &key_file)];
        for (name, file) in files {
            if let Some(file) = file {
                self.file(&format!("{key}.{name}"), file);
            }
        }
        let key_env = app.as_ref().and_then(|app| app.key_env.clone());
        let variables =
            [("token_env", token_env), ("webhook_secret_env", webhook_secret_env), ("app.key_env", &key_env)];
        for (name, variable) in variables {
            self.variable(&format!("{key}.{name}"), variable.as_ref());
        }
        self.duration(&format!("{key}.poll"), *poll);
    }

    fn variable(&mut self, key: &str, name: Option<&String>) {
        if let Some(name) = name.filter(|name| std::env::var_os(name).is_none()) {
            self.missing(key, format!("the environment variable `{name}` is not set"));
        }
    }

    /// A repository of this machine: libgit2 says whether it is one.
    fn local(&mut self, key: &str, path: &Path) {
        let shown = path.display();
        if !path.exists() {
            self.missing(key, format!("there is nothing at `{shown}`"));
        } else if git2::Repository::open(path).is_err() {
            self.missing(key, format!("`{shown}` is no Git repository"));
        }
    }

    fn credentials(&mut self, key: &str, credentials: &CredentialsConfig) {
        let CredentialsConfig {
            username: _,
            token_file,
            token_env,
            token_secret: _,
            ssh_key_file,
            known_hosts_file,
            ca_file,
        } = credentials;
        if let Err((name, reason)) = credentials.token(&no_secrets()) {
            self.wrong(&format!("{key}.{name}"), reason);
        }
        let files = [
            ("token_file", token_file),
            ("ssh_key_file", ssh_key_file),
            ("known_hosts_file", known_hosts_file),
            ("ca_file", ca_file),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                self.file(&format!("{key}.{name}"), file);
            }
        }
        self.variable(&format!("{key}.token_env"), token_env.as_ref());
    }

    /// Directory roots of two environments may not lie in each other: each belongs to one alone.
    fn directories(&mut self, config: &Config) {
        let mut roots: Vec<(String, &PathBuf)> = Vec::new();
        for (index, repository) in config.repository.iter().enumerate() {
            for (environment, root) in &repository.directories {
                let key = format!("repository[{index}].directories.{environment}");
                let touches = |other: &PathBuf| root.starts_with(other) || other.starts_with(root);
                if let Some((first, other)) = roots.iter().find(|(_, other)| touches(other)) {
                    let first = self.loaded.origins.near(first).unwrap_or_default();
                    let (root, other) = (root.display(), other.display());
                    self.wrong(&key, format!("`{root}` and `{other}` ({first}) lie in each other; each belongs to one environment alone"));
                }
                roots.push((key, root));
            }
        }
    }

    fn cluster(&mut self, name: &str, cluster: &ClusterConfig, config: &Config) {
        let key = format!("clusters.{name}");
        let ClusterConfig { kubeconfig, kubeconfig_secret, context, exec_plugins: _, environments } = cluster;
        if let Some(file) = kubeconfig {
            let at = format!("{key}.kubeconfig");
            // What is not there, or is empty, is told already.
            if self.file(&at, file)
                && let Some(access) = cluster.from_file(name)
                && let Err(error) = now(access.check())
            {
                self.missing(&at, format!("{error}; {}", error.hint()));
            }
            if kubeconfig_secret.is_some() {
                let message = "both kubeconfig and kubeconfig_secret are set; keep one";
                self.wrong(&format!("{key}.kubeconfig_secret"), message);
            }
        } else if context.is_some() && kubeconfig_secret.is_none() {
            self.wrong(&format!("{key}.context"), "a context is one of a kubeconfig, and none is named");
        }
        if let Err(reason) = cluster.secret() {
            self.wrong(&format!("{key}.kubeconfig_secret"), format!("write `vault:PATH#FIELD`: {reason}"));
        }
        for (environment, given) in environments {
            let at = format!("{key}.environments.{environment}");
            if let Err(reason) = given.identity() {
                self.wrong(&at, reason);
            }
            self.environment(&at, environment, config);
        }
    }

    fn environment(&mut self, at: &str, environment: &str, config: &Config) {
        let repository = environment.split_once('/').map(|(repository, _)| repository);
        let known = |name: &str| config.repository.iter().any(|one| one.name.as_str() == name);
        if !repository.is_some_and(known) {
            self.wrong(at, format!("`{environment}` is no environment of a configured repository; write `REPOSITORY/ENVIRONMENT`"));
        }
    }

    fn secrets(&mut self, config: &Config) {
        let SecretsConfig { directory, vault, environments } = &config.secrets;
        if let Some(directory) = directory {
            self.folder(ProblemKind::Needed, "secrets.directory", directory);
        }
        if let Some(vault) = vault {
            self.vault(vault);
            if directory.is_some() {
                self.wrong("secrets.vault", "both directory and vault are set; keep one");
            }
        }
        if directory.is_none() && vault.is_none() && config.own_secrets().next().is_some() {
            self.wrong(
                "secrets",
                "secrets are named here, and no source of them: `secrets.directory` or `secrets.vault`",
            );
        }
        for (environment, prefixes) in environments {
            let at = format!("secrets.environments.{environment}");
            self.environment(&at, environment, config);
            if prefixes.iter().any(|prefix| prefix.trim_matches('/').is_empty() || prefix.starts_with('/')) {
                self.wrong(&at, "a prefix is the beginning of a path, without a leading `/`: `kv/shop/`");
            }
        }
    }

    fn vault(&mut self, vault: &VaultConfig) {
        let VaultConfig { address: _, ca_file, namespace: _, token_file, token_env, kubernetes, approle } =
            vault;
        self.variable("secrets.vault.token_env", token_env.as_ref());
        if let Err((key, reason)) = vault.access() {
            self.wrong(&format!("secrets.vault.{key}"), reason);
        }
        let jwt_file = kubernetes.as_ref().map(|login| login.jwt_file.clone());
        let secret_id_file = approle.as_ref().map(|login| login.secret_id_file.clone());
        let files = [
            ("ca_file", ca_file),
            ("token_file", token_file),
            ("kubernetes", &jwt_file),
            ("approle.secret_id_file", &secret_id_file),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                self.file(&format!("secrets.vault.{name}"), file);
            }
        }
    }

    /// The logger takes a word that is no level for the name of a module, and is silent.
    fn log_level(&mut self, level: &str) {
        let words = level.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
        for word in words.filter(|word| LevelFilter::from_str(word).is_err()) {
            let hint = match did_you_mean(word, LEVELS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", LEVELS.join(", ")),
            };
            self.wrong("log.level", format!("`{word}` is no log level; {hint}"));
        }
        if let Err(error) = EnvFilter::try_new(level) {
            self.wrong("log.level", format!("log level `{level}` is wrong: {error}"));
        }
    }

    fn duration(&mut self, key: &str, duration: Duration) {
        if duration < MIN_DURATION {
            let name = key.rsplit('.').next().unwrap_or(key);
            self.wrong(key, format!("{name} is shorter than a second; write `30s`, `5m` or `90d`"));
        }
    }

    /// Whether there is something in it.
    fn file(&mut self, key: &str, path: &Path) -> bool {
        let shown = path.display();
        match fs::read(path) {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
                self.missing(key, format!("`{shown}` is empty"));
                false
            }
            Ok(_) => true,
            Err(error) => {
                self.missing(key, format!("`{shown}` cannot be read: {error}"));
                false
            }
        }
    }

    fn folder(&mut self, kind: ProblemKind, key: &str, path: &Path) {
        if !path.is_dir() {
            self.add(kind, key, format!("there is no folder `{}`", path.display()));
        }
    }

    /// What is written there needs its folder. The state folder is made.
    fn parent(&mut self, kind: ProblemKind, key: &str, path: &Path) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| *parent != self.loaded.config.state) {
            self.folder(kind, key, parent);
        }
    }

    fn socket(&mut self, path: &Path) {
        if path.as_os_str().len() > MAX_SOCKET_PATH {
            let message =
                format!("the socket's path `{}` is longer than {MAX_SOCKET_PATH} bytes", path.display());
            self.wrong("http.socket", message);
        }
        self.parent(ProblemKind::Needed, "http.socket", path);
    }
}

/// Waits for files that are read in tasks. Never inside of a runtime: a configuration is looked over before there is one.
fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("should make a runtime without timers and sockets").block_on(future)
}
