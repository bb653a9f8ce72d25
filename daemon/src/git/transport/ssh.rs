//! Git over ssh: the OpenSSH client with an argument vector, for fetching only.
//!
//! No shell on this side; the server's shell gets one quoted path. Host keys are always checked, nothing is ever
//! asked (there is nobody to answer), and the client ends with the conversation, with everything it started.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::session::{Session, spawn};
use crate::git::config::{CredentialPlaces, RemoteUrl, SshUrl};
use crate::git::error::GitError;

/// What the client and the server say before they give up fits easily.
const MAX_STDERR: u64 = 16 * 1024;
/// Standard error ends with the client, unless something that it started holds it open.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Variables that the client gets. Among the rest are ours, and they are nobody's business.
const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "USER", "SSH_AUTH_SOCK", "TMPDIR"];

pub(super) struct SshTransport {
    session: Arc<Session>,
}

impl SshTransport {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    fn connect(&self) -> Result<SshStream, GitError> {
        let RemoteUrl::Ssh(url) = &self.session.url else {
            return Err(GitError::RemoteRefused {
                url: self.session.url.to_string(),
                reason: "it is not ssh",
            });
        };
        let arguments = arguments(url, &self.session.places)?;
        let mut command = Command::new(&self.session.ssh_program);
        command
            .args(arguments)
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            // What the client says is read below, in English.
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let cannot_start = |reason: String| GitError::SshProgram {
            program: self.session.ssh_program.display().to_string(),
            reason,
        };
        let mut child =
            self.session.wait(async { command.spawn() })?.map_err(|error| cannot_start(error.to_string()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(cannot_start("it has no pipes".to_owned()));
        };
        let said = spawn(last_words(stderr))?;
        Ok(SshStream { session: Arc::clone(&self.session), child, stdin, stdout, said: Some(said) })
    }
}

impl SmartSubtransport for SshTransport {
    fn action(&self, _url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let stream = match action {
            Service::UploadPackLs | Service::UploadPack => self.connect(),
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

struct SshStream {
    session: Arc<Session>,
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Ends with the client's standard error; taken by the first who asks.
    said: Option<JoinHandle<Vec<u8>>>,
}

/// The first words on standard error; the rest is read and dropped, so that the client never blocks on it.
async fn last_words(mut stderr: ChildStderr) -> Vec<u8> {
    let mut head = Vec::new();
    // A pipe that breaks ends the text; what came is what can be told.
    let _ = (&mut stderr).take(MAX_STDERR).read_to_end(&mut head).await;
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    head
}

impl SshStream {
    /// The stream ended: well, or because the client failed.
    fn ended(&mut self) -> Result<usize, GitError> {
        let url = || self.session.url.to_string();
        let status = self
            .session
            .wait(self.child.wait())?
            .map_err(|error| GitError::Unreachable { url: url(), reason: error.to_string() })?;
        if status.success() {
            return Ok(0);
        }
        let said = match self.said.take() {
            Some(said) => self.session.wait(async { tokio::time::timeout(LAST_WORDS, said).await })?,
            None => Ok(Ok(Vec::new())),
        };
        let said = said.ok().and_then(Result::ok).unwrap_or_default();
        Err(classified(url(), &self.session.shown(&String::from_utf8_lossy(&said))))
    }
}

impl Read for SshStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.session.wait(self.stdout.read(buffer)) {
            Ok(Ok(0)) if buffer.is_empty() => Ok(0),
            Ok(Ok(0)) => self.ended(),
            Ok(Ok(count)) => self.session.count(count).map(|()| count),
            Ok(Err(error)) => {
                Err(GitError::Unreachable { url: self.session.url.to_string(), reason: error.to_string() })
            }
            Err(timeout) => Err(timeout),
        };
        read.map_err(|error| self.session.fail_io(error))
    }
}

impl Write for SshStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.session.wait(self.stdin.write_all(bytes)) {
            Ok(Ok(())) => Ok(bytes.len()),
            // The client has gone; why is in what it said.
            Ok(Err(_)) => match self.ended() {
                Ok(_) => Err(io::Error::other("the ssh client ended early")),
                Err(error) => Err(self.session.fail_io(error)),
            },
            Err(timeout) => Err(self.session.fail_io(timeout)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SshStream {
    fn drop(&mut self) {
        // The group: a ProxyCommand that the operator configured ends too. It may have ended already.
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok())
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// The client's arguments. Options before the host win over the user's ssh configuration.
fn arguments(url: &SshUrl, places: &CredentialPlaces) -> Result<Vec<OsString>, GitError> {
    let mut options = vec![
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "ClearAllForwardings=yes".to_owned(),
        "ForwardAgent=no".to_owned(),
        "PermitLocalCommand=no".to_owned(),
        "ControlMaster=no".to_owned(),
        "ControlPath=none".to_owned(),
    ];
    if let Some(path) = &places.known_hosts_file {
        options.push(format!("UserKnownHostsFile={}", quoted_path(path)?));
        options.push("GlobalKnownHostsFile=/dev/null".to_owned());
    }
    if let Some(path) = &places.ssh_key_file {
        options.push("IdentitiesOnly=yes".to_owned());
        options.push(format!("IdentityFile={}", quoted_path(path)?));
    }
    let mut arguments: Vec<OsString> = vec!["-T".into(), "-x".into(), "-a".into()];
    for option in options {
        arguments.extend(["-o".into(), option.into()]);
    }
    if let Some(port) = url.port {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(user) = &url.user {
        arguments.extend(["-l".into(), user.into()]);
    }
    let path = url.path.replace('\'', r"'\''");
    arguments.extend(["--".into(), (&url.host).into(), format!("git-upload-pack '{path}'").into()]);
    Ok(arguments)
}

/// A path inside an ssh option, where blanks separate, `%` and `${}` expand and `"` quotes.
fn quoted_path(path: &Path) -> Result<String, GitError> {
    let refuse = |reason: &str| GitError::Credential {
        place: format!("file `{}`", path.display()),
        reason: reason.to_owned(),
    };
    let text = path.to_str().ok_or_else(|| refuse("its path is not UTF-8"))?;
    if text.chars().any(|c| c.is_control() || matches!(c, '"' | '$' | '\\')) {
        return Err(refuse("its path has a quote, a dollar sign, a backslash or a control character"));
    }
    std::fs::metadata(path).map_err(|error| refuse(&error.to_string()))?;
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

/// What the client's last words mean. OpenSSH has no other way to tell: its status is 255 for all of them.
fn classified(url: String, said: &str) -> GitError {
    let reason = if said.is_empty() { "the ssh client says nothing".to_owned() } else { said.to_owned() };
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED", "host key is known"]) {
        GitError::HostKey { url, reason }
    } else if has(&[
        "Permission denied",
        "Too many authentication failures",
        "access denied",
        "Access denied",
    ]) {
        GitError::Denied { url, reason }
    } else if has(&["does not appear to be a git repository", "epository not found", "no such repository"]) {
        GitError::NotARepository { url, reason }
    } else {
        GitError::Unreachable { url, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_gets_an_argument_vector() {
        let url = RemoteUrl::parse(
            "ssh://git@forge.example:2222/org/it's.git",
            crate::git::config::PlainHttp::Refused,
        );
        let Ok(RemoteUrl::Ssh(url)) = url else { panic!("should be ssh: {url:?}") };
        let folder = tempfile::tempdir().unwrap();
        let (key, hosts) = (folder.path().join("deploy key"), folder.path().join("hosts%h"));
        std::fs::write(&key, "").unwrap();
        std::fs::write(&hosts, "").unwrap();
        let places = CredentialPlaces {
            ssh_key_file: Some(key.clone()),
            known_hosts_file: Some(hosts),
            ..CredentialPlaces::default()
        };
        let given = arguments(&url, &places).unwrap();
        let given: Vec<_> = given.iter().map(|argument| argument.to_str().unwrap().to_owned()).collect();
        let root = folder.path().display();
        let known = format!("UserKnownHostsFile=\"{root}/hosts%%h\"");
        let identity = format!("IdentityFile=\"{root}/deploy key\"");
        let expected = [
            "-T",
            "-x",
            "-a",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "UpdateHostKeys=no",
            "-o",
            "ClearAllForwardings=yes",
            "-o",
            "ForwardAgent=no",
            "-o",
            "PermitLocalCommand=no",
            "-o",
            "ControlMaster=no",
            "-o",
            "ControlPath=none",
            "-o",
            &known,
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            &identity,
            "-p",
            "2222",
            "-l",
            "git",
            "--",
            "forge.example",
            r"git-upload-pack '/org/it'\''s.git'",
        ];
        assert_eq!(given, expected);
        let missing = CredentialPlaces { ssh_key_file: Some(folder.path().join("none")), ..places };
        assert!(matches!(arguments(&url, &missing), Err(GitError::Credential { .. })));
    }

    #[test]
    fn the_clients_words_are_told_apart() {
        let kind = |said| classified("ssh://x/y".to_owned(), said).code().id();
        assert_eq!(kind("Host key verification failed."), "NK0708");
        assert_eq!(
            kind("No ED25519 host key is known for x and you have requested strict checking."),
            "NK0708"
        );
        assert_eq!(kind("git@x: Permission denied (publickey)."), "NK0702");
        assert_eq!(kind("ERROR: Repository not found."), "NK0703");
        assert_eq!(kind("ssh: Could not resolve hostname x: Name or service not known"), "NK0701");
    }
}
