//! A repository on a Gitea, with the people around it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::Gitea;
use crate::api::Api;
use crate::checkout::{self, git};
use crate::person::Person;

/// Of everybody.
const PASSWORD: &str = "a-long-Passw0rd";

/// A repository of its own owner, a bot that may write to it, and people.
#[derive(Debug)]
pub struct Forged {
    gitea: &'static Gitea,
    /// `owner/name`
    pub full_name: String,
    pub owner: String,
    /// Whom the daemon is there. An administrator of the repository: Gitea tells nobody else what others may do there.
    pub bot: Person,
    /// Writes to the repository.
    pub writer: Person,
    /// Only reads it.
    pub reader: Person,
}

impl Gitea {
    /// An empty repository with branch `main`.
    pub fn repository(&'static self, name: &str) -> anyhow::Result<Forged> {
        let owner = self.next_name();
        self.admin().create("/orgs", &json!({"username": owner}))?;
        let body = json!({"name": name, "default_branch": "main", "private": true});
        self.admin().create(&format!("/orgs/{owner}/repos"), &body)?;
        let full_name = format!("{owner}/{name}");
        let person = |what: &str, permission: &str| {
            self.collaborator(&full_name, &format!("{what}-of-{owner}"), permission)
        };
        let (bot, writer, reader) =
            (person("bot", "admin")?, person("writer", "write")?, person("reader", "read")?);
        Ok(Forged { gitea: self, full_name, owner, bot, writer, reader })
    }

    /// Somebody new.
    pub fn person(&self, login: &str) -> anyhow::Result<Person> {
        let body = json!({"username": login, "email": format!("{login}@forge.test"), "password": PASSWORD,
            "must_change_password": false});
        self.admin().create("/admin/users", &body)?;
        let token = self.make_token(login, &["all"])?;
        Ok(Person::new(login, &token, self.api_with(&token)?))
    }

    /// Somebody new, with rights to a repository.
    fn collaborator(&self, full_name: &str, login: &str, permission: &str) -> anyhow::Result<Person> {
        let person = self.person(login)?;
        let path = format!("/repos/{full_name}/collaborators/{login}");
        self.admin().send(Method::PUT, &path, Some(&json!({"permission": permission})))?;
        Ok(person)
    }

    /// One more token of somebody.
    fn make_token(&self, login: &str, scopes: &[&str]) -> anyhow::Result<String> {
        let client = Api::with_password(&format!("{}/api/v1", self.url()), login, PASSWORD)?;
        let body = json!({"name": self.next_name(), "scopes": scopes});
        let made = client.create(&format!("/users/{login}/tokens"), &body)?;
        Ok(made["sha1"].as_str().context("a token has a text")?.to_owned())
    }
}

impl Forged {
    /// Where to clone it: without credentials.
    pub fn clone_url(&self) -> String {
        format!("{}/{}.git", self.gitea.url(), self.full_name)
    }

    pub fn api_url(&self) -> String {
        format!("{}/api/v1", self.gitea.url())
    }

    fn path(&self, tail: &str) -> String {
        format!("/repos/{}{tail}", self.full_name)
    }

    /// One more person around it: `read`, `write` or `admin`.
    pub fn newcomer(&self, what: &str, permission: &str) -> anyhow::Result<Person> {
        self.gitea.collaborator(&self.full_name, &format!("{what}-of-{}", self.owner), permission)
    }

    /// Pushes a branch of a working copy as this person; `+` before it forces. The forge knows it then.
    pub fn push(&self, folder: &Path, branch: &str, person: &Person) -> anyhow::Result<()> {
        git(folder, &["push", "--quiet", &self.url_of(person), branch])?;
        let name = branch.trim_start_matches('+');
        let head = git(folder, &["rev-parse", name])?.trim().to_owned();
        let path = self.path(&format!("/branches/{}", name.replace('/', "%2F")));
        // A branch that was just pushed is known to its API a moment later.
        naksha::scratch::wait_for("the forge to know the branch", || {
            let answer = person.api().send(Method::GET, &path, None)?;
            Ok((answer.body["commit"]["id"] == head.as_str()).then_some(()))
        })
    }

    /// Brings a branch of the forge into a working copy, and checks it out; its head.
    pub fn pull(&self, folder: &Path, branch: &str) -> anyhow::Result<String> {
        checkout::bring(folder, &self.url_of(&self.writer), branch)
    }

    /// Begins a branch where another one is.
    pub fn branch(&self, folder: &Path, name: &str, from: &str) -> anyhow::Result<()> {
        checkout::begin(folder, name, from)
    }

    /// Somebody deletes a branch of the forge.
    pub fn delete_branch(&self, name: &str) -> anyhow::Result<()> {
        let path = self.path(&format!("/branches/{}", name.replace('/', "%2F")));
        self.writer.api().send(Method::DELETE, &path, None).map(drop)
    }

