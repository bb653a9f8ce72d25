//! A login that lasts a while: when its token is renewed, and when another login is due. Pure: time is given.

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::answer::read;
use crate::credential::Token;
use crate::failure::Failure;

/// A token that Vault gave us, and what may become of it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    token: Token,
    /// When the login was sent.
    began: Instant,
    /// When its life as it is now was asked for.
    since: Instant,
    /// Nothing: it does not end.
    lasts: Option<Duration>,
    is_renewable: bool,
    /// What the login gave.
    at_first: Option<Duration>,
}

/// What a token needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Renewal,
    Login,
}

/// What Vault grants, in seconds; none is for ever.
#[derive(Debug)]
pub(crate) struct Grant {
    token: Token,
    lasts: Option<Duration>,
    is_renewable: bool,
}

#[derive(Deserialize)]
struct AnswerDto {
    auth: AuthDto,
}

/// Nobody prints it.
#[derive(Deserialize)]
struct AuthDto {
    client_token: String,
    lease_duration: u64,
    renewable: bool,
}

impl Grant {
    /// Of the answer to a login or a renewal.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Failure> {
        let AnswerDto { auth: AuthDto { client_token, lease_duration, renewable } } = read(body)?;
        let token = Token::given(&naksha_environments::secret::Secret::new(&client_token));
        let token = token.ok_or_else(|| Failure::Unavailable("its token is none".to_owned()))?;
        let lasts = (lease_duration > 0).then(|| Duration::from_secs(lease_duration));
        Ok(Self { token, lasts, is_renewable: renewable })
    }
}

impl Session {
    /// Begins with a login that was sent at `now`.
    pub(crate) fn begun(grant: Grant, now: Instant) -> Self {
        let Grant { token, lasts, is_renewable } = grant;
        Self { token, began: now, since: now, lasts, is_renewable, at_first: lasts }
    }

    /// Goes on with what a renewal gave. Vault gives less and less when the longest life of a token comes near; a renewal that
    /// gave half or less is the last one, and nothing means that it has ended.
    pub(crate) fn renewed(&self, grant: Grant, now: Instant) -> Self {
        let Grant { token, lasts, is_renewable } = grant;
        let lasts = lasts.or(self.lasts.map(|_| Duration::ZERO));
        let is_shrinking = lasts.zip(self.at_first).is_some_and(|(lasts, at_first)| lasts <= at_first / 2);
        let is_renewable = is_renewable && !is_shrinking;
        Self { token, began: self.began, since: now, lasts, is_renewable, at_first: self.at_first }
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// Something is due from half its life on: what begins with it then has as much time to end with it.
    pub(crate) fn due(&self, now: Instant) -> Due {
        let age = now.duration_since(self.since);
        match self.lasts {
            None => Due::Nothing,
            Some(lasts) if age < lasts / 2 => Due::Nothing,
            Some(lasts) if self.is_renewable && age < lasts => Due::Renewal,
            Some(_) => Due::Login,
        }
    }

    /// Whether Vault should still take the token.
    pub(crate) fn is_alive(&self, now: Instant) -> bool {
        self.lasts.is_none_or(|lasts| now.duration_since(self.since) < lasts)
    }

    /// Since the login.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.duration_since(self.began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(seconds: u64, renewable: bool) -> Grant {
        let body = format!(
            r#"{{"auth":{{"client_token":"hvs.canary","lease_duration":{seconds},"renewable":{renewable},"policies":[]}}}}"#
        );
        Grant::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_token_is_renewed_from_half_its_life_on() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let session = Session::begun(grant(100, true), start);
        assert_eq!(session.due(at(49)), Due::Nothing);
        assert_eq!(session.due(at(50)), Due::Renewal);
        assert_eq!(session.due(at(99)), Due::Renewal);
        assert_eq!(session.due(at(100)), Due::Login);
        assert!(session.is_alive(at(99)) && !session.is_alive(at(100)));
        let fixed = Session::begun(grant(100, false), start);
        assert_eq!((fixed.due(at(49)), fixed.due(at(50))), (Due::Nothing, Due::Login));
        assert_eq!(Session::begun(grant(0, false), start).due(at(1_000_000)), Due::Nothing);
    }

    #[test]
    fn a_renewal_that_gives_little_is_the_last_one() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let session = Session::begun(grant(100, true), start).renewed(grant(100, true), at(50));
        assert_eq!((session.due(at(99)), session.due(at(100))), (Due::Nothing, Due::Renewal));
        let last = session.renewed(grant(40, true), at(100));
        assert_eq!((last.due(at(119)), last.due(at(120))), (Due::Nothing, Due::Login));
        assert!(last.is_alive(at(139)) && last.age(at(139)) == Duration::from_secs(139));
        let ended = session.renewed(grant(0, true), at(100));
        assert_eq!((ended.due(at(100)), ended.is_alive(at(100))), (Due::Login, false));
    }

    #[test]
    fn a_token_is_not_shown() {
        let session = Session::begun(grant(1, true), Instant::now());
        assert!(!format!("{session:?}").contains("canary"));
        let bad = br#"{"auth":{"client_token":"canary canary","lease_duration":1,"renewable":true}}"#;
        let failure = Grant::read(bad).expect_err("should be no token");
        assert!(!format!("{failure:?}").contains("canary"));
    }
}
