//! Which repository of which forge is set up, and the names that follow from that.

use std::path::PathBuf;

use naksha_environments::ids::RepositoryName;
use naksha_executor_forge::{Address, AddressError};

use crate::config::{AppConfig, ForgeConfig, ForgeKind, RepositoryConfig};

/// Where GitHub is, for those who name no other.
const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";
/// Stands where nobody said how the forge reaches the daemon.
const SOMEWHERE: &str = "https://naksha.example";
/// Stands where nobody said which App it is.
const SOME_APP: &str = "APP_ID";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    #[error("`{0}` is no repository; write it as the forge does: `owner/name`")]
    Repository(String),
    #[error("the repository cannot have a name here: {0}")]
    Name(String),
    #[error(transparent)]
    Address(#[from] AddressError),
}

/// A forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    GitHub {
        /// Another one than github.com: `https://ghes.example/api/v3`.
        api: Option<String>,
        app: Option<String>,
    },
    Gitea {
        /// Of its pages.
        url: String,
    },
}

/// A repository on a forge, and what its installation is called.
#[derive(Debug, Clone)]
pub struct Place {
    pub site: Site,
    /// `owner/name`
    pub repository: String,
    /// Ours for it.
    pub name: RepositoryName,
    /// Where the forge reaches the daemon; nothing: nobody said.
    pub daemon: Option<String>,
    /// Folder of secret files.
    pub secrets: PathBuf,
    pub token_file: Option<PathBuf>,
}

impl Site {
    pub fn gitea(url: &str) -> Result<Self, PlaceError> {
        let url = url.trim_end_matches('/').trim_end_matches("/api/v1").to_owned();
        Address::parse(&url)?;
        Ok(Self::Gitea { url })
    }

    pub fn github(api: Option<&str>, app: Option<String>) -> Result<Self, PlaceError> {
        let api = api.map(|api| api.trim_end_matches('/').to_owned()).filter(|api| api != GITHUB_API);
        if let Some(api) = &api {
            Address::parse(api)?;
        }
        Ok(Self::GitHub { api, app })
    }

    /// Its API's address.
    pub fn api(&self) -> String {
        match self {
            Self::Gitea { url } => format!("{url}/api/v1"),
            Self::GitHub { api, .. } => api.clone().unwrap_or_else(|| GITHUB_API.to_owned()),
        }
    }

    /// The address of its pages. That of an Enterprise Server's is its API's host, of `NAME.ghe.com` without `api.`.
    pub fn pages(&self) -> String {
        match self {
            Self::Gitea { url } => url.clone(),
            Self::GitHub { api: None, .. } => GITHUB.to_owned(),
            Self::GitHub { api: Some(api), .. } => {
                let root = api.trim_end_matches("/api/v3");
                if root.ends_with(".ghe.com") { root.replacen("://api.", "://", 1) } else { root.to_owned() }
            }
        }
    }

    pub fn kind(&self) -> ForgeKind {
        match self {
            Self::Gitea { .. } => ForgeKind::Gitea,
            Self::GitHub { .. } => ForgeKind::GitHub,
        }
    }
}

impl Place {
    /// `name`: what the installation calls it; else what the forge does.
    pub fn new(
        site: Site,
        repository: &str,
        name: Option<&str>,
        secrets: PathBuf,
    ) -> Result<Self, PlaceError> {
        let is_plain = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        };
        if !repository.split_once('/').is_some_and(|(owner, name)| is_plain(owner) && is_plain(name)) {
            return Err(PlaceError::Repository(repository.to_owned()));
        }
        let name = match name {
            Some(name) => name.parse().map_err(|error| PlaceError::Name(format!("`{name}`: {error}")))?,
            None => RepositoryConfig::from_url(repository).map_err(PlaceError::Name)?.name,
        };
        let repository = repository.to_owned();
        Ok(Self { site, repository, name, daemon: None, secrets, token_file: None })
    }

    pub fn owner(&self) -> &str {
        self.repository.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// Its page.
    pub fn page(&self) -> String {
        format!("{}/{}", self.site.pages(), self.repository)
    }

    /// Where Git clones it from.
    pub fn clone_url(&self) -> String {
        format!("{}.git", self.page())
    }

    /// What stands in for where the forge reaches the daemon, in words.
    pub fn stand_in(&self) -> String {
        match &self.daemon {
            Some(_) => String::new(),
            None => format!(
                "\n{SOMEWHERE} stands for where the forge reaches the daemon; `--address` says where that is."
            ),
        }
    }

    /// What the forge calls.
    pub fn webhook(&self) -> String {
        let daemon = self.daemon.as_deref().unwrap_or(SOMEWHERE).trim_end_matches('/');
        format!("{daemon}/webhooks/{}", self.name)
    }

    pub fn token(&self) -> PathBuf {
        self.token_file.clone().unwrap_or_else(|| self.secrets.join(format!("{}-forge-token", self.name)))
    }

    pub fn webhook_secret(&self) -> PathBuf {
        self.secrets.join(format!("{}-webhook-secret", self.name))
    }

    pub fn app_key(&self) -> PathBuf {
        self.secrets.join(format!("{}-app.pem", self.name))
    }

    /// The App, as far as it is known; nothing: there is a token in its place.
    pub fn app(&self) -> Option<String> {
        match &self.site {
            Site::Gitea { .. } => None,
            Site::GitHub { app: Some(app), .. } => Some(app.clone()),
            Site::GitHub { app: None, .. } if self.token_file.is_some() => None,
            Site::GitHub { app: None, .. } => Some(SOME_APP.to_owned()),
        }
    }

    /// As the daemon's configuration has it. With a token alone, for whoever performs something.
    pub fn forge(&self) -> ForgeConfig {
        ForgeConfig {
            kind: self.site.kind(),
            api: Some(self.site.api()),
            repository: self.repository.clone(),
            app: None::<AppConfig>,
            token_file: Some(self.token()),
            token_env: None,
            token_secret: None,
            webhook_secret_file: None,
            webhook_secret_env: None,
            webhook_secret: None,
            poll: std::time::Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_where_their_api_says() {
        for (api, pages) in [
            (None, "https://github.com"),
            (Some("https://api.github.com/"), "https://github.com"),
            (Some("https://ghes.example/api/v3"), "https://ghes.example"),
            (Some("https://api.firm.ghe.com"), "https://firm.ghe.com"),
            (Some("http://127.0.0.1:8080"), "http://127.0.0.1:8080"),
        ] {
            assert_eq!(Site::github(api, None).unwrap().pages(), pages);
        }
        let gitea = Site::gitea("https://git.example/api/v1/").unwrap();
        assert_eq!(
            (gitea.pages().as_str(), gitea.api().as_str()),
            ("https://git.example", "https://git.example/api/v1")
        );
        assert!(Site::gitea("http://git.example").is_err());
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        let site = || Site::github(None, None).unwrap();
        let place = Place::new(site(), "Platform/Infra.Live", None, "/s".into()).unwrap();
        assert_eq!(place.name.as_str(), "infra-live");
        assert_eq!(place.webhook(), "https://naksha.example/webhooks/infra-live");
        for bad in ["infra", "a/b/c", "/x", "a/", "a b/c", "https://github.com/a/b"] {
            assert!(Place::new(site(), bad, None, "/s".into()).is_err(), "{bad}");
        }
    }
}
