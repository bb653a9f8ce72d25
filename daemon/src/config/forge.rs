//! The forge of a repository: where it is, and as whom.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use naksha_executor::port::secrets::SecretSource;
use naksha_executor_forge::{Address, Identity, Installation, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration_text;
use super::place::Written;

/// Open pull requests are listed this often, and whenever the trunk moves. A list costs one request.
const DEFAULT_POLL: Duration = Duration::from_secs(60);
/// The API of github.com.
const GITHUB: &str = "https://api.github.com";
const WRITE_TOKEN: &str = "write `token_file`, `token_env` or `token_secret`";

/// Where pull requests of a repository are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeConfig {
    pub kind: ForgeKind,
    /// Address of its API: `https://git.example/api/v1`, `https://ghes.example/api/v3`. Absent: `https://api.github.com`, for `github`
    /// only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// What the repository is called there: `owner/name`.
    pub repository: String,
    /// A GitHub App, instead of a token. Its token also fetches the repository, where that has no `credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppConfig>,
    /// File with the token of a bot. Read for each request, so that rotation needs no restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Environment variable with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// The secret that it is: `vault:PATH#FIELD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<String>,
    /// File with the secret that the forge signs its webhooks with. Absent: `/webhooks/NAME` takes none, and the forge is asked every
    /// `poll`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret_file: Option<PathBuf>,
    /// Environment variable with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret_env: Option<String>,
    /// The secret that it is: `vault:PATH#FIELD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
    /// Asked for open pull requests this often.
    #[serde(default = "default_poll", with = "duration_text")]
    #[schemars(with = "String")]
    pub poll: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// Gitea and Forgejo.
    Gitea,
    /// github.com and GitHub Enterprise Server.
    GitHub,
}

/// A GitHub App that is installed in the repository.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// Its id or its client id, as its page has them.
    pub id: String,
    /// File with its private key (PEM). Read for each token, so that rotation needs no restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Environment variable with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The secret that it is: `vault:PATH#FIELD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret: Option<String>,
}

/// A forge, and as whom we are there.
#[derive(Debug, Clone)]
pub enum Access {
    Gitea { address: Address, token: Place },
    GitHub { address: Address, identity: Identity },
}

/// Which key is wrong, and why.
pub type Wrong = (&'static str, String);

impl ForgeConfig {
    /// What is needed to reach it. `secrets`: where references to secrets lead.
    pub fn opened(&self, secrets: &Arc<dyn SecretSource>) -> Result<Access, Wrong> {
        let api = match (&self.api, self.kind) {
            (Some(api), _) => api.as_str(),
            (None, ForgeKind::GitHub) => GITHUB,
            (None, ForgeKind::Gitea) => {
                return Err(("api", "write the address of its API: `https://HOST/api/v1`".to_owned()));
            }
        };
        let address = Address::parse(api).map_err(|error| ("api", error.to_string()))?;
        if !self.repository.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name)) {
            return Err(("repository", "write it as the forge does: `owner/name`".to_owned()));
        }
        let token = Written {
            keys: ["token_file", "token_env", "token_secret"],
            file: self.token_file.as_ref(),
            variable: self.token_env.as_ref(),
            secret: self.token_secret.as_ref(),
        };
        let token = token.place(secrets)?;
        self.hook_secret(secrets)?;
        match (self.kind, token, &self.app) {
            (_, Some(_), Some(_)) => Err(("app", "both `app` and a token are set; keep one".to_owned())),
            (ForgeKind::Gitea, _, Some(_)) => Err(("app", format!("only GitHub has Apps; {WRITE_TOKEN}"))),
            (ForgeKind::Gitea, None, None) => Err(("repository", WRITE_TOKEN.to_owned())),
            (ForgeKind::GitHub, None, None) => {
                let reason = format!("{WRITE_TOKEN}, or `app = {{id = \"…\", key_file = \"…\"}}`");
                Err(("repository", reason))
            }
            (ForgeKind::Gitea, Some(token), None) => Ok(Access::Gitea { address, token }),
            (ForgeKind::GitHub, Some(token), None) => {
                Ok(Access::GitHub { address, identity: Identity::Token(token) })
            }
            (ForgeKind::GitHub, None, Some(app)) => {
                Ok(Access::GitHub { address, identity: app.identity(secrets)? })
            }
        }
    }

    /// The App that we are there; nothing: we are none, or something is wrong. Must be called inside a tokio runtime.
    pub fn installation(&self, secrets: &Arc<dyn SecretSource>) -> Option<Installation> {
        match self.opened(secrets).ok()? {
            Access::GitHub { address, identity: Identity::App { id, key } } => {
                Some(Installation::new(&address, &self.repository, &id, key))
            }
            Access::GitHub { .. } | Access::Gitea { .. } => None,
        }
    }

    /// Where the secret of its webhooks is; nothing: it takes none.
    pub fn hook_secret(&self, secrets: &Arc<dyn SecretSource>) -> Result<Option<Place>, Wrong> {
        let written = Written {
            keys: ["webhook_secret_file", "webhook_secret_env", "webhook_secret"],
            file: self.webhook_secret_file.as_ref(),
            variable: self.webhook_secret_env.as_ref(),
            secret: self.webhook_secret.as_ref(),
        };
        written.place(secrets)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let key = self.app.as_ref().and_then(|app| app.key_file.as_ref());
        [self.token_file.as_ref(), self.webhook_secret_file.as_ref(), key].into_iter().flatten()
    }

    pub(super) fn secrets_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let key = self.app.as_mut().and_then(|app| app.key_secret.as_mut());
        [self.token_secret.as_mut(), self.webhook_secret.as_mut(), key].into_iter().flatten()
    }

    /// References to secrets, as they are written.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        let key = self.app.as_ref().and_then(|app| app.key_secret.as_ref());
        [self.token_secret.as_ref(), self.webhook_secret.as_ref(), key].into_iter().flatten()
    }
}

