//! Branches of ours, written file by file. Nothing is ever forced.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{FileCommit, ForgeError};
use serde::Deserialize;
use serde_json::json;
use tracing::warn;

use super::GitHub;
use crate::rest::{path_of, segment};
use crate::wire::revision;

#[derive(Debug, Deserialize)]
struct BranchDto {
    commit: ContentDto,
}

#[derive(Debug, Deserialize)]
struct ContentDto {
    sha: String,
}

#[derive(Debug, Deserialize)]
struct WrittenDto {
    commit: ContentDto,
}

impl GitHub {
    pub(super) async fn head_of(&self, branch: &str) -> Result<Option<Revision>, ForgeError> {
        let path = format!("/branches/{}", path_of(branch));
        // One that was renamed is answered by where it is now: under this name there is none.
        let found: Option<BranchDto> = self.repo.find(&path).await?;
        found.map(|branch| revision(&branch.commit.sha)).transpose()
    }

    pub(super) async fn write_file(&self, commit: &FileCommit) -> Result<Revision, ForgeError> {
        let Some(from) = &commit.from else { return self.put(commit, &commit.branch).await };
        // GitHub writes to branches that are there.
        let begins =
            self.head_of(from).await?.ok_or_else(|| ForgeError::Missing(format!("branch {from}")))?;
        let name = format!("refs/heads/{}", commit.branch);
        let made = json!({"ref": name, "sha": begins.as_str()});
        self.repo.tell(Method::POST, "/git/refs", &made).await?;
        let written = self.put(commit, begins.as_str()).await;
        if written.is_err() {
            self.take_back(&commit.branch, &begins).await;
        }
        written
    }

    /// Writes the file to a branch that is there. `at`: a branch or a commit that has the file as it is before.
    async fn put(&self, commit: &FileCommit, at: &str) -> Result<Revision, ForgeError> {
        let FileCommit { branch, from: _, path, text, message } = commit;
        let contents = format!("/contents/{}", path_of(path));
        let known: Option<ContentDto> = self.repo.find(&format!("{contents}?ref={}", segment(at))).await?;
        let mut body = json!({"branch": branch, "content": BASE64_STANDARD.encode(text), "message": message});
        if let Some(ContentDto { sha }) = known {
            body["sha"] = json!(sha);
        }
        let written: WrittenDto = self.repo.send(Method::PUT, &contents, &body).await?;
        revision(&written.commit.sha)
    }

    /// Deletes a branch that was just made and got nothing, while it still is where it began.
    async fn take_back(&self, branch: &str, begins: &Revision) {
        let gone = match self.head_of(branch).await {
            Ok(Some(head)) if head == *begins => self.delete_ref(branch).await,
            Ok(_) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = gone {
            warn!(branch, %error, "a branch without a commit of its own is left");
        }
    }

    pub(super) async fn delete_ref(&self, branch: &str) -> Result<(), ForgeError> {
        let path = format!("/git/refs/heads/{}", path_of(branch));
        match self.repo.tell(Method::DELETE, &path, &json!({})).await {
            Err(ForgeError::Missing(_)) => Ok(()),
            Err(ForgeError::Invalid(words)) if words.contains("does not exist") => Ok(()),
            done => done,
        }
    }
}
