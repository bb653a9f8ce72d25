//! What the documents show and what they hide.

use proptest::prelude::*;
use serde_json::json;

use super::shown::{Marks, value_document};
use super::{MAX_TEXT, ShownDocument, StatusDocument, is_sensitive_name, scrub, scrub_value};
use crate::ids::{EnvironmentName, UnitName};
use crate::object::Health;
use crate::plan::Shown;
use crate::secret::MarkKey;
use crate::status::{EnvironmentStatus, State, UnitStatus, UnitSync};

#[test]
fn secrets_in_plain_text_are_masked() {
    let cases = [
        ("postgres://naksha:hunter2@db:5432/app", "postgres://naksha:(secret)@db:5432/app"),
        ("postgres://u:p/a?s#s@db/app", "postgres://u:(secret)@db/app"),
        ("redis://:hunter2@cache", "redis://:(secret)@cache"),
        ("see http://host:8080/a@b", "see http://host:8080/a@b"),
        ("ssh://git@example.com/x", "ssh://git@example.com/x"),
        ("host=db password=hunter2 user=x", "host=db password=(secret) user=x"),
        ("Server=db;Pwd=hunter2;Db=x", "Server=db;Pwd=(secret);Db=x"),
        (r#"{"apiKey":"abc","x":1}"#, r#"{"apiKey":"(secret)","x":1}"#),
        ("user: x\npassword: hunter2\n", "user: x\npassword: (secret)\n"),
        ("password=${DB_PASSWORD}", "password=${DB_PASSWORD}"),
        ("token ghp_0123456789abcdefghij0123", "token (secret)"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "Authorization: Bearer (secret)"),
        ("key AKIAABCDEFGHIJKLMNOP.", "key (secret)"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a (secret) b"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "(secret)"),
        (
            "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIV\n-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----",
            "(secret)\n(secret)",
        ),
        ("-----BEGIN CERTIFICATE-----\nMII", "-----BEGIN CERTIFICATE-----\nMII"),
        ("-----BEGIN PRIVATE KEY\n-----BEGIN PRIVATE KEY-----\nMII", "-----BEGIN PRIVATE KEY\n(secret)"),
        ("registry.example/app@sha256:0123abc", "registry.example/app@sha256:0123abc"),
        ("token: 12 characters", "token: (secret) characters"),
        // Sentences, ours and a person's.
        ("cannot read the token: the file is empty", "cannot read the token: the file is empty"),
        ("token: No such file or directory (os error 2)", "token: No such file or directory (os error 2)"),
        ("password: Permission denied", "password: Permission denied"),
        ("the secret: it is not in Vault yet", "the secret: it is not in Vault yet"),
        // A word alone, or with something behind it that is no sentence, may be a secret.
        ("password: the", "password: (secret)"),
        ("password: the\nuser: x", "password: (secret)\nuser: x"),
        ("password: the, user: x", "password: (secret), user: x"),
        ("password=the one", "password=(secret) one"),
        ("\"password\": \"the one\"", "\"password\": \"(secret)\""),
        ("password: thehunter likes it", "password: (secret) likes it"),
        ("password: hunter2 is what I use", "password: (secret) is what I use"),
        ("secretName: naksha-db", "secretName: naksha-db"),
        // The token takes what ended the label of a key.
        ("-----BEGIN Bearer abcdefghijklmnop----- PRIVATE KEY-----\nMII", "(secret)"),
        // Masked twice, by what it is and by where it stands: as one.
        ("password=redis://:hunter2@cache, x", "password=(secret), x"),
    ];
    for (text, expected) in cases {
        assert_eq!(scrub(text), expected, "for {text}");
    }
}

#[test]
fn names_tell() {
    for name in
        ["DB_PASSWORD", "password", "apiKey", "AWS_SECRET_ACCESS_KEY", "token", "PASSWORD_FOR_X", "x-api-key"]
    {
        assert!(is_sensitive_name(name), "{name}");
    }
    for name in ["secretName", "PASSWORD_FILE", "tokenTTL", "image", "SECRET_NAME", "MAX_TOKENS", "secrets"] {
        assert!(!is_sensitive_name(name), "{name}");
    }
}

#[test]
fn values_are_masked_by_their_name() {
    let value = json!({"name": "DB_PASSWORD", "value": "hunter2", "list": [{"token": "x", "ok": "ref"}]});
    let expected =
        json!({"name": "DB_PASSWORD", "value": "(secret)", "list": [{"token": "(secret)", "ok": "ref"}]});
    assert_eq!(scrub_value(&value), expected);
    let reference =
        json!({"password": "vault:kv/a#b", "key": {"secretKeyRef": {"name": "db", "key": "password"}}});
    assert_eq!(scrub_value(&reference), reference);
}

proptest! {
    #[test]
    fn scrubbing_twice_is_scrubbing_once(text in "[ -~\n]{0,80}|(password[=:] ?|://|u:|@|AKIA|\"|[a-z0-9]{1,6}){0,12}") {
        let once = scrub(&text).into_owned();
        prop_assert_eq!(scrub(&once).into_owned(), once);
    }
}

#[test]
fn long_texts_are_cut_and_say_so() {
    let text = "é".repeat(MAX_TEXT);
    let cut = value_document(&json!({"data": text}));
    let shown = cut["data"].as_str().unwrap();
    assert!(
        shown.len() < MAX_TEXT + 40 && shown.ends_with("… (16384 more bytes)"),
        "{}",
        &shown[shown.len() - 40..]
    );
}

#[test]
fn marks_become_numbers() {
    let marks = MarkKey::new([3; 32]);
    let secret = |value: &[u8]| Shown::Secret { reference: None, mark: Some(marks.mark(value)) };
    let mut numbered = Marks::default();
    let mut same = |value: &[u8]| match numbered.shown(&secret(value)) {
        ShownDocument::Secret { same, .. } => same,
        ShownDocument::Value(value) => panic!("{value}"),
    };
    assert_eq!([same(b"x"), same(b"y"), same(b"x")], [Some(1), Some(2), Some(1)]);
}

#[test]
fn a_status_answers_why() {
    let status = EnvironmentStatus {
        environment: EnvironmentName::parse("dev").unwrap(),
        state: State::Suspended { by: "ada".to_owned(), reason: "password=hunter2".to_owned() },
        why: vec![],
        control: None,
        content: None,
        applied_control: None,
        applied: None,
        plan: None,
        barred: [].into(),
        objects: 3,
        units: [(
            UnitName::parse("web").unwrap(),
            UnitStatus {
                state: UnitSync::Waiting("waiting for db".to_owned()),
                health: Health::Progressing("1 of 2".to_owned()),
                objects: 2,
            },
        )]
        .into_iter()
        .collect(),
        diagnostics: vec![],
        since: jiff::Timestamp::UNIX_EPOCH,
    };
    let document = StatusDocument::of("shop", &status);
    assert_eq!(document.why, ["suspended by ada: password=(secret)"]);
    assert_eq!(document.units[0].state, "waiting");
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(serde_json::from_value::<StatusDocument>(json).unwrap(), document);
}
