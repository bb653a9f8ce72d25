//! What the fake knows: one repository, the people around it, and everything that was said.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::app::App;
use super::bare::Bare;
use super::caller::{Permissions, Role};
use super::hold::Hold;
use super::limits::Limits;
use super::meanwhile::Moment;
use super::protection::Protection;
use super::trouble::Trouble;
use super::webhooks::Hooks;

/// A request that was answered, or was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    /// The login of who asked.
    pub caller: String,
    /// What was sent with it. Null: nothing, or no JSON.
    pub body: Value,
    /// Nothing: the connection was dropped instead.
    pub status: Option<u16>,
}

#[derive(Debug)]
pub(super) struct State {
    /// The scheme, host and port where it is.
    pub(super) base: String,
    /// How far its clock is ahead of the real one.
    pub(super) ahead: SignedDuration,
    last_id: u64,
    /// Pull requests and issues share their numbers.
    pub(super) last_number: u64,
    pub(super) repository: Repository,
    pub(super) bare: Bare,
    /// Repositories of others that were forked from it, by their owners.
    pub(super) forks: BTreeMap<String, Bare>,
    /// As they were when they were last looked at.
    pub(super) refs: BTreeMap<String, String>,
    pub(super) people: BTreeMap<String, Person>,
    /// By their texts.
    pub(super) tokens: BTreeMap<String, Token>,
    /// `organisation/team/login`, and whether the invitation was accepted.
    pub(super) members: BTreeMap<String, bool>,
    /// What classic tokens of people may, as GitHub says it.
    pub(super) scopes: String,
    /// Tokens of people are fine-grained: those know no check runs at all.
    pub(super) is_fine_grained: bool,
    pub(super) app: App,
    pub(super) pulls: Vec<Pull>,
    pub(super) comments: Vec<Comment>,
    pub(super) reviews: Vec<Review>,
    pub(super) statuses: Vec<Status>,
    pub(super) checks: Vec<CheckRun>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) groups: Vec<Group>,
    pub(super) hooks: Hooks,
    pub(super) limits: Limits,
    pub(super) troubles: Vec<Trouble>,
    pub(super) hold: Option<Hold>,
    pub(super) moment: Option<Moment>,
    pub(super) asked: Vec<Asked>,
    /// What was asked or answered against GitHub's description.
    pub(super) violations: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Repository {
    pub(super) id: u64,
    /// An organisation.
    pub(super) owner: String,
    pub(super) name: String,
    /// `owner/name`, by which it was once known.
    pub(super) old_names: BTreeSet<String>,
    pub(super) is_archived: bool,
    pub(super) methods: BTreeSet<&'static str>,
    /// Of `main`.
    pub(super) protection: Protection,
    pub(super) made: Timestamp,
}

impl Repository {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: u64,
    pub(super) role: Role,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) owner: Owner,
    pub(super) expires: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) enum Owner {
    Person(String),
    Installation(Permissions),
}

#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) author: String,
    /// Whose repository the head is in. Nothing: that one is gone.
    pub(super) head_owner: Option<String>,
    pub(super) head_branch: String,
    pub(super) head: String,
    pub(super) base_branch: String,
    pub(super) is_draft: bool,
    /// Only people who may write still speak there.
    pub(super) is_locked: bool,
    pub(super) made: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) closed: Option<Timestamp>,
    pub(super) merged: Option<Merged>,
    pub(super) outlook: Option<Outlook>,
    /// Somebody asked how it looks: it is found out by the next time.
    pub(super) is_wondered: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Merged {
    pub(super) by: String,
    pub(super) commit: String,
}

/// Whether a head can be merged into a base.
#[derive(Debug, Clone)]
pub(super) struct Outlook {
    pub(super) base: String,
    /// What a merge would be; nothing: they conflict.
    pub(super) commit: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) author: String,
    pub(super) body: String,
    pub(super) made: Timestamp,
    pub(super) changed: Timestamp,
    /// Of whom which, and its number.
    pub(super) reactions: Vec<(String, String, u64)>,
}

