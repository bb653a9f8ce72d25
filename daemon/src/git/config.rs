//! Where a repository is and how it may be reached: parsed once, so that nothing later can be surprised.
//!
//! Only paths, `file://`, `https://` and `ssh://` (also `user@host:path`) are let through, and `http://` when the
//! operator says so. An address never carries a password; a text that does is refused without being repeated.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use naksha_environments::ids::RepositoryName;
use naksha_executor_forge::{Installation, Place};
use reqwest::Url;

use super::error::GitError;

/// Bytes that one fetch may bring. Infrastructure repositories have tens of megabytes; a gigabyte is a mistake.
pub(super) const DEFAULT_MAX_FETCH_BYTES: u64 = 1 << 30;
/// Entries (files and folders) of one tree.
pub(super) const DEFAULT_MAX_ENTRIES: usize = 100_000;
/// One fetch, from connecting to the last byte. A clone of the largest allowed repository at 30 Mbit/s fits.
pub(super) const DEFAULT_FETCH_TIMEOUT: Duration = Duration::from_mins(5);

/// How to reach one repository, and how much of it is acceptable.
#[derive(Debug, Clone)]
pub struct MirrorConfig {
    /// The installation's own name for it; also the name of the mirror's folder.
    pub name: RepositoryName,
    pub url: RemoteUrl,
    pub credentials: CredentialPlaces,
    pub limits: Limits,
    pub fetch_timeout: Duration,
    /// The OpenSSH client: a path, or a name that is looked up in `PATH`.
    pub ssh_program: PathBuf,
}

impl MirrorConfig {
    /// A configuration with defaults and without credentials. `url` must not be plain http.
    pub fn new(name: RepositoryName, url: &str) -> Result<Self, GitError> {
        Ok(Self {
            name,
            url: RemoteUrl::parse(url, PlainHttp::Refused)?,
            credentials: CredentialPlaces::default(),
            limits: Limits::default(),
            fetch_timeout: DEFAULT_FETCH_TIMEOUT,
            ssh_program: PathBuf::from("ssh"),
        })
    }
}

/// Where credentials are read, anew at every fetch.
#[derive(Debug, Clone, Default)]
pub struct CredentialPlaces {
    /// User name beside a token. Most forges take any; GitLab's deploy tokens have one of their own.
    pub username: Option<String>,
    pub token: Option<Place>,
    /// A GitHub App whose token is used for want of another one, where the remote is at the App's own GitHub.
    pub installation: Option<Installation>,
    /// Private key for ssh. Absent: what the ssh client finds by itself, an agent for instance.
    pub ssh_key_file: Option<PathBuf>,
    /// Absent: the ssh client's own files. Unknown keys are refused in either case.
    pub known_hosts_file: Option<PathBuf>,
    /// PEM certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub max_fetch_bytes: u64,
    pub max_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_fetch_bytes: DEFAULT_MAX_FETCH_BYTES, max_entries: DEFAULT_MAX_ENTRIES }
    }
}

/// Whether `http://` may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    Refused,
    Allowed,
}

/// The address of a repository. Its text form holds no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteUrl {
    /// A folder of this machine, absolute.
    Local(PathBuf),
    /// `https`, or `http` when allowed.
    Http(Url),
    Ssh(SshUrl),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshUrl {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// As the server gets it.
    pub path: String,
}

/// Whether an address, without its scheme, is on this machine.
fn is_loopback(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    // What stands before an `@` is no host.
    !authority.contains('@') && matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

impl RemoteUrl {
    pub fn parse(text: &str, http: PlainHttp) -> Result<Self, GitError> {
        let refuse = |reason| Err(GitError::RemoteRefused { url: scrubbed(text), reason });
        if text.is_empty() || text.chars().any(char::is_control) {
            return refuse("it is empty or has control characters");
        }
        match text.split_once("://") {
            Some(("https", _)) => parse_http(text),
            // What stays on this machine is read by nobody else.
            Some(("http", rest)) if http == PlainHttp::Allowed || is_loopback(rest) => parse_http(text),
            Some(("http", _)) => refuse("plain http is not allowed, but for this machine"),
            Some(("ssh", _)) => parse_ssh(text),
            Some(("file", _)) => match Url::parse(text).ok().and_then(|url| url.to_file_path().ok()) {
                Some(path) => Ok(Self::Local(path)),
                None => refuse("it does not name a path of this machine"),
            },
            Some(_) => refuse("only paths, file, https and ssh are allowed"),
            None if text.contains("::") => refuse("transport helpers are not allowed"),
            None => match text.split_once(':') {
                Some((host, path)) if !host.contains('/') => parse_scp(text, host, path),
                _ => match std::path::absolute(text) {
                    Ok(path) => Ok(Self::Local(path)),
                    Err(_) => refuse("it does not name a path of this machine"),
                },
            },
        }
    }

    /// The folder of a repository on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Http(_) | Self::Ssh(_) => None,
        }
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Http(url) => write!(f, "{url}"),
            Self::Ssh(SshUrl { user, host, port, path }) => {
                f.write_str("ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                f.write_str(host)?;
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                let slash = if path.starts_with('/') { "" } else { "/" };
                write!(f, "{slash}{path}")
            }
        }
    }
}

