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
    Check, CheckState, Comment, CommentId, FileCommit, Forge, ForgeError, Hosted, Login, NewPull, Permission,
    Pull, PullNumber, Reaction, Reported,
};
use serde::Deserialize;
use serde_json::json;

use crate::address::Address;
use crate::rest::{Manners, Rest, path_of, segment};
use crate::token::Place;
use crate::wire::{
    CollaboratorDto, CommentDto, MadeDto, PlacedCommentDto, PullDto, RepositoryDto, ReviewDto, StatusDto,
    UserDto, revision,
};

/// The size of a page is the largest that its default configuration gives.
const MANNERS: Manners = Manners { accept: "application/json", version: None, page: ("limit", 50) };
/// Characters of a status's description: what its pages show without cutting.
const MAX_SUMMARY: usize = 255;

/// One repository on a Gitea.
#[derive(Debug, Clone)]
pub struct Gitea {
    rest: Rest,
    /// `/repos/owner/name`
    root: String,
}

impl Gitea {
    /// `repository`: `owner/name`. Asks nothing yet. Must be called inside a tokio runtime.
    pub fn new(address: &Address, repository: &str, token: Place) -> Self {
        Self { rest: Rest::new(address, &MANNERS, token), root: format!("/repos/{repository}") }
    }

    fn path(&self, tail: &str) -> String {
        format!("{}{tail}", self.root)
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
struct BranchDto {
    commit: BranchCommitDto,
}

#[derive(Debug, Deserialize)]
struct BranchCommitDto {
    id: String,
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
        let user: UserDto = self.rest.get("/user").await?;
        Ok(Login::new(&user.login))
    }

    async fn hosted(&self) -> Result<Hosted, ForgeError> {
        let repository: RepositoryDto = self.rest.get(&self.root).await?;
        let RepositoryDto { full_name, default_branch, archived, permissions } = repository;
        Ok(Hosted { full_name, default_branch, archived, writable: permissions.push && !archived })
    }

    async fn open_pulls(&self) -> Result<Vec<Pull>, ForgeError> {
        let pulls: Vec<PullDto> = self.rest.list(&self.path("/pulls?state=open")).await?;
        let mut pulls = pulls.into_iter().map(PullDto::read).collect::<Result<Vec<_>, _>>()?;
        pulls.sort_by_key(|pull| pull.number);
        Ok(pulls)
    }

    async fn pull(&self, number: PullNumber) -> Result<Pull, ForgeError> {
        let pull: PullDto = self.rest.get(&self.path(&format!("/pulls/{}", number.0))).await?;
        pull.read()
    }

    async fn open(&self, pull: &NewPull) -> Result<PullNumber, ForgeError> {
        let NewPull { title, text, branch, base } = pull;
        let body = json!({"title": title, "body": text, "head": branch, "base": base});
        let made: MadeDto = self.rest.send(Method::POST, &self.path("/pulls"), &body).await?;
        Ok(PullNumber(made.number))
    }

    async fn amend(&self, number: PullNumber, title: &str, text: &str) -> Result<(), ForgeError> {
        let path = self.path(&format!("/pulls/{}", number.0));
        self.rest.tell(Method::PATCH, &path, &json!({"title": title, "body": text})).await
    }

    async fn close(&self, number: PullNumber) -> Result<(), ForgeError> {
        let path = self.path(&format!("/pulls/{}", number.0));
        self.rest.tell(Method::PATCH, &path, &json!({"state": "closed"})).await
    }

    async fn merge(&self, number: PullNumber, head: &Revision) -> Result<(), ForgeError> {
        let usual: UsualDto = self.rest.get(&self.root).await?;
        let path = self.path(&format!("/pulls/{}/merge", number.0));
        let body = json!({"Do": usual.default_merge_style, "head_commit_id": head.as_str()});
        match self.rest.tell(Method::POST, &path, &body).await {
            // It is still finding out whether that can be merged.
            Err(ForgeError::Invalid(words)) if words.contains("try again later") => {
                Err(ForgeError::Unreachable(words))
            }
            done => done,
        }
    }

    async fn dismiss_approvals(&self, number: PullNumber, why: &str) -> Result<usize, ForgeError> {
        let reviews = self.path(&format!("/pulls/{}/reviews", number.0));
        let all: Vec<ReviewDto> = self.rest.list(&reviews).await?;
        let approvals: Vec<_> = all.into_iter().filter(ReviewDto::approves).collect();
        for ReviewDto { id, .. } in &approvals {
            let path = format!("{reviews}/{id}/dismissals");
            self.rest.tell(Method::POST, &path, &json!({"message": why})).await?;
        }
        Ok(approvals.len())
    }

    async fn branch(&self, name: &str) -> Result<Option<Revision>, ForgeError> {
        let found: Result<BranchDto, _> =
            self.rest.get(&self.path(&format!("/branches/{}", path_of(name)))).await;
        match found {
            Ok(branch) => revision(&branch.commit.id).map(Some),
            Err(ForgeError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn commit(&self, commit: &FileCommit) -> Result<Revision, ForgeError> {
        let FileCommit { branch, from, path, text, message } = commit;
        let contents = self.path(&format!("/contents/{}", path_of(path)));
        let at = from.as_ref().unwrap_or(branch);
        let known: Result<ContentDto, _> = self.rest.get(&format!("{contents}?ref={}", segment(at))).await;
        let known = match known {
            Ok(known) => Some(known.sha),
            Err(ForgeError::Missing(_)) => None,
            Err(error) => return Err(error),
        };
        let mut body = json!({"branch": at, "content": BASE64_STANDARD.encode(text), "message": message});
        if from.is_some() {
            body["new_branch"] = json!(branch);
        }
        let method = if let Some(sha) = known {
            body["sha"] = json!(sha);
            Method::PUT
        } else {
            Method::POST
        };
        let made: WrittenDto = self.rest.send(method, &contents, &body).await?;
        revision(&made.commit.sha)
    }

    async fn delete_branch(&self, name: &str) -> Result<(), ForgeError> {
        let path = self.path(&format!("/branches/{}", path_of(name)));
        match self.rest.tell(Method::DELETE, &path, &json!({})).await {
            Err(ForgeError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    async fn report(&self, head: &Revision, check: &Check) -> Result<(), ForgeError> {
        let state = match check.state {
            CheckState::Running | CheckState::Waits => "pending",
            CheckState::Passed => "success",
            CheckState::Failed => "failure",
        };
        let description: String = check.summary.chars().take(MAX_SUMMARY).collect();
        let body = json!({"context": check.name, "state": state, "description": description});
        self.rest.tell(Method::POST, &self.path(&format!("/statuses/{head}")), &body).await
    }

    async fn checks(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError> {
        // Every status that was ever set; times are whole seconds, so that the highest number of a name counts.
        let path = self.path(&format!("/commits/{head}/statuses"));
        let mut statuses: Vec<StatusDto> = self.rest.list(&path).await?;
        statuses.sort_by_key(|status| std::cmp::Reverse(status.id));
        let mut reported: Vec<Reported> = Vec::new();
        for status in statuses {
            if reported.iter().any(|known| known.name == status.context) {
                continue;
            }
            reported.push(Reported {
                state: status.check_state(),
                author: status.creator.as_ref().map(|creator| Login::new(&creator.login)),
                summary: status.description.unwrap_or_default(),
                content: None,
                name: status.context,
            });
        }
        reported.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(reported)
    }

    async fn comments(&self, number: PullNumber) -> Result<Vec<Comment>, ForgeError> {
        // Gitea gives them all at once.
        let path = self.path(&format!("/issues/{}/comments", number.0));
        let comments: Vec<CommentDto> = self.rest.get(&path).await?;
        Ok(comments.into_iter().map(CommentDto::read).collect())
    }

    async fn comments_since(&self, since: Timestamp) -> Result<Vec<(PullNumber, Comment)>, ForgeError> {
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let path = self.path(&format!("/issues/comments?since={}", segment(&since)));
        let comments: Vec<PlacedCommentDto> = self.rest.list(&path).await?;
        // Those of issues are on no pull request.
        let mut placed: Vec<_> = comments.into_iter().filter_map(PlacedCommentDto::read).collect();
        placed.sort_by_key(|(_, comment)| comment.id);
        Ok(placed)
    }

    async fn comment(&self, number: PullNumber, text: &str) -> Result<CommentId, ForgeError> {
        let path = self.path(&format!("/issues/{}/comments", number.0));
        let made: MadeDto = self.rest.send(Method::POST, &path, &json!({"body": text})).await?;
        Ok(CommentId(made.id))
    }

    async fn edit(&self, comment: CommentId, text: &str) -> Result<(), ForgeError> {
        let path = self.path(&format!("/issues/comments/{}", comment.0));
        self.rest.tell(Method::PATCH, &path, &json!({"body": text})).await
    }

    async fn react(&self, comment: CommentId, reaction: Reaction) -> Result<(), ForgeError> {
        let content = match reaction {
            Reaction::Seen => "eyes",
            Reaction::Done => "+1",
            Reaction::Refused => "-1",
        };
        let path = self.path(&format!("/issues/comments/{}/reactions", comment.0));
        self.rest.tell(Method::POST, &path, &json!({"content": content})).await
    }

    async fn permission(&self, login: &Login) -> Result<Permission, ForgeError> {
        let path = self.path(&format!("/collaborators/{}/permission", segment(login.as_str())));
        match self.rest.get::<CollaboratorDto>(&path).await {
            Ok(collaborator) => Ok(collaborator.read()),
            // Nobody of that name.
            Err(ForgeError::Missing(_)) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }

    async fn is_member(&self, organisation: &str, team: &str, login: &Login) -> Result<bool, ForgeError> {
        let teams = self.rest.list::<TeamDto>(&format!("/orgs/{}/teams", segment(organisation))).await;
        let teams = match teams {
            Err(ForgeError::Missing(_)) => return Ok(false),
            teams => teams?,
        };
        let Some(team) = teams.into_iter().find(|one| one.name.eq_ignore_ascii_case(team)) else {
            return Ok(false);
        };
        match self
            .rest
            .get::<UserDto>(&format!("/teams/{}/members/{}", team.id, segment(login.as_str())))
            .await
        {
            Ok(_) => Ok(true),
            Err(ForgeError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
