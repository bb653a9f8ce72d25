//! `naksha init --gitea … --perform` on a real Gitea: done once, however often, and what it did works.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use naksha_tests::gitea::Gitea;
use naksha_tests::program::Printed;
use naksha_tests::{Installation, must};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Site, site};

impl Site {
    fn init(&self, more: &[&str]) -> Printed {
        let url = self.forged.api_url();
        let url = url.trim_end_matches("/api/v1");
        let (root, token) = (self.installation.root(), self.installation.root().join("forge-token"));
        let (root_text, token) = (root.display().to_string(), token.display().to_string());
        let mut arguments = vec!["init", "--gitea", url, "--repository", &self.forged.full_name];
        arguments.extend(["--secrets", &root_text, "--perform", "--token-file", &token]);
        arguments.extend(more);
        self.installation.program.run(root, &arguments)
    }

    fn hooks(&self) -> Vec<Value> {
        let hooks = must(self.forged.bot.api().get(&format!("/repos/{}/hooks", self.forged.full_name)));
        hooks.as_array().unwrap().clone()
    }
}

/// What was done with each thing, by its first word.
fn done(printed: &Printed) -> Vec<(String, String)> {
    let lines = printed.out.lines().take_while(|line| !line.is_empty());
    let words = lines.map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    });
    words.collect()
}

fn expected(words: [(&str, &str); 3]) -> Vec<(String, String)> {
    words.iter().map(|(did, what)| ((*did).to_owned(), (*what).to_owned())).collect()
}

#[test]
fn it_is_done_once_and_the_daemon_is_woken_and_merges_wait_for_naksha() {
    let Some(site) = site() else { return };
    // Free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("http://127.0.0.1:{port}");
    let first = site.init(&["--address", &address]).expect_code(0);
    assert_eq!(done(&first), expected([("found", "repository"), ("made", "webhook"), ("made", "check")]));
    let secret = site.installation.root().join("infra-webhook-secret");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&secret).unwrap();
    assert!(text.trim().len() >= 64 && !first.out.contains(text.trim()), "{}", first.out);
    assert!(!first.out.contains(&site.forged.bot.token), "{}", first.out);

    let again = site.init(&["--address", &address]).expect_code(0);
    assert_eq!(done(&again), expected([("found", "repository"), ("found", "webhook"), ("found", "check")]));
    assert_eq!(site.hooks().len(), 1);

    // What it printed is a configuration that works, and nothing waits for a poll.
    let (_, block) = first.out.split_once("The daemon's configuration:\n\n").unwrap();
    assert!(block.contains("[repository.forge]\nkind = \"gitea\""), "{block}");
    let config = &site.installation.program.config;
    let written = fs::read_to_string(config).unwrap();
    let (before, after) = written.split_once("[[repository]]").unwrap();
    let (_, after) = after.split_once("\n\n").unwrap();
    let block = block.replace("url = ", "poll = \"600s\"\nurl = ");
    let block = block.replace("[repository.forge]", "[repository.forge]\npoll = \"600s\"");
    let after = after.replace("listen = \"off\"", &format!("listen = \"127.0.0.1:{port}\""));
    fs::write(config, format!("{before}{block}\n\n{after}")).unwrap();
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);

    // What naksha does not let through is not merged.
    let head = site.change("broken", "environments/dev/environment.yaml", "units:", "unitz:");
    let number = must(site.forged.open("broken", "a slip of the pen"));
    site.await_check(&head, "naksha", "failure");
    let path = format!("/repos/{}/pulls/{number}/merge", site.forged.full_name);
    let answer = must(site.forged.writer.api().send(Method::POST, &path, Some(&json!({"Do": "merge"}))));
    assert_eq!(answer.status, 405, "{}", answer.body);
}