impl AppConfig {
    fn identity(&self, secrets: &Arc<dyn SecretSource>) -> Result<Identity, Wrong> {
        let Self { id, key_file, key_env, key_secret } = self;
        if !is_name(id) {
            return Err((
                "app.id",
                "write the id, or the client id, that stands on the App's page".to_owned(),
            ));
        }
        let key = Written {
            keys: ["app.key_file", "app.key_env", "app.key_secret"],
            file: key_file.as_ref(),
            variable: key_env.as_ref(),
            secret: key_secret.as_ref(),
        };
        let key = key.place(secrets)?;
        let key = key.ok_or_else(|| ("app", "write `key_file`, `key_env` or `key_secret`".to_owned()))?;
        Ok(Identity::App { id: id.clone(), key })
    }
}

fn is_name(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
}

fn default_poll() -> Duration {
    DEFAULT_POLL
}

#[cfg(test)]
mod tests {
    use naksha_executor_directory::NoSecrets;

    use super::*;

    fn opened(text: &str) -> Result<Access, Wrong> {
        let config: ForgeConfig = toml::from_str(text).expect("should be read");
        let secrets: Arc<dyn SecretSource> = Arc::new(NoSecrets);
        config.opened(&secrets)
    }

    #[test]
    fn an_app_or_a_token_is_who_we_are_on_github() {
        let app = "kind = 'github'\nrepository = 'o/r'\napp = {id = '12', key_file = '/key'}";
        let Ok(Access::GitHub { address, identity: Identity::App { id, key } }) = opened(app) else {
            panic!("should be an App")
        };
        assert_eq!((address.to_string().as_str(), id.as_str()), ("https://api.github.com/", "12"));
        assert_eq!(key.to_string(), "file `/key`");
        let token =
            "kind = 'github'\napi = 'https://ghes.example/api/v3'\nrepository = 'o/r'\ntoken_env = 'TOKEN'";
        let Ok(Access::GitHub { address, identity: Identity::Token(place) }) = opened(token) else {
            panic!("should be a token")
        };
        assert_eq!(address.to_string(), "https://ghes.example/api/v3");
        assert_eq!(place.to_string(), "environment variable `TOKEN`");
        let secret = "kind = 'gitea'\napi = 'https://git.example/api/v1'\nrepository = 'o/r'\ntoken_secret = 'vault:kv/naksha/forge#token'";
        let Ok(Access::Gitea { token, .. }) = opened(secret) else { panic!("should be a token") };
        assert_eq!(token.to_string(), "secret `vault:kv/naksha/forge#token`");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let repository = "repository = 'o/r'\n";
        for (text, key, words) in [
            ("kind = 'gitea'\ntoken_env = 'T'", "api", "write the address of its API"),
            (
                "kind = 'gitea'\napi = 'https://x'\napp = {id = '1', key_env = 'K'}",
                "app",
                "only GitHub has Apps",
            ),
            (
                "kind = 'gitea'\napi = 'https://x'",
                "repository",
                "write `token_file`, `token_env` or `token_secret`",
            ),
            ("kind = 'github'", "repository", "or `app = {id"),
            ("kind = 'github'\ntoken_env = 'T'\napp = {id = '1', key_env = 'K'}", "app", "keep one"),
            ("kind = 'github'\ntoken_env = 'T'\ntoken_file = '/t'", "token_env", "keep one"),
            ("kind = 'github'\ntoken_env = 'T'\ntoken_secret = 'vault:kv/a#b'", "token_secret", "keep one"),
            ("kind = 'github'\ntoken_secret = 'hunter2'", "token_secret", "it must start with `vault:`"),
            ("kind = 'github'\napp = {id = '1'}", "app", "write `key_file`, `key_env` or `key_secret`"),
            ("kind = 'github'\napp = {id = '1', key_env = 'K', key_file = '/k'}", "app.key_env", "keep one"),
            ("kind = 'github'\napp = {id = 'my app', key_env = 'K'}", "app.id", "write the id"),
            ("kind = 'github'\napi = 'http://ghes.example'\ntoken_env = 'T'", "api", "clear text"),
        ] {
            let (found, reason) = opened(&format!("{repository}{text}")).expect_err(text);
            assert_eq!(found, key, "{text}");
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }
}
