//! A repository on the fake, with the people around it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::app::AppKey;
use super::caller::Role;
use super::server::GitHub;
use crate::api::Api;
use crate::checkout::{self, git};
use crate::person::Person;

/// A repository of an organisation, who works there, and two ways for the daemon to be there.
#[derive(Debug)]
pub struct Forged {
    pub github: GitHub,
    /// `owner/name`
    pub full_name: String,
    pub owner: String,
    /// Whom the daemon is there when it has a token.
    pub bot: Person,
    pub admin: Person,
    pub writer: Person,
    pub reader: Person,
    /// Has a fork, and nothing else.
    pub stranger: Person,
}

impl Forged {
    /// Nothing where GitHub's description is not there: the test is skipped and says so.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(name: &str) -> Option<Self> {
        let github = GitHub::start("shop", name)?;
        let person = |login: &str, role| {
            let token = github.add_person(login, role);
            let api = crate::must(Api::plain(github.url(), &token));
            Person::new(login, &token, api)
        };
        Some(Self {
            full_name: format!("shop/{name}"),
            owner: "shop".to_owned(),
            bot: person("naksha-bot", Role::Write),
            admin: person("ada", Role::Admin),
            writer: person("wanda", Role::Write),
            reader: person("rita", Role::Read),
            stranger: person("sam", Role::Read),
            github,
        })
    }

    /// Where to clone it: without credentials.
    pub fn clone_url(&self) -> String {
        format!("{}/{}.git", self.github.url(), self.full_name)
    }

    fn path(&self, tail: &str) -> String {
        format!("/repos/{}{tail}", self.full_name)
    }

    /// Pushes a branch of a working copy as this person; `+` before it forces.
    pub fn push(&self, folder: &Path, branch: &str, person: &Person) -> anyhow::Result<()> {
        let url = checkout::url_as(&self.clone_url(), person);
        git(folder, &["push", "--quiet", &url, branch]).map(drop)
    }

    /// Pushes it to the stranger's fork, which is made from the repository as it is when it is not there yet.
    pub fn push_to_fork(&self, folder: &Path, branch: &str) -> anyhow::Result<()> {
        let login = &self.stranger.login;
        if !self.github.has_fork(login) {
            self.github.add_fork(login)?;
        }
        let name = self.full_name.split('/').nth(1).unwrap_or_default();
        let url = format!("{}/{login}/{name}.git", self.github.url());
        git(folder, &["push", "--quiet", &checkout::url_as(&url, &self.stranger), branch]).map(drop)
    }

    /// Brings a branch of the forge into a working copy, and checks it out; its head.
    pub fn pull(&self, folder: &Path, branch: &str) -> anyhow::Result<String> {
        checkout::bring(folder, &checkout::url_as(&self.clone_url(), &self.writer), branch)
    }

    /// Begins a branch where another one is.
    pub fn branch(&self, folder: &Path, name: &str, from: &str) -> anyhow::Result<()> {
        checkout::begin(folder, name, from)
    }

    /// Opens a pull request as the writer, `owner:branch` from a fork as the stranger; its number.
    pub fn open(&self, branch: &str, title: &str) -> anyhow::Result<u64> {
        let who = if branch.contains(':') { &self.stranger } else { &self.writer };
        let body = json!({"title": title, "head": branch, "base": "main"});
        let made = who.api().create(&self.path("/pulls"), &body)?;
        made["number"].as_u64().context("a pull request has a number")
    }

    pub fn pull_request(&self, number: u64) -> anyhow::Result<Value> {
        self.writer.api().get(&self.path(&format!("/pulls/{number}")))
    }

    /// Those that are open: number, branch and title, by number.
    pub fn open_pulls(&self) -> anyhow::Result<Vec<(u64, String, String)>> {
        let pulls = self.writer.api().get(&self.path("/pulls?state=open&direction=asc&per_page=100"))?;
        let pulls = pulls.as_array().into_iter().flatten();
        let pull = |pull: &Value| {
            (pull["number"].as_u64().unwrap_or_default(), text(&pull["head"]["ref"]), text(&pull["title"]))
        };
        Ok(pulls.map(pull).collect())
    }

    /// Merges as the writer: `merge`, `squash`, `rebase`.
    pub fn merge(&self, number: u64, how: &str) -> anyhow::Result<()> {
        let path = self.path(&format!("/pulls/{number}/merge"));
        // After something else was merged GitHub wants to be asked again.
        naksha::scratch::wait_for("the forge to merge", || {
            let body = json!({"merge_method": how});
            let answer = self.writer.api().send(Method::PUT, &path, Some(&body))?;
            Ok((answer.status == 200).then_some(()))
        })
    }

    pub fn close(&self, number: u64) -> anyhow::Result<()> {
        let path = self.path(&format!("/pulls/{number}"));
        expect(&self.writer, Method::PATCH, &path, &json!({"state": "closed"})).map(drop)
    }

    /// Comments of a pull request: author and text.
    pub fn comments(&self, number: u64) -> anyhow::Result<Vec<(String, String)>> {
        let path = self.path(&format!("/issues/{number}/comments?per_page=100"));
        let comments = self.writer.api().get(&path)?;
        let comments = comments.as_array().into_iter().flatten();
        Ok(comments.map(|comment| (text(&comment["user"]["login"]), text(&comment["body"]))).collect())
    }

    /// The writer approves of a pull request.
    pub fn approve(&self, number: u64) -> anyhow::Result<()> {
        self.approve_as(&self.writer, number)
    }

    pub fn approve_as(&self, person: &Person, number: u64) -> anyhow::Result<()> {
        let path = self.path(&format!("/pulls/{number}/reviews"));
        person.api().create(&path, &json!({"event": "APPROVE"})).map(drop)
    }

    pub fn say(&self, person: &Person, number: u64, words: &str) -> anyhow::Result<u64> {
        let path = self.path(&format!("/issues/{number}/comments"));
        let made = person.api().create(&path, &json!({"body": words}))?;
        made["id"].as_u64().context("a comment has a number")
    }

    /// The writer changes what he said. Times are whole seconds: an edit within the same one could not be seen.
    pub fn say_otherwise(&self, comment: u64, words: &str) -> anyhow::Result<()> {
        self.github.advance(SignedDuration::from_secs(1));
        let path = self.path(&format!("/issues/comments/{comment}"));
        expect(&self.writer, Method::PATCH, &path, &json!({"body": words})).map(drop)
    }

    /// The writer sets a status: anybody who may write can.
    pub fn set_status(&self, commit: &str, name: &str, state: &str) -> anyhow::Result<()> {
        let body = json!({"context": name, "state": state, "description": "fine"});
        self.writer.api().create(&self.path(&format!("/statuses/{commit}")), &body).map(drop)
    }

    /// What counts on a commit: name, state and words, by name. A check's state is its conclusion, or `pending`.
    pub fn statuses(&self, commit: &str) -> anyhow::Result<Vec<(String, String, String)>> {
        let combined =
            self.reader.api().get(&self.path(&format!("/commits/{commit}/status?per_page=100")))?;
        let statuses = combined["statuses"].as_array().into_iter().flatten();
        let statuses = statuses
            .map(|status| (text(&status["context"]), text(&status["state"]), text(&status["description"])));
        let checks =
            self.reader.api().get(&self.path(&format!("/commits/{commit}/check-runs?per_page=100")))?;
        let checks = checks["check_runs"].as_array().into_iter().flatten().map(|check| {
            let state = check["conclusion"].as_str().unwrap_or("pending").to_owned();
            (text(&check["name"]), state, text(&check["output"]["title"]))
        });
        let mut all: Vec<_> = statuses.chain(checks).collect();
        all.sort();
        Ok(all)
    }

    /// The token of the bot in a file, as the daemon's configuration names it.
    pub fn token_file(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let file = folder.join("forge-token");
        std::fs::write(&file, &self.bot.token)?;
        Ok(file)
    }

    /// The key of the App in a file.
    pub fn key_file(&self, folder: &Path, key: AppKey) -> anyhow::Result<PathBuf> {
        let file = folder.join("app-key.pem");
        std::fs::write(&file, key.pem())?;
        Ok(file)
    }
}

fn expect(person: &Person, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
    let what = format!("{method} {path}");
    let answer = person.api().send(method, path, Some(body))?;
    ensure!(answer.status < 300, "{what}: {}: {}", answer.status, answer.body["message"]);
    Ok(answer.body)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
