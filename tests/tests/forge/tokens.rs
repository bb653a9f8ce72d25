//! Where the token of a forge is: in a file that is written over while the daemon runs, or in a variable.

use std::fs;
use std::process::Command;

use naksha_tests::{await_true, must};

use crate::site::{Site, site};

const HAND: &str = "`@everybody` <b>";
const TEMPLATE: &str = "units/web/web.yaml.tera";
const WRONG: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn a_token_that_is_written_over_needs_no_restart() {
    let Some(site) = site() else { return };
    let (daemon, file) = (site.begin(), site.installation.root().join("forge-token"));
    let number = site.propose(&daemon, 2, 3);
    fs::write(&file, WRONG).unwrap();
    await_true("it to be denied", || daemon.log().contains("the forge could not be asked"));
    // What is applied is kept meanwhile.
    let object = site.installation.target("dev").join("shop/configmap/web.yaml");
    let text = || fs::read_to_string(&object).unwrap_or_default();
    fs::write(&object, text().replace("everybody", "somebody")).unwrap();
    await_true("the edit to be healed", || text().contains("@everybody"));

    let newer = must(site.forged.scoped_token(&["all"]));
    fs::write(&file, &newer).unwrap();
    let head = site.change("hand", TEMPLATE, HAND, "another");
    let other = must(site.forged.open("hand", "another hand"));
    site.await_comment(&daemon, other, &head);
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
    let log = daemon.log();
    for token in [WRONG, newer.as_str(), site.forged.bot.token.as_str()] {
        assert!(!log.contains(token), "no token is told");
    }
}

/// Has the program find a variable. Another process writes the script, so that none of ours has it open when it is run.
fn set_variable(site: &mut Site, name: &str, value: &str) {
    let (program, script) = (
        &mut site.installation.program.executable,
        site.installation.repository.folder().with_file_name("program"),
    );
    let text = format!("#!/bin/sh\nexport {name}='{value}'\nexec '{}' \"$@\"\n", program.display());
    let write = "printf '%s' \"$1\" > \"$0\" && chmod 700 \"$0\"";
    let written = Command::new("sh").args(["-c", write]).arg(&script).arg(&text).status().unwrap();
    assert!(written.success(), "{written}");
    *program = script;
}

#[test]
fn a_token_may_be_in_a_variable() {
    let Some(mut site) = site() else { return };
    let file = site.installation.root().join("forge-token");
    let key = format!("token_file = \"{}\"", file.display());
    site.reconfigure(&key, "token_env = \"NAKSHA_TEST_TOKEN\"");
    fs::remove_file(&file).unwrap();
    let token = site.forged.bot.token.clone();
    set_variable(&mut site, "NAKSHA_TEST_TOKEN", &token);
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
    assert!(!daemon.log().contains(&token), "no token is told");
}
