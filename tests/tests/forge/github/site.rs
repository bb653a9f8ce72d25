//! An installation whose repository is on GitHub, as an App: it has no other credential than the App's key.

use std::fs;
use std::net::TcpListener;

use naksha_tests::github::{AppKey, Forged};
use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{DaemonProcess, Installation, await_true, must};
use serde_json::Value;

use crate::site::{ENVIRONMENT, MARKER, WEB_TEMPLATE};

pub(super) const FILE: &str = "environments/dev/environment.yaml";
const SECRET: &str = "nobody-knows";

pub(super) struct Site {
    pub(super) forged: Forged,
    pub(super) installation: Installation,
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
            .write("units/web/web.yaml.tera", WEB_TEMPLATE);
        for (path, text) in files {
            repository.write(path, text);
        }
        repository.commit("begin");
        let site = Self { forged, installation };
        must(site.forged.push(site.installation.repository.folder(), "main", &site.forged.writer));
        site.configure();
        // Fast tests say a lot within a minute.
        site.forged.github.limit_content(None);
        Some(site)
    }

    /// As the App, and told by webhooks: what it looks for by itself is minutes away.
    fn configure(&self) {
        let root = self.installation.root();
        let key = must(self.forged.key_file(root, AppKey::First));
        let secret = root.join("webhook-secret");
        fs::write(&secret, SECRET).unwrap();
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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
        let held = daemon.await_state("dev", "held");
        let plan = held["plan"].as_str().expect("should have a plan");
        let ack = ["ack", plan, "--reason", "it is the first"];
        self.installation.program.run(self.installation.root(), &ack).expect_code(0);
        daemon.await_state("dev", "synced");
        daemon
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
