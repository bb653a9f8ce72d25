//! An installation whose repository is on GitHub, as an App: it has no other credential than the App's key.

use std::fs;
use std::net::TcpListener;

use naksha_tests::github::{AppKey, Asked, Forged};
use naksha_tests::program::Printed;
use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{DaemonProcess, Installation, await_true, must};
use serde_json::Value;

use crate::site::{ENVIRONMENT, MARKER, WEB_TEMPLATE};

pub(super) const FILE: &str = "environments/dev/environment.yaml";
pub(super) const TEMPLATE: &str = "units/web/web.yaml.tera";
/// Checks that are there when everything is said of a head, where there is one environment.
pub(super) const CHECKS: usize = 8;
/// What webhooks are signed with.
pub(super) const SECRET: &str = "nobody-knows";
pub(super) const STAGING: &str = "environments/staging/environment.yaml";

pub(super) struct Site {
    pub(super) forged: Forged,
    pub(super) installation: Installation,
    /// Where the daemon listens.
    pub(super) port: u16,
}

/// An environment that dev is promoted to.
pub(super) fn staging(gates: &str) -> String {
    format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {{name: staging}}\nspec:\n  promotesFrom: [dev]\n  \
         gates: {gates}\n  target: {{directory: out}}\n  variables: {{replicas: 3}}\n  units: [web]\n"
    )
}

impl Site {
    /// With more files than the one environment and its unit.
    pub(super) fn with(files: &[(&str, &str)]) -> Option<Self> {
        let forged = Forged::start("infra")?;
        let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
        let repository = &installation.repository;
        repository
            .write("naksha.yaml", REPOSITORY)
            .write(FILE, ENVIRONMENT)
            .write("units/web/unit.yaml", WEB)
            .write(TEMPLATE, WEB_TEMPLATE);
        for (path, text) in files {
            repository.write(path, text);
        }
        repository.commit("begin");
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let site = Self { forged, installation, port };
        must(site.forged.push(site.installation.repository.folder(), "main", &site.forged.writer));
        site.configure();
        // Fast tests say a lot within a minute.
        site.forged.github.limit_content(None);
        Some(site)
    }

    /// As the App, and told by webhooks: what it looks for by itself is minutes away.
    fn configure(&self) {
        let (root, port) = (self.installation.root(), self.port);
        let key = must(self.forged.key_file(root, AppKey::First));
        let secret = root.join("webhook-secret");
        fs::write(&secret, SECRET).unwrap();
        self.forged.github.hook(&format!("http://127.0.0.1:{port}/webhooks/infra"), SECRET);
        let config = &self.installation.program.config;
        let text = fs::read_to_string(config).unwrap();
        let local = format!("url = \"{}\"", self.installation.repository.folder().display());
        let remote = format!(
            "url = \"{}\"\npoll = \"600s\"\nforge = {{kind = \"github\", api = \"{}\", repository = \"{}\", \
             app = {{id = \"{}\", key_file = \"{}\"}}, poll = \"600s\", webhook_secret_file = \"{}\"}}",
            self.forged.clone_url(),
            self.forged.github.url(),
            self.forged.full_name,
            self.forged.github.app_ids().1,
            key.display(),
            secret.display(),
        );
        assert!(text.contains(&local) && text.contains("listen = \"off\""), "{text}");
        let text = text.replace(&local, &remote);
        fs::write(config, text.replace("listen = \"off\"", &format!("listen = \"127.0.0.1:{port}\"")))
            .unwrap();
    }

    /// Starts the daemon, and has it apply what no pull request brought.
    pub(super) fn begin(&self) -> DaemonProcess {
        let daemon = self.installation.start();
        self.acknowledge(&daemon.await_state("dev", "held"));
        daemon.await_state("dev", "synced");
        daemon
    }

    /// Lets us ask as often as it takes: what waits for minutes asks more than an hour allows.
    pub(super) fn ask_often(&self) {
        self.forged.github.limit_requests(1_000_000);
    }

    /// Says yes to what a status tells of.
    pub(super) fn acknowledge(&self, status: &Value) {
        let plan = status["plan"].as_str().expect("should have a plan");
        self.run(&["ack", plan, "--reason", "it is fine"]);
    }

    /// Runs a command, which has to succeed.
    pub(super) fn run(&self, arguments: &[&str]) -> Printed {
        self.installation.program.run(self.installation.root(), arguments).expect_code(0)
    }

    /// A branch with one change on top of `main`, in the working copy; its head.
    pub(super) fn change_here(&self, branch: &str, path: &str, from: &str, to: &str) -> String {
        let repository = &self.installation.repository;
        must(self.forged.pull(repository.folder(), "main"));
        must(self.forged.branch(repository.folder(), branch, "main"));
        repository.edit(path, from, to).commit("a change")
    }

