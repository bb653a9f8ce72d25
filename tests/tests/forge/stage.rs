//! A repository on a real Gitea, as the contract's stage.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use naksha_environments::ids::Revision;
use naksha_executor::contract::forge::{Merge, People, Stage};
use naksha_executor::port::forge::{CommentId, Login, PullNumber, SharedForge};
use naksha_executor_forge::{Address, Gitea, Place};
use naksha_tests::gitea::Forged;
use naksha_tests::{Repository, gitea, must};
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct GiteaStage {
    forged: Forged,
    folder: TempDir,
    repository: Repository,
    commits: AtomicUsize,
}

/// Nothing where there is no Gitea.
pub(crate) fn on_gitea() -> Option<GiteaStage> {
    let gitea = gitea::Gitea::shared()?;
    let forged = must(gitea.repository("infra"));
    let folder = tempfile::tempdir().expect("should make a folder");
    let repository = Repository::init(&folder.path().join("work"));
    repository.write("README.md", "a repository\n").commit("begin");
    must(forged.push(repository.folder(), "main", &forged.writer));
    Some(GiteaStage { forged, folder, repository, commits: AtomicUsize::new(0) })
}

impl GiteaStage {
    fn with(&self, name: &str, token: &str) -> SharedForge {
        let file = self.folder.path().join(name);
        fs::write(&file, format!("{token}\n")).expect("should write a token");
        let address = Address::parse(&self.forged.api_url()).expect("should be an address");
        Arc::new(Gitea::new(&address, &self.forged.full_name, Place::File(file)))
    }

    fn revision(text: &str) -> Revision {
        Revision::parse(text).expect("should be a revision")
    }
}

impl Stage for GiteaStage {
    fn forge(&self) -> SharedForge {
        self.with("token", &self.forged.bot.token)
    }

    fn stranger(&self) -> SharedForge {
        self.with("wrong", "not-the-token")
    }

    fn people(&self) -> People {
        let login = |login: &str| Login::new(login);
        let Forged { bot, writer, reader, .. } = &self.forged;
        People { bot: login(&bot.login), writer: login(&writer.login), reader: login(&reader.login) }
    }

    fn push(&self, branch: &str) -> Revision {
        let folder = self.repository.folder();
        must(self.forged.pull(folder, "main"));
        must(self.forged.branch(folder, branch, "main"));
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        let head = self.repository.write(&format!("file-{number}"), "text\n").commit("change");
        must(self.forged.push(folder, &format!("+{branch}"), &self.forged.writer));
        Self::revision(&head)
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
        must(self.forged.set_status(head.as_str(), name));
    }
}
