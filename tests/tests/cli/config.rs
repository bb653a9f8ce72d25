//! `naksha config`

use std::process::Command;

use naksha_tests::Installation;
use serde_json::Value;

use crate::{refused, run, shop};

/// What is in force, as JSON.
fn in_force(shop: &Installation, arguments: &[&str]) -> Value {
    run(shop, &[&["config", "print", "--format", "json"], arguments].concat()).expect_code(0).json()
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let shop = shop();
    shop.configure("[limits]\nstuck_after = \"90s\"\nhistory = \"36h\"\n");
    let printed = run(&shop, &["config", "print"]).expect_code(0).out;
    let parsed: toml::Table = toml::from_str(&printed).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), in_force(&shop, &[]), "{printed}");
    shop.repository.write("printed.toml", &printed);
    assert_eq!(in_force(&shop, &["--config", "printed.toml"]), in_force(&shop, &[]));
}

#[test]
fn every_default_is_printed_as_people_write_it() {
    let shop = shop();
    let document = in_force(&shop, &[]);
    let state = document["state"].as_str().unwrap();
    for (pointer, expected) in [
        ("/repository/0/poll", "1m".to_owned()),
        ("/limits/stuck_after", "10m".to_owned()),
        ("/limits/history", "90d".to_owned()),
        ("/log/level", "info".to_owned()),
        ("/log/format", "text".to_owned()),
        ("/http/socket", format!("{state}/naksha.sock")),
        ("/status/events", format!("{state}/events.jsonl")),
    ] {
        assert_eq!(document.pointer(pointer), Some(&expected.into()), "{pointer}");
    }
    // Without any file, too.
    shop.repository.write("empty.toml", "");
    let document = in_force(&shop, &["--config", "empty.toml", "--state", "/elsewhere"]);
    assert_eq!(document["targets"]["directory"], "/elsewhere/targets");
    assert_eq!(document["http"]["listen"], "127.0.0.1:8642");
}

#[test]
fn every_value_says_where_it_came_from() {
    let shop = shop();
    let output = Command::new(&shop.program.executable)
        .args(["config", "print", "--log", "debug"])
        .env("NAKSHA_CONFIG", &shop.program.config)
        .env("NAKSHA_STATE", "/elsewhere")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    let file = shop.program.config.display().to_string();
    assert_eq!(line("state ="), "state = \"/elsewhere\"  # NAKSHA_STATE");
    assert_eq!(line("level ="), "level = \"debug\"  # --log");
    let written = std::fs::read_to_string(&shop.program.config).unwrap();
    let at = written.lines().position(|line| line.starts_with("listen")).unwrap() + 1;
    assert_eq!(line("listen ="), format!("listen = \"off\"  # {file}:{at}"));
    assert_eq!(line("poll ="), "poll = \"1m\"  # default");
    assert_eq!(line("socket ="), "socket = \"/elsewhere/naksha.sock\"  # default");
    // What has no default is named.
    assert!(
        text.contains("\n# trunk is not set\n") && text.contains("\n# token_file is not set\n"),
        "{text}"
    );
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    let shop = shop();
    shop.repository
        .write("wrong.toml", "[[repository]]\nname = \"a\"\nurl = \"https://me:hunter2@git.example/a\"\n");
    for command in
        [&["config", "print"][..], &["config", "print", "--format", "json"], &["daemon", "--check-config"]]
    {
        let printed = run(&shop, &[command, &["--config", "wrong.toml"]].concat());
        assert!(!format!("{}{}", printed.out, printed.err).contains("hunter2"), "{command:?}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let document = run(&shop(), &["config", "print", "--state", "/elsewhere", "--format", "json"]);
    assert_eq!(document.expect_code(0).json()["state"], "/elsewhere");
}

#[test]
fn the_schema_names_the_keys_of_the_file() {
    let schema = run(&shop(), &["config", "schema"]).expect_code(0).json();
    assert!(schema["properties"]["repository"].is_object(), "{schema}");
}

#[test]
fn a_wrong_or_missing_file_is_refused() {
    let shop = shop();
    refused(&shop, &["config", "print", "--config", "nowhere.toml"], "nowhere.toml cannot be read");
    shop.repository.write("wrong.toml", "[targets]\ndirectroy = \"/srv\"\n");
    refused(&shop, &["config", "print", "--config", "wrong.toml"], "unknown field `directroy`");
    shop.repository.write("wrong.toml", "[limits]\nhistory = \"90 days\"\n");
    refused(
        &shop,
        &["config", "print", "--config", "wrong.toml"],
        "`90 days` is no duration: it has a space",
    );
}
