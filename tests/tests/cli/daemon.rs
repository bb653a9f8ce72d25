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
        ("4:7", "there is nothing at `/nowhere/a.git`"),
        ("5:8", "poll is shorter than a second"),
        ("8:13", "both token_file and token_env are set"),
        ("7:14", "`/nowhere/token` cannot be read: No such file"),
        ("9:16", "`empty` is empty"),
        ("8:13", "the environment variable `NAKSHA_NO_SUCH_VARIABLE` is not set"),
        ("14:8", "two repositories are named `a` (the other one: naksha.toml:3:8)"),
        ("15:7", "only paths, file, https and ssh are allowed"),
        ("16:9", "a..b"),
        ("17:1", "`only` is empty"),
        ("12:8", "`/srv/a/prod` and `/srv/a` (naksha.toml:11:7) lie in each other"),
        ("19:13", "there is no folder `/nowhere/secrets`"),
        ("22:14", "`/nowhere/api` cannot be read"),
        ("21:10", "there is no folder `/nowhere/run`"),
        ("24:8", "there is no folder `/nowhere/status`"),
        ("26:9", "`inof` is no log level; did you mean `info`?"),
        ("28:15", "stuck_after is shorter than a second"),
        ("29:11", "history is shorter than a second"),
    ];
    let said = check(&shop, text);
    fits(&expected, &said);
}

#[test]
fn what_stops_a_start_is_an_error_and_nothing_else_is() {
    let shop = shop();
    let folder = shop.repository.folder().display().to_string();
    let text = format!(
        "state = \"{folder}/state\"\n[[repository]]\nname = \"a\"\nurl = \"/nowhere/a.git\"\n\
         [secrets]\ndirectory = \"/nowhere/secrets\"\n[status]\nfile = \"/nowhere/status.json\"\n"
    );
    let said = check(&shop, &text);
    let missing = [
        "naksha.toml:4:7: warning: there is nothing at `/nowhere/a.git`",
        "naksha.toml:6:13: error: there is no folder `/nowhere/secrets`",
        "naksha.toml:8:8: warning: there is no folder `/nowhere`",
    ];
    assert_eq!(said, missing);
    // The start says the same: it is no warning that ends it.
    let started = run(&shop, &["daemon", "--config", "naksha.toml"]).expect_code(2).err;
    assert!(started.contains("error[NK0909]") && !started.contains("6:13"), "{started}");
    assert!(started.contains("warning: naksha.toml:4:7: "), "{started}");
}

