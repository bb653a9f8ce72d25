//! The token of a fetch: as it is when the fetch starts, so that rotation needs no restart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use naksha_environments::secret::{MASK, Secret};

/// What GitHub expects beside an app's token; other forges take any name beside a personal token.
const DEFAULT_USERNAME: &str = "x-access-token";

/// A token and the user name beside it. Debug shows a mask.
#[derive(Debug, Clone)]
pub(super) struct Token {
    username: String,
    token: Secret,
}

impl Token {
    /// The configured one, with its user name.
    pub(super) fn given(token: Secret, username: Option<&str>) -> Self {
        Self { username: username.unwrap_or(DEFAULT_USERNAME).to_owned(), token }
    }

    /// That of an App.
    pub(super) fn of_app(token: Secret) -> Self {
        Self::given(token, None)
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
