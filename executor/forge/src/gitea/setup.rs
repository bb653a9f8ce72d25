//! Setting a repository up on Gitea, and looking whether it is.

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use naksha_executor::port::forge::ForgeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Gitea;
use crate::rest::{path_of, segment};
use crate::setup::{Done, HOOK_EVENTS, Hook, Lack, NewHook, RequiredCheck, Setup, is_same, tells_all};
use crate::wire::RepositoryDto;

/// Nobody's commit.
const NOWHERE: &str = "0000000000000000000000000000000000000000";
const ADMINISTRATOR: &str = "make the bot a collaborator of the repository with administrator rights";
const SCOPE: &str = "give the bot a token with it";

#[derive(Debug, Deserialize)]
struct HookDto {
    id: u64,
    #[serde(default)]
    config: HookConfigDto,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    active: bool,
}

#[derive(Debug, Default, Deserialize)]
struct HookConfigDto {
    #[serde(default)]
    url: String,
}

/// What a branch asks for, as everybody is told who reads it.
#[derive(Debug, Deserialize)]
struct GuardedDto {
    #[serde(default)]
    enable_status_check: bool,
    #[serde(default)]
    status_check_contexts: Option<Vec<String>>,
    #[serde(default)]
    effective_branch_protection_name: String,
}

/// The rule itself, as who may change it is told.
#[derive(Debug, Deserialize)]
struct RuleDto {
    rule_name: String,
    #[serde(default)]
    enable_status_check: bool,
    #[serde(default)]
    status_check_contexts: Option<Vec<String>>,
}

impl Gitea {
    /// Nothing: there is no such branch.
    async fn guarded(&self, branch: &str) -> Result<Option<GuardedDto>, ForgeError> {
        self.repo.find(&format!("/branches/{}", path_of(branch))).await
    }

    async fn ruled(&self, branch: &str) -> Result<Option<GuardedDto>, ForgeError> {
        let rule: Option<RuleDto> =
            self.repo.find(&format!("/branch_protections/{}", path_of(branch))).await?;
        Ok(rule.map(|RuleDto { rule_name, enable_status_check, status_check_contexts }| GuardedDto {
            effective_branch_protection_name: rule_name,
            enable_status_check,
            status_check_contexts,
        }))
    }

    /// Whether the token's scope keeps us from this, which asks for what cannot be done: the scope is looked at first.
    async fn lacks_scope(&self, path: &str, body: &Value) -> Result<bool, ForgeError> {
        match self.repo.tell(Method::POST, path, body).await {
            Err(ForgeError::Denied(words)) => Ok(words.contains("scope")),
            Err(error) if error.is_transient() && !matches!(error, ForgeError::Unreachable(_)) => Err(error),
            _ => Ok(false),
        }
    }

    async fn make_hook(&self, hook: &NewHook) -> Result<(), ForgeError> {
        let NewHook { url, secret, is_fresh: _ } = hook;
        let config = json!({"url": url, "content_type": "json", "secret": secret.expose()});
        let body = json!({"type": "gitea", "active": true, "events": HOOK_EVENTS, "config": config});
        self.repo.tell(Method::POST, "/hooks", &body).await
    }
}

#[async_trait]
impl Setup for Gitea {
    async fn clock(&self) -> Result<Timestamp, ForgeError> {
        self.repo.rest.clock("/version").await
    }

    async fn lacks(&self) -> Result<Vec<Lack>, ForgeError> {
        let RepositoryDto { permissions, .. } = self.repo.get("").await?;
        let (mut lacks, is_needed) = (Vec::new(), true);
        let lack =
            |right: &str, purpose, remedy| Lack { right: right.to_owned(), purpose, remedy, is_needed };
        if !permissions.push {
            lacks.push(lack("writing to the repository", "checks, comments and promotions", ADMINISTRATOR));
        }
        if !permissions.admin {
            let purpose = "what others may do there, which nobody else is told";
            lacks.push(lack("administrator of the repository", purpose, ADMINISTRATOR));
        }
        let status = json!({"context": "naksha", "state": "pending"});
        if self.lacks_scope(&format!("/statuses/{NOWHERE}"), &status).await? {
            lacks.push(lack("scope `write:repository`", "checks and promotions", SCOPE));
        }
        if self.lacks_scope("/issues/0/comments", &json!({"body": ""})).await? {
            lacks.push(lack("scope `write:issue`", "comments and the signs under them", SCOPE));
        }
        let (owner, _) = self.repo.name.split_once('/').unwrap_or_default();
        let teams = self.repo.rest.ask(&format!("/orgs/{}/teams?limit=1", segment(owner))).await;
        if matches!(teams, Err(ForgeError::Denied(words)) if words.contains("scope")) {
            let purpose = "`owners` that name `@organisation/team`";
            lacks.push(Lack { is_needed: false, ..lack("scope `read:organization`", purpose, SCOPE) });
        }
        Ok(lacks)
    }

