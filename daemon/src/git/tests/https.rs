//! Fetching over https: what works, and what each failure is called.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use naksha_environments::ids::{RepositoryName, Revision};
use naksha_executor_forge::Place;
use tempfile::TempDir;

use super::fixture::{Source, code, config, main_branch, paths, text};
use super::server::{Manner, Server};
use crate::git::{GitError, Mirror, MirrorConfig, PlainHttp, RefChange, RefName, RemoteUrl};

/// Searched for in everything that is printed.
const CANARY: &str = "canary-token-5f1c";

fn basic() -> String {
    format!("Basic {}", STANDARD.encode(format!("x-access-token:{CANARY}")))
}

/// A repository, a server that wants the token, and a configuration that has it.
struct Setting {
    source: Source,
    server: Server,
    state: TempDir,
    config: MirrorConfig,
}

fn setting() -> Setting {
    let source = Source::bare();
    let root = source.folder.path().to_owned();
    let server = Server::start(Manner::Git { root, authorization: Some(basic()) });
    let state = tempfile::tempdir().unwrap();
    let mut config = config(&server.url("infra.git"));
    config.credentials.ca_file = Some(server.ca_file(state.path()));
    config.credentials.token = Some(token_file(state.path(), CANARY));
    Setting { source, server, state, config }
}

fn token_file(folder: &Path, token: &str) -> Place {
    let path = folder.join("token");
    std::fs::write(&path, format!("{token}\n")).unwrap();
    Place::File(path)
}

/// The error of a fetch; the canary is nowhere in it.
fn fails(config: &MirrorConfig) -> GitError {
    let state = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(config, state.path()).unwrap();
    let error = mirror.fetch(&main_branch()).unwrap_err();
    let printed =
        format!("{error} {error:?} {} {:?} {mirror:?} {config:?}", error.hint(), error.diagnostic());
    assert!(!printed.contains(CANARY) && !printed.contains(&basic()["Basic ".len()..]), "{printed}");
    error
}

#[test]
fn a_repository_is_mirrored_over_https() {
    let Setting { source, server, state, config } = setting();
    let names: Vec<String> = (0..300).map(|number| format!("units/u{number}/unit.yaml")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), Some(name.as_str()))).collect();
    let first = source.commit("main", &files);
    let mirror = Mirror::open(&config, state.path()).unwrap();
    let fetched = mirror.fetch(&main_branch()).unwrap();
    assert_eq!(fetched.updates[0].kind, RefChange::New);
    assert_eq!(fetched.default_branch, Some(RefName::branch("main").unwrap()));
    assert!(fetched.bytes > 300);
    assert_eq!(mirror.snapshot(&first).unwrap().len(), 300);

    server.seen.lock().unwrap().clear();
    assert_eq!(mirror.fetch(&main_branch()).unwrap().updates[0].kind, RefChange::Unchanged);
    let asked: Vec<_> = server.seen.lock().unwrap().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(asked, ["/infra.git/info/refs?service=git-upload-pack"], "one request when nothing changed");

    let second = source.commit("main", &[("units/u0/unit.yaml", Some("changed"))]);
    source.branch_at("release", &first);
    let refs = [RefName::branch("main").unwrap(), RefName::branch("release").unwrap()];
    let fetched = mirror.fetch(&refs).unwrap();
    let kinds: Vec<_> = fetched.updates.iter().map(|update| update.kind).collect();
    assert_eq!(kinds, [RefChange::FastForward, RefChange::New]);
    assert!(fetched.bytes < 20_000, "only what is new comes: {}", fetched.bytes);
    assert_eq!(text(&mirror.snapshot(&second).unwrap(), "units/u0/unit.yaml"), "changed");

    source.branch_at("main", &first);
    source.delete("refs/heads/release");
    let kinds: Vec<_> = mirror.fetch(&refs).unwrap().updates.iter().map(|update| update.kind).collect();
    assert_eq!(kinds, [RefChange::Rewritten, RefChange::Deleted]);
}

