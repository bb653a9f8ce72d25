//! Fetching over ssh, with a program in the client's place that runs `git-upload-pack` here.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::fixture::{Source, code, config, main_branch, text};
use crate::git::{GitError, Mirror, MirrorConfig, RefChange};

/// A configuration whose ssh client is this script.
fn setting(source: &Source, script: &str) -> (TempDir, MirrorConfig) {
    let state = tempfile::tempdir().unwrap();
    let path = source.path().display().to_string();
    let mut config = config(&format!("ssh://git@forge.example{path}"));
    config.ssh_program = program(&state, script);
    let hosts = state.path().join("known_hosts");
    fs::write(&hosts, "").unwrap();
    config.credentials.known_hosts_file = Some(hosts);
    (state, config)
}

fn program(state: &TempDir, script: &str) -> PathBuf {
    let path = state.path().join("fake-ssh");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Records its arguments and its environment, then does what the server would do with the command.
const SERVE: &str = r#"
printf '%s\n' "$@" > "$0.arguments"
env > "$0.environment"
for last; do :; done
exec sh -c "$last"
"#;

#[test]
fn a_repository_is_mirrored_over_ssh() {
    let source = Source::bare();
    source.commit("main", &[("a", Some("1"))]);
    let (state, config) = setting(&source, SERVE);
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(mirror.fetch(&main_branch()).unwrap().updates[0].kind, RefChange::New);
    assert_eq!(mirror.fetch(&main_branch()).unwrap().updates[0].kind, RefChange::Unchanged);
    let head = source.commit("main", &[("a", Some("2"))]);
    assert_eq!(mirror.fetch(&main_branch()).unwrap().updates[0].kind, RefChange::FastForward);
    assert_eq!(text(&mirror.snapshot(&head).unwrap(), "a"), "2");

    let arguments = fs::read_to_string(state.path().join("fake-ssh.arguments")).unwrap();
    let arguments: Vec<_> = arguments.lines().collect();
    let known = format!("UserKnownHostsFile=\"{}/known_hosts\"", state.path().display());
    for expected in ["BatchMode=yes", "StrictHostKeyChecking=yes", &known, "GlobalKnownHostsFile=/dev/null"] {
        assert!(arguments.contains(&expected), "{expected} should be in {arguments:?}");
    }
    let path = source.path().display().to_string();
    let tail = ["-l", "git", "--", "forge.example", &format!("git-upload-pack '{path}'")];
    assert_eq!(arguments[arguments.len() - 5..], tail);
    let environment = fs::read_to_string(state.path().join("fake-ssh.environment")).unwrap();
    assert!(!environment.contains("CARGO"), "the daemon's environment stays with the daemon: {environment}");
}

#[test]
fn the_clients_failures_have_their_names() {
    let source = Source::bare();
    let fails = |script: &str| {
        let (state, config) = setting(&source, script);
        Mirror::open(&config, state.path()).unwrap().fetch(&main_branch()).unwrap_err()
    };
    let denied = fails("echo 'git@forge.example: Permission denied (publickey).' >&2; exit 255");
    assert!(matches!(&denied, GitError::Denied { reason, .. } if reason.contains("publickey")), "{denied}");
    assert_eq!(fails("echo 'Host key verification failed.' >&2; exit 255").code().id(), "NK0708");
    assert_eq!(
        fails("echo 'fatal: x does not appear to be a git repository' >&2; exit 128").code().id(),
        "NK0703"
    );
    assert_eq!(fails("echo 'Connection refused' >&2; exit 255").code().id(), "NK0701");
    assert_eq!(fails("exit 255").code().id(), "NK0701");
    assert_eq!(fails("echo hello").code().id(), "NK0715");
    // More on standard error than a pipe holds.
    assert_eq!(fails("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 255").code().id(), "NK0701");
}

#[test]
fn a_client_that_hangs_is_ended_with_its_children() {
    let source = Source::bare();
    let (state, mut config) = setting(&source, "sleep 1000 & echo $! > \"$0.child\"; wait");
    config.fetch_timeout = Duration::from_millis(500);
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(code(mirror.fetch(&main_branch())), "NK0710");
    let child: i32 = fs::read_to_string(state.path().join("fake-ssh.child")).unwrap().trim().parse().unwrap();
    let stat = PathBuf::from(format!("/proc/{child}/stat"));
    // Killed, if perhaps not collected yet.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}

#[test]
fn an_absent_client_is_told() {
    let source = Source::bare();
    let (state, mut config) = setting(&source, "");
    config.ssh_program = state.path().join("absent");
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(code(mirror.fetch(&main_branch())), "NK0716");
    config.credentials.ssh_key_file = Some(state.path().join("absent-key"));
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(code(mirror.fetch(&main_branch())), "NK0714");
}