fn parse_http(text: &str) -> Result<RemoteUrl, GitError> {
    let refuse = |reason| Err(GitError::RemoteRefused { url: scrubbed(text), reason });
    let Ok(mut url) = Url::parse(text) else { return refuse("it cannot be parsed") };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it has a query or a fragment");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(RemoteUrl::Http(url))
}

fn parse_ssh(text: &str) -> Result<RemoteUrl, GitError> {
    let refuse = |reason| Err(GitError::RemoteRefused { url: scrubbed(text), reason });
    let Ok(url) = Url::parse(text) else { return refuse("it cannot be parsed") };
    if url.password().is_some() {
        return refuse("it holds a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it has a query or a fragment");
    }
    let Some(host) = url.host_str() else { return refuse("it names no host") };
    let Some(path) = percent_decoded(url.path()) else { return refuse("its path is not UTF-8") };
    // `ssh://host/~anna/repo` means a path in a home folder, as with git.
    let path = if path.starts_with("/~") { path[1..].to_owned() } else { path };
    let user = Some(url.username()).filter(|user| !user.is_empty()).map(str::to_owned);
    checked_ssh(text, SshUrl { user, host: host.trim_matches(['[', ']']).to_owned(), port: url.port(), path })
}

/// `user@host:path`, as scp and git write it.
fn parse_scp(text: &str, host: &str, path: &str) -> Result<RemoteUrl, GitError> {
    let (user, host) = match host.rsplit_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host),
        None => (None, host),
    };
    checked_ssh(text, SshUrl { user, host: host.to_owned(), port: None, path: path.to_owned() })
}

/// What ends up among the ssh client's arguments must not look like an option, nor like anything but a name.
fn checked_ssh(text: &str, url: SshUrl) -> Result<RemoteUrl, GitError> {
    let refuse = |reason| Err(GitError::RemoteRefused { url: scrubbed(text), reason });
    let plain = |text: &str, more: &[char]| {
        !text.is_empty()
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || more.contains(&c))
    };
    if !plain(&url.host, &[':']) {
        return refuse("its host name is not a host name");
    }
    if url.user.as_deref().is_some_and(|user| !plain(user, &[])) {
        return refuse("its user name is not a user name");
    }
    if url.path.trim_matches('/').is_empty()
        || url.path.starts_with('-')
        || url.path.chars().any(char::is_control)
    {
        return refuse("its path is not a path");
    }
    Ok(RemoteUrl::Ssh(url))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |c: &u8| char::from(*c).to_digit(16);
                bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// An address that was refused, without what may be a credential in it.
fn scrubbed(text: &str) -> String {
    let text = super::error::foreign_text(text);
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest[..authority_end].rfind('@').or_else(|| rest.rfind('@')) {
        Some(at) => format!("{scheme}…@{}", &rest[at + 1..]),
        None => format!("{scheme}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_or_refused() {
        let parse = |text| RemoteUrl::parse(text, PlainHttp::Refused).map(|url| url.to_string());
        let good = [
            ("/srv/infra", "/srv/infra"),
            ("file:///srv/in%20fra", "/srv/in fra"),
            ("https://forge.example/org/infra.git/", "https://forge.example/org/infra.git"),
            ("http://127.0.0.1:3000/org/infra.git", "http://127.0.0.1:3000/org/infra.git"),
            ("ssh://git@forge.example:2222/org/infra.git", "ssh://git@forge.example:2222/org/infra.git"),
            ("git@forge.example:org/infra.git", "ssh://git@forge.example/org/infra.git"),
            ("ssh://forge.example/~anna/infra", "ssh://forge.example/~anna/infra"),
        ];
        for (text, shown) in good {
            assert_eq!(parse(text).as_deref(), Ok(shown), "{text}");
        }
        let bad = [
            ("http://forge.example/x", "plain http is not allowed, but for this machine"),
            ("http://127.0.0.1.forge.example/x", "plain http is not allowed, but for this machine"),
            ("http://localhost:3000@forge.example/x", "plain http is not allowed, but for this machine"),
            ("git://forge.example/x", "only paths, file, https and ssh are allowed"),
            ("ext::sh -c id", "transport helpers are not allowed"),
            ("https://anna:canary@forge.example/x", "it holds a user name or password"),
            ("https://canary@forge.example/x", "it holds a user name or password"),
            ("https://forge.example/x?private_token=canary", "it has a query or a fragment"),
            ("ssh://git:canary@forge.example/x", "it holds a password"),
            ("ssh://-oProxyCommand=id/x", "its host name is not a host name"),
            ("-oProxyCommand=id:x", "its host name is not a host name"),
            ("ssh://-l@forge.example/x", "its user name is not a user name"),
            ("git@forge.example:-x", "its path is not a path"),
            ("https://forge.example/x\n", "it is empty or has control characters"),
        ];
        for (text, expected) in bad {
            let error = parse(text).expect_err(text);
            assert_eq!(error.code().id(), "NK0713", "{text}");
            let GitError::RemoteRefused { reason, .. } = &error else { panic!("{text}: {error}") };
            assert_eq!(*reason, expected, "{text}");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
        assert!(RemoteUrl::parse("http://forge.example/x", PlainHttp::Allowed).is_ok());
    }
}