#[test]
fn an_empty_repository_has_no_branches() {
    let Setting { state, config, source: _source, server: _server } = setting();
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(mirror.fetch(&main_branch()).unwrap().updates[0].kind, RefChange::Missing);
}

#[test]
fn a_rotated_token_is_read_anew() {
    let Setting { source, state, config, server: _server } = setting();
    source.commit("main", &[("a", Some("1"))]);
    let mirror = Mirror::open(&config, state.path()).unwrap();
    token_file(state.path(), "old-token");
    let error = mirror.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, GitError::Denied { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("old-token"));
    token_file(state.path(), CANARY);
    assert!(mirror.fetch(&main_branch()).is_ok());
}

#[test]
fn refusals_have_their_names() {
    let Setting { source, server, state, mut config } = setting();
    source.commit("main", &[("a", Some("1"))]);
    // No credential at all.
    let token = config.credentials.token.take();
    let error = fails(&config);
    assert!(
        matches!(&error, GitError::Denied { reason, .. } if reason.contains("none is configured")),
        "{error}"
    );
    config.credentials.token = token;
    // A repository that is not there.
    let absent = RemoteUrl::parse(&server.url("absent.git"), PlainHttp::Refused).unwrap();
    assert_eq!(fails(&MirrorConfig { url: absent, ..config.clone() }).code().id(), "NK0703");
    // A server that nobody vouches for.
    let ca = config.credentials.ca_file.take();
    let error = fails(&config);
    assert_eq!(error.code().id(), "NK0709", "{error}");
    config.credentials.ca_file = ca;
    // Files that are not what they should be.
    let mut wrong = config.clone();
    wrong.credentials.ca_file = Some(state.path().join("absent.pem"));
    assert_eq!(fails(&wrong).code().id(), "NK0714");
    let rubbish = state.path().join("rubbish.pem");
    std::fs::write(&rubbish, "rubbish").unwrap();
    wrong.credentials.ca_file = Some(rubbish);
    assert_eq!(fails(&wrong).code().id(), "NK0714");
    for content in ["", "two\nlines"] {
        let mut wrong = config.clone();
        let path = state.path().join("bad-token");
        std::fs::write(&path, content).unwrap();
        wrong.credentials.token = Some(Place::File(path));
        assert_eq!(fails(&wrong).code().id(), "NK0714");
    }
    let mut wrong = config.clone();
    wrong.credentials.token = Some(Place::Variable("NAKSHA_TEST_TOKEN_THAT_NOBODY_SET".to_owned()));
    assert_eq!(fails(&wrong).code().id(), "NK0714");
    // Less than it takes.
    let mut small = config;
    small.limits.max_fetch_bytes = 100;
    assert_eq!(fails(&small).code().id(), "NK0705");
}

#[test]
fn a_redirect_to_another_host_loses_the_credential() {
    let source = Source::bare();
    let head = source.commit("main", &[("a", Some("1"))]);
    let root = source.folder.path().to_owned();
    let open = Server::start(Manner::Git { root, authorization: None });
    let base = open.url("").trim_end_matches('/').to_owned();
    let moved = Server::start(Manner::Redirect(base));
    let state = tempfile::tempdir().unwrap();
    let mut config = config(&moved.url("infra.git"));
    let both = state.path().join("both.pem");
    std::fs::write(&both, format!("{}{}", open.ca, moved.ca)).unwrap();
    config.credentials.ca_file = Some(both);
    config.credentials.token = Some(token_file(state.path(), CANARY));
    let mirror = Mirror::open(&config, state.path()).unwrap();
    mirror.fetch(&main_branch()).unwrap();
    assert_eq!(paths(&mirror.snapshot(&head).unwrap()), ["a"]);
    assert_eq!(moved.seen.lock().unwrap()[0].authorization.as_deref(), Some(&*basic()));
    let seen = open.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2, "the list of refs, and the pack");
    assert!(seen.iter().all(|seen| seen.authorization.is_none()), "{seen:?}");
}

