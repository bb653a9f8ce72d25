//! The forge of a repository: where it is, and as whom.

use std::path::PathBuf;
use std::time::Duration;

use naksha_executor_forge::{Address, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration_text;

/// Open pull requests are listed this often, and whenever the trunk moves. A list costs one request.
const DEFAULT_POLL: Duration = Duration::from_secs(60);

/// Where pull requests of a repository are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeConfig {
    pub kind: ForgeKind,
    /// Address of its API: `https://git.example/api/v1`.
    pub api: String,
    /// What the repository is called there: `owner/name`.
    pub repository: String,
    /// File with the token of a bot. Read for each request, so that rotation needs no restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Environment variable with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// File with the secret that the forge signs its webhooks with. Absent: `/webhooks/NAME` takes none, and the forge is asked every
    /// `poll`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret_file: Option<PathBuf>,
    /// Environment variable with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_secret_env: Option<String>,
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
}

impl ForgeConfig {
    /// What is needed to reach it; or which key is wrong, and why.
    pub fn opened(&self) -> Result<(Address, Place), (&'static str, String)> {
        let address = Address::parse(&self.api).map_err(|error| ("api", error.to_string()))?;
        let is_name = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
        };
        if !self.repository.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name)) {
            return Err(("repository", "write it as the forge does: `owner/name`".to_owned()));
        }
        let keys = ("token_file", "token_env");
        let place = place_of(keys, self.token_file.as_ref(), self.token_env.as_ref())?;
        let place = place.ok_or_else(|| ("repository", "write `token_file` or `token_env`".to_owned()))?;
        self.webhook_secret()?;
        Ok((address, place))
    }

    /// Where the secret of its webhooks is; nothing: it takes none.
    pub fn webhook_secret(&self) -> Result<Option<Place>, (&'static str, String)> {
        let keys = ("webhook_secret_file", "webhook_secret_env");
        place_of(keys, self.webhook_secret_file.as_ref(), self.webhook_secret_env.as_ref())
    }
}

/// The one place of two keys that is written.
fn place_of(
    keys: (&'static str, &'static str),
    file: Option<&PathBuf>,
    variable: Option<&String>,
) -> Result<Option<Place>, (&'static str, String)> {
    match (file, variable) {
        (Some(file), None) => Ok(Some(Place::File(file.clone()))),
        (None, Some(name)) => Ok(Some(Place::Variable(name.clone()))),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err((keys.1, format!("both {} and {} are set; keep one", keys.0, keys.1))),
    }
}

fn default_poll() -> Duration {
    DEFAULT_POLL
}