#[test]
fn what_is_there_otherwise_is_made_to_fit() {
    let Some(site) = site() else { return };
    let url = "https://naksha.example/webhooks/infra";
    let hooks = format!("/repos/{}/hooks", site.forged.full_name);
    let config = json!({"url": url, "content_type": "json", "secret": "another"});
    let body = json!({"type": "gitea", "active": true, "events": ["push"], "config": config});
    must(site.forged.bot.api().create(&hooks, &body));
    let rule = json!({"rule_name": "main", "enable_push": false, "enable_status_check": true,
        "status_check_contexts": ["ci/test"], "required_approvals": 2});
    let rules = format!("/repos/{}/branch_protections", site.forged.full_name);
    must(site.forged.bot.api().create(&rules, &rule));

    // A secret that was made just now is not that of the webhook that is there.
    let old = site.hooks()[0]["id"].clone();
    let printed = site.init(&["--address", "https://naksha.example"]).expect_code(0);
    assert_eq!(
        done(&printed),
        expected([("found", "repository"), ("changed", "webhook"), ("changed", "check")])
    );
    let now = site.hooks();
    assert!(now.len() == 1 && now[0]["id"] != old, "{now:?}");
    let rule = must(site.forged.bot.api().get(&format!("{rules}/main")));
    assert_eq!(rule["status_check_contexts"], json!(["ci/test", "naksha"]));
    assert_eq!((&rule["required_approvals"], &rule["enable_push"]), (&json!(2), &json!(false)));

    // One that somebody switched off is switched on again.
    let path = format!("{hooks}/{}", now[0]["id"]);
    let off = json!({"active": false, "events": ["push"]});
    must(site.forged.bot.api().send(Method::PATCH, &path, Some(&off)));
    let printed = site.init(&["--address", "https://naksha.example/"]).expect_code(0);
    assert_eq!(done(&printed)[1].0, "changed", "{}", printed.out);
    let now = site.hooks();
    assert!(now.len() == 1 && now[0]["active"] == true, "{now:?}");
    assert!(now[0]["events"].as_array().unwrap().contains(&json!("issue_comment")), "{now:?}");
}

#[test]
fn what_cannot_be_done_is_told_and_the_rest_is_tried() {
    let Some(site) = site() else { return };
    let printed = site.init(&[]).expect_code(0);
    assert_eq!(done(&printed), expected([("found", "repository"), ("left", "webhook"), ("made", "check")]));
    assert!(printed.out.contains("--address https://…"), "{}", printed.out);

    // Who only writes makes neither.
    let token = site.installation.root().join("forge-token");
    fs::write(&token, &site.forged.writer.token).unwrap();
    let printed = site.init(&["--address", "https://naksha.example"]).expect_code(2);
    assert_eq!(done(&printed)[1], ("failed".to_owned(), "webhook".to_owned()), "{}", printed.out);
    assert!(printed.err.contains("error[NK1102]"), "{}", printed.err);
    assert!(!site.installation.root().join("infra-webhook-secret").exists(), "a secret that nobody has");

    fs::write(&token, "nonsense").unwrap();
    let printed = site.init(&["--address", "https://naksha.example", "--format", "json"]).expect_code(2);
    assert_eq!(printed.json()["performed"][0]["done"], "failed", "{}", printed.out);
    assert!(!printed.err.contains("nonsense"), "{}", printed.err);
}

#[test]
fn an_empty_repository_is_set_up_once_too() {
    let Some(gitea) = Gitea::shared() else { return };
    let site = Site {
        forged: must(gitea.repository("empty")),
        installation: Installation::new(env!("CARGO_BIN_EXE_naksha-under-test")),
    };
    must(site.forged.token_file(site.installation.root()));
    let address = ["--address", "http://127.0.0.1:1"];
    let first = site.init(&address).expect_code(0);
    assert_eq!(done(&first), expected([("found", "repository"), ("made", "webhook"), ("made", "check")]));
    let again = site.init(&address).expect_code(0);
    assert_eq!(done(&again), expected([("found", "repository"), ("found", "webhook"), ("found", "check")]));
}
