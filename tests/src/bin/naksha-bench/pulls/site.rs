//! An installation whose repository is on a forge, and what people do there.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use naksha_tests::github::AppKey;
use naksha_tests::{Installation, gitea, github};
use reqwest::Method;
use ring::hmac;
use serde_json::Value;

use super::relay::Relay;
use crate::commit::Daemon;

const SECRET: &str = "nobody-knows";
/// Longest wait for one effect. A hundred edits of comments, at the pace that GitHub asks for, take a minute and a half.
const PATIENCE: Duration = Duration::from_mins(5);
/// The check that sums up all others.
const AGGREGATE: &str = "naksha";
/// What it says before anything else.
const PLANNING: &str = "planning";

/// A repository on a forge.
pub(crate) enum Host {
    Gitea(Box<gitea::Forged>),
    GitHub(Box<github::Forged>),
}

/// How a head is reported on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    InProgress,
    Finished,
}

impl Host {
    /// Nothing where the program is not there.
    pub(crate) fn gitea() -> anyhow::Result<Option<Self>> {
        let Some(gitea) = gitea::Gitea::shared() else { return Ok(None) };
        Ok(Some(Self::Gitea(Box::new(gitea.repository("infra")?))))
    }

    /// Nothing where GitHub's description is not there.
    pub(crate) fn github() -> Option<Self> {
        Some(Self::GitHub(Box::new(github::Forged::start("infra")?)))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Gitea(_) => "Gitea",
            Self::GitHub(_) => "GitHub (the tests' own)",
        }
    }

    fn clone_url(&self) -> String {
        match self {
            Self::Gitea(forged) => forged.clone_url(),
            Self::GitHub(forged) => forged.clone_url(),
        }
    }

    /// What stands below `forge` in the configuration, and what fetches beside it.
    fn configuration(&self, installation: &Installation) -> anyhow::Result<(String, String)> {
        let root = installation.root();
        Ok(match self {
            Self::Gitea(forged) => {
                let token = format!("token_file = \"{}\"", forged.token_file(root)?.display());
                let (api, name) = (forged.api_url(), &forged.full_name);
                let forge = format!("kind = \"gitea\", api = \"{api}\", repository = \"{name}\", {token}");
                (forge, format!("credentials = {{{token}}}\n"))
            }
            Self::GitHub(forged) => {
                let key = forged.key_file(root, AppKey::First)?;
                let (api, name, id) = (forged.github.url(), &forged.full_name, forged.github.app_ids().1);
                let app = format!("app = {{id = \"{id}\", key_file = \"{}\"}}", key.display());
                let forge = format!("kind = \"github\", api = \"{api}\", repository = \"{name}\", {app}");
                (forge, String::new())
            }
        })
    }

    fn hook(&self, url: &str) -> anyhow::Result<()> {
        match self {
            Self::Gitea(forged) => forged.hook(url, SECRET),
            Self::GitHub(forged) => {
                forged.github.hook(url, SECRET);
                Ok(())
            }
        }
    }

    fn push(&self, installation: &Installation, branch: &str) -> anyhow::Result<()> {
        let folder = installation.repository.folder();
        match self {
            Self::Gitea(forged) => forged.push(folder, branch, &forged.writer),
            Self::GitHub(forged) => forged.push(folder, branch, &forged.writer),
        }
    }

    fn branch(&self, installation: &Installation, name: &str) -> anyhow::Result<()> {
        let folder = installation.repository.folder();
        match self {
            Self::Gitea(forged) => forged.branch(folder, name, "main"),
            Self::GitHub(forged) => forged.branch(folder, name, "main"),
        }
    }

    pub(crate) fn open(&self, branch: &str) -> anyhow::Result<u64> {
        match self {
            Self::Gitea(forged) => forged.open(branch, branch),
            Self::GitHub(forged) => forged.open(branch, branch),
        }
    }

    /// Asks a Gitea as anybody would; the other one is looked into, so that looking takes nothing of its time.
    pub(crate) fn said(&self, head: &str) -> anyhow::Result<Said> {
        let is_open = match self {
            Self::Gitea(forged) => {
                let statuses = forged.statuses(head)?;
                let found = statuses.iter().rfind(|(name, ..)| name == AGGREGATE);
                // What waits for a person is pending there, too.
                found.map(|(_, state, words)| state == "pending" && words == PLANNING)
            }
            Self::GitHub(forged) => {
                let runs = forged.github.check_runs(head);
                let found = runs.iter().rfind(|run| run["name"] == AGGREGATE);
                found.map(|run| run["conclusion"].is_null())
            }
        };
        Ok(match is_open {
            None => Said::Nothing,
            Some(true) => Said::InProgress,
            Some(false) => Said::Finished,
        })
    }

    /// Whether one comment speaks of this head.
    pub(crate) fn is_commented(&self, number: u64, head: &str) -> anyhow::Result<bool> {
        let comments = match self {
            Self::Gitea(forged) => forged.comments(number)?,
            Self::GitHub(forged) => forged.comments(number)?,
        };
        Ok(comments.iter().any(|(_, text)| text.contains(&head[..10])))
    }
}

