//! `naksha daemon --check-config`

use naksha_tests::Installation;

use crate::{refused, run, shop};

fn check(shop: &Installation, text: &str) -> Vec<String> {
    shop.repository.write("naksha.toml", text);
    let printed = run(shop, &["daemon", "--check-config", "--config", "naksha.toml"]).expect_code(1);
    assert_eq!(printed.err, "");
    printed.out.lines().map(str::to_owned).collect()
}

#[test]
fn a_good_configuration_is_fine() {
    let printed = run(&shop(), &["daemon", "--check-config"]).expect_code(0);
    assert_eq!(printed.out, "the configuration is fine\n");
    let document = run(&shop(), &["daemon", "--check-config", "--format", "json"]).expect_code(0).json();
    assert_eq!(document, serde_json::json!({"problems": []}));
}

#[test]
fn everything_wrong_is_told_at_once_with_its_line() {
    let shop = shop();
    let text = r#"state = "/nowhere/state"
[[repository]]
name = "a"
url = "/nowhere/a.git"
poll = "0s"
[repository.credentials]
token_file = "/nowhere/token"
token_env = "NAKSHA_NO_SUCH_VARIABLE"
ssh_key_file = "empty"
[repository.directories]
dev = "/srv/a"
prod = "/srv/a/prod"
[[repository]]
name = "a"
url = "git://example/a"
trunk = "a..b"
only = []
[secrets]
directory = "/nowhere/secrets"
[http]
socket = "/nowhere/run/naksha.sock"
token_file = "/nowhere/api"
[status]
file = "/nowhere/status/status.json"
[log]
level = "inof"
[limits]
stuck_after = "0s"
history = "500ms"
"#;
    shop.repository.write("empty", "\n");
    let expected = [
        (4, "there is nothing at `/nowhere/a.git`"),
        (5, "poll is shorter than a second"),
        (8, "both token_file and token_env are set"),
        (7, "`/nowhere/token` cannot be read: No such file"),
        (9, "`empty` is empty"),
        (8, "the environment variable `NAKSHA_NO_SUCH_VARIABLE` is not set"),
        (14, "two repositories are named `a` (the other one: naksha.toml:3)"),
        (15, "only paths, file, https and ssh are allowed"),
        (16, "a..b"),
        (17, "`only` is empty"),
        (12, "`/srv/a/prod` and `/srv/a` (naksha.toml:11) lie in each other"),
        (19, "there is no folder `/nowhere/secrets`"),
        (22, "`/nowhere/api` cannot be read"),
        (21, "there is no folder `/nowhere/run`"),
        (24, "there is no folder `/nowhere/status`"),
        (26, "`inof` is no log level; did you mean `info`?"),
        (28, "stuck_after is shorter than a second"),
        (29, "history is shorter than a second"),
    ];
    let said = check(&shop, text);
    for ((line, message), said) in expected.iter().zip(&said) {
        let place = format!("naksha.toml:{line}: ");
        assert!(said.starts_with(&place) && said.contains(message), "{place}{message}\n{said}");
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");
}

#[test]
fn what_is_missing_is_missed_where_it_would_stand() {
    let shop = shop();
    assert_eq!(
        check(&shop, "[log]\nlevel = \"info\"\n"),
        ["naksha.toml: no repository is configured; name one here or with --repository"]
    );
    std::fs::create_dir(shop.root().join("plain")).unwrap();
    let folder = shop.root().join("plain").display().to_string();
    shop.repository.write("naksha.toml", "");
    let arguments = ["daemon", "--check-config", "--config", "naksha.toml", "--repository", &folder];
    let printed = run(&shop, &arguments).expect_code(1);
    assert_eq!(printed.out, format!("--repository: `{folder}` is no Git repository\n"));
}

#[test]
fn a_daemon_does_not_start_with_what_makes_no_sense() {
    let shop = shop();
    shop.configure("[limits]\nhistory = \"0s\"\n");
    refused(&shop, &["daemon"], "history is shorter than a second");
}
