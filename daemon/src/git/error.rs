//! What can go wrong with Git, each with a stable code, a hint, and an address that holds no credential.
//!
//! Addresses and texts from servers are scrubbed before they get here; an error may be shown to anybody.

use std::path::Path;

use git2::{ErrorClass, ErrorCode};
use naksha_environments::codes::{Code, git as codes};
use naksha_environments::diagnostic::Diagnostic;

/// Longest text of a server that an error repeats, in characters.
const MAX_FOREIGN_TEXT: usize = 300;

/// Why Git could not give what was asked for. `url` is the remote's address, or the path of a local repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    #[error("repository `{url}` cannot be reached: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("repository `{url}` denies access: {reason}")]
    Denied { url: String, reason: String },
    #[error("there is no Git repository at `{url}`: {reason}")]
    NotARepository { url: String, reason: String },
    #[error("`{name}` is not in repository `{url}`: {reason}")]
    RefMissing { url: String, name: String, reason: String },
    #[error("repository `{url}` is over a limit: more than {limit} {what}")]
    TooLarge { url: String, what: &'static str, limit: u64 },
    #[error("the ssh host key of `{url}` is not trusted: {reason}")]
    HostKey { url: String, reason: String },
    #[error("the certificate of `{url}` is not trusted: {reason}")]
    Certificate { url: String, reason: String },
    #[error("fetching from `{url}` took longer than {seconds} s")]
    Timeout { url: String, seconds: u64 },
    #[error("objects of `{url}` are damaged: {reason}")]
    Corrupt { url: String, reason: String },
    #[error("cannot {doing} for repository `{url}`: {reason}")]
    Storage { url: String, doing: &'static str, reason: String },
    #[error("address `{url}` is refused: {reason}")]
    RemoteRefused { url: String, reason: &'static str },
    #[error("the credential from {place} cannot be used: {reason}")]
    Credential { place: String, reason: String },
    #[error("the server of `{url}` answered with something that is not Git: {reason}")]
    Protocol { url: String, reason: String },
    #[error("ssh client `{program}` cannot be started: {reason}")]
    SshProgram { program: String, reason: String },
    #[error("notes cannot be written to `{url}`, which is not a local repository")]
    NotesNotPushed { url: String },
}

impl GitError {
    pub fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } => codes::UNREACHABLE,
            Self::Denied { .. } => codes::DENIED,
            Self::NotARepository { .. } => codes::NOT_A_REPOSITORY,
            Self::RefMissing { .. } => codes::REF_MISSING,
            Self::TooLarge { .. } => codes::TOO_LARGE,
            Self::HostKey { .. } => codes::HOST_KEY,
            Self::Certificate { .. } => codes::CERTIFICATE,
            Self::Timeout { .. } => codes::TIMEOUT,
            Self::Corrupt { .. } => codes::CORRUPT,
            Self::Storage { .. } => codes::STORAGE,
            Self::RemoteRefused { .. } => codes::REMOTE_REFUSED,
            Self::Credential { .. } => codes::CREDENTIAL,
            Self::Protocol { .. } => codes::PROTOCOL,
            Self::SshProgram { .. } => codes::SSH_PROGRAM,
            Self::NotesNotPushed { .. } => codes::NOTES_NOT_PUSHED,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "check the host name, the network and the proxy; naksha keeps trying",
            Self::Denied { .. } => {
                "check that the token or deploy key may read this repository and has not expired"
            }
            Self::NotARepository { .. } => {
                "check the address; many forges also say this to a token that may not read the repository"
            }
            Self::RefMissing { .. } => {
                "write the full name, such as `refs/heads/main`, of something that exists"
            }
            Self::TooLarge { .. } => {
                "remove what does not belong in Git: generated files, dependencies, large data"
            }
            Self::HostKey { .. } => "add the server's key, checked by another way, to `known_hosts_file`",
            Self::Certificate { .. } => "for a private authority, name its certificate in `ca_file`",
            Self::Timeout { .. } => "check the network and the server; naksha keeps trying",
            Self::Corrupt { .. } => {
                "a mirror is cloned again at the next fetch; run `git fsck` in a local repository"
            }
            Self::Storage { .. } => "check the free space and the permissions of the state folder",
            Self::RemoteRefused { .. } => {
                "write a path or an https:// or ssh:// address; a token goes into `token_file` or `token_env`"
            }
            Self::Credential { .. } => {
                "check that the file or variable exists, can be read, and holds one line"
            }
            Self::Protocol { .. } => "check the address; a login page or a proxy may stand in between",
            Self::SshProgram { .. } => "install the OpenSSH client, or use https",
            Self::NotesNotPushed { .. } => "turn notes off for this repository, or use a status file",
        }
    }

    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), self.to_string()).hint(self.hint())
    }

    /// Whether trying again without a change of configuration or repository can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Corrupt { .. } | Self::Storage { .. } => {
                true
            }
            Self::Denied { .. }
            | Self::NotARepository { .. }
            | Self::RefMissing { .. }
            | Self::TooLarge { .. }
            | Self::HostKey { .. }
            | Self::Certificate { .. }
            | Self::RemoteRefused { .. }
            | Self::Credential { .. }
            | Self::Protocol { .. }
            | Self::SshProgram { .. }
            | Self::NotesNotPushed { .. } => false,
        }
    }

    /// An error of libgit2 while `doing` something with the objects and refs of `url` on this machine.
    pub(super) fn from_git(url: &str, doing: &'static str, error: &git2::Error) -> Self {
        let url = url.to_owned();
        let reason = foreign_text(error.message());
        match (error.code(), error.class()) {
            (ErrorCode::Owner, _) => {
                Self::Denied { url, reason: "its folder belongs to another user".to_owned() }
            }
            (_, ErrorClass::Os | ErrorClass::Filesystem | ErrorClass::NoMemory | ErrorClass::Config)
            | (ErrorCode::Locked, _) => Self::Storage { url, doing, reason },
            (
                _,
                ErrorClass::Odb
                | ErrorClass::Zlib
                | ErrorClass::Object
                | ErrorClass::Tree
                | ErrorClass::Indexer
                | ErrorClass::Repository
                | ErrorClass::Reference,
            ) => Self::Corrupt { url, reason },
            (_, ErrorClass::Net | ErrorClass::Http | ErrorClass::Ssh | ErrorClass::Ssl) => {
                Self::Protocol { url, reason }
            }
            _ => Self::Storage { url, doing, reason },
        }
    }

    pub(super) fn from_io(path: &Path, doing: &'static str, error: &std::io::Error) -> Self {
        Self::Storage { url: path.display().to_string(), doing, reason: error.to_string() }
    }
}

/// Text from a server or a program, fit to be shown: one line, no control or direction characters, bounded.
pub(super) fn foreign_text(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let clean: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !hidden(*c)).collect();
    let joined = clean.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(MAX_FOREIGN_TEXT) {
        Some((at, _)) => format!("{}…", &joined[..at]),
        None => joined,
    }
}
