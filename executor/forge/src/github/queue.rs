//! Merge queues. GitHub tells of them by webhooks only; what stands in line is seen in the branches that a queue makes.

use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{ForgeError, MergeGroup, PullNumber};
use serde::Deserialize;

use super::GitHub;
use crate::wire::revision;

/// How the branches of a queue begin: `gh-readonly-queue/BASE/pr-NUMBER-COMMIT` (GitHub, "Managing a merge queue").
const BRANCHES: &str = "gh-readonly-queue/";

#[derive(Debug, Deserialize)]
struct RefDto {
    #[serde(rename = "ref")]
    name: String,
    object: ObjectDto,
}

#[derive(Debug, Deserialize)]
struct ObjectDto {
    sha: String,
}

impl GitHub {
    pub(super) async fn list_groups(&self) -> Result<Vec<MergeGroup>, ForgeError> {
        let refs: Vec<RefDto> = self.repo.get(&format!("/git/matching-refs/heads/{BRANCHES}")).await?;
        let mut groups = Vec::new();
        for RefDto { name, object } in refs {
            let Some(branch) = name.strip_prefix("refs/heads/") else { continue };
            if let Some((base, number, onto)) = read(branch) {
                let (branch, head) = (branch.to_owned(), revision(&object.sha)?);
                groups.push(MergeGroup { number, head, onto, branch, base });
            }
        }
        Ok(groups)
    }
}

/// Base and pull request of a queue's branch, and the commit that it was put onto. A base may have slashes in its name.
fn read(branch: &str) -> Option<(String, PullNumber, Revision)> {
    let (base, last) = branch.strip_prefix(BRANCHES)?.rsplit_once('/')?;
    let (number, onto) = last.strip_prefix("pr-")?.split_once('-')?;
    Some((base.to_owned(), PullNumber(number.parse().ok()?), Revision::parse(onto).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_of_a_queue_says_what_is_in_it() {
        let onto = "0123456789".repeat(4);
        let read = |branch: &str| {
            read(branch).map(|(base, number, onto)| format!("{base} {number} {}", onto.short()))
        };
        let branch = |of: &str| format!("gh-readonly-queue/{of}-{onto}");
        assert_eq!(read(&branch("main/pr-12")).as_deref(), Some("main #12 0123456789"));
        assert_eq!(read(&branch("release/2.0/pr-7")).as_deref(), Some("release/2.0 #7 0123456789"));
        for other in [
            "main",
            "gh-readonly-queue/main",
            "gh-readonly-queue/main/pr-x-1",
            "gh-readonly-queue/main/12",
            "gh-readonly-queue/main/pr-12-0123abc",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