/// What somebody says of a pull request as a whole.
#[derive(Debug, Clone)]
pub(super) struct Review {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) author: String,
    pub(super) state: &'static str,
    pub(super) body: String,
    pub(super) head: String,
    pub(super) made: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) state: String,
    pub(super) context: String,
    pub(super) description: Option<String>,
    pub(super) target: Option<String>,
    pub(super) author: String,
    pub(super) made: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct CheckRun {
    pub(super) id: u64,
    pub(super) sha: String,
    /// Of another App.
    pub(super) is_foreign: bool,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) conclusion: Option<String>,
    pub(super) details: Option<String>,
    pub(super) external: Option<String>,
    pub(super) title: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) text: Option<String>,
    pub(super) annotations: Vec<Value>,
    pub(super) started: Option<Timestamp>,
    pub(super) completed: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) asked: Value,
    pub(super) environment: String,
    pub(super) author: String,
    pub(super) made: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) statuses: Vec<DeploymentStatus>,
}

#[derive(Debug, Clone)]
pub(super) struct DeploymentStatus {
    pub(super) id: u64,
    pub(super) asked: Value,
    /// As it is now: a later success elsewhere makes it inactive.
    pub(super) state: String,
    pub(super) author: String,
    pub(super) made: Timestamp,
}

/// A pull request in the merge queue.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) number: u64,
    pub(super) branch: String,
    pub(super) head: String,
    pub(super) base: String,
}

impl State {
    pub(super) fn new(url: &str, owner: &str, name: &str, bare: Bare) -> Self {
        let now = Timestamp::now();
        let repository = Repository {
            id: 501,
            owner: owner.to_owned(),
            name: name.to_owned(),
            old_names: BTreeSet::new(),
            is_archived: false,
            methods: BTreeSet::from(["merge", "squash", "rebase"]),
            protection: Protection::default(),
            made: now,
        };
        Self {
            base: url.to_owned(),
            ahead: SignedDuration::ZERO,
            last_id: 1_000,
            last_number: 0,
            repository,
            bare,
            forks: BTreeMap::new(),
            refs: BTreeMap::new(),
            people: BTreeMap::new(),
            tokens: BTreeMap::new(),
            members: BTreeMap::new(),
            scopes: "read:org, repo".to_owned(),
            is_fine_grained: false,
            app: App::new(77, 88),
            pulls: Vec::new(),
            comments: Vec::new(),
            reviews: Vec::new(),
            statuses: Vec::new(),
            checks: Vec::new(),
            deployments: Vec::new(),
            groups: Vec::new(),
            hooks: Hooks::default(),
            limits: Limits::default(),
            troubles: Vec::new(),
            hold: None,
            moment: None,
            asked: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// GitHub's time, in whole seconds.
    pub(super) fn now(&self) -> Timestamp {
        let now = Timestamp::now() + self.ahead;
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn role(&self, login: &str) -> Role {
        self.person(login).map_or(Role::None, |person| person.role)
    }

    pub(super) fn person(&self, login: &str) -> Option<&Person> {
        let is_it = |known: &&String| known.eq_ignore_ascii_case(login);
        self.people.keys().find(is_it).and_then(|login| self.people.get(login))
    }

    pub(super) fn pull(&self, number: u64) -> Option<&Pull> {
        self.pulls.iter().find(|pull| pull.number == number)
    }

    pub(super) fn pull_mut(&mut self, number: u64) -> Option<&mut Pull> {
        self.pulls.iter_mut().find(|pull| pull.number == number)
    }

    /// The head of a branch of the repository itself.
    pub(super) fn head(&self, branch: &str) -> Option<&String> {
        self.refs.get(&format!("refs/heads/{branch}"))
    }
}

impl Pull {
    pub(super) fn is_open(&self) -> bool {
        self.closed.is_none()
    }
}

/// As GitHub writes a time.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
