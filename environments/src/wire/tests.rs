//! What the documents show and what they hide.

use proptest::prelude::*;
use serde_json::json;

use super::{is_sensitive_name, scrub, scrub_value};

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
        ("-----BEGIN CERTIFICATE-----\nMII", "-----BEGIN CERTIFICATE-----\nMII"),
        ("registry.example/app@sha256:0123abc", "registry.example/app@sha256:0123abc"),
        ("token: 12 characters", "token: (secret) characters"),
        ("secretName: naksha-db", "secretName: naksha-db"),
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
