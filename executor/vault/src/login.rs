//! Logins: made when there is none, kept alive while there is use for it, and made anew when that cannot be.
//!
//! One at a time: whoever needs one meanwhile waits for that. What failed is the answer for everybody for a moment, because Vault locks
//! out who fails again and again. Tokens are kept in memory only.

use std::time::{Duration, Instant};

use naksha_environments::secret::Secret;
use tokio::sync::Mutex;
use tracing::{debug, warn};

use crate::call::Call;
use crate::credential::{Place, Token};
use crate::failure::Failure;
use crate::server::Server;
use crate::session::{Due, Grant, Session};

/// What failed is not tried again sooner: by default Vault locks out who fails five times (Vault, "User lockout").
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// Another login may give rights that its role did not have before, but not each time that something is forbidden.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(600);
/// What Vault says of a token that there is not, beside "permission denied", which it says of what a token may not.
const NO_TOKEN: [&str; 2] = ["invalid token", "bad token"];

/// What is shown at a login, read for each.
#[derive(Debug)]
pub(crate) enum Proof {
    Kubernetes { mount: String, role: String, jwt: Place },
    AppRole { mount: String, role_id: String, secret_id: Place },
}

/// Logins of one identity.
pub(crate) struct Logins {
    proof: Proof,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    failed: Option<(Instant, Failure)>,
}

impl Logins {
    /// None yet.
    pub(crate) fn of(proof: Proof) -> Self {
        Self { proof, state: Mutex::default() }
    }

    /// The token that is good now. One that cannot be renewed just now is good until it ends.
    pub(crate) async fn token(&self, server: &Server) -> Result<Token, Failure> {
        let mut state = self.state.lock().await;
        let due = state.session.as_ref().map_or(Due::Login, |session| session.due(Instant::now()));
        let done = self.done(due, server, &mut state).await;
        match (&state.session, done) {
            (Some(session), Ok(())) => Ok(session.token().clone()),
            (Some(session), Err(_)) if session.is_alive(Instant::now()) => Ok(session.token().clone()),
            (_, Err(failure)) => Err(failure),
            (None, Ok(())) => Err(Failure::Unavailable("there is no login".to_owned())),
        }
    }

    /// Something was forbidden to this token. Another one, where that may change anything.
    pub(crate) async fn another(&self, server: &Server, refused: &Token) -> Result<Option<Token>, Failure> {
        let mut state = self.state.lock().await;
        let session = state.session.as_ref().filter(|session| session.token() == refused);
        let Some(session) = session else {
            // Somebody else was faster.
            drop(state);
            return self.token(server).await.map(Some);
        };
        let replaced = session.token().clone();
        let is_known = is_known(server, &replaced).await?;
        if is_known && session.age(Instant::now()) < FORBIDDEN_PAUSE {
            return Ok(None);
        }
        if !is_known {
            debug!("the login at Vault was ended there");
            state.session = None;
        }
        match self.done(Due::Login, server, &mut state).await {
            Ok(()) => {
                if is_known {
                    // One that is left to end by itself counts until then. Whoever uses it just now asks once more.
                    let _ = server.ask(Call::revocation(), Some(&replaced)).await;
                }
                Ok(state.session.as_ref().map(|session| session.token().clone()))
            }
            // What else the token may do it may do still.
            Err(_) if is_known => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Does what is due, unless that failed a moment ago.
    async fn done(&self, due: Due, server: &Server, state: &mut State) -> Result<(), Failure> {
        if due == Due::Nothing {
            return Ok(());
        }
        if let Some((at, failure)) = &state.failed
            && at.elapsed() < FAILED_PAUSE
        {
            return Err(failure.clone());
        }
        let session = match &state.session {
            Some(session) if due == Due::Renewal => self.renewed(server, session).await,
            _ => self.begun(server).await,
        };
        match session {
            Ok(session) => {
                *state = State { session: Some(session), failed: None };
                Ok(())
            }
            Err(failure) => {
                warn!(?failure, "login at Vault failed");
                state.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// Another login where a renewal is refused: the token was revoked, or has had the longest life it may have, which is a 500.
    async fn renewed(&self, server: &Server, session: &Session) -> Result<Session, Failure> {
        let now = Instant::now();
        let answer = server.ask(Call::renewal(), Some(session.token())).await;
        match answer.and_then(|body| Grant::read(&body)) {
            Ok(grant) => Ok(session.renewed(grant, now)),
            Err(failure @ Failure::Unavailable(_)) => Err(failure.during("renewing the login")),
            Err(_) => self.begun(server).await,
        }
    }

    async fn begun(&self, server: &Server) -> Result<Session, Failure> {
        let now = Instant::now();
        let grant = self.granted(server).await.map_err(|failure| failure.during("logging in"))?;
        debug!(vault = %server.address(), "logged in at Vault");
        Ok(Session::begun(grant, now))
    }

    async fn granted(&self, server: &Server) -> Result<Grant, Failure> {
        let (shown, call) = self.proof.call().await?;
        match server.ask(call, None).await {
            Ok(body) => Grant::read(&body),
            Err(Failure::Missing) => Err(Failure::Denied(format!("there is none at {}", self.proof.mount()))),
            Err(failure) => Err(failure.without(&shown)),
        }
    }
}

impl Proof {
    /// The secret that is shown, and the request that shows it.
    async fn call(&self) -> Result<(Secret, Call), Failure> {
        match self {
            Self::Kubernetes { mount, role, jwt } => {
                let jwt = jwt.line().await?;
                let call = Call::kubernetes_login(mount, role, &jwt);
                Ok((jwt, call))
            }
            Self::AppRole { mount, role_id, secret_id } => {
                let secret_id = secret_id.line().await?;
                let call = Call::approle_login(mount, role_id, &secret_id);
                Ok((secret_id, call))
            }
        }
    }

    fn mount(&self) -> &str {
        match self {
            Self::Kubernetes { mount, .. } | Self::AppRole { mount, .. } => mount,
        }
    }
}

/// Whether Vault knows the token at all.
async fn is_known(server: &Server, token: &Token) -> Result<bool, Failure> {
    match server.ask(Call::lookup(), Some(token)).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.is_transient() => Err(failure),
        // Even that may be forbidden.
        Err(Failure::Forbidden(words)) => Ok(!NO_TOKEN.iter().any(|no| words.contains(no))),
        Err(_) => Ok(false),
    }
}
