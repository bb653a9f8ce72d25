//! Setting a repository up on GitHub, and looking whether it is: rights, webhooks, and what a branch asks for.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use naksha_executor::port::forge::ForgeError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::installation::{Installation, Scope};
use super::rights::Lacking;
use super::wire::DeliveryDto;
use super::{GitHub, Whom};
use crate::answer::read;
use crate::setup::{Delivery, Done, GITHUB_EVENTS, Hook, Lack, NewHook, RequiredCheck, Setup, is_same};
use crate::wire::{MadeDto, RepositoryDto};

/// What GitHub says of a classic token.
const SCOPES: &str = "x-oauth-scopes";
const TOKEN: &str = "give the bot a token with it";

#[derive(Debug, Deserialize)]
struct HookDto {
    id: u64,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    config: HookConfigDto,
    #[serde(default)]
    last_response: ResponseDto,
}

#[derive(Debug, Default, Deserialize)]
struct HookConfigDto {
    #[serde(default)]
    url: String,
    /// Signs, where there is one.
    secret: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct ResponseDto {
    code: Option<u16>,
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AppDto {
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    events: Vec<String>,
}

impl HookDto {
    fn read(self) -> Hook {
        let Self { id: _, active, events, config, last_response } = self;
        let ResponseDto { code, message } = last_response;
        let last = code.map(|code| Delivery {
            has_arrived: (200..300).contains(&code),
            words: format!("{code} {}", message.unwrap_or_default()).trim().to_owned(),
        });
        Hook { url: config.url, is_active: active, events, is_signed: Some(config.secret.is_some()), last }
    }
}

impl GitHub {
    async fn person_lacks(&self) -> Result<Vec<Lack>, ForgeError> {
        let answer = self.repo.ask("").await?;
        let RepositoryDto { permissions, .. } = read(&answer.body)?;
        let mut lacks = Vec::new();
        let mut lack = |right: &str, purpose, remedy, is_needed| {
            lacks.push(Lack { right: right.to_owned(), purpose, remedy, is_needed });
        };
        if !permissions.push {
            let remedy = "make the bot a collaborator of the repository who may write";
            lack("writing to the repository", "statuses, comments and promotions", remedy, true);
        }
        // A fine-grained token has none, and GitHub does not say what it may.
        let scopes = answer.headers.get(SCOPES).and_then(|scopes| scopes.to_str().ok());
        let scopes: Option<Vec<&str>> = scopes.map(|scopes| scopes.split(',').map(str::trim).collect());
        let has = |names: &[&str]| {
            scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| names.contains(scope)))
        };
        if !has(&["repo"]) {
            lack("scope `repo`", "everything in a private repository", TOKEN, true);
        }
        if !has(&["read:org", "write:org", "admin:org"]) {
            lack("scope `read:org`", "`owners` that name `@organisation/team`", TOKEN, false);
        }
        Ok(lacks)
    }

    /// An App has one webhook for everything that it is installed in.
    async fn app_hooks(&self, installation: &Installation) -> Result<Vec<Hook>, ForgeError> {
        let HookConfigDto { url, secret } = installation.app().get("/app/hook/config").await?;
        if url.is_empty() {
            return Ok(Vec::new());
        }
        let AppDto { events, .. } = installation.app().get("/app").await?;
        let ours: MadeDto = self.repo.get("").await?;
        let sent = installation.app().ask("/app/hook/deliveries?per_page=100").await?;
        let sent: Vec<DeliveryDto> = read(&sent.body)?;
        let is_ours = |one: &DeliveryDto| one.repository_id.is_none_or(|id| id == ours.id);
        // Newest first.
        let last = sent
            .into_iter()
            .find(is_ours)
            .map(|one| Delivery { has_arrived: one.arrived(), words: one.status_code.to_string() });
        Ok(vec![Hook { url, is_active: true, events, is_signed: Some(secret.is_some()), last }])
    }

    async fn person_hooks(&self) -> Result<Vec<HookDto>, ForgeError> {
        self.repo.list("/hooks").await.map_err(|error| match error {
            // What somebody may not see is not there for them.
            ForgeError::Missing(_) => {
                ForgeError::Denied("webhooks are told to administrators of the repository".to_owned())
            }
            error => error,
        })
    }

    fn app_only(&self) -> Option<&Installation> {
        match &self.whom {
            Whom::Person => None,
            Whom::App { installation, .. } => Some(installation),
        }
    }
}

#[async_trait]
impl Setup for GitHub {
    fn events(&self) -> &'static [&'static str] {
        &GITHUB_EVENTS
    }

    /// Asked as the App itself: when clocks differ too much, GitHub gives no other token.
    async fn clock(&self) -> Result<Timestamp, ForgeError> {
        match self.app_only() {
            Some(installation) => installation.app().clock("/app").await,
            None => self.repo.rest.clock("/user").await,
        }
    }

    async fn app(&self) -> Result<Option<u64>, ForgeError> {
        match self.app_only() {
            Some(installation) => Ok(Some(installation.granted(Scope::Usual).await?.app)),
            None => Ok(None),
        }
    }

    async fn lacks(&self) -> Result<Vec<Lack>, ForgeError> {
        let Some(installation) = self.app_only() else { return self.person_lacks().await };
        let lacking = installation.lacking().await?;
        if lacking.is_empty() {
            return Ok(Vec::new());
        }
        let AppDto { permissions: asked_for, .. } = installation.app().get("/app").await?;
        let lack = |one: Lacking| Lack {
            right: one.words(),
            purpose: one.purpose,
            remedy: if one.is_in(&asked_for) {
                "the App asks for it: accept that where it is installed"
            } else {
                "give it to the App in its settings, and accept that where it is installed"
            },
            is_needed: one.is_needed,
        };
        Ok(lacking.into_iter().map(lack).collect())
    }

    async fn hooks(&self) -> Result<Vec<Hook>, ForgeError> {
        match self.app_only() {
            Some(installation) => self.app_hooks(installation).await,
            None => Ok(self.person_hooks().await?.into_iter().map(HookDto::read).collect()),
        }
    }

    async fn required(&self, branch: &str) -> Result<Vec<RequiredCheck>, ForgeError> {
        self.required_on(branch).await
    }

    async fn has_file(&self, branch: &str, path: &str) -> Result<bool, ForgeError> {
        self.repo.has_file(branch, path).await
    }

    async fn set_hook(&self, hook: &NewHook) -> Result<Done, ForgeError> {
        if self.app_only().is_some() {
            return Ok(Done::Left("an App's webhook is set in its settings".to_owned()));
        }
        let NewHook { url, secret, is_fresh: _ } = hook;
        let config =
            json!({"url": url, "content_type": "json", "secret": secret.expose(), "insecure_ssl": "0"});
        let mut body = json!({"active": true, "events": GITHUB_EVENTS, "config": config});
        let known = self.person_hooks().await?;
        let Some(first) = known.into_iter().find(|one| is_same(&one.config.url, url)) else {
            body["name"] = Value::from("web");
            self.repo.tell(Method::POST, "/hooks", &body).await?;
            return Ok(Done::Made);
        };
        // GitHub tells no secret, so that it is set again.
        self.repo.tell(Method::PATCH, &format!("/hooks/{}", first.id), &body).await?;
        Ok(Done::Changed)
    }

    async fn require(&self, branch: &str, check: &str, app: Option<u64>) -> Result<Done, ForgeError> {
        self.require_on(branch, check, app).await
    }
}