    async fn hooks(&self) -> Result<Vec<Hook>, ForgeError> {
        let hooks: Vec<HookDto> = self.repo.list("/hooks").await?;
        let read = |hook: HookDto| {
            let HookDto { id: _, config, events, active } = hook;
            Hook { url: config.url, is_active: active, events, is_signed: None, last: None }
        };
        Ok(hooks.into_iter().map(read).collect())
    }

    async fn required(&self, branch: &str) -> Result<Vec<RequiredCheck>, ForgeError> {
        let Some(guarded) = self.guarded(branch).await? else {
            return Err(ForgeError::Missing(format!("branch {branch}")));
        };
        let names = guarded.status_check_contexts.unwrap_or_default();
        let names = names.into_iter().filter(|_| guarded.enable_status_check);
        Ok(names.map(|name| RequiredCheck { name, app: None }).collect())
    }

    async fn has_file(&self, branch: &str, path: &str) -> Result<bool, ForgeError> {
        self.repo.has_file(branch, path).await
    }

    /// Gitea changes no webhook's secret: one that has another is replaced, and goes when the new one is there.
    async fn set_hook(&self, hook: &NewHook) -> Result<Done, ForgeError> {
        let known: Vec<HookDto> = self.repo.list("/hooks").await?;
        let ours: Vec<_> = known.into_iter().filter(|one| is_same(&one.config.url, &hook.url)).collect();
        let Some(first) = ours.first() else {
            return self.make_hook(hook).await.map(|()| Done::Made);
        };
        if hook.is_fresh {
            self.make_hook(hook).await?;
            for HookDto { id, .. } in &ours {
                self.repo.tell(Method::DELETE, &format!("/hooks/{id}"), &json!({})).await?;
            }
            return Ok(Done::Changed);
        }
        if first.active && tells_all(&first.events) {
            return Ok(Done::Found);
        }
        let body = json!({"active": true, "events": HOOK_EVENTS, "config": {"url": hook.url, "content_type": "json"}});
        self.repo.tell(Method::PATCH, &format!("/hooks/{}", first.id), &body).await?;
        Ok(Done::Changed)
    }

    async fn require(&self, branch: &str, check: &str, _app: Option<u64>) -> Result<Done, ForgeError> {
        let guarded = match self.guarded(branch).await? {
            Some(guarded) => Some(guarded),
            // Before its first push a branch is not there, and may have a rule.
            None => self.ruled(branch).await?,
        };
        let rule = guarded.as_ref().map(|guarded| guarded.effective_branch_protection_name.clone());
        let Some(rule) = rule.filter(|rule| !rule.is_empty()) else {
            // Who may push goes on pushing: what nobody was shown is held by naksha, and not by the forge.
            let body = json!({"rule_name": branch, "enable_push": true, "enable_status_check": true,
                "status_check_contexts": [check]});
            self.repo.tell(Method::POST, "/branch_protections", &body).await?;
            return Ok(Done::Made);
        };
        let guarded = guarded.filter(|guarded| guarded.enable_status_check);
        // What an idle rule names was not asked for so far, and is not from now on.
        let mut names = guarded.and_then(|guarded| guarded.status_check_contexts).unwrap_or_default();
        if names.iter().any(|name| name == check) {
            return Ok(Done::Found);
        }
        names.push(check.to_owned());
        let body = json!({"enable_status_check": true, "status_check_contexts": names});
        let path = format!("/branch_protections/{}", path_of(&rule));
        self.repo.tell(Method::PATCH, &path, &body).await?;
        Ok(Done::Changed)
    }
}