    /// The same, pushed.
    pub(super) fn change(&self, branch: &str, path: &str, from: &str, to: &str) -> String {
        let head = self.change_here(branch, path, from, to);
        let folder = self.installation.repository.folder();
        must(self.forged.push(folder, &format!("+{branch}"), &self.forged.writer));
        head
    }

    /// A pull request with one change: its number and its head.
    pub(super) fn open(&self, branch: &str, path: &str, from: &str, to: &str) -> (u64, String) {
        let head = self.change(branch, path, from, to);
        (must(self.forged.open(branch, branch)), head)
    }

    /// A pull request with one change of the environment, once it is reported on: its number.
    pub(super) fn propose(&self, branch: &str, from: &str, to: &str) -> u64 {
        let (number, head) = self.open(branch, FILE, from, to);
        self.await_check(&head, "naksha", "success");
        number
    }

    /// The new head of the trunk.
    pub(super) fn merge(&self, number: u64, how: &str) -> String {
        must(self.forged.merge(number, how));
        must(self.forged.pull(self.installation.repository.folder(), "main"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.installation.root().join("daemon.log")).unwrap_or_default()
    }

    /// What the App says on a pull request, once one of it fits.
    pub(super) fn await_said(&self, number: u64, what: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let (mut said, us) = (Vec::new(), self.forged.github.app_login());
        await_true(&format!("{what}: {}", self.log()), || {
            let comments = must(self.forged.comments(number)).into_iter();
            said = comments.filter(|(author, _)| *author == us).map(|(_, text)| text).collect();
            said.iter().any(|text| fits(text))
        });
        said
    }

    /// The one comment of the App, once it speaks of this head.
    pub(super) fn await_comment(&self, number: u64, head: &str) -> String {
        let mut said =
            self.await_said(number, &format!("a comment on {head}"), |text| text.contains(&head[..10]));
        assert_eq!(said.len(), 1, "one comment, edited in place: {said:#?}");
        assert!(said[0].starts_with(MARKER), "{}", said[0]);
        said.remove(0)
    }

    /// A check's words, once it is this.
    pub(super) fn await_check(&self, head: &str, name: &str, conclusion: &str) -> String {
        let mut all = Vec::new();
        let found = naksha::scratch::wait_for("it", || {
            all = must(self.forged.statuses(head));
            let found = all.iter().find(|(known, now, _)| known == name && now == conclusion);
            Ok(found.map(|(_, _, words)| words.clone()))
        });
        found.unwrap_or_else(|_| panic!("{name} of {head} is never {conclusion}: {all:#?}\n{}", self.log()))
    }

    /// Everything that is said on a head of one environment, once all of it is fine.
    pub(super) fn await_whole(&self, head: &str) {
        self.await_check(head, "naksha", "success");
        let all = must(self.forged.statuses(head));
        let is_fine = all.iter().all(|(_, state, _)| state == "success");
        assert!(is_fine && all.len() == CHECKS, "{all:#?}");
    }

    /// Lines of the log with these words about a pull request.
    pub(super) fn told(&self, words: &str, number: u64) -> usize {
        let name = format!("pull=#{number}");
        let log = self.log();
        let about = log.lines().filter(|line| line.split_whitespace().any(|word| word == name));
        about.filter(|line| line.contains(words)).count()
    }

    /// What the App has written so far.
    pub(super) fn writes(&self) -> Vec<Asked> {
        self.forged.github.writes_of(&self.forged.github.app_login())
    }

    /// What happened in an environment, by its reason: how often.
    pub(super) fn happened(&self, environment: &str, reason: &str) -> usize {
        let told = self.run(&["events", environment, "--format", "json"]).json();
        let events = told["events"].as_array().into_iter().flatten();
        events.filter(|event| event["reason"] == reason).count()
    }

    /// What history says of an environment and a commit.
    pub(super) fn history(&self, environment: &str, commit: &str) -> Vec<Value> {
        let told = self.run(&["history", environment, "--format", "json"]).json();
        let entries = told["entries"].as_array().into_iter().flatten();
        entries.filter(|entry| entry["revision"] == commit).cloned().collect()
    }

    /// The check runs of the App on a commit, by name; GitHub keeps those that were replaced.
    pub(super) fn runs(&self, head: &str) -> Vec<(String, Value)> {
        let runs = self.forged.github.check_runs(head).into_iter();
        let mut runs: Vec<_> = runs
            .map(|run| (run["name"].as_str().unwrap_or_default().to_owned(), run["conclusion"].clone()))
            .collect();
        runs.sort_by(|one, other| one.0.cmp(&other.0));
        runs
    }
}
