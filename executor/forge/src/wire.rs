//! What both forges send, as far as it is read. Fields that are missing are never more than one thing less known.

use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{
    Approval, CheckState, Comment, CommentId, ForgeError, Login, Permission, Pull, PullNumber, PullState,
    Reported, ReviewId,
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct UserDto {
    pub(crate) login: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RepositoryDto {
    pub(crate) full_name: String,
    #[serde(default)]
    pub(crate) default_branch: String,
    #[serde(default)]
    pub(crate) archived: bool,
    #[serde(default)]
    pub(crate) permissions: PermissionsDto,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PermissionsDto {
    #[serde(default)]
    pub(crate) push: bool,
    #[serde(default)]
    pub(crate) admin: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PullDto {
    number: u64,
    #[serde(default)]
    title: String,
    user: Option<UserDto>,
    state: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    merged: Option<bool>,
    merged_at: Option<Timestamp>,
    merge_commit_sha: Option<String>,
    head: EndDto,
    base: EndDto,
    #[serde(default)]
    html_url: String,
    updated_at: Timestamp,
}

/// One end of a pull request.
#[derive(Debug, Deserialize)]
struct EndDto {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    /// Absent: it was deleted.
    repo: Option<RepositoryDto>,
}

impl PullDto {
    pub(crate) fn read(self) -> Result<Pull, ForgeError> {
        let Self {
            number,
            title,
            user,
            state,
            draft,
            merged,
            merged_at,
            merge_commit_sha,
            head,
            base,
            html_url,
            updated_at,
        } = self;
        let strange = |what: &str| ForgeError::Strange(format!("pull request #{number} has no {what}"));
        let revision = |sha: &str| Revision::parse(sha).map_err(|_| strange("commit that can be read"));
        let is_merged = merged.unwrap_or(merged_at.is_some());
        let state = match (state.as_str(), is_merged) {
            // Before a merge it is that of a merge that was only tried.
            (_, true) => PullState::Merged {
                commit: merge_commit_sha
                    .filter(|sha| !sha.is_empty())
                    .map(|sha| revision(&sha))
                    .transpose()?,
            },
            ("open", false) => PullState::Open,
            _ => PullState::Closed,
        };
        let name = |end: &EndDto| end.repo.as_ref().map(|repo| repo.full_name.to_lowercase());
        let is_fork = name(&head).is_none_or(|from| Some(from) != name(&base));
        Ok(Pull {
            number: PullNumber(number),
            title,
            // A ghost: who wrote it is gone.
            author: Login::new(user.as_ref().map_or("ghost", |user| &user.login)),
            head: revision(&head.sha)?,
            branch: head.name,
            is_fork,
            base: base.name,
            is_draft: draft,
            state,
            page: html_url,
            changed: updated_at,
        })
    }
}

pub(crate) fn revision(sha: &str) -> Result<Revision, ForgeError> {
    Revision::parse(sha).map_err(|_| ForgeError::Strange("a commit that cannot be read".to_owned()))
}

#[derive(Debug, Deserialize)]
pub(crate) struct CommentDto {
    id: u64,
    user: Option<UserDto>,
    #[serde(default)]
    body: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl CommentDto {
    pub(crate) fn read(self) -> Comment {
        let Self { id, user, body, created_at, updated_at } = self;
        Comment {
            id: CommentId(id),
            author: Login::new(user.as_ref().map_or("ghost", |user| &user.login)),
            is_bot: user.is_some_and(|user| user.kind == "Bot"),
            text: body,
            made: created_at,
            is_edited: updated_at > created_at,
        }
    }
}

/// A comment, and what it stands on.
#[derive(Debug, Deserialize)]
pub(crate) struct PlacedCommentDto {
    /// Its address for people: `…/pull/12#issuecomment-3` on GitHub, `…/pulls/12#…` on Gitea, `…/issues/12#…` of an issue.
    #[serde(default)]
    html_url: String,
    #[serde(flatten)]
    comment: CommentDto,
}

impl PlacedCommentDto {
    /// When it was made or edited.
    pub(crate) fn updated_at(&self) -> Timestamp {
        self.comment.updated_at
    }

    /// Nothing: it stands on no pull request.
    pub(crate) fn read(self) -> Option<(PullNumber, Comment)> {
        let (page, _) = self.html_url.split_once('#')?;
        let (rest, number) = page.rsplit_once('/')?;
        let is_pull = rest.ends_with("/pull") || rest.ends_with("/pulls");
        let number = number.parse().ok().filter(|_| is_pull)?;
        Some((PullNumber(number), self.comment.read()))
    }
}

/// Something that was made, of which the number is all there is to know.
#[derive(Debug, Deserialize)]
pub(crate) struct MadeDto {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) number: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StatusDto {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) context: String,
    /// GitHub says `state`, Gitea `status`.
    #[serde(alias = "status")]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) creator: Option<UserDto>,
}

impl StatusDto {
    pub(crate) fn read(self) -> Reported {
        let Self { id: _, context, state, description, creator } = self;
        let state = match state.as_str() {
            "success" => CheckState::Passed,
            "pending" => CheckState::Running,
            "warning" => CheckState::Waits,
            _ => CheckState::Failed,
        };
        Reported {
            name: context,
            state,
            summary: description.unwrap_or_default(),
            author: creator.map(|creator| Login::new(&creator.login)),
            content: None,
        }
    }
}

/// What somebody says of a pull request as a whole.
#[derive(Debug, Deserialize)]
pub(crate) struct ReviewDto {
    pub(crate) id: u64,
    state: String,
    user: Option<UserDto>,
    /// Absent, or empty: the head is gone.
    #[serde(default)]
    commit_id: Option<String>,
    /// Gitea keeps the state of one that was taken back; GitHub calls it `DISMISSED`.
    #[serde(default)]
    dismissed: bool,
}

impl ReviewDto {
    pub(crate) fn approves(&self) -> bool {
        self.state == "APPROVED" && !self.dismissed
    }

    /// The last word of everybody who said yes or no, where it is yes. A remark takes nothing back.
    pub(crate) fn approvals(mut all: Vec<Self>) -> Vec<Approval> {
        all.sort_by_key(|review| std::cmp::Reverse(review.id));
        let (mut spoke, mut approvals) = (Vec::new(), Vec::new());
        for review in all {
            let Some(user) = &review.user else { continue };
            let by = Login::new(&user.login);
            let is_a_word =
                !matches!(review.state.as_str(), "COMMENTED" | "COMMENT" | "PENDING" | "REQUEST_REVIEW");
            if !is_a_word || spoke.contains(&by) {
                continue;
            }
            spoke.push(by.clone());
            let head = review.commit_id.as_deref().and_then(|sha| Revision::parse(sha).ok());
            if review.approves() {
                approvals.push(Approval { review: ReviewId(review.id), by, head });
            }
        }
        approvals
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct CollaboratorDto {
    permission: String,
}

impl CollaboratorDto {
    pub(crate) fn read(&self) -> Permission {
        match self.permission.as_str() {
            "owner" | "admin" => Permission::Admin,
            "write" | "maintain" => Permission::Write,
            "read" | "triage" => Permission::Read,
            _ => Permission::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_on_a_pull_request_by_its_page() {
        let on = |page: &str| {
            let text = format!(
                r#"{{"id": 3, "html_url": "{page}", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}}"#
            );
            let comment: PlacedCommentDto = serde_json::from_str(&text).unwrap();
            comment.read().map(|(number, _)| number.0)
        };
        assert_eq!(on("https://github.com/o/r/pull/12#issuecomment-3"), Some(12));
        assert_eq!(on("https://git.example/o/r/pulls/12#issuecomment-3"), Some(12));
        assert_eq!(on("https://git.example/pulls/pull/pulls/7#issuecomment-3"), Some(7));
        assert_eq!(on("https://github.com/o/pull/issues/12#issuecomment-3"), None);
        assert_eq!(on(""), None);
    }

    #[test]
    fn the_last_word_of_a_reviewer_counts_and_remarks_are_none() {
        let head = "0123456789".repeat(4);
        let review = |id: u64, login: &str, state: &str, dismissed: bool| {
            let text = format!(
                r#"{{"id": {id}, "user": {{"login": "{login}"}}, "state": "{state}", "dismissed": {dismissed}, "commit_id": "{head}"}}"#
            );
            serde_json::from_str::<ReviewDto>(&text).unwrap()
        };
        let all = vec![
            review(1, "ann", "APPROVED", false),
            review(2, "ann", "COMMENT", false),
            review(3, "bob", "APPROVED", false),
            review(4, "bob", "CHANGES_REQUESTED", false),
            review(5, "cid", "REQUEST_CHANGES", false),
            review(6, "cid", "APPROVED", false),
            review(7, "dan", "APPROVED", true),
            review(8, "eve", "DISMISSED", false),
        ];
        let by: Vec<_> = ReviewDto::approvals(all).into_iter().map(|one| one.by.to_string()).collect();
        assert_eq!(by, ["cid", "ann"]);
    }
}