#[test]
fn a_start_tells_every_value_that_is_wrong() {
    let shop = shop();
    shop.repository
        .write("naksha.toml", "stat = \"/tmp/x\"\n[limits]\nhistory = 5\n[log]\nlevel = \"inof\"\n");
    let said = run(&shop, &["daemon", "--config", "naksha.toml"]).expect_code(2).err;
    for line in [
        "naksha.toml:1:1: unknown field `stat`",
        "naksha.toml:3:11: ",
        "naksha.toml:5:9: `inof` is no log level",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(said.contains("error[NK0901]") && !said.contains("TOML parse error"), "{said}");
}

/// Each line begins with its place and holds its words.
fn fits(expected: &[(&str, &str)], said: &[String]) {
    for ((place, message), said) in expected.iter().zip(said) {
        let place = format!("naksha.toml:{place}: ");
        assert!(said.starts_with(&place) && said.contains(message), "{place}{message}\n{said}");
    }
    assert_eq!(said.len(), expected.len(), "{said:#?}");
}

#[test]
fn values_that_cannot_be_read_are_told_all_at_once_and_the_rest_is_looked_at() {
    let shop = shop();
    let folder = shop.repository.folder().display().to_string();
    let text = format!(
        r#"stat = "/tmp/x"
[[repository]]
name = "Not A Name"
url = "{folder}"
[[repository]]
name = "b"
url = 5
pol = "60s"
[[repository]]
name = "c"
url = "{folder}"
poll = 60
only = ["dev", "Dev"]
[http]
listen = "0.0.0.0:80"
[log]
format = "xml"
level = "inof"
[limits]
history = "90 days"
"#
    );
    let expected = [
        ("1:1", "unknown field `stat`, expected one of"),
        ("3:8", "repository `Not A Name` is not a valid name"),
        ("7:7", "invalid type: integer `5`, expected a string"),
        ("8:1", "unknown field `pol`"),
        ("12:8", "invalid type: integer `60`, expected a string"),
        ("13:8", "`Dev` is not a valid name"),
        ("15:10", "`0.0.0.0:80` is not a loopback address"),
        ("17:10", "unknown variant `xml`, expected `text` or `json`"),
        ("20:11", "`90 days` is no duration: it has a space"),
        // What only makes no sense is told of what is left.
        ("18:9", "`inof` is no log level; did you mean `info`?"),
    ];
    let said = check(&shop, &text);
    fits(&expected, &said);
    assert!(
        said[0].ends_with("did you mean `state`?") && said[3].ends_with("did you mean `poll`?"),
        "{said:#?}"
    );
    shop.repository.write("naksha.toml", &text);
    let asked = ["daemon", "--check-config", "--config", "naksha.toml", "--format", "json"];
    let problems = run(&shop, &asked).expect_code(1).json()["problems"].clone();
    assert_eq!(problems.as_array().map(Vec::len), Some(expected.len()), "{problems}");
}

#[test]
fn what_lacks_because_a_key_is_misspelt_is_not_told_a_second_time() {
    let shop = shop();
    let text = r#"[[repository]]
name = "shop"
url = "."
[clusters.prod.environments."shop/prod"]
service_acount = "naksha"
"#;
    let expected = [
        ("5:1", "unknown field `service_acount`"),
        // It is read as what was meant.
        ("4:29", "`service_account` is `NAMESPACE/NAME`"),
    ];
    fits(&expected, &check(&shop, text));
}

#[test]
fn a_kubeconfig_is_looked_into() {
    let shop = shop();
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: one\nclusters: [{name: one, cluster: {server: \"https://127.0.0.1:1\"}}]\n\
        contexts: [{name: one, context: {cluster: one, user: one}}, {name: two, context: {cluster: two, user: one}}]\n\
        users: [{name: one, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token}}}]\n";
    shop.repository.write("good.yaml", kubeconfig).write("bad.yaml", "token: c4n4ry: [\n");
    let cluster = |name: &str, text: &str| format!("[clusters.{name}]\n{text}\n");
    let text = [
        "[[repository]]\nname = \"shop\"\nurl = \".\"\n".to_owned(),
        cluster("a", "kubeconfig = \"bad.yaml\""),
        cluster("b", "kubeconfig = \"good.yaml\"\ncontext = \"three\"\nexec_plugins = true"),
        cluster("c", "kubeconfig = \"good.yaml\"\ncontext = \"two\"\nexec_plugins = true"),
        cluster("d", "kubeconfig = \"good.yaml\""),
        cluster("e", "kubeconfig = \"good.yaml\"\nexec_plugins = true"),
    ];
    let said = check(&shop, &text.concat());
    let expected = [
        ("5:14", "it is not valid YAML of a kubeconfig"),
        ("7:14", "it has no context `three`"),
        ("11:14", "it has no cluster `two`"),
        (
            "15:14",
            "the kubeconfig of cluster `d` runs the program `get-token` for a token, which is not allowed",
        ),
    ];
    fits(&expected, &said);
    assert!(!said.concat().contains("c4n4ry"), "{said:#?}");
}

#[test]
fn a_secret_in_the_place_of_its_file_is_not_told() {
    let shop = shop();
    let text = "[[repository]]\nname = \"shop\"\nurl = \".\"\ncredentials = {ssh_key = \"c4n4ry-key\"}\n[http]\ntoken = \"c4n4ry\"\n";
    let said = check(&shop, text).join("\n");
    assert!(
        said.contains("did you mean `token_file`?") && said.contains("did you mean `ssh_key_file`?"),
        "{said}"
    );
    assert!(!said.contains("c4n4ry"), "{said}");
}

#[test]
fn a_text_that_is_no_toml_is_told_by_its_place() {
    fits(&[("2:12", "invalid basic string")], &check(&shop(), "[log]\nlevel=\"info\n"));
    // What is not there was refused, and is not missing.
    fits(&[("3:7", "invalid type")], &check(&shop(), "[[repository]]\nname = \"a\"\nurl = 1\n"));
}

#[test]
fn flags_that_make_no_sense_are_findings_too() {
    let shop = shop();
    let arguments = ["daemon", "--check-config", "--listen", "0.0.0.0:80", "--log", "inof"];
    let said = run(&shop, &arguments).expect_code(1).out;
    assert!(said.contains("--listen: error: `0.0.0.0:80` is not a loopback address"), "{said}");
    assert!(said.contains("--log: error: `inof` is no log level"), "{said}");
    // Nothing could be looked at.
    refused(&shop, &["daemon", "--check-config", "--config", "nowhere.toml"], "nowhere.toml cannot be read");
    refused(&shop, &["daemon", "--listen", "0.0.0.0:80"], "is not a loopback address");
}

#[test]
fn what_is_missing_is_missed_where_it_would_stand() {
    let shop = shop();
    assert_eq!(
        check(&shop, "[log]\nlevel = \"info\"\n"),
        ["naksha.toml: error: no repository is configured; name one here or with --repository"]
    );
    std::fs::create_dir(shop.root().join("plain")).unwrap();
    let folder = shop.root().join("plain").display().to_string();
    shop.repository.write("naksha.toml", "");
    let arguments = ["daemon", "--check-config", "--config", "naksha.toml", "--repository", &folder];
    let printed = run(&shop, &arguments).expect_code(1);
    assert_eq!(printed.out, format!("--repository: warning: `{folder}` is no Git repository\n"));
}

#[test]
fn a_daemon_does_not_start_with_what_makes_no_sense() {
    let shop = shop();
    shop.configure("[limits]\nhistory = \"0s\"\n");
    refused(&shop, &["daemon"], "history is shorter than a second");
}
