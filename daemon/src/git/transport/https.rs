//! Git's smart HTTP protocol (gitprotocol-http) over reqwest and rustls, for fetching only.
//!
//! A request is small and is sent whole; a response is streamed, so a large pack never lies in memory. Redirects
//! are followed for the first request only, as git does; one to another host loses the credential, one to a
//! weaker protocol is refused.

use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

use super::session::Session;
use crate::git::config::RemoteUrl;
use crate::git::error::GitError;

/// Forges redirect once or twice (renamed repository, canonical host); more is a loop.
const MAX_REDIRECTS: usize = 5;
/// A TCP and TLS handshake takes a second on a bad day.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Some servers speak Git only to agents whose name starts like this.
const USER_AGENT: &str = concat!("git/2.0 (naksha ", env!("CARGO_PKG_VERSION"), ")");

const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
const REQUEST: &str = "application/x-git-upload-pack-request";
const RESULT: &str = "application/x-git-upload-pack-result";

/// Lives as long as one connection of libgit2: first the list of refs, then rounds of negotiation.
pub(super) struct HttpTransport {
    session: Arc<Session>,
    /// Where the first request ended up, and the client that reached it.
    reached: Mutex<Option<Reached>>,
}

#[derive(Clone)]
struct Reached {
    client: Client,
    base: Url,
}

impl HttpTransport {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session, reached: Mutex::new(None) }
    }

    fn list_refs(&self) -> Result<HttpStream, GitError> {
        let RemoteUrl::Http(start) = &self.session.url else {
            return Err(GitError::RemoteRefused {
                url: self.session.url.to_string(),
                reason: "it is not http",
            });
        };
        let client = client(&self.session)?;
        let mut base = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut at = below(&base, "info/refs");
            at.set_query(Some("service=git-upload-pack"));
            let request =
                authorised(client.get(at.clone()), &self.session, start, &at).header(ACCEPT, ADVERTISEMENT);
            let response = send(&self.session, request)?;
            if response.status().is_redirection() {
                base = redirected(&self.session, &at, response.headers())?;
                continue;
            }
            let response = accepted(&self.session, response, ADVERTISEMENT)?;
            let reached = Reached { client, base };
            *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(reached);
            return Ok(HttpStream { session: Arc::clone(&self.session), state: State::reading(response) });
        }
        Err(GitError::Unreachable {
            url: self.session.url.to_string(),
            reason: format!("it redirects more than {MAX_REDIRECTS} times"),
        })
    }

    fn negotiate(&self) -> Result<HttpStream, GitError> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(reached) = reached else {
            let reason = "refs must be listed first".to_owned();
            return Err(GitError::Protocol { url: self.session.url.to_string(), reason });
        };
        let state = State::Writing { reached, body: Vec::new() };
        Ok(HttpStream { session: Arc::clone(&self.session), state })
    }
}

impl SmartSubtransport for HttpTransport {
    fn action(&self, _url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let stream = match action {
            Service::UploadPackLs => self.list_refs(),
            Service::UploadPack => self.negotiate(),
            Service::ReceivePackLs | Service::ReceivePack => {
                Err(GitError::NotesNotPushed { url: self.session.url.to_string() })
            }
        };
        stream.map(|stream| Box::new(stream) as _).map_err(|error| self.session.fail(error))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

struct HttpStream {
    session: Arc<Session>,
    state: State,
}

enum State {
    /// libgit2 writes its request piece by piece; the first read sends it.
    Writing {
        reached: Reached,
        body: Vec<u8>,
    },
    Reading {
        response: Response,
        chunk: Vec<u8>,
        used: usize,
    },
}

impl State {
    fn reading(response: Response) -> Self {
        Self::Reading { response, chunk: Vec::new(), used: 0 }
    }
}

impl HttpStream {
    fn fill(&mut self) -> Result<(), GitError> {
        if let State::Writing { reached, body } = &mut self.state {
            let at = below(&reached.base, "git-upload-pack");
            let RemoteUrl::Http(start) = &self.session.url else { return Ok(()) };
            let request = authorised(reached.client.post(at.clone()), &self.session, start, &at)
                .header(CONTENT_TYPE, REQUEST)
                .header(ACCEPT, RESULT)
                .body(std::mem::take(body));
            let response = send(&self.session, request)?;
            self.state = State::reading(accepted(&self.session, response, RESULT)?);
        }
        if let State::Reading { response, chunk, used } = &mut self.state
            && *used == chunk.len()
        {
            let next =
                self.session.wait(response.chunk())?.map_err(|error| network(&self.session, &error))?;
            *chunk = next.map(|bytes| bytes.to_vec()).unwrap_or_default();
            *used = 0;
            self.session.count(chunk.len())?;
        }
        Ok(())
    }
}

impl Read for HttpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill().map_err(|error| self.session.fail_io(error))?;
        let State::Reading { chunk, used, .. } = &mut self.state else { return Ok(0) };
        let count = buffer.len().min(chunk.len() - *used);
        buffer[..count].copy_from_slice(&chunk[*used..*used + count]);
        *used += count;
        Ok(count)
    }
}

