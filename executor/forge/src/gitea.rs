//! Gitea and Forgejo (API v1 of Gitea 1.26).

mod scratch;
mod setup;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Method;
use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{
    Approval, Check, Comment, CommentId, FileCommit, Forge, ForgeError, Hosted, Login, NewPull, Permission,
    Pull, PullNumber, Reaction, Reported,
};
use serde::Deserialize;
use serde_json::json;

use crate::address::Address;
use crate::repository::{Repository, comments_of, read_all};
use crate::rest::{Manners, Rest, found, path_of, segment};
use crate::token::Place;
use crate::wire::{RepositoryDto, UserDto, revision};

/// The size of a page is the largest that its default configuration gives.
const MANNERS: Manners = Manners { accept: "application/json", version: None, page: ("limit", 50) };
/// Characters of a status's description: what its pages show without cutting.
const MAX_SUMMARY: usize = 255;

/// One repository on a Gitea.
#[derive(Debug, Clone)]
pub struct Gitea {
    repo: Repository,
}

impl Gitea {
    /// `repository`: `owner/name`. Asks nothing yet. Must be called inside a tokio runtime.
    pub fn new(address: &Address, repository: &str, token: Place) -> Self {
        Self { repo: Repository::new(Rest::new(address, &MANNERS, token), repository) }
    }
}

#[derive(Debug, Deserialize)]
struct TeamDto {
    id: u64,
    name: String,
}

/// How the repository merges where nobody says how.
#[derive(Debug, Deserialize)]
struct UsualDto {
    default_merge_style: String,
}

#[derive(Debug, Deserialize)]
struct RefDto {
    #[serde(rename = "ref")]
    name: String,
    object: RefObjectDto,
}

/// A list of those that begin alike; some versions give one that is met exactly by itself.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RefsDto {
    One(RefDto),
    Many(Vec<RefDto>),
}

#[derive(Debug, Deserialize)]
struct RefObjectDto {
    sha: String,
}

#[derive(Debug, Deserialize)]
struct ContentDto {
    sha: String,
}

#[derive(Debug, Deserialize)]
struct WrittenDto {
    commit: ContentDto,
}

#[async_trait]
impl Forge for Gitea {
    async fn whoami(&self) -> Result<Login, ForgeError> {
        let user: UserDto = self.repo.rest.get("/user").await?;
        Ok(Login::new(&user.login))
    }

    async fn hosted(&self) -> Result<Hosted, ForgeError> {
        let repository: RepositoryDto = self.repo.get("").await?;
        let RepositoryDto { full_name, default_branch, archived, permissions } = repository;
        Ok(Hosted { full_name, default_branch, archived, writable: permissions.push && !archived })
    }

    async fn open_pulls(&self) -> Result<Vec<Pull>, ForgeError> {
        self.repo.open_pulls().await
    }

    async fn pull(&self, number: PullNumber) -> Result<Pull, ForgeError> {
        self.repo.pull(number).await
    }

    async fn open(&self, pull: &NewPull) -> Result<PullNumber, ForgeError> {
        self.repo.open(pull).await
    }

    async fn amend(&self, number: PullNumber, title: &str, text: &str) -> Result<(), ForgeError> {
        self.repo.amend(number, &json!({"title": title, "body": text})).await
    }

    async fn close(&self, number: PullNumber) -> Result<(), ForgeError> {
        self.repo.amend(number, &json!({"state": "closed"})).await
    }

    async fn merge(&self, number: PullNumber, head: &Revision) -> Result<(), ForgeError> {
        let usual: UsualDto = self.repo.get("").await?;
        let path = format!("/pulls/{}/merge", number.0);
        let body = json!({"Do": usual.default_merge_style, "head_commit_id": head.as_str()});
        match self.repo.tell(Method::POST, &path, &body).await {
            // It is still finding out whether that can be merged.
            Err(ForgeError::Invalid(words)) if words.contains("try again later") => {
                Err(ForgeError::Unreachable(words))
            }
            done => done,
        }
    }

