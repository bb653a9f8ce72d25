//! One repository of a forge, and what Gitea and GitHub take alike: GitHub's paths and bodies, which Gitea copied.

use http::Method;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{
    Approval, Check, CheckState, Comment, CommentId, ForgeError, Login, NewPull, Permission, Pull,
    PullNumber, Reaction, Reported,
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::rest::{Rest, found, path_of, segment};
use crate::wire::{CollaboratorDto, CommentDto, MadeDto, PlacedCommentDto, PullDto, ReviewDto, StatusDto};

/// Paths are below `/repos/owner/name`.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// For what is asked beside the repository.
    pub(crate) rest: Rest,
    /// `owner/name`
    pub(crate) name: String,
}

// --- requests
impl Repository {
    pub(crate) fn new(rest: Rest, name: &str) -> Self {
        Self { rest, name: name.to_owned() }
    }

    fn path(&self, tail: &str) -> String {
        format!("/repos/{}{tail}", self.name)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, tail: &str) -> Result<T, ForgeError> {
        self.rest.get(&self.path(tail)).await
    }

    /// Nothing: there is no such thing.
    pub(crate) async fn find<T: DeserializeOwned>(&self, tail: &str) -> Result<Option<T>, ForgeError> {
        found(self.get(tail).await)
    }

    /// Asks for something, and gives the whole answer.
    pub(crate) async fn ask(&self, tail: &str) -> Result<Answer, ForgeError> {
        self.rest.ask(&self.path(tail)).await
    }

    /// Items of a list, page by page.
    pub(crate) async fn list<T: DeserializeOwned>(&self, tail: &str) -> Result<Vec<T>, ForgeError> {
        self.rest.list(&self.path(tail)).await
    }

    /// Items of lists that come inside of something, under this key.
    pub(crate) async fn list_in<T: DeserializeOwned>(
        &self,
        tail: &str,
        key: &str,
    ) -> Result<Vec<T>, ForgeError> {
        self.rest.list_in(&self.path(tail), key).await
    }

    /// Sends something and reads the answer.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        tail: &str,
        body: &Value,
    ) -> Result<T, ForgeError> {
        self.rest.send(method, &self.path(tail), body).await
    }

    /// Sends something; that it was taken is all there is to know.
    pub(crate) async fn tell(&self, method: Method, tail: &str, body: &Value) -> Result<(), ForgeError> {
        self.rest.tell(method, &self.path(tail), body).await
    }
}

// --- pull requests
impl Repository {
    pub(crate) async fn open_pulls(&self) -> Result<Vec<Pull>, ForgeError> {
        let pulls: Vec<PullDto> = self.list("/pulls?state=open").await?;
        let mut pulls = pulls.into_iter().map(PullDto::read).collect::<Result<Vec<_>, _>>()?;
        pulls.sort_by_key(|pull| pull.number);
        // One that is opened while pages are read moves others to the next page.
        pulls.dedup_by_key(|pull| pull.number);
        Ok(pulls)
    }

    pub(crate) async fn pull(&self, number: PullNumber) -> Result<Pull, ForgeError> {
        self.get::<PullDto>(&format!("/pulls/{}", number.0)).await?.read()
    }

    pub(crate) async fn open(&self, pull: &NewPull) -> Result<PullNumber, ForgeError> {
        let NewPull { title, text, branch, base } = pull;
        let body = json!({"title": title, "body": text, "head": branch, "base": base});
        let made: MadeDto = self.send(Method::POST, "/pulls", &body).await?;
        Ok(PullNumber(made.number))
    }

    /// Changes fields of a pull request.
    pub(crate) async fn amend(&self, number: PullNumber, fields: &Value) -> Result<(), ForgeError> {
        self.tell(Method::PATCH, &format!("/pulls/{}", number.0), fields).await
    }

    pub(crate) async fn approvals(&self, number: PullNumber) -> Result<Vec<Approval>, ForgeError> {
        Ok(ReviewDto::approvals(self.list(&reviews_of(number)).await?))
    }