    pub fn head(&self, folder: &Path) -> anyhow::Result<String> {
        checkout::head(folder)
    }

    fn url_of(&self, person: &Person) -> String {
        checkout::url_as(&self.clone_url(), person)
    }

    /// Opens a pull request as the writer; its number.
    pub fn open(&self, branch: &str, title: &str) -> anyhow::Result<u64> {
        self.open_into(&self.writer, branch, "main", title)
    }

    /// Opens one as anybody: into another branch, or from `OWNER:BRANCH`.
    pub fn open_into(&self, person: &Person, branch: &str, base: &str, title: &str) -> anyhow::Result<u64> {
        let body = json!({"title": title, "head": branch, "base": base});
        let made = person.api().create(&self.path("/pulls"), &body)?;
        made["number"].as_u64().context("a pull request has a number")
    }

    /// A person takes a copy of the repository, and pushes a branch of a working copy to it.
    pub fn push_to_fork(&self, folder: &Path, branch: &str, person: &Person) -> anyhow::Result<()> {
        let (_, name) = self.full_name.split_once('/').context("a repository has an owner")?;
        let fork = format!("{}/{name}", person.login);
        if person.api().send(Method::GET, &format!("/repos/{fork}"), None)?.status != 200 {
            person.api().create(&self.path("/forks"), &json!({}))?;
        }
        let url = self.url_of(person).replace(&self.full_name, &fork);
        git(folder, &["push", "--quiet", "--force", &url, branch]).map(drop)
    }

    pub fn pull_request(&self, number: u64) -> anyhow::Result<Value> {
        self.writer.api().get(&self.path(&format!("/pulls/{number}")))
    }

