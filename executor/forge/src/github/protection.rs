//! Checks that a branch asks for: by its protection, and by rulesets. Only the protection is written to.

use http::Method;
use naksha_executor::port::forge::ForgeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::GitHub;
use crate::rest::path_of;
use crate::setup::{Done, RequiredCheck};

#[derive(Debug, Deserialize)]
struct BranchDto {
    protection: Option<ProtectionDto>,
}

#[derive(Debug, Default, Deserialize)]
struct ProtectionDto {
    required_status_checks: Option<ChecksDto>,
}

#[derive(Debug, Default, Deserialize)]
struct ChecksDto {
    #[serde(default)]
    contexts: Vec<String>,
    /// The same with their Apps. An older Enterprise Server has only names.
    #[serde(default)]
    checks: Vec<CheckDto>,
}

#[derive(Debug, Clone, Deserialize)]
struct CheckDto {
    context: String,
    app_id: Option<i64>,
}

/// A rule of a ruleset that is in force for a branch.
#[derive(Debug, Deserialize)]
struct RuleDto {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: ParametersDto,
}

#[derive(Debug, Default, Deserialize)]
struct ParametersDto {
    #[serde(default)]
    required_status_checks: Vec<RuledDto>,
}

#[derive(Debug, Deserialize)]
struct RuledDto {
    context: String,
    integration_id: Option<u64>,
}

impl ChecksDto {
    fn read(self) -> Vec<CheckDto> {
        let Self { contexts, mut checks } = self;
        for context in contexts {
            if !checks.iter().any(|check| check.context == context) {
                checks.push(CheckDto { context, app_id: None });
            }
        }
        checks
    }
}

impl CheckDto {
    /// As it is written; anybody's, where no App is named.
    fn written(&self) -> Value {
        match self.app_id {
            Some(app) => json!({"context": self.context, "app_id": app}),
            None => json!({"context": self.context}),
        }
    }
}

impl GitHub {
    pub(super) async fn required_on(&self, branch: &str) -> Result<Vec<RequiredCheck>, ForgeError> {
        let found: BranchDto = self.repo.get(&format!("/branches/{}", path_of(branch))).await?;
        let checks = found.protection.and_then(|protection| protection.required_status_checks);
        let read = |CheckDto { context, app_id }: CheckDto| RequiredCheck {
            name: context,
            // Anybody's is -1 here.
            app: app_id.and_then(|app| u64::try_from(app).ok()),
        };
        let mut all: Vec<_> = checks.unwrap_or_default().read().into_iter().map(read).collect();
        let rules = self.repo.list(&format!("/rules/branches/{}", path_of(branch))).await;
        let rules: Vec<RuleDto> = match rules {
            Ok(rules) => rules,
            // Enterprise Servers before 3.11 know no rulesets.
            Err(ForgeError::Missing(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let in_force = rules.into_iter().filter(|rule| rule.kind == "required_status_checks");
        let checks = in_force.flat_map(|rule| rule.parameters.required_status_checks);
        all.extend(checks.map(|one| RequiredCheck { name: one.context, app: one.integration_id }));
        Ok(all)
    }

    pub(super) async fn require_on(
        &self,
        branch: &str,
        check: &str,
        app: Option<u64>,
    ) -> Result<Done, ForgeError> {
        let required = match self.required_on(branch).await {
            // An empty repository: GitHub protects no branch before it is there.
            Err(ForgeError::Missing(_)) => {
                return Ok(Done::Left(format!("there is no branch `{branch}` yet")));
            }
            required => required?,
        };
        if required.iter().any(|one| one.name == check && (app.is_none() || one.app == app)) {
            return Ok(Done::Found);
        }
        let ours =
            CheckDto { context: check.to_owned(), app_id: app.and_then(|app| i64::try_from(app).ok()) };
        let path = format!("/branches/{}/protection", path_of(branch));
        match self.repo.get::<ProtectionDto>(&path).await {
            Ok(ProtectionDto { required_status_checks: Some(checks) }) => {
                let others = checks.read().into_iter().filter(|one| one.context != check);
                let all: Vec<_> = others.chain([ours]).map(|one| one.written()).collect();
                let path = format!("{path}/required_status_checks");
                self.repo.tell(Method::PATCH, &path, &json!({"checks": all})).await?;
                Ok(Done::Changed)
            }
            // GitHub replaces a protection as a whole, and what a person wrote there is not ours to write again.
            Ok(ProtectionDto { required_status_checks: None }) => Ok(Done::Left(format!(
                "`{branch}` is protected without required checks; add the check in its settings"
            ))),
            Err(ForgeError::Missing(_)) => {
                let checks = json!({"strict": false, "contexts": [], "checks": [ours.written()]});
                let body = json!({"required_status_checks": checks, "enforce_admins": null,
                    "required_pull_request_reviews": null, "restrictions": null});
                self.repo.tell(Method::PUT, &path, &body).await?;
                Ok(Done::Made)
            }
            Err(error) => Err(error),
        }
    }
}
