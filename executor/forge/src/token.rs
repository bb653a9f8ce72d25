//! The token: read for each request, from a file, a variable, or a source of secrets.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderValue;
use naksha_environments::secret::{Secret, SecretRef};
use naksha_executor::port::forge::ForgeError;
use naksha_executor::port::secrets::{SecretError, SecretSource};

/// A token is one line; a longer file is another file.
const MAX_BYTES: usize = 16 * 1024;

/// Where a token is.
#[derive(Debug, Clone)]
pub enum Place {
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// In a source of secrets.
    Secret(Arc<dyn SecretSource>, SecretRef),
}

impl Place {
    /// The line that is there now.
    pub async fn read(&self) -> Result<Secret, TokenError> {
        Token::read(self).await.map(|token| token.0)
    }

    /// The text that is there now, however many lines it has.
    pub(crate) async fn text(&self) -> Result<Secret, TokenError> {
        let refuse = |reason: String| TokenError { place: self.to_string(), is_transient: false, reason };
        let text = match self {
            Self::File(path) => {
                tokio::fs::read_to_string(path).await.map_err(|error| refuse(error.to_string()))?
            }
            Self::Variable(name) => {
                std::env::var(name).map_err(|_| refuse("it is not set, or not text".to_owned()))?
            }
            Self::Secret(source, reference) => {
                let secret = source.resolve(reference).await.map_err(|error| TokenError {
                    is_transient: matches!(error, SecretError::Unavailable { .. }),
                    ..refuse(error.to_string())
                })?;
                secret.expose().to_owned()
            }
        };
        match text.trim() {
            "" => Err(refuse("it is empty".to_owned())),
            text => Ok(Secret::new(text)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
            Self::Secret(_, reference) => write!(f, "secret `{reference}`"),
        }
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct TokenError {
    pub place: String,
    pub reason: String,
    /// Whoever keeps it may answer soon.
    pub is_transient: bool,
}

impl From<TokenError> for ForgeError {
    fn from(TokenError { place, reason, is_transient }: TokenError) -> Self {
        let words = format!("{place}: {reason}");
        if is_transient { Self::Unreachable(words) } else { Self::Denied(words) }
    }
}

/// A token as it is now. Debug shows a mask.
#[derive(Debug, Clone)]
pub(crate) struct Token(Secret);

impl Token {
    pub(crate) async fn read(place: &Place) -> Result<Self, TokenError> {
        let text = place.text().await?;
        Self::given(text.expose()).map_err(|reason| TokenError {
            place: place.to_string(),
            reason: reason.to_owned(),
            is_transient: false,
        })
    }

    /// One that somebody gave us.
    pub(crate) fn given(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("it is not one line with a token");
        }
        Ok(Self(Secret::new(text)))
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }

    /// The value of an `Authorization` header, marked so that nobody logs it.
    pub(crate) fn header(&self) -> HeaderValue {
        let value = format!("Bearer {}", self.0.expose());
        let mut value =
            HeaderValue::from_str(&value).expect("should be a header: a token is printable ASCII");
        value.set_sensitive(true);
        value
    }

    /// `text` without the token, should a server have echoed it.
    pub(crate) fn scrub(&self, text: &str) -> String {
        text.replace(self.0.expose(), naksha_environments::secret::MASK)
    }
}
