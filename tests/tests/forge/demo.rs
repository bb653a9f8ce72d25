//! `naksha demo --gitea`: the story runs on a real Gitea, and leaves nothing.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use naksha_tests::gitea::{Forged, Gitea};
use naksha_tests::{await_true, must};
use rustix::process::{Pid, Signal, kill_process};

fn demo(forged: &Forged, folder: &Path, more: &[&str]) -> Child {
    let token = must(forged.token_file(folder));
    Command::new(env!("CARGO_BIN_EXE_naksha-under-test"))
        .args(["demo", "--gitea", forged.api_url().trim_end_matches("/api/v1"), "--token-file"])
        .arg(token)
        .args(more)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("should start the demo")
}

fn ended(demo: Child) -> (Option<i32>, String) {
    let output = demo.wait_with_output().expect("should end");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// Repositories of the bot itself.
fn repositories(forged: &Forged) -> Vec<String> {
    let found = must(forged.bot.api().get(&format!("/users/{}/repos", forged.bot.login)));
    found.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_story_runs_and_leaves_nothing() {
    let Some(gitea) = Gitea::shared() else { return };
    let (forged, folder) = (must(gitea.repository("infra")), tempfile::tempdir().unwrap());
    let (code, text) = ended(demo(&forged, folder.path(), &[]));
    assert_eq!(code, Some(0), "{text}");
    for words in [
        "1. A repository on a forge, and a daemon",
        "no pull request showed this",
        "The daemon opened \"Promote ",
        "dev was well with it for 5s",
        "/pulls/",
        "### naksha",
        "every action was shown before",
        "rollback: staging ran it before",
        "The repository is deleted.",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains(&forged.bot.token), "{text}");
    assert_eq!(repositories(&forged), Vec::<String>::new());
}

#[test]
fn ctrl_c_leaves_nothing() {
    let Some(gitea) = Gitea::shared() else { return };
    let (forged, folder) = (must(gitea.repository("infra")), tempfile::tempdir().unwrap());
    let demo = demo(&forged, folder.path(), &[]);
    await_true("the demo to be at work", || !repositories(&forged).is_empty());
    must(kill_process(Pid::from_child(&demo), Signal::INT).map_err(Into::into));
    let (code, text) = ended(demo);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("it was interrupted"), "{text}");
    assert_eq!(repositories(&forged), Vec::<String>::new());
}

#[test]
fn an_owner_that_does_not_let_us_is_told() {
    let Some(gitea) = Gitea::shared() else { return };
    let (forged, folder) = (must(gitea.repository("infra")), tempfile::tempdir().unwrap());
    let (code, text) = ended(demo(&forged, folder.path(), &["--owner", &forged.owner]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no repository could be made on") && text.contains("NK1102"), "{text}");
}
