//! An App, installed in a repository: whom GitHub takes it for, and its tokens.
//!
//! A token is made of the App's key when there is none, and anew before it ends. There is one at a time: whoever needs one meanwhile waits
//! for that, so that the adapter and the mirror of Git share it. It may do what naksha needs in this one repository, and
//! nothing else that the App may do. It is kept in memory only.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use naksha_environments::secret::Secret;
use naksha_executor::port::forge::ForgeError;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use tracing::{debug, warn};

use super::MANNERS;
use super::jwt;
use super::rights::{Lacking, NEEDED, NEEDED_FOR_TEAMS, Permissions, level_of, wanted};
use crate::address::Address;
use crate::credential::Credential;
use crate::remembered::ahead;
use crate::rest::Rest;
use crate::token::{Place, Token};

/// A token that ends sooner is made anew: what begins with it must be able to end with it.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// A proof is no other one for less: it is dated back by a minute.
const MATTERS_SECONDS: i64 = 30;

/// An App's installation in one repository. A clone is the same one, with the same token.
#[derive(Clone)]
pub struct Installation(Arc<Inner>);

struct Inner {
    address: Address,
    /// `owner/name`
    repository: String,
    /// GitHub's API as the App itself.
    app: Rest,
    usual: Mutex<Option<Arc<Granted>>>,
    teams: Mutex<Option<Arc<Granted>>>,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything in the repository.
    Usual,
    /// Members of teams. A right of the whole organisation, and asked for only where somebody names a team.
    Teams,
}

/// A token, and whom it makes us.
#[derive(Debug)]
pub(super) struct Granted {
    token: Token,
    ends: Timestamp,
    /// The App's number.
    pub(super) app: u64,
    /// Its name in addresses; its bot is called after it.
    pub(super) slug: String,
    permissions: Permissions,
}

#[derive(Debug, Deserialize)]
struct InstallationDto {
    id: u64,
    app_id: u64,
    app_slug: String,
    #[serde(default)]
    permissions: Permissions,
    suspended_at: Option<Timestamp>,
}

/// Nobody prints it.
#[derive(Deserialize)]
struct TokenDto {
    token: String,
    expires_at: Timestamp,
    #[serde(default)]
    permissions: Permissions,
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Installation({} in {})", self.0.address, self.0.repository)
    }
}

impl Installation {
    /// Of the App with this id, or client id, whose private key (PEM) is there. `repository`: `owner/name`. Asks nothing yet. Must be
    /// called inside a tokio runtime.
    pub fn new(address: &Address, repository: &str, id: &str, key: Place) -> Self {
        let app = Rest::new(address, &MANNERS, AppKey { id: id.to_owned(), key, ahead: AtomicI64::new(0) });
        let (address, repository) = (address.clone(), repository.to_owned());
        Self(Arc::new(Inner { address, repository, app, usual: Mutex::default(), teams: Mutex::default() }))
    }

    /// A token that is good for a few minutes at least.
    pub async fn token(&self) -> Result<Secret, ForgeError> {
        Ok(self.granted(Scope::Usual).await?.token.secret().clone())
    }

    /// GitHub does not take this one any more; the next one is new.
    pub async fn forget(&self, token: &Secret) {
        self.drop_token(Scope::Usual, token).await;
    }

    /// Whether a Git repository is at the App's own GitHub: a token of it goes nowhere else.
    pub fn is_for(&self, url: &str) -> bool {
        self.0.address.is_of(url)
    }

    /// Rights that the App does not have here.
    pub(super) async fn lacking(&self) -> Result<Vec<Lacking>, ForgeError> {
        let InstallationDto { permissions, .. } = self.found().await?;
        Ok(Lacking::among(&permissions))
    }

    pub(super) fn repository(&self) -> &str {
        &self.0.repository
    }

    /// GitHub's API as the App itself, which may ask about itself alone.
    pub(super) fn app(&self) -> &Rest {
        &self.0.app
    }

    /// GitHub's API as the App in this repository.
    pub(super) fn rest(&self, scope: Scope) -> Rest {
        self.0.app.with(Scoped { installation: self.clone(), scope })
    }

