//! Requests to a forge's REST API, and what came of them in the port's words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use naksha_executor::port::forge::{Budget, ForgeError};
use octocrab::{OctoBody, Octocrab};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::debug;

use crate::address::Address;
use crate::answer::{Answer, judge, read, read_in, scrubbed, unreachable};
use crate::credential::Credential;
use crate::pace::Turns;
use crate::remembered::{Remembered, date_of};
use crate::token::Token;

/// One request and its answer: a forge that is busy answers within seconds, and whoever waits holds nothing up.
const WITHIN: Duration = Duration::from_secs(30);
/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// An answer larger than this is none of ours: a page of pull requests with their texts is a few megabytes.
const MAX_ANSWER: usize = 32 << 20;
/// Pages of a list that are read. More of anything is not looked through.
const MAX_PAGES: usize = 100;

/// How one kind of forge wants to be spoken to.
#[derive(Debug)]
pub(crate) struct Manners {
    pub(crate) accept: &'static str,
    /// The header that says which version of the API is meant, for forges that have several.
    pub(crate) version: Option<(&'static str, &'static str)>,
    /// How it calls the size of a page, and the largest that it gives.
    pub(crate) page: (&'static str, usize),
}

/// A forge's API, as one identity.
#[derive(Clone)]
pub(crate) struct Rest {
    crab: Octocrab,
    manners: &'static Manners,
    credential: Arc<dyn Credential>,
    remembered: Arc<Remembered>,
    turns: Turns,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rest({:?})", self.credential)
    }
}

impl Rest {
    /// Asks nothing yet. Must be called inside a tokio runtime.
    pub(crate) fn new(
        address: &Address,
        manners: &'static Manners,
        credential: impl Credential + 'static,
    ) -> Self {
        let builder = Octocrab::builder().set_connect_timeout(Some(CONNECT));
        let builder = builder.base_uri(address.uri()).expect("should take an address that was parsed");
        let crab = builder.build().expect("should be built: rustls has a provider");
        let (credential, turns) = (Arc::new(credential), Turns::default());
        Self { crab, manners, credential, remembered: Arc::default(), turns }
    }

    /// Writes when it has its turn among others that are the same identity.
    pub(crate) fn in_line(self, turns: Turns) -> Self {
        Self { turns, ..self }
    }

    /// The same forge as somebody else, over the same connections.
    pub(crate) fn with(&self, credential: impl Credential + 'static) -> Self {
        let Self { crab, manners, credential: _, remembered: _, turns } = self;
        let (crab, credential, turns) = (crab.clone(), Arc::new(credential), turns.clone());
        Self { crab, manners, credential, remembered: Arc::default(), turns }
    }

    /// What the forge said last about how much more it takes of us.
    pub(crate) fn budget(&self) -> Option<Budget> {
        self.remembered.budget()
    }

    /// The forge's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.remembered.now(Timestamp::now())
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ForgeError> {
        read(&self.call(Method::GET, path, None).await?.body)
    }

    /// Asks for something, and gives the whole answer.
    pub(crate) async fn ask(&self, path: &str) -> Result<Answer, ForgeError> {
        self.call(Method::GET, path, None).await
    }

    /// Items of a list, page by page.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, ForgeError> {
        self.pages(path, read).await
    }

    /// Items of lists that come inside of something, under this key.
    pub(crate) async fn list_in<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
    ) -> Result<Vec<T>, ForgeError> {
        self.pages(path, |body| read_in(body, key)).await
    }

    async fn pages<T>(
        &self,
        path: &str,
        items: impl Fn(&[u8]) -> Result<Vec<T>, ForgeError>,
    ) -> Result<Vec<T>, ForgeError> {
        let (name, size) = self.manners.page;
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let answer = self.ask(&format!("{path}{separator}{name}={size}&page={page}")).await?;
            let items = items(&answer.body)?;
            let is_last = items.len() < size;
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
        read(&self.call(method, path, Some(body)).await?.body)
    }

    /// Sends something; that it was taken is all there is to know.
    pub(crate) async fn tell(&self, method: Method, path: &str, body: &Value) -> Result<(), ForgeError> {
        self.call(method, path, Some(body)).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, ForgeError> {
        // One that tells no limit has none: Gitea, and an Enterprise Server as it comes.
        let is_counted = body.is_some() && self.budget().is_some();
        let mut turn = if is_counted { Some(self.turns.take().await) } else { None };
        let answer = self.tried(&method, path, body).await;
        if let (Some(turn), Err(ForgeError::Throttled { after })) = (&mut turn, &answer) {
            turn.rest(*after);
        }
        answer
    }

    async fn tried(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Answer, ForgeError> {
        let token = self.credential.token().await?;
        let answer = self.attempt(method, path, body, &token).await?;
        let is_refused = answer.status == StatusCode::UNAUTHORIZED;
        if !is_refused || !self.credential.refused(&token, date_of(&answer.headers)).await {
            return judge(path, answer).map_err(|error| scrubbed(error, &token));
        }
        // Nothing was done: it may be said again by somebody who is known.
        let token = self.credential.token().await?;
        let answer = self.attempt(method, path, body, &token).await?;
        judge(path, answer).map_err(|error| scrubbed(error, &token))
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        token: &Token,
    ) -> Result<Answer, ForgeError> {
        let mut request = self.request(method, path, token);
        let kept = body.is_none().then(|| self.remembered.kept(path)).flatten();
        if let Some(kept) = &kept {
            request = request.header(IF_NONE_MATCH, kept.tag());
        }
        let text = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                body.to_string()
            }
            None => String::new(),
        };
        let answer = self.exchange(request, text, token).await?;
        debug!(%method, path, status = answer.status.as_u16(), "forge");
        if body.is_none() {
            return Ok(self.remembered.settle(path, kept, answer));
        }
        self.remembered.glance(&answer);
        Ok(answer)
    }

    /// What time it is at the forge, in whole seconds (RFC 9110, 6.6.1), by an answer of whatever kind.
    pub(crate) async fn clock(&self, path: &str) -> Result<Timestamp, ForgeError> {
        let token = self.credential.token().await?;
        let request = self.request(&Method::GET, path, &token);
        let answer = self.exchange(request, String::new(), &token).await?;
        date_of(&answer.headers).ok_or_else(|| ForgeError::Strange("its answer has no date".to_owned()))
    }

    fn request(&self, method: &Method, path: &str, token: &Token) -> http::request::Builder {
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(AUTHORIZATION, token.header())
            .header(ACCEPT, self.manners.accept)
            .header(USER_AGENT, "naksha");
        match self.manners.version {
            Some((name, version)) => request.header(name, version),
            None => request,
        }
    }

    async fn exchange(
        &self,
        request: http::request::Builder,
        body: String,
        token: &Token,
    ) -> Result<Answer, ForgeError> {
        let request = request.body(OctoBody::from(body)).expect("should be a request: its path is escaped");
        let answer = tokio::time::timeout(WITHIN, self.answered(request)).await;
        let answer = answer.map_err(|_| unreachable(&format!("no answer within {} s", WITHIN.as_secs())))?;
        answer.map_err(|words| unreachable(&token.scrub(&words)))
    }

    async fn answered(&self, request: Request<OctoBody>) -> Result<Answer, String> {
        let response = self.crab.send(request).await.map_err(|error| root_cause(&error))?;
        let (parts, body) = response.into_parts();
        let body = http_body_util::Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| format!("its answer broke off: {}", root_cause(&*error)))?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

/// Nothing: there is no such thing.
pub(crate) fn found<T>(answer: Result<T, ForgeError>) -> Result<Option<T>, ForgeError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ForgeError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
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

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
