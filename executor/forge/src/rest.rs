//! Requests to a forge's REST API, and what came of them in the port's words.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use naksha_environments::wire::scrub;
use naksha_executor::port::forge::ForgeError;
use octocrab::{OctoBody, Octocrab};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::debug;

use crate::token::{Place, Token, TokenError};

/// One request and its answer: a forge that is busy answers within seconds, and whoever waits holds nothing up.
const WITHIN: Duration = Duration::from_secs(30);
/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// An answer larger than this is none of ours: a page of pull requests with their texts is a few megabytes.
const MAX_ANSWER: usize = 32 << 20;
/// What is waited for when a forge that has enough names no time (GitHub asks for a minute at least).
const USUAL_PAUSE: Duration = Duration::from_secs(60);
/// A longer pause than this is not believed: clocks differ.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Characters of a forge's words that are told.
const MAX_WORDS: usize = 300;
/// Pages of a list that are read. More of anything is not looked through.
const MAX_PAGES: usize = 100;

/// Where the API of a forge is: `https://git.example/api/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Uri);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no address of a forge: {reason}")]
pub struct AddressError {
    pub address: String,
    pub reason: &'static str,
}

impl Address {
    /// `http` is for loopback only: a token goes with each request.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let refuse = |reason| AddressError { address: scrub(text).into_owned(), reason };
        let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| refuse("it cannot be read"))?;
        let host = uri.host().ok_or_else(|| refuse("it names no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(refuse("it holds credentials"));
        }
        let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if is_loopback => Ok(Self(uri)),
            Some("http") => Err(refuse("a token must not travel in clear text; write `https://`")),
            _ => Err(refuse("write `https://…`")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A forge's API, with the token of one identity.
#[derive(Clone)]
pub(crate) struct Rest {
    crab: Octocrab,
    token: Place,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rest({})", self.token)
    }
}

/// What the forge said.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Rest {
    /// Asks nothing yet. Must be called inside a tokio runtime.
    pub(crate) fn new(address: &Address, token: Place) -> Self {
        let Address(uri) = address.clone();
        let builder = Octocrab::builder().set_connect_timeout(Some(CONNECT));
        let builder = builder.base_uri(uri).expect("should take an address that was parsed");
        let crab = builder.build().expect("should be built: rustls has a provider");
        Self { crab, token }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ForgeError> {
        read(&self.call(Method::GET, path, None).await?)
    }

    /// Items of a list, page by page, until `enough` says so of one or there are no more. `page`: how the forge calls the size
    /// of a page, and the largest that it gives.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        (name, size): (&str, usize),
        enough: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ForgeError> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let items: Vec<T> = self.get(&format!("{path}{separator}{name}={size}&page={page}")).await?;
            let is_last = items.len() < size || items.iter().any(&enough);
            all.extend(items);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Sends something and reads the answer.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, ForgeError> {
        read(&self.call(method, path, Some(body)).await?)
    }

    /// Sends something; that it was taken is all there is to know.
    pub(crate) async fn tell(&self, method: Method, path: &str, body: &Value) -> Result<(), ForgeError> {
        self.call(method, path, Some(body)).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, ForgeError> {
        let token = Token::read(&self.token)
            .await
            .map_err(|TokenError { place, reason }| ForgeError::Denied(format!("{place}: {reason}")))?;
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(AUTHORIZATION, token.header())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "naksha");
        let text = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                body.to_string()
            }
            None => String::new(),
        };
        let request = request.body(OctoBody::from(text)).expect("should be a request: its path is escaped");
        let answer = tokio::time::timeout(WITHIN, self.exchange(request)).await;
        let answer = answer.map_err(|_| unreachable(&format!("no answer within {} s", WITHIN.as_secs())))?;
        let answer = answer.map_err(|words| unreachable(&token.scrub(&words)))?;
        debug!(%method, path, status = answer.status.as_u16(), "forge");
        judge(path, answer).map_err(|error| scrubbed(error, &token))
    }

    async fn exchange(&self, request: Request<OctoBody>) -> Result<Answer, String> {
        let response = self.crab.send(request).await.map_err(|error| root_cause(&error))?;
        let (parts, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| format!("its answer broke off: {}", root_cause(&*error)))?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// A name as one segment of a path, whatever is in it.
pub(crate) fn segment(name: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let escaped = |byte: u8| {
        if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    match name {
        // A server would go up.
        "." | ".." => "%252E".to_owned(),
        name => name.bytes().map(escaped).collect(),
    }
}

/// A path or a branch, segment by segment.
pub(crate) fn path_of(name: &str) -> String {
    name.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn unreachable(words: &str) -> ForgeError {
    ForgeError::Unreachable(told(words))
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ForgeError> {
    serde_json::from_slice(&answer.body).map_err(|error| ForgeError::Strange(told(&error.to_string())))
}

/// Pure. What an answer means.
fn judge(path: &str, answer: Answer) -> Result<Answer, ForgeError> {
    let Answer { status, headers, body } = &answer;
    let words = || format!("{}: {}", status.as_u16(), told(&message(body)));
    match status.as_u16() {
        200..=299 => Ok(answer),
        300..=399 => {
            let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("somewhere else");
            Err(ForgeError::Missing(told(&format!("{path} (it moved to {to})"))))
        }
        429 => Err(throttled(headers)),
        403 if says_enough(headers, body) => Err(throttled(headers)),
        401 | 403 => Err(ForgeError::Denied(words())),
        404 | 410 => Err(ForgeError::Missing(told(path))),
        500.. => Err(ForgeError::Unreachable(words())),
        _ => Err(ForgeError::Invalid(words())),
    }
}

/// GitHub answers 403 to who asks too much, with a header or with words (GitHub, "Rate limits for the REST API").
fn says_enough(headers: &HeaderMap, body: &[u8]) -> bool {
    let is_spent = headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    is_spent || headers.contains_key(RETRY_AFTER) || message(body).to_lowercase().contains("rate limit")
}

/// `retry-after`, else when the limit begins anew, else a minute.
fn throttled(headers: &HeaderMap) -> ForgeError {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let asked = number(RETRY_AFTER.as_str());
    let reset = || Some(number("x-ratelimit-reset")? - Timestamp::now().as_second());
    let seconds = asked.or_else(reset).and_then(|seconds| u64::try_from(seconds).ok());
    let after = seconds.map_or(USUAL_PAUSE, |seconds| Duration::from_secs(seconds.max(1)));
    ForgeError::Throttled { after: after.min(LONGEST_PAUSE) }
}

/// What a forge says about a refusal.
fn message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return String::from_utf8_lossy(body).into_owned();
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut words = text(&value["message"]).unwrap_or_default();
    for error in value["errors"].as_array().into_iter().flatten() {
        let more = text(error).or_else(|| text(&error["message"])).unwrap_or_else(|| error.to_string());
        words.push_str("; ");
        words.push_str(&more);
    }
    words
}

/// Words of others, fit to be told: one line, bounded, without what looks like a secret.
fn told(words: &str) -> String {
    let line: String = words.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let line: String = line.trim().chars().take(MAX_WORDS).collect();
    scrub(&line).into_owned()
}

fn scrubbed(error: ForgeError, token: &Token) -> ForgeError {
    match error {
        ForgeError::Unreachable(words) => ForgeError::Unreachable(token.scrub(&words)),
        ForgeError::Denied(words) => ForgeError::Denied(token.scrub(&words)),
        ForgeError::Missing(words) => ForgeError::Missing(token.scrub(&words)),
        ForgeError::Invalid(words) => ForgeError::Invalid(token.scrub(&words)),
        ForgeError::Strange(words) => ForgeError::Strange(token.scrub(&words)),
        throttled @ ForgeError::Throttled { .. } => throttled,
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, headers: &[(&'static str, &str)], body: &str) -> ForgeError {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let answer =
            Answer { status, headers: headers.collect(), body: Bytes::copy_from_slice(body.as_bytes()) };
        judge("/repos/o/r", answer).err().expect("should be a refusal")
    }

    #[test]
    fn refusals_are_told_apart() {
        let after = |seconds| ForgeError::Throttled { after: Duration::from_secs(seconds) };
        assert_eq!(judged(403, &[("retry-after", "7")], "{}"), after(7));
        assert_eq!(judged(429, &[], "slow down"), after(60));
        let secondary = r#"{"message":"You have exceeded a secondary rate limit"}"#;
        assert_eq!(judged(403, &[], secondary), after(60));
        assert_eq!(judged(403, &[("x-ratelimit-remaining", "0")], "{}"), after(60));
        let forbidden = r#"{"message":"Resource not accessible by integration"}"#;
        assert_eq!(
            judged(403, &[], forbidden),
            ForgeError::Denied("403: Resource not accessible by integration".to_owned())
        );
        assert!(matches!(judged(401, &[], ""), ForgeError::Denied(_)));
        assert!(matches!(judged(502, &[], "<html>"), ForgeError::Unreachable(_)));
        let moved = judged(301, &[("location", "https://x/repositories/1")], "");
        assert!(moved.to_string().contains("moved to https://x/repositories/1"), "{moved}");
        let invalid =
            r#"{"message":"Validation Failed","errors":[{"message":"No commit found for SHA: 1"}]}"#;
        assert_eq!(
            judged(422, &[], invalid),
            ForgeError::Invalid("422: Validation Failed; No commit found for SHA: 1".to_owned())
        );
    }

    #[test]
    fn what_is_told_is_one_line_and_no_secret() {
        let words = told("a\nb\u{1b}[31m password=hunter2hunter2");
        assert!(!words.contains('\n') && !words.contains("hunter2"), "{words}");
    }

    #[test]
    fn a_token_travels_encrypted() {
        assert!(Address::parse("https://git.example/api/v1/").is_ok());
        assert!(Address::parse("http://127.0.0.1:3000/api/v1").is_ok());
        for bad in ["http://git.example", "https://me:pw@git.example", "git.example", "ftp://x", ""] {
            let error = Address::parse(bad).expect_err(bad).to_string();
            assert!(!error.contains("pw"), "{error}");
        }
    }
}
