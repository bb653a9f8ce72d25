//! Git over HTTP: `git http-backend` as a CGI program, for those who may.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::caller::{Caller, Role};
use super::routes::Incoming;
use super::state::State;

/// An answer that is no JSON.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Plain {
    fn refusal(status: u16, words: &str) -> Self {
        let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
        Self { status, headers, body: words.as_bytes().to_vec() }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What a request about a repository is about.
struct Wanted<'a> {
    owner: &'a str,
    name: &'a str,
    /// `/info/refs`
    rest: &'a str,
    query: &'a str,
}

/// Nothing: it is about the API.
fn wanted(target: &str) -> Option<Wanted<'_>> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (repository, _) = path.split_once(".git/")?;
    let (owner, name) = repository.strip_prefix('/')?.split_once('/')?;
    let rest = &path[repository.len() + ".git".len()..];
    Some(Wanted { owner, name, rest, query })
}

pub(super) fn is_git(target: &str) -> bool {
    wanted(target).is_some()
}

impl State {
    /// Answers git, and who asked.
    pub(super) fn answer_git(&mut self, incoming: &Incoming) -> anyhow::Result<(Plain, String)> {
        let wanted = wanted(&incoming.target).context("it is about a repository")?;
        let full_name = format!("{}/{}", wanted.owner, wanted.name).to_lowercase();
        let Some(caller) = self.git_caller(incoming.headers.get("authorization")) else {
            let refused = Plain::refusal(401, "Authentication failed")
                .with("www-authenticate", "Basic realm=\"GitHub\"");
            return Ok((refused, "nobody".to_owned()));
        };
        let login = caller.login(self);
        if self.repository.old_names.contains(&full_name) {
            let to =
                format!("{}/{}.git{}?{}", self.base, self.repository.full_name(), wanted.rest, wanted.query);
            return Ok((Plain::refusal(301, "").with("location", &to), login));
        }
        let is_push = wanted.rest.contains("git-receive-pack") || wanted.query.contains("git-receive-pack");
        let fork = self
            .forks
            .iter()
            .find(|(owner, _)| format!("{owner}/{}", self.repository.name).eq_ignore_ascii_case(&full_name));
        let bare = match fork {
            Some((_, fork)) => fork.clone(),
            None if full_name == self.repository.full_name().to_lowercase() => self.bare.clone(),
            None => return Ok((Plain::refusal(404, "Repository not found."), login)),
        };
        let is_own_fork = wanted.owner.eq_ignore_ascii_case(&login);
        let (may_read, may_write) = self.git_rights(&caller);
        if !may_read && !is_own_fork {
            return Ok((Plain::refusal(404, "Repository not found."), login));
        }
        if is_push && !may_write && !is_own_fork {
            return Ok((Plain::refusal(403, "Permission to the repository denied."), login));
        }
        if is_push && self.repository.is_archived {
            return Ok((Plain::refusal(403, "This repository was archived so it is read-only."), login));
        }
        let answer = run_backend(bare.folder(), &wanted, incoming, &login)?;
        if is_push && incoming.method == "POST" {
            self.settle(&login)?;
        }
        Ok((answer, login))
    }

    /// Any name with a good token.
    fn git_caller(&self, header: Option<&String>) -> Option<Caller> {
        let encoded = header?.strip_prefix("Basic ")?;
        let pair = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
        self.owner_of(pair.split_once(':')?.1)
    }

    fn git_rights(&self, caller: &Caller) -> (bool, bool) {
        match caller {
            Caller::Person(login) => (self.role(login) >= Role::Read, self.role(login) >= Role::Write),
            Caller::Installation(permissions) => {
                let level = permissions.get("contents").map(String::as_str);
                (level.is_some(), level == Some("write"))
            }
            Caller::Nobody | Caller::App => (false, false),
        }
    }
}

fn run_backend(folder: &Path, wanted: &Wanted<'_>, incoming: &Incoming, user: &str) -> anyhow::Result<Plain> {
    let header = |name: &str| incoming.headers.get(name).map_or("", String::as_str);
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("PATH_INFO", wanted.rest)
        .env("QUERY_STRING", wanted.query)
        .env("REQUEST_METHOD", &incoming.method)
        .env("REMOTE_USER", user)
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", incoming.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("git http-backend does not start")?;
    let mut stdin = child.stdin.take().context("it has an input")?;
    let body = incoming.body.clone();
    // It may answer before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    split(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The headers of a CGI program, and what follows them.
fn split(output: &[u8]) -> anyhow::Result<Plain> {
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("it answers with headers")?;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    let mut headers: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    let status = headers.remove("status").and_then(|status| status.split(' ').next()?.parse().ok());
    Ok(Plain {
        status: status.unwrap_or(200),
        headers: headers.into_iter().collect(),
        body: output[end + 4..].to_vec(),
    })
}