    /// `method`: how the forge wants to be told.
    pub(crate) async fn dismiss_approvals(
        &self,
        number: PullNumber,
        why: &str,
        method: Method,
    ) -> Result<usize, ForgeError> {
        let reviews = reviews_of(number);
        let all: Vec<ReviewDto> = self.list(&reviews).await?;
        let approvals: Vec<_> = all.into_iter().filter(ReviewDto::approves).collect();
        for ReviewDto { id, .. } in &approvals {
            let path = format!("{reviews}/{id}/dismissals");
            self.tell(method.clone(), &path, &json!({"message": why})).await?;
        }
        Ok(approvals.len())
    }
}

// --- statuses
impl Repository {
    /// A description is cut to `most` characters.
    pub(crate) async fn set_status(
        &self,
        head: &Revision,
        check: &Check,
        most: usize,
    ) -> Result<(), ForgeError> {
        let state = match check.state {
            CheckState::Running | CheckState::Waits => "pending",
            CheckState::Passed => "success",
            CheckState::Failed => "failure",
        };
        let description: String = check.summary.chars().take(most).collect();
        let body = json!({"context": check.name, "state": state, "description": description});
        self.tell(Method::POST, &format!("/statuses/{head}"), &body).await
    }

    /// The last one under each name, by name. Every one that was ever set is listed; times are whole seconds, so that the highest
    /// number counts.
    pub(crate) async fn statuses(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError> {
        let mut statuses: Vec<StatusDto> = self.list(&format!("/commits/{head}/statuses")).await?;
        statuses.sort_by(|one, other| (&one.context, other.id).cmp(&(&other.context, one.id)));
        statuses.dedup_by(|other, kept| other.context == kept.context);
        Ok(statuses.into_iter().map(StatusDto::read).collect())
    }
}

// --- comments
impl Repository {
    /// Of all pull requests, oldest first. `since`: as the forge writes a time.
    pub(crate) async fn comments_since(
        &self,
        since: &str,
        counts: impl Fn(&PlacedCommentDto) -> bool,
    ) -> Result<Vec<(PullNumber, Comment)>, ForgeError> {
        let path = format!("/issues/comments?since={}", segment(since));
        let comments: Vec<PlacedCommentDto> = self.list(&path).await?;
        // Those of issues are on no pull request.
        let mut placed: Vec<_> =
            comments.into_iter().filter(counts).filter_map(PlacedCommentDto::read).collect();
        placed.sort_by_key(|(_, comment)| comment.id);
        Ok(placed)
    }

    pub(crate) async fn comment(&self, number: PullNumber, text: &str) -> Result<CommentId, ForgeError> {
        let path = comments_of(number);
        let made: MadeDto = self.send(Method::POST, &path, &json!({"body": text})).await?;
        Ok(CommentId(made.id))
    }

    pub(crate) async fn edit(&self, comment: CommentId, text: &str) -> Result<(), ForgeError> {
        let path = format!("/issues/comments/{}", comment.0);
        self.tell(Method::PATCH, &path, &json!({"body": text})).await
    }

    pub(crate) async fn react(&self, comment: CommentId, reaction: Reaction) -> Result<(), ForgeError> {
        let content = match reaction {
            Reaction::Seen => "eyes",
            Reaction::Done => "+1",
            Reaction::Refused => "-1",
        };
        let path = format!("/issues/comments/{}/reactions", comment.0);
        self.tell(Method::POST, &path, &json!({"content": content})).await
    }
}

// --- files
impl Repository {
    pub(crate) async fn has_file(&self, branch: &str, path: &str) -> Result<bool, ForgeError> {
        let path = format!("/contents/{}?ref={}", path_of(path), segment(branch));
        Ok(self.find::<IgnoredAny>(&path).await?.is_some())
    }
}

// --- people
impl Repository {
    pub(crate) async fn permission(&self, login: &Login) -> Result<Permission, ForgeError> {
        let path = format!("/collaborators/{}/permission", segment(login.as_str()));
        // Nobody of that name.
        let found = self.find::<CollaboratorDto>(&path).await?;
        Ok(found.map_or(Permission::None, |collaborator| collaborator.read()))
    }
}

fn reviews_of(number: PullNumber) -> String {
    format!("/pulls/{}/reviews", number.0)
}

/// Where the comments of a pull request are.
pub(crate) fn comments_of(number: PullNumber) -> String {
    format!("/issues/{}/comments", number.0)
}

pub(crate) fn read_all(comments: Vec<CommentDto>) -> Vec<Comment> {
    comments.into_iter().map(CommentDto::read).collect()
}
