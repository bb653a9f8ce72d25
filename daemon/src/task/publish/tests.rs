//! What the sinks' files look like.

use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::ids::{EnvironmentName, RepositoryName};
use naksha_environments::status::{EnvironmentStatus, State};
use naksha_executor::port::store::{OutboxMessage, Scope};
use serde_json::json;

use super::note::NotedStatus;
use super::{NOTHING, SAID, Sayings, StatusFile, events};

fn message(id: i64, topic: &str, body: &str) -> OutboxMessage {
    let at: Timestamp = "2031-05-04T08:00:00Z".parse().unwrap();
    OutboxMessage {
        id,
        sink: "test".to_owned(),
        topic: topic.to_owned(),
        body: body.to_owned(),
        at,
        attempts: 0,
    }
}

#[test]
fn an_event_is_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let body =
        json!({"event": "apply", "scope": "shop/dev", "why": ["a \"quote\"", "two\nlines"]}).to_string();
    events::append(&path, &[message(7, "apply/shop/dev/3", &body)]).unwrap();
    events::append(&path, &[message(8, "to\"pic", "{}"), message(9, "topic", NOTHING)]).unwrap();
    let written = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = written.lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"id":7,"at":"2031-05-04T08:00:00Z","topic":"apply/shop/dev/3","event":"apply","scope":"shop/dev","why":["a \"quote\"","two\nlines"]}"#,
            r#"{"id":8,"at":"2031-05-04T08:00:00Z","topic":"to\"pic"}"#,
            r#"{"id":9,"at":"2031-05-04T08:00:00Z","topic":"topic"}"#,
        ]
    );
    assert!(lines.iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn the_status_file_has_a_line_per_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.json");
    let file = StatusFile::new(path.clone());
    let synced = r#"{"state":"synced","why":[]}"#;
    let sayings = Sayings::default();
    let messages = [message(1, "shop/prod", synced), message(2, "shop/dev", r#"{"state":"held"}"#)];
    assert_eq!(file.write(&messages, &sayings).unwrap(), [true, true]);
    let both =
        "{\n  \"shop/dev\": {\"state\":\"held\"},\n  \"shop/prod\": {\"state\":\"synced\",\"why\":[]}\n}\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), both);
    // Another process goes on with what is there, and takes a forgotten one out.
    let file = StatusFile::new(path.clone());
    file.write(&[message(3, "shop/dev", NOTHING)], &sayings).unwrap();
    let one = format!("{{\n  \"shop/prod\": {synced}\n}}\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), one);
}

#[test]
fn the_status_file_has_what_environments_say_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("status.json");
    let (file, sayings) = (StatusFile::new(path.clone()), Sayings::default());
    let said = |word: &str| fs::read_to_string(&path).unwrap().contains(word);
    // What an earlier process wanted to tell waits until this one knows.
    let message = message(1, "shop/dev", SAID);
    assert_eq!(file.write(std::slice::from_ref(&message), &sayings).unwrap(), [false]);
    assert!(!said("shop/dev"));
    let scope = Scope {
        repository: RepositoryName::parse("shop").unwrap(),
        environment: EnvironmentName::parse("dev").unwrap(),
    };
    let status = EnvironmentStatus::bare(scope.environment.clone(), State::Synced, message.at);
    sayings.say(&scope, &Arc::new(status));
    assert_eq!(file.write(&[message], &sayings).unwrap(), [true]);
    assert!(said(r#""shop/dev": {"version":1,"repository":"shop","environment":"dev","state":"synced""#));
}

#[test]
fn a_note_says_how_the_commit_does() {
    let note = |body: &str| serde_json::from_str::<NotedStatus>(body).map(|status| status.note());
    let status =
        r#"{"version":1,"repository":"shop","environment":"dev","state":"synced","why":[],"units":[]}"#;
    assert_eq!(note(status).unwrap(), "dev: synced");
    let held = r#"{"repository":"shop","environment":"dev","state":"held","applied":"ab","plan":"0a1b"}"#;
    assert_eq!(note(held).unwrap(), "dev: held (plan 0a1b)");
    assert!(note(NOTHING).is_err());
}
