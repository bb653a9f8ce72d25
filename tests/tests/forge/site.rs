//! An installation whose repository is on a real Gitea, and what people do there.

use std::fs;

use naksha_tests::gitea::{Forged, Gitea};
use naksha_tests::program::Printed;
use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{DaemonProcess, Installation, Repository, await_true, must};
use serde_json::Value;

pub(crate) const ENVIRONMENT: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: dev}
spec:
  target: {directory: out}
  variables: {replicas: 2}
  units: [web]
";
pub(crate) const WEB_TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {replicas: \"{{ variables.replicas }}\", hand: \"`@everybody` <b>\"}
";
pub(crate) const MARKER: &str = "<!-- naksha: report -->";

/// An installation whose repository is on a forge.
pub(crate) struct Site {
    pub(crate) forged: Forged,
    pub(crate) installation: Installation,
}

pub(crate) fn site() -> Option<Site> {
    site_with(&[])
}

/// With more files than the one environment and its unit.
pub(crate) fn site_with(files: &[(&str, &str)]) -> Option<Site> {
    let forged = must(Gitea::shared()?.repository("infra"));
    let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    let repository = &installation.repository;
    repository
        .write("naksha.yaml", REPOSITORY)
        .write("environments/dev/environment.yaml", ENVIRONMENT)
        .write("units/web/unit.yaml", WEB)
        .write("units/web/web.yaml.tera", WEB_TEMPLATE);
    for (path, text) in files {
        repository.write(path, text);
    }
    repository.commit("begin");
    let site = Site { forged, installation };
    must(site.forged.push(site.installation.repository.folder(), "main", &site.forged.writer));
    site.configure();
    Some(site)
}

/// With one more unit, `extra`, that is like the other one.
pub(crate) fn site_of_two() -> Option<Site> {
    let two = ENVIRONMENT.replace("units: [web]", "units: [web, extra]");
    let unit = WEB.replace("name: web", "name: extra").replace("web.yaml.tera", "extra.yaml.tera");
    let template = WEB_TEMPLATE.replace("name: web", "name: extra");
    site_with(&[
        ("environments/dev/environment.yaml", &two),
        ("units/extra/unit.yaml", &unit),
        ("units/extra/extra.yaml.tera", &template),
    ])
}

impl Site {
    pub(crate) fn configure(&self) {
        let token = must(self.forged.token_file(self.installation.root()));
        let config = &self.installation.program.config;
        let text = fs::read_to_string(config).unwrap();
        let local = format!("url = \"{}\"", self.installation.repository.folder().display());
        let remote = format!(
            "url = \"{}\"\npoll = \"1s\"\ncredentials = {{token_file = \"{token}\"}}\nforge = {{kind = \"gitea\", api = \"{}\", \
             repository = \"{}\", token_file = \"{token}\", poll = \"1s\"}}",
            self.forged.clone_url(),
            self.forged.api_url(),
            self.forged.full_name,
            token = token.display(),
        );
        assert!(text.contains(&local), "{text}");
        fs::write(config, text.replace(&local, &remote)).unwrap();
    }

    /// Starts the daemon, and has it apply what no pull request brought.
    pub(crate) fn begin(&self) -> DaemonProcess {
        let daemon = self.installation.start();
        let held = daemon.await_state("dev", "held");
        assert!(held["why"].to_string().contains("no pull request showed this: create"), "{held}");
        self.acknowledge(&held);
        daemon.await_state("dev", "synced");
        daemon
    }

    pub(crate) fn acknowledge(&self, held: &Value) {
        let plan = held["plan"].as_str().expect("should have a plan");
        let ack = ["ack", plan, "--reason", "it is the first"];
        self.run(&ack);
    }

    /// A command that must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Printed {
        self.installation.program.run(self.installation.root(), arguments).expect_code(0)
    }

    /// Lets `owners` of the trunk say this, before there is a daemon.
    pub(crate) fn owned(&self, owners: &str) {
        let repository = &self.installation.repository;
        let owners = format!("trunk: main\n  owners: {owners}");
        repository.edit("naksha.yaml", "trunk: main", &owners).commit("owners");
        must(self.forged.push(repository.folder(), "main", &self.forged.writer));
    }

    /// A pull request that sets the replicas, once it is reported on: its number.
    pub(crate) fn propose(&self, daemon: &DaemonProcess, from: u32, to: u32) -> u64 {
        let (file, branch) = ("environments/dev/environment.yaml", format!("replicas-{to}"));
        let head = self.change(&branch, file, &format!("replicas: {from}"), &format!("replicas: {to}"));
        let number = must(self.forged.open(&branch, "other replicas"));
        self.await_comment(daemon, number, &head);
        self.await_check(&head, "naksha", "success");
        number
    }

    /// The new head of the trunk.
    pub(crate) fn merge(&self, number: u64, how: &str) -> String {
        must(self.forged.merge(number, how));
        must(self.forged.pull(self.installation.repository.folder(), "main"))
    }

    /// A branch with one change on top of `main`, pushed; its head.
    pub(crate) fn change(&self, branch: &str, path: &str, from: &str, to: &str) -> String {
        self.change_on("main", branch, path, from, to)
    }

    /// The same, on top of another branch.
    pub(crate) fn change_on(&self, base: &str, branch: &str, path: &str, from: &str, to: &str) -> String {
        self.change_by(base, branch, |repository| {
            repository.edit(path, from, to);
        })
    }

    /// The same, with whatever somebody writes.
    pub(crate) fn change_by(&self, base: &str, branch: &str, write: impl FnOnce(&Repository)) -> String {
        let (repository, forged) = (&self.installation.repository, &self.forged);
        must(forged.pull(repository.folder(), base));
        must(forged.branch(repository.folder(), branch, base));
        write(repository);
        let head = repository.commit("a change");
        must(forged.push(repository.folder(), &format!("+{branch}"), &forged.writer));
        head
    }

    /// What the bot says on a pull request, once one of it fits.
    pub(crate) fn await_said(&self, number: u64, what: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let mut said = Vec::new();
        await_true(what, || {
            let comments = must(self.forged.comments(number)).into_iter();
            said = comments
                .filter(|(author, _)| *author == self.forged.bot.login)
                .map(|(_, text)| text)
                .collect();
            said.iter().any(|text| fits(text))
        });
        said
    }

    /// The one comment of the bot, once it speaks of this head.
    pub(crate) fn await_comment(&self, daemon: &DaemonProcess, number: u64, head: &str) -> String {
        let mut found = Vec::new();
        await_true(&format!("a comment on {head}: {}", daemon.log()), || {
            let comments = must(self.forged.comments(number)).into_iter();
            found = comments
                .filter(|(author, _)| *author == self.forged.bot.login)
                .map(|(_, text)| text)
                .collect();
            found.iter().any(|text| text.contains(&head[..10]))
        });
        assert_eq!(found.len(), 1, "one comment, edited in place: {found:#?}");
        assert!(found[0].starts_with(MARKER), "{}", found[0]);
        found.remove(0)
    }

    pub(crate) fn await_check(&self, head: &str, name: &str, state: &str) -> String {
        let mut statuses = Vec::new();
        let found = naksha::scratch::wait_for("it", || {
            statuses = self.forged.statuses(head)?;
            let found = statuses.iter().find(|(known, now, _)| known == name && now == state);
            Ok(found.map(|(_, _, words)| words.clone()))
        });
        let log = || std::fs::read_to_string(self.installation.root().join("daemon.log")).unwrap_or_default();
        found.unwrap_or_else(|_| panic!("{name} of {head} is never {state}: {statuses:#?}\n{}", log()))
    }

    /// Waits until a check says just this.
    pub(crate) fn await_words(&self, head: &str, name: &str, words: &str) {
        await_true(&format!("{name} of {head} to say: {words}"), || {
            must(self.forged.statuses(head)).iter().any(|(known, _, told)| known == name && told == words)
        });
    }
}
