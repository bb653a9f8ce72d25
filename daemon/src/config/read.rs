//! Reading the configuration: the file, then what flags and environment variables override.

use std::path::{Path, PathBuf};

use naksha_environments::codes::Code;
use naksha_environments::codes::daemon::CONFIG_REFUSED;
use naksha_environments::wire::scrub;

use super::origins::Origins;
use super::{Config, Listen, LogFormat, RepositoryConfig};

/// Where the file is looked for when nothing names one; the first that exists.
const DEFAULT_FILES: [&str; 2] = ["naksha.toml", "/etc/naksha/naksha.toml"];

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("configuration file {} cannot be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("configuration file {} is wrong: {message}", path.display())]
    Parse { path: PathBuf, message: String },
    #[error("configuration is wrong: {0}")]
    Invalid(String),
    /// A line per problem, each with its place.
    #[error("configuration is wrong\n{0}")]
    Wrong(String),
}

impl ConfigError {
    pub fn code(&self) -> Code {
        CONFIG_REFUSED
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "name a file that exists and may be read: --config FILE",
            Self::Parse { .. } | Self::Invalid(_) | Self::Wrong(_) => {
                "correct it; `naksha config schema` tells every key, `naksha daemon --check-config` checks"
            }
        }
    }
}

/// What flags (or their environment variables) set. `None` leaves the file's value.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub state: Option<PathBuf>,
    pub repository: Option<String>,
    pub listen: Option<String>,
    pub socket: Option<PathBuf>,
    pub log_level: Option<String>,
    pub log_format: Option<LogFormat>,
}

/// A configuration, and where its values came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub origins: Origins,
}

/// Reads `file` (or the first default that exists) and applies `overrides`. Whether the result makes sense as a whole
/// is for [`super::problems`].
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let found = find(file);
    let text = match &found {
        Some(path) => Some(read(path)?),
        None => None,
    };
    let written = found.as_deref().zip(text.as_deref());
    let mut config = match written {
        Some((path, text)) => parse(path, text)?,
        None => Config::default(),
    };
    if let Some(Refused { key, why }) = apply(&mut config, overrides).into_iter().next() {
        let key = key.rsplit('.').next().unwrap_or(key);
        return Err(ConfigError::Invalid(format!("{key}: {why}")));
    }
    Ok(Loaded { config, origins: Origins::new(written, overrides) })
}

/// The file that is named, or the first default that is there.
pub(super) fn find(file: Option<&Path>) -> Option<PathBuf> {
    let default = || DEFAULT_FILES.iter().map(PathBuf::from).find(|path| path.is_file());
    file.map(Path::to_owned).or_else(default)
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    toml::from_str(text)
        .map_err(|error| ConfigError::Parse { path: path.to_owned(), message: error.to_string() })
}

/// What a flag or variable says, and cannot.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) key: &'static str,
    pub(super) why: String,
}

/// Puts the overrides over the file's values. Those that make no sense are left out.
pub(super) fn apply(config: &mut Config, overrides: &Overrides) -> Vec<Refused> {
    let Overrides { state, repository, listen, socket, log_level, log_format } = overrides.clone();
    let mut refused = Vec::new();
    if let Some(state) = state {
        config.state = state;
    }
    if let Some(url) = repository {
        match RepositoryConfig::from_url(&url) {
            Ok(repository) => config.repository = vec![repository],
            Err(why) => refused.push(Refused { key: "repository", why }),
        }
    }
    if let Some(listen) = listen {
        match Listen::try_from(listen) {
            Ok(listen) => config.http.listen = listen,
            Err(why) => refused.push(Refused { key: "http.listen", why }),
        }
    }
    if socket.is_some() {
        config.http.socket = socket;
    }
    if let Some(level) = log_level {
        config.log.level = level;
    }
    if let Some(format) = log_format {
        config.log.format = format;
    }
    refused
}

impl RepositoryConfig {
    /// A repository known by its address only; its name is the address' last part.
    pub(crate) fn from_url(url: &str) -> Result<Self, String> {
        let last =
            url.trim_end_matches('/').trim_end_matches("/.git").rsplit(['/', ':']).next().unwrap_or(url);
        let name: String = last
            .trim_end_matches(".git")
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' })
            .collect();
        let name = name.trim_matches('-').parse().map_err(|error| {
            format!("no name for repository `{}` ({error}); name it in the file", scrub(url))
        })?;
        Ok(Self {
            name,
            url: url.to_owned(),
            trunk: None,
            poll: super::DEFAULT_POLL,
            credentials: super::CredentialsConfig::default(),
            forge: None,
            only: None,
            directories: std::collections::BTreeMap::new(),
        })
    }
}
