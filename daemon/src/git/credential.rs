//! The token of a fetch: read from its file or variable when the fetch starts, so that rotation needs no restart; or that of an App.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use naksha_environments::secret::{MASK, Secret};

use super::config::CredentialPlaces;
use super::error::GitError;

/// What GitHub expects beside an app's token; other forges take any name beside a personal token.
const DEFAULT_USERNAME: &str = "x-access-token";
/// A token file is one line. Anything longer is another file.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token and the user name beside it. Debug shows a mask.
#[derive(Debug, Clone)]
pub(super) struct Token {
    username: String,
    token: Secret,
}

impl Token {
    /// Reads the configured token; `None` when none is configured.
    pub(super) fn read(places: &CredentialPlaces) -> Result<Option<Self>, GitError> {
        let (text, place) = if let Some(path) = &places.token_file {
            let place = format!("file `{}`", path.display());
            let text = std::fs::read_to_string(path)
                .map_err(|error| GitError::Credential { place: place.clone(), reason: error.to_string() })?;
            (text, place)
        } else if let Some(name) = &places.token_env {
            let place = format!("environment variable `{name}`");
            let text = std::env::var(name).map_err(|_| GitError::Credential {
                place: place.clone(),
                reason: "it is not set, or not text".to_owned(),
            })?;
            (text, place)
        } else {
            return Ok(None);
        };
        let token = text.trim();
        let refuse = |reason: &str| Err(GitError::Credential { place, reason: reason.to_owned() });
        if token.is_empty() {
            return refuse("it is empty");
        }
        if token.len() > MAX_TOKEN_BYTES || token.chars().any(char::is_control) {
            return refuse("it is not one line with a token");
        }
        let username = places.username.clone().unwrap_or_else(|| DEFAULT_USERNAME.to_owned());
        Ok(Some(Self { username, token: Secret::new(token) }))
    }

    /// That of an App.
    pub(super) fn of_app(token: Secret) -> Self {
        Self { username: DEFAULT_USERNAME.to_owned(), token }
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.token
    }

    /// The value of an `Authorization` header (RFC 7617).
    pub(super) fn basic(&self) -> Secret {
        let pair = STANDARD.encode(format!("{}:{}", self.username, self.token.expose()));
        Secret::new(&format!("Basic {pair}"))
    }

    /// `text` without the token, should a server have echoed it.
    pub(super) fn scrub(&self, text: &str) -> String {
        let basic = self.basic();
        let encoded = basic.expose().trim_start_matches("Basic ");
        text.replace(self.token.expose(), MASK).replace(encoded, MASK)
    }
}