    async fn approvals(&self, number: PullNumber) -> Result<Vec<Approval>, ForgeError> {
        self.repo.approvals(number).await
    }

    async fn dismiss_approvals(&self, number: PullNumber, why: &str) -> Result<usize, ForgeError> {
        self.repo.dismiss_approvals(number, why, Method::POST).await
    }

    async fn branch(&self, name: &str) -> Result<Option<Revision>, ForgeError> {
        // Of what Git has, and not of its own list: that has a branch as deleted which was made again before it heard of the deletion.
        let found: Option<RefsDto> = self.repo.find(&format!("/git/refs/heads/{}", path_of(name))).await?;
        let is_it = |found: &RefDto| found.name == format!("refs/heads/{name}");
        let found = match found {
            None => None,
            Some(RefsDto::One(found)) => Some(found).filter(is_it),
            Some(RefsDto::Many(found)) => found.into_iter().find(is_it),
        };
        found.map(|found| revision(&found.object.sha)).transpose()
    }

    async fn commit(&self, commit: &FileCommit) -> Result<Revision, ForgeError> {
        let FileCommit { branch, from, path, text, message } = commit;
        let contents = format!("/contents/{}", path_of(path));
        let at = from.as_ref().unwrap_or(branch);
        let known: Option<ContentDto> = self.repo.find(&format!("{contents}?ref={}", segment(at))).await?;
        let mut body = json!({"branch": at, "content": BASE64_STANDARD.encode(text), "message": message});
        if from.is_some() {
            body["new_branch"] = json!(branch);
        }
        let method = if let Some(ContentDto { sha }) = known {
            body["sha"] = json!(sha);
            Method::PUT
        } else {
            Method::POST
        };
        let made: WrittenDto = self.repo.send(method, &contents, &body).await?;
        revision(&made.commit.sha)
    }

    async fn delete_branch(&self, name: &str) -> Result<(), ForgeError> {
        let path = format!("/branches/{}", path_of(name));
        match self.repo.tell(Method::DELETE, &path, &json!({})).await {
            Err(ForgeError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    async fn report(&self, head: &Revision, check: &Check) -> Result<(), ForgeError> {
        self.repo.set_status(head, check, MAX_SUMMARY).await
    }

    async fn checks(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError> {
        self.repo.statuses(head).await
    }

    async fn comments(&self, number: PullNumber) -> Result<Vec<Comment>, ForgeError> {
        // Gitea gives them all at once.
        Ok(read_all(self.repo.get(&comments_of(number)).await?))
    }

    async fn comments_since(&self, since: Timestamp) -> Result<Vec<(PullNumber, Comment)>, ForgeError> {
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.repo.comments_since(&since, |_| true).await
    }

    async fn comment(&self, number: PullNumber, text: &str) -> Result<CommentId, ForgeError> {
        self.repo.comment(number, text).await
    }

    async fn edit(&self, comment: CommentId, text: &str) -> Result<(), ForgeError> {
        self.repo.edit(comment, text).await
    }

    async fn react(&self, comment: CommentId, reaction: Reaction) -> Result<(), ForgeError> {
        self.repo.react(comment, reaction).await
    }

    async fn permission(&self, login: &Login) -> Result<Permission, ForgeError> {
        self.repo.permission(login).await
    }

    fn now(&self) -> Timestamp {
        self.repo.rest.now()
    }

    async fn is_member(&self, organisation: &str, team: &str, login: &Login) -> Result<bool, ForgeError> {
        let rest = &self.repo.rest;
        let Some(teams) =
            found(rest.list::<TeamDto>(&format!("/orgs/{}/teams", segment(organisation))).await)?
        else {
            return Ok(false);
        };
        let Some(team) = teams.into_iter().find(|one| one.name.eq_ignore_ascii_case(team)) else {
            return Ok(false);
        };
        let path = format!("/teams/{}/members/{}", team.id, segment(login.as_str()));
        Ok(found(rest.get::<UserDto>(&path).await)?.is_some())
    }
}