/// An installation with its forge.
pub(crate) struct Site {
    pub(crate) host: Host,
    pub(crate) installation: Installation,
    /// Where webhooks go in the end.
    hook: String,
    pub(crate) relay: Relay,
}

impl Site {
    /// Pushes what is committed, and lets the daemon be woken by the forge alone.
    pub(crate) fn new(host: Host, installation: Installation) -> anyhow::Result<Self> {
        host.push(&installation, "main")?;
        let secret = installation.root().join("webhook-secret");
        fs::write(&secret, SECRET)?;
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let hook = format!("http://127.0.0.1:{port}/webhooks/infra");
        let (forge, credentials) = host.configuration(&installation)?;
        let text = fs::read_to_string(&installation.program.config)?;
        let local = format!("url = \"{}\"", installation.repository.folder().display());
        let remote = format!(
            "url = \"{}\"\npoll = \"600s\"\n{credentials}forge = {{{forge}, poll = \"600s\", webhook_secret_file = \"{}\"}}",
            host.clone_url(),
            secret.display(),
        );
        ensure!(text.contains(&local) && text.contains("listen = \"off\""), "another configuration: {text}");
        let text = text.replace(&local, &remote);
        let text = text.replace("listen = \"off\"", &format!("listen = \"127.0.0.1:{port}\""));
        fs::write(&installation.program.config, text)?;
        let relay = Relay::start(&hook)?;
        Ok(Self { host, installation, hook, relay })
    }

    /// Starts the daemon, says yes to what no pull request brought, and lets webhooks in.
    pub(crate) fn begin(&self, environments: &[&str]) -> anyhow::Result<Daemon> {
        let daemon = Daemon::start(&self.installation)?;
        let (started, mut last) = (Instant::now(), None);
        let mut open = environments.to_vec();
        while let Some(environment) = open.last() {
            let status = daemon.status(environment).unwrap_or(Value::Null);
            let (state, plan) = (status["state"].as_str().unwrap_or_default(), status["plan"].as_str());
            match (state, plan) {
                ("synced", _) => drop(open.pop()),
                ("held" | "waiting", Some(plan)) if last.as_deref() != Some(plan) => {
                    let arguments = ["ack", plan, "--reason", "it is the first"];
                    self.installation.program.run(self.installation.root(), &arguments).expect_code(0);
                    last = Some(plan.to_owned());
                }
                _ if started.elapsed() > PATIENCE => {
                    bail!("{environment} was not synced: {status}\n{}", daemon.process.log())
                }
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        self.host.hook(self.relay.url())?;
        Ok(daemon)
    }

    /// A branch with one file changed on top of `main`, in the working copy; its head.
    pub(crate) fn change(&self, branch: &str, change: impl FnOnce(&Installation)) -> anyhow::Result<String> {
        self.host.branch(&self.installation, branch)?;
        change(&self.installation);
        Ok(self.installation.repository.commit(branch))
    }

    pub(crate) fn push(&self, branch: &str) -> anyhow::Result<()> {
        self.host.push(&self.installation, branch)
    }

    /// Waits until a head is reported on, and the comment is there.
    pub(crate) fn await_report(&self, daemon: &Daemon, number: u64, head: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.host.said(head)? != Said::Finished {
            ensure!(started.elapsed() < PATIENCE, "{head} was not reported on: {}", daemon.process.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        ensure!(self.host.is_commented(number, head)?, "the report of {head} is finished without a comment");
        Ok(())
    }

    /// A webhook that says nothing.
    pub(crate) fn stir(&self) -> anyhow::Result<()> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature: String =
            hmac::sign(&key, b"{}").as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.request(Method::POST, &self.hook).body("{}");
        let request = request.header("x-hub-signature-256", format!("sha256={signature}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { request.send().await?.error_for_status() }).context("a webhook").map(drop)
    }
}

/// What the machine does beside this, for the notes.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load average {}", text.split(' ').next().unwrap_or("unknown"))
}
