//! What proves who we are: one line in a file or a variable, and the token that goes with each request.

use std::fmt;
use std::path::PathBuf;

use http::HeaderValue;
use naksha_environments::secret::Secret;

use crate::failure::Failure;

/// A token, a JWT or a secret id is one line; a longer file is another file.
const MAX_BYTES: usize = 16 * 1024;

/// Where a proof is.
#[derive(Debug)]
pub(crate) enum Place {
    File(PathBuf),
    Variable(String),
}

impl Place {
    /// The line that is there now.
    pub(crate) async fn line(&self) -> Result<Secret, Failure> {
        let text = match self {
            Self::File(path) => tokio::fs::read_to_string(path).await.map_err(|error| self.refuse(&error))?,
            Self::Variable(name) => {
                std::env::var(name).map_err(|_| self.refuse(&"it is not set, or not text"))?
            }
        };
        let line = text.trim();
        if line.is_empty() {
            return Err(self.refuse(&"it is empty"));
        }
        if line.len() > MAX_BYTES || line.chars().any(char::is_control) {
            return Err(self.refuse(&"it is not one line"));
        }
        Ok(Secret::new(line))
    }

    /// The token that is there now.
    pub(crate) async fn token(&self) -> Result<Token, Failure> {
        Token::given(&self.line().await?).ok_or_else(|| self.refuse(&"it is not one line with a token"))
    }

    fn refuse(&self, reason: &dyn fmt::Display) -> Failure {
        Failure::Denied(format!("{self}: {reason}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
        }
    }
}

/// A token that fits into a header. Debug shows a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token(Secret);

impl Token {
    pub(crate) fn given(text: &Secret) -> Option<Self> {
        let is_one = !text.expose().is_empty() && text.expose().bytes().all(|byte| byte.is_ascii_graphic());
        is_one.then(|| Self(text.clone()))
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }

    /// Marked so that nobody logs it.
    pub(crate) fn header(&self) -> HeaderValue {
        let value = HeaderValue::from_str(self.0.expose());
        let mut value = value.expect("should be a header: a token is printable ASCII");
        value.set_sensitive(true);
        value
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_token_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let place = Place::File(file.clone());
        let absent = place.token().await.expect_err("should not be there");
        assert!(matches!(&absent, Failure::Denied(words) if words.contains("token`")), "{absent:?}");
        fs::write(&file, "hvs.canary\n").unwrap();
        let token = place.token().await.unwrap();
        assert_eq!(token.secret().expose(), "hvs.canary");
        assert!(!format!("{token:?} {:?}", token.header()).contains("canary"));
        for bad in ["", "\n", "hvs.canary\nhvs.canary", "hvs canary", "hvs.canäry"] {
            fs::write(&file, bad).unwrap();
            let error = place.token().await.expect_err(bad);
            assert!(!format!("{error:?}").contains("can"), "{error:?}");
        }
    }
    #[tokio::test]
    async fn a_variable_is_a_place_too() {
        let place = |name: &str| Place::Variable(name.to_owned());
        // One that is everywhere.
        assert_eq!(place("PATH").line().await.unwrap().expose(), std::env::var("PATH").unwrap().trim());
        let absent = place("NAKSHA_NO_SUCH_VARIABLE").token().await;
        let words = "environment variable `NAKSHA_NO_SUCH_VARIABLE`: it is not set, or not text";
        assert_eq!(absent, Err(Failure::Denied(words.to_owned())));
    }
}
