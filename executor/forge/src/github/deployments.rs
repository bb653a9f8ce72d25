//! Deployments: what became of a revision in an environment, as GitHub shows it on its pages.
//!
//! GitHub is asked what it has before anything is sent, so that the same again sends nothing.

use http::Method;
use naksha_executor::port::forge::{Deployment, DeploymentState, ForgeError, Login};
use serde_json::json;

use super::GitHub;
use super::wire::{DeploymentDto, DeploymentStatusDto};
use crate::rest::segment;
use crate::wire::MadeDto;

/// Characters of a description.
const MAX_DESCRIPTION: usize = 140;
/// What GitHub says of a deployment that a later one took the place of.
const REPLACED: &str = "inactive";

impl GitHub {
    /// Says it, unless it is said already.
    pub(super) async fn set_deployment(&self, us: &Login, deployment: &Deployment) -> Result<(), ForgeError> {
        let description: String = deployment.summary.chars().take(MAX_DESCRIPTION).collect();
        let state = word(deployment.state);
        let id = match self.ours(us, deployment).await? {
            None => self.begin(deployment, &description).await?,
            Some(id) => match self.latest(id).await? {
                Some(latest) if latest.says(state, &description, deployment.page.as_deref()) => return Ok(()),
                // Done, and something else was since.
                Some(latest) if latest.state == REPLACED && deployment.state == DeploymentState::Done => {
                    return Ok(());
                }
                // What was replaced and comes back is deployed once more.
                Some(latest) if latest.state == REPLACED => self.begin(deployment, &description).await?,
                _ => id,
            },
        };
        let mut body = json!({"state": state, "description": description});
        if let Some(page) = &deployment.page {
            body["log_url"] = json!(page);
        }
        self.repo.tell(Method::POST, &format!("/deployments/{id}/statuses"), &body).await
    }

    /// Our deployment of that revision to that environment.
    async fn ours(&self, us: &Login, deployment: &Deployment) -> Result<Option<u64>, ForgeError> {
        let Deployment { revision, environment, .. } = deployment;
        let path = format!("/deployments?sha={revision}&environment={}", segment(environment));
        let all: Vec<DeploymentDto> = self.repo.list(&path).await?;
        let is_ours = |made: &DeploymentDto| {
            made.creator.as_ref().is_some_and(|creator| Login::new(&creator.login) == *us)
        };
        Ok(all.into_iter().filter(is_ours).map(|made| made.id).max())
    }

    async fn latest(&self, id: u64) -> Result<Option<DeploymentStatusDto>, ForgeError> {
        let path = format!("/deployments/{id}/statuses");
        let all: Vec<DeploymentStatusDto> = self.repo.list(&path).await?;
        Ok(all.into_iter().max_by_key(|status| status.id))
    }

    /// Left alone, GitHub would merge the default branch into the revision, and refuse it while any check is not green.
    async fn begin(&self, deployment: &Deployment, description: &str) -> Result<u64, ForgeError> {
        let body = json!({
            "ref": deployment.revision.as_str(),
            "environment": deployment.environment,
            "description": description,
            "auto_merge": false,
            "required_contexts": [],
        });
        let made: MadeDto = self.repo.send(Method::POST, "/deployments", &body).await?;
        Ok(made.id)
    }
}

impl DeploymentStatusDto {
    fn says(&self, state: &str, description: &str, page: Option<&str>) -> bool {
        self.state == state
            && self.description.as_deref().unwrap_or_default() == description
            && self.log_url.as_deref().unwrap_or_default() == page.unwrap_or_default()
    }
}

fn word(state: DeploymentState) -> &'static str {
    match state {
        DeploymentState::Waits => "queued",
        DeploymentState::Running => "in_progress",
        DeploymentState::Done => "success",
        DeploymentState::Failed => "failure",
    }
}