impl Write for HttpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Writing { body, .. } => body.extend_from_slice(bytes),
            State::Reading { .. } => return Err(io::Error::other("the response is already being read")),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client for one fetch: the certificates may have changed since the last one.
fn client(session: &Session) -> Result<Client, GitError> {
    // Fails when main has installed a provider already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .referer(false);
    // A proxy in the environment is for the network; it cannot know what this machine calls itself.
    if let RemoteUrl::Http(url) = &session.url
        && matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    {
        builder = builder.no_proxy();
    }
    if let Some(path) = &session.places.ca_file {
        let place = format!("file `{}`", path.display());
        let refuse = |reason: String| GitError::Credential { place: place.clone(), reason };
        let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| refuse("it holds no PEM certificates".to_owned()))?;
        if certificates.is_empty() {
            return Err(refuse("it holds no PEM certificates".to_owned()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| network(session, &error))
}

/// Adds the credential, but only for the host that it was configured for.
fn authorised(request: RequestBuilder, session: &Session, start: &Url, at: &Url) -> RequestBuilder {
    let Some(token) = &session.token else { return request };
    if start.origin() != at.origin() {
        return request;
    }
    let Ok(mut value) = HeaderValue::from_str(token.basic().expose()) else { return request };
    value.set_sensitive(true);
    request.header(AUTHORIZATION, value)
}

fn send(session: &Session, request: RequestBuilder) -> Result<Response, GitError> {
    session.wait(request.send())?.map_err(|error| network(session, &error))
}

/// The base address that a redirect of `info/refs` points to.
fn redirected(session: &Session, at: &Url, headers: &HeaderMap) -> Result<Url, GitError> {
    let refuse = |reason: &str| GitError::Unreachable {
        url: session.url.to_string(),
        reason: format!("its redirect {reason}"),
    };
    let location = headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| refuse("has no address"))?;
    let mut to = at.join(location).map_err(|_| refuse("has no valid address"))?;
    if to.scheme() != "https" && to.scheme() != at.scheme() {
        return Err(refuse("leads to a weaker protocol"));
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err(refuse("holds a credential"));
    }
    let Some(base) = to.path().strip_suffix("/info/refs").map(str::to_owned) else {
        return Err(refuse("does not lead to a repository"));
    };
    to.set_path(&base);
    to.set_query(None);
    to.set_fragment(None);
    Ok(to)
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// The response, when it is a success of the expected kind.
fn accepted(session: &Session, response: Response, kind: &str) -> Result<Response, GitError> {
    let url = session.url.to_string();
    let status = response.status();
    let reason = format!("the server says {status}");
    match status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED if session.token.is_none() => {
            return Err(GitError::Denied {
                url,
                reason: "it wants a credential, and none is configured".to_owned(),
            });
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            if status == StatusCode::UNAUTHORIZED {
                session.refused();
            }
            return Err(GitError::Denied { url, reason });
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(GitError::NotARepository { url, reason }),
        _ => return Err(GitError::Unreachable { url, reason }),
    }
    let found = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if found.split(';').next().map(str::trim) != Some(kind) {
        let reason = format!("its content type is `{}`", session.shown(found));
        return Err(GitError::Protocol { url, reason });
    }
    Ok(response)
}

/// What a failed request means: the certificate, the time, or the network.
fn network(session: &Session, error: &reqwest::Error) -> GitError {
    let url = session.url.to_string();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut deepest = String::new();
    while let Some(current) = cause {
        deepest = current.to_string();
        if let Some(rustls::Error::InvalidCertificate(why)) = current.downcast_ref() {
            return GitError::Certificate { url, reason: session.shown(&format!("{why:?}")) };
        }
        // The source of an I/O error is that of the error inside it: the inner one must be asked for.
        cause = match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => current.source(),
        };
    }
    if error.is_timeout() && session.is_over() {
        return session.timed_out();
    }
    GitError::Unreachable { url, reason: session.shown(&deepest) }
}
