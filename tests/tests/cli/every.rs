//! What holds for every command: JSON where it is asked for, no escape bytes without colour, no secret ever.

use std::collections::BTreeSet;

use naksha_tests::Installation;

use crate::{CANARY, CANARY_ENCODED, refused, run, shop};

const COMMANDS: [&[&str]; 15] = [
    &["check"],
    &["render"],
    &["render", "--explain-values"],
    &["plan"],
    &["plan", "--base", "none"],
    &["promote", "staging"],
    &["policy", "eval", "--policy", "policies/named.yaml", "--object", "secret.yaml"],
    &["health", "secret.yaml"],
    &["init", "new"],
    &["init", "--github", "team/shop"],
    &["doctor"],
    &["schema", "Unit"],
    &["explain", "NK0101"],
    &["config", "print"],
    &["config", "schema"],
];

/// A repository whose every corner holds a secret, and text that would colour a terminal.
fn hostile() -> Installation {
    let shop = shop();
    shop.repository
        .write(
            "policies/named.yaml",
            "apiVersion: naksha.dev/v1alpha1\nkind: Policy\nmetadata: {name: named}\nspec: {match: {kinds: [Secret]}, rule: \"object.metadata.name == 'web'\", message: wrong name, severity: warning}\n",
        )
        .write("secret.yaml", &secret())
        .write("units/settings/more.yaml.tera", &format!("{}---\n{}", secret(), config()))
        .edit("units/settings/unit.yaml", "[settings.yaml.tera]", "[\"*.yaml.tera\"]")
        .edit(
            "environments/dev/environment.yaml",
            "level: info",
            &format!("level: info, dbPassword: {CANARY}, url: \"amqp://u:{CANARY}@mq\", nested: {{apiKey: {CANARY}}}"),
        )
        .edit("units/web/web.yaml.tera", "nginx:1.29.3\"\n", &format!("nginx:1.29.3\"\n          env: [{{name: DB_PASSWORD, value: {CANARY}}}]\n"))
        .commit("secrets everywhere");
    shop
}

fn secret() -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{password: {CANARY}}}\n")
}

fn config() -> String {
    let data = format!(
        "url: \"postgres://app:{CANARY}@db/app\", color: \"\\e[31mred\", text: \"password={CANARY}\\n\""
    );
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: more}}\ndata: {{{data}}}\n")
}

#[test]
fn no_output_has_a_secret_or_an_escape_byte() {
    let shop = hostile();
    for command in COMMANDS {
        for format in ["text", "json", "markdown"] {
            std::fs::remove_dir_all(shop.repository.folder().join("new")).ok();
            let arguments = [command, &["--format", format]].concat();
            let printed = run(&shop, &arguments);
            // A format that a command does not have is refused, and not taken for another one.
            if format == "markdown" && command[0] != "plan" {
                assert_eq!((printed.code, &*printed.out), (2, ""), "{arguments:?}");
                assert!(printed.err.contains("only `plan` and `show` print markdown"), "{}", printed.err);
                continue;
            }
            assert_ne!(printed.code, 2, "{arguments:?}: {}", printed.err);
            let shown = format!("{}{}", printed.out, printed.err);
            let secret = shown.contains(CANARY) || shown.contains(CANARY_ENCODED);
            assert!(!secret, "{arguments:?}:\n{shown}");
            assert!(!shown.contains('\u{1b}'), "{arguments:?}:\n{shown}");
            if format == "json" {
                printed.json();
            }
        }
    }
}

#[test]
fn the_secrets_are_found_all_the_same() {
    let found = run(&hostile(), &["plan", "--env", "dev", "--format", "json"]).json();
    let findings = found["plans"][0]["findings"].as_array().unwrap();
    let fields: Vec<_> = findings
        .iter()
        .filter(|found| found["rule"] == "cleartext-secret")
        .map(|found| found["field"].as_str().unwrap())
        .collect();
    for field in
        ["variables.dbPassword", "variables.url", "variables.nested.apiKey", "data.password", "data.url"]
    {
        assert!(fields.contains(&field), "{field}: {fields:?}");
    }
}

#[test]
fn the_format_may_stand_in_the_environment() {
    let shop = hostile();
    let format = |variable: &str, arguments: &[&str]| {
        let output = std::process::Command::new(&shop.program.executable)
            .args(arguments)
            .env("NAKSHA_CONFIG", &shop.program.config)
            .env("NAKSHA_FORMAT", variable)
            .current_dir(shop.repository.folder())
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for command in COMMANDS {
        let (_, out, err) = format("json", command);
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{command:?}: {out}{err}");
    }
    // A flag wins.
    assert!(format("json", &["schema", "--format", "text"]).1.starts_with("Repository\n"));
    let (code, _, err) = format("xml", &["check"]);
    assert!(code == Some(2) && err.contains("invalid value 'xml'"), "{err}");
}

#[test]
fn no_command_and_unknown_commands_are_refused() {
    let shop = shop();
    refused(&shop, &[], "Usage: naksha");
    refused(&shop, &["aply"], "unrecognized subcommand 'aply'");
    run(&shop, &["--help"]).expect_code(0);
    assert!(run(&shop, &["--version"]).expect_code(0).out.starts_with("naksha "));
}

/// Options in a text: `--base`, not `--`.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
    words
        .filter(|word| word.starts_with("--") && !word.starts_with("---") && word.len() > 2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_page_of_the_command_line_knows_every_command_and_option() {
    let shop = shop();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md")).unwrap();
    let help = run(&shop, &["--help"]).expect_code(0).out;
    let listed = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let commands: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut known: BTreeSet<String> = ["--help".to_owned(), "--version".to_owned()].into();
    for command in commands {
        assert!(page.contains(&format!("`naksha {command}")), "docs/cli.md does not know `naksha {command}`");
        let mut help = run(&shop, &[command, "--help"]).expect_code(0).out;
        for verb in ["eval", "test", "print", "schema", "rebuild"] {
            if help.contains(&format!("\n  {verb} ")) {
                help.push_str(&run(&shop, &[command, verb, "--help"]).expect_code(0).out);
            }
        }
        for option in options(&help).difference(&known.clone()) {
            assert!(page.contains(option.as_str()), "docs/cli.md does not know `naksha {command} {option}`");
        }
        known.extend(options(&help));
    }
    let unknown: Vec<_> = options(&page).difference(&known).cloned().collect();
    assert_eq!(unknown, Vec::<String>::new(), "docs/cli.md knows options that there are not");
    for variable in ["CONFIG", "STATE", "SOCKET", "LOG", "LOG_FORMAT", "FORMAT", "REPOSITORY", "LISTEN"] {
        assert!(
            page.contains(&format!("`NAKSHA_{variable}`")),
            "docs/cli.md does not know NAKSHA_{variable}"
        );
    }
}

#[test]
fn help_does_not_promise_that_resume_lifts_a_held_plan() {
    let shop = shop();
    let help = run(&shop, &["--help"]).expect_code(0).out;
    assert!(help.contains("Lift a suspension, a bar, or the hold after a rewritten history"), "{help}");
    let own = run(&shop, &["resume", "--help"]).expect_code(0).out;
    assert!(own.contains("A held plan is lifted by `naksha ack`"), "{own}");
}
