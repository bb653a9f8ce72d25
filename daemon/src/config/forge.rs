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
        let place = match (&self.token_file, &self.token_env) {
            (Some(file), None) => Place::File(file.clone()),
            (None, Some(name)) => Place::Variable(name.clone()),
            (None, None) => return Err(("repository", "write `token_file` or `token_env`".to_owned())),
            (Some(_), Some(_)) => {
                return Err(("token_env", "both token_file and token_env are set; keep one".to_owned()));
            }
        };
        Ok((address, place))
    }
}

fn default_poll() -> Duration {
    DEFAULT_POLL
}
