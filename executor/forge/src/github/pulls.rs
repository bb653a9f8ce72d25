//! Pull requests: listing, and merging as the repository allows it.

use http::Method;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{ForgeError, PullNumber};
use serde::Deserialize;
use serde_json::json;

use super::GitHub;

/// How a repository may be merged into. Absent where we may not see it.
#[derive(Debug, Default, Deserialize)]
struct SettingsDto {
    #[serde(rename = "allow_merge_commit")]
    merge: Option<bool>,
    #[serde(rename = "allow_squash_merge")]
    squash: Option<bool>,
    #[serde(rename = "allow_rebase_merge")]
    rebase: Option<bool>,
}

impl SettingsDto {
    /// The ways to try, in this order. A rule of the branch may allow fewer than the repository does.
    fn methods(&self) -> Vec<&'static str> {
        let Self { merge, squash, rebase } = self;
        let all = [("merge", merge), ("squash", squash), ("rebase", rebase)];
        all.into_iter().filter(|(_, allowed)| allowed.unwrap_or(true)).map(|(method, _)| method).collect()
    }
}

/// Whether GitHub has found out if a pull request can be merged.
#[derive(Debug, Deserialize)]
struct MergeableDto {
    mergeable: Option<bool>,
}

impl GitHub {
    pub(super) async fn merge_at(&self, number: PullNumber, head: &Revision) -> Result<(), ForgeError> {
        let settings: SettingsDto = self.repo.get("").await?;
        let path = format!("/pulls/{}/merge", number.0);
        let mut refused = ForgeError::Invalid("the repository allows no way to merge".to_owned());
        for method in settings.methods() {
            let body = json!({"sha": head.as_str(), "merge_method": method});
            refused = match self.repo.tell(Method::PUT, &path, &body).await {
                Err(ForgeError::Invalid(words)) if is_about_the_method(&words) => ForgeError::Invalid(words),
                Err(ForgeError::Invalid(words)) if self.is_undecided(number, &words).await? => {
                    return Err(ForgeError::Unreachable(words));
                }
                done => return done,
            };
        }
        Err(refused)
    }

    /// GitHub finds out in the background whether a pull request can be merged, and refuses meanwhile.
    async fn is_undecided(&self, number: PullNumber, words: &str) -> Result<bool, ForgeError> {
        let words = words.to_lowercase();
        if words.contains("base branch was modified") {
            return Ok(true);
        }
        if !words.contains("not mergeable") {
            return Ok(false);
        }
        let pull: MergeableDto = self.repo.get(&format!("/pulls/{}", number.0)).await?;
        Ok(pull.mergeable.is_none())
    }
}

/// "Merge commits are not allowed on this repository", and the like.
fn is_about_the_method(words: &str) -> bool {
    let words = words.to_lowercase();
    words.starts_with("405") && words.contains("not allowed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_is_what_the_repository_allows() {
        let methods = |text: &str| serde_json::from_str::<SettingsDto>(text).unwrap().methods();
        assert_eq!(methods("{}"), ["merge", "squash", "rebase"]);
        assert_eq!(methods(r#"{"allow_merge_commit": false}"#), ["squash", "rebase"]);
        let rebase =
            r#"{"allow_merge_commit": false, "allow_squash_merge": false, "allow_rebase_merge": true}"#;
        assert_eq!(methods(rebase), ["rebase"]);
    }

    #[test]
    fn another_way_to_merge_is_tried_only_where_this_one_is_not_allowed() {
        assert!(is_about_the_method("405: Merge commits are not allowed on this repository."));
        assert!(!is_about_the_method("405: Pull Request is not mergeable"));
        assert!(!is_about_the_method("409: Head branch was modified. Review and try the merge again."));
    }
}