    /// Those that are open: number, branch and title, by number.
    pub fn open_pulls(&self) -> anyhow::Result<Vec<(u64, String, String)>> {
        let pulls = self.writer.api().get(&self.path("/pulls?state=open"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pulls = pulls.as_array().into_iter().flatten();
        let pull = |pull: &Value| {
            (pull["number"].as_u64().unwrap_or_default(), text(&pull["head"]["ref"]), text(&pull["title"]))
        };
        let mut pulls: Vec<_> = pulls.map(pull).collect();
        pulls.sort();
        Ok(pulls)
    }

    /// Merges as the writer: `merge`, `squash`, `rebase`.
    pub fn merge(&self, number: u64, how: &str) -> anyhow::Result<()> {
        let path = self.path(&format!("/pulls/{number}/merge"));
        // The forge looks first whether it merges, in the background.
        naksha::scratch::wait_for("the forge to merge", || {
            let answer = self.writer.api().send(Method::POST, &path, Some(&json!({"Do": how})))?;
            Ok((answer.status == 200).then_some(()))
        })
    }

    pub fn close(&self, number: u64) -> anyhow::Result<()> {
        self.amend(number, &json!({"state": "closed"}))
    }

    pub fn reopen(&self, number: u64) -> anyhow::Result<()> {
        self.amend(number, &json!({"state": "open"}))
    }

    /// From now on it is to be merged into another branch.
    pub fn retarget(&self, number: u64, base: &str) -> anyhow::Result<()> {
        self.amend(number, &json!({"base": base}))
    }

    pub fn rename(&self, number: u64, title: &str) -> anyhow::Result<()> {
        self.amend(number, &json!({"title": title}))
    }

    /// The writer changes a pull request.
    fn amend(&self, number: u64, fields: &Value) -> anyhow::Result<()> {
        let path = self.path(&format!("/pulls/{number}"));
        let answer = self.writer.api().send(Method::PATCH, &path, Some(fields))?;
        ensure!((200..300).contains(&answer.status), "{path}: {}: {}", answer.status, answer.body["message"]);
        Ok(())
    }

    /// Comments of a pull request: author and text.
    pub fn comments(&self, number: u64) -> anyhow::Result<Vec<(String, String)>> {
        let comments = self.writer.api().get(&self.path(&format!("/issues/{number}/comments")))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let comments = comments.as_array().into_iter().flatten();
        Ok(comments.map(|comment| (text(&comment["user"]["login"]), text(&comment["body"]))).collect())
    }

    /// Somebody deletes what another one said.
    pub fn delete_comments_of(&self, person: &Person, number: u64) -> anyhow::Result<()> {
        let comments = self.gitea.admin().get(&self.path(&format!("/issues/{number}/comments")))?;
        for comment in comments.as_array().into_iter().flatten() {
            if comment["user"]["login"] == person.login.as_str() {
                let path = self.path(&format!("/issues/comments/{}", comment["id"]));
                self.gitea.admin().send(Method::DELETE, &path, None)?;
            }
        }
        Ok(())
    }

    /// The writer approves of a pull request.
    pub fn approve(&self, number: u64) -> anyhow::Result<()> {
        self.approve_as(&self.writer, number)
    }

    pub fn approve_as(&self, person: &Person, number: u64) -> anyhow::Result<()> {
        let path = self.path(&format!("/pulls/{number}/reviews"));
        person.api().create(&path, &json!({"event": "APPROVED", "body": "fine"})).map(drop)
    }

    /// How many approvals of it count.
    pub fn approvals(&self, number: u64) -> anyhow::Result<usize> {
        let reviews = self.writer.api().get(&self.path(&format!("/pulls/{number}/reviews")))?;
        let reviews = reviews.as_array().into_iter().flatten();
        Ok(reviews.filter(|review| review["state"] == "APPROVED" && review["dismissed"] == false).count())
    }

    /// An administrator takes every approval back.
    pub fn dismiss_approvals(&self, number: u64) -> anyhow::Result<()> {
        let path = self.path(&format!("/pulls/{number}/reviews"));
        let reviews = self.gitea.admin().get(&path)?;
        let reviews = reviews.as_array().into_iter().flatten();
        for review in reviews.filter(|review| review["state"] == "APPROVED" && review["dismissed"] == false) {
            let path = format!("{path}/{}/dismissals", review["id"]);
            self.gitea.admin().create(&path, &json!({"message": "not any more"}))?;
        }
        Ok(())
    }

    pub fn say(&self, person: &Person, number: u64, text: &str) -> anyhow::Result<u64> {
        let path = self.path(&format!("/issues/{number}/comments"));
        let made = person.api().create(&path, &json!({"body": text}))?;
        made["id"].as_u64().context("a comment has a number")
    }

    /// The writer changes what he said.
    pub fn say_otherwise(&self, comment: u64, text: &str) -> anyhow::Result<()> {
        let path = self.path(&format!("/issues/comments/{comment}"));
        // Times on the forge are whole seconds: an edit within the same one cannot be seen there, and counts as what was said first. So
        // something without meaning is edited until the second is over. What says the same is no edit.
        let before = self.writer.api().get(&path)?;
        let mut thought = before["body"].as_str().unwrap_or_default().to_owned();
        naksha::scratch::wait_for("the edit to be seen", || {
            thought.push('.');
            let answer = self.writer.api().send(Method::PATCH, &path, Some(&json!({"body": thought})))?;
            Ok((answer.status == 200 && answer.body["updated_at"] != before["created_at"]).then_some(()))
        })?;
        let answer = self.writer.api().send(Method::PATCH, &path, Some(&json!({"body": text})))?;
        ensure!(answer.status == 200, "{path}: {}", answer.body["message"]);
        Ok(())
    }

    /// The signs under a comment: whose, and which.
    pub fn reactions(&self, comment: u64) -> anyhow::Result<Vec<(String, String)>> {
        let path = self.path(&format!("/issues/comments/{comment}/reactions"));
        let reactions = self.writer.api().get(&path)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let reactions = reactions.as_array().into_iter().flatten();
        Ok(reactions.map(|one| (text(&one["user"]["login"]), text(&one["content"]))).collect())
    }

    /// The writer sets a status: anybody who may write can.
    pub fn set_status(&self, commit: &str, name: &str) -> anyhow::Result<()> {
        let body = json!({"context": name, "state": "success", "description": "fine"});
        self.writer.api().create(&self.path(&format!("/statuses/{commit}")), &body).map(drop)
    }

    /// What counts on a commit: name, state and words, by name.
    pub fn statuses(&self, commit: &str) -> anyhow::Result<Vec<(String, String, String)>> {
        let combined = self.writer.api().get(&self.path(&format!("/commits/{commit}/status")))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let statuses = combined["statuses"].as_array().into_iter().flatten();
        let mut statuses: Vec<_> = statuses
            .map(|status| (text(&status["context"]), text(&status["status"]), text(&status["description"])))
            .collect();
        statuses.sort();
        Ok(statuses)
    }

    /// Lets the forge call an address for whatever happens.
    pub fn hook(&self, url: &str, secret: &str) -> anyhow::Result<()> {
        let events = ["push", "pull_request", "issue_comment"];
        let body = json!({"type": "gitea", "active": true, "events": events,
            "config": {"url": url, "content_type": "json", "secret": secret}});
        self.gitea.admin().create(&self.path("/hooks"), &body).map(drop)
    }

    /// A token of the bot that may no more than this.
    pub fn scoped_token(&self, scopes: &[&str]) -> anyhow::Result<String> {
        self.gitea.make_token(&self.bot.login, scopes)
    }

    /// The token of the bot in a file, as the daemon's configuration names it.
    pub fn token_file(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let file = folder.join("forge-token");
        std::fs::write(&file, &self.bot.token)?;
        Ok(file)
    }
}
