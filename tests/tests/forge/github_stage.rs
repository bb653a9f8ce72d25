//! A repository on the GitHub of these tests, as the contract's stage: the daemon's bot is an App, or has a token.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use naksha_environments::ids::Revision;
use naksha_executor::contract::forge::{Merge, People, Stage};
use naksha_executor::port::forge::{CommentId, Login, PullNumber, SharedForge};
use naksha_executor_forge::{Address, GitHub, Identity, Place};
use naksha_tests::github::{AppKey, Forged};
use naksha_tests::{Repository, must};
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct GitHubStage {
    pub(crate) forged: Forged,
    pub(crate) repository: Repository,
    folder: TempDir,
    whom: Whom,
    commits: AtomicUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    App,
    Token,
}

/// Nothing where there is no description of GitHub.
pub(crate) fn as_app() -> Option<GitHubStage> {
    GitHubStage::begin(Whom::App)
}

pub(crate) fn as_token() -> Option<GitHubStage> {
    GitHubStage::begin(Whom::Token)
}

impl GitHubStage {
    fn begin(whom: Whom) -> Option<Self> {
        let forged = Forged::start("infra")?;
        let folder = tempfile::tempdir().expect("should make a folder");
        let repository = Repository::init(&folder.path().join("work"));
        repository.write("README.md", "a repository\n").commit("begin");
        must(forged.push(repository.folder(), "main", &forged.writer));
        Some(Self { forged, repository, folder, whom, commits: AtomicUsize::new(0) })
    }

    /// The forge, as whoever this proves.
    fn with(&self, identity: Identity) -> SharedForge {
        let address = Address::parse(self.forged.github.url()).expect("should be an address");
        Arc::new(GitHub::new(&address, &self.forged.full_name, identity))
    }

    /// The App, by its number or its other name, with this key.
    pub(crate) fn app(&self, id: String, key: AppKey) -> SharedForge {
        let key = Place::File(must(self.forged.key_file(self.folder.path(), key)));
        self.with(Identity::App { id, key })
    }

    fn token(&self, name: &str, text: &str) -> SharedForge {
        let file = self.folder.path().join(name);
        fs::write(&file, format!("{text}\n")).expect("should write a token");
        self.with(Identity::Token(Place::File(file)))
    }

    fn revision(text: &str) -> Revision {
        Revision::parse(text).expect("should be a revision")
    }

    /// A branch with one more commit on top of `main`, in the working copy.
    pub(crate) fn begin_branch(&self, branch: &str) -> Revision {
        let folder = self.repository.folder();
        must(self.forged.pull(folder, "main"));
        must(self.forged.branch(folder, branch, "main"));
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        Self::revision(&self.repository.write(&format!("file-{number}"), "text\n").commit("change"))
    }
}

impl Stage for GitHubStage {
    fn forge(&self) -> SharedForge {
        match self.whom {
            Whom::App => self.app(self.forged.github.app_ids().0, AppKey::First),
            Whom::Token => self.token("token", &self.forged.bot.token),
        }
    }

    fn stranger(&self) -> SharedForge {
        match self.whom {
            // Its key is one that GitHub does not know.
            Whom::App => self.app(self.forged.github.app_ids().0, AppKey::Second),
            Whom::Token => self.token("wrong", "not-the-token"),
        }
    }

    fn people(&self) -> People {
        let Forged { bot, writer, reader, github, .. } = &self.forged;
        let bot = match self.whom {
            Whom::App => github.app_login(),
            Whom::Token => bot.login.clone(),
        };
        People { bot: Login::new(&bot), writer: Login::new(&writer.login), reader: Login::new(&reader.login) }
    }

    fn push(&self, branch: &str) -> Revision {
        let head = self.begin_branch(branch);
        must(self.forged.push(self.repository.folder(), &format!("+{branch}"), &self.forged.writer));
        head
    }

    fn open(&self, branch: &str) -> PullNumber {
        PullNumber(must(self.forged.open(branch, "a change")))
    }

    fn merge(&self, number: PullNumber, how: Merge) -> Revision {
        let how = match how {
            Merge::Commit => "merge",
            Merge::Squash => "squash",
            Merge::Rebase => "rebase",
        };
        must(self.forged.merge(number.0, how));
        Self::revision(&must(self.forged.pull(self.repository.folder(), "main")))
    }

    fn close(&self, number: PullNumber) {
        must(self.forged.close(number.0));
    }

    fn approve(&self, number: PullNumber) {
        must(self.forged.approve(number.0));
    }

    fn say(&self, number: PullNumber, text: &str) -> CommentId {
        CommentId(must(self.forged.say(&self.forged.writer, number.0, text)))
    }

    fn say_otherwise(&self, comment: CommentId, text: &str) {
        must(self.forged.say_otherwise(comment.0, text));
    }

    fn forge_check(&self, head: &Revision, name: &str) {
        must(self.forged.set_status(head.as_str(), name, "success"));
    }
}