#[test]
fn bad_redirects_and_answers_are_refused() {
    let check = |manner: Manner| {
        let server = Server::start(manner);
        let state = tempfile::tempdir().unwrap();
        let mut config = config(&server.url("infra.git"));
        config.credentials.ca_file = Some(server.ca_file(state.path()));
        config.credentials.token = Some(token_file(state.path(), CANARY));
        fails(&config)
    };
    let weaker = check(Manner::Redirect("http://localhost:1".to_owned()));
    assert!(matches!(&weaker, GitError::Unreachable { reason, .. } if reason.contains("weaker")), "{weaker}");
    let login = check(Manner::Redirect("https://localhost:1/login?to=".to_owned()));
    assert!(
        matches!(&login, GitError::Unreachable { reason, .. } if reason.contains("repository")),
        "{login}"
    );
    let endless = check(Manner::Redirect(String::new()));
    assert!(
        matches!(&endless, GitError::Unreachable { reason, .. } if reason.contains("more than 5")),
        "{endless}"
    );
    let page = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html {CANARY}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
    );
    assert_eq!(check(Manner::Fixed(page)).code().id(), "NK0715");
    let kind = "application/x-git-upload-pack-advertisement";
    let rubbish = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: 8\r\n\r\nrubbish!"
    );
    assert_eq!(check(Manner::Fixed(rubbish)).code().id(), "NK0715");
    let down = "HTTP/1.1 503 Down\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned();
    assert_eq!(check(Manner::Fixed(down)).code().id(), "NK0701");
    let forbidden = "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned();
    assert_eq!(check(Manner::Fixed(forbidden)).code().id(), "NK0702");
}

#[test]
fn silence_and_absence_are_told_apart() {
    let server = Server::start(Manner::Stall);
    let state = tempfile::tempdir().unwrap();
    let mut stalled = config(&server.url("infra.git"));
    stalled.credentials.ca_file = Some(server.ca_file(state.path()));
    stalled.fetch_timeout = Duration::from_millis(300);
    assert_eq!(fails(&stalled).code().id(), "NK0710");
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(fails(&config(&format!("https://localhost:{port}/infra.git"))).code().id(), "NK0701");
}

#[tokio::test]
async fn a_fetch_works_from_an_async_task_too() {
    // It blocks the task, which is bad manners, but it neither panics nor waits for ever.
    let Setting { source, state, config, server: _server } = setting();
    let head = source.commit("main", &[("a", Some("1"))]);
    let mirror = Mirror::open(&config, state.path()).unwrap();
    mirror.fetch(&main_branch()).unwrap();
    assert_eq!(mirror.resolve("main"), Ok(head));
}

#[test]
fn a_pin_survives_damage_over_https() {
    let Setting { source, state, config, server: _server } = setting();
    let pinned = source.commit("main", &[("a", Some("1"))]);
    let mirror = Mirror::open(&config, state.path()).unwrap();
    mirror.fetch(&main_branch()).unwrap();
    let prod = naksha_environments::ids::EnvironmentName::parse("prod").unwrap();
    mirror.pin(&prod, &pinned).unwrap();
    std::fs::remove_dir_all(mirror.folder().join("objects")).unwrap();
    drop(mirror);
    let head = source.commit("main", &[("a", Some("2"))]);
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(mirror.pinned(&prod), Ok(None), "not before it was fetched");
    assert_eq!(mirror.fetch(&main_branch()).unwrap().updates[0].kind, RefChange::FastForward);
    assert_eq!(mirror.pinned(&prod), Ok(Some(pinned)));
    assert_eq!(mirror.resolve("main"), Ok(head));
}

#[test]
fn names_of_an_absent_host_do_not_hang() {
    let name = RepositoryName::parse("infra").unwrap();
    let config = MirrorConfig::new(name, "https://no-such-host.invalid/x").unwrap();
    let state = tempfile::tempdir().unwrap();
    let mirror = Mirror::open(&config, state.path()).unwrap();
    assert_eq!(code(mirror.fetch(&main_branch())), "NK0701");
    assert_eq!(mirror.objects().has(&Revision::parse(&"1".repeat(40)).unwrap()), Ok(false));
}