    /// The token that is good now, and whom it makes us. One that nobody can make anew just now is good until it ends.
    pub(super) async fn granted(&self, scope: Scope) -> Result<Arc<Granted>, ForgeError> {
        let mut slot = self.slot(scope).lock().await;
        let now = self.0.app.now();
        if let Some(granted) = slot.as_ref().filter(|granted| granted.is_fresh(now)) {
            return Ok(Arc::clone(granted));
        }
        match (self.grant(scope).await, &*slot) {
            (Ok(granted), _) => {
                debug!(repository = self.0.repository, ends = %granted.ends, "installation token made");
                Ok(Arc::clone(slot.insert(Arc::new(granted))))
            }
            (Err(error), Some(granted)) if error.is_transient() && now < granted.ends => {
                warn!(repository = self.0.repository, %error, "installation token not made anew yet");
                Ok(Arc::clone(granted))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn grant(&self, scope: Scope) -> Result<Granted, ForgeError> {
        let Inner { repository, app, .. } = &*self.0;
        let InstallationDto { id, app_id, app_slug, permissions, suspended_at } = self.found().await?;
        if suspended_at.is_some() {
            return Err(ForgeError::Denied(format!(
                "the installation of the App in {repository} is suspended"
            )));
        }
        let wanted = match scope {
            Scope::Usual => wanted(&NEEDED, &permissions),
            Scope::Teams => wanted(&NEEDED_FOR_TEAMS, &permissions),
        };
        if scope == Scope::Teams && wanted.is_empty() {
            let reason = "the App has no right to read the members of the organisation";
            return Err(ForgeError::Denied(reason.to_owned()));
        }
        let name = repository.split_once('/').map_or(repository.as_str(), |(_, name)| name);
        let body = json!({"repositories": [name], "permissions": wanted});
        let path = format!("/app/installations/{id}/access_tokens");
        let TokenDto { token, expires_at, permissions } = app.send(Method::POST, &path, &body).await?;
        let token = Token::given(&token).map_err(|reason| ForgeError::Strange(reason.to_owned()))?;
        Ok(Granted { token, ends: expires_at, app: app_id, slug: app_slug, permissions })
    }

    async fn found(&self) -> Result<InstallationDto, ForgeError> {
        let Inner { repository, app, .. } = &*self.0;
        app.get(&format!("/repos/{repository}/installation")).await.map_err(|error| match error {
            ForgeError::Missing(words) if !words.contains("moved") => {
                ForgeError::Missing(format!("an installation of the App in {repository}"))
            }
            error => error,
        })
    }

    async fn drop_token(&self, scope: Scope, token: &Secret) {
        let mut slot = self.slot(scope).lock().await;
        if slot.as_ref().is_some_and(|granted| granted.token.secret() == token) {
            *slot = None;
        }
    }

    fn slot(&self, scope: Scope) -> &Mutex<Option<Arc<Granted>>> {
        match scope {
            Scope::Usual => &self.0.usual,
            Scope::Teams => &self.0.teams,
        }
    }
}

impl Granted {
    fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_until(self.ends) > EARLY
    }

    /// Whether something of the repository may be written.
    pub(super) fn may_write(&self, what: &str) -> bool {
        self.permissions.get(what).is_some_and(|level| level_of(level) >= level_of("write"))
    }

    pub(super) fn may_read(&self, what: &str) -> bool {
        self.permissions.contains_key(what)
    }
}

/// The App itself.
struct AppKey {
    id: String,
    key: Place,
    /// Seconds by which GitHub's clock is ahead of ours, by its last refusal.
    ahead: AtomicI64,
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App {} with the key in {}", self.id, self.key)
    }
}

#[async_trait]
impl Credential for AppKey {
    /// The key is read for each: few are needed, and one that was replaced needs no restart.
    async fn token(&self) -> Result<Token, ForgeError> {
        let pem = self.key.text().await?;
        let refuse = |reason: String| ForgeError::Denied(format!("{}: {reason}", self.key));
        let now = Timestamp::now();
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        let now = now.checked_add(ahead).unwrap_or(now);
        let jwt = jwt::signed(&self.id, pem.expose(), now).map_err(|error| refuse(error.to_string()))?;
        Token::given(&jwt).map_err(|reason| refuse(reason.to_owned()))
    }

    /// One that was made by a clock that is wrong is of the future, or has ended: it is made once more by GitHub's clock.
    async fn refused(&self, _token: &Token, at: Option<Timestamp>) -> bool {
        let Some(at) = at else { return false };
        let told = ahead(at, Timestamp::now()).as_secs();
        let known = self.ahead.swap(told, Ordering::Relaxed);
        (told - known).abs() > MATTERS_SECONDS
    }
}

/// The App in its repository.
#[derive(Debug)]
struct Scoped {
    installation: Installation,
    scope: Scope,
}

#[async_trait]
impl Credential for Scoped {
    async fn token(&self) -> Result<Token, ForgeError> {
        Ok(self.installation.granted(self.scope).await?.token.clone())
    }

    /// It may have been revoked: another one is made.
    async fn refused(&self, token: &Token, _at: Option<Timestamp>) -> bool {
        self.installation.drop_token(self.scope, token.secret()).await;
        true
    }
}

#[cfg(test)]
mod tests;
