//! Webhooks of the repository itself, which its administrators make. They tell what the App's tells.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, broken_rule, not_found};
use super::call::Call;
use super::shapes::Shapes;
use super::state::{State, moment};

/// What is told in place of a secret.
const MASK: &str = "********";

/// A webhook of the repository.
#[derive(Debug, Clone)]
pub(super) struct RepositoryHook {
    pub(super) id: u64,
    pub(super) url: String,
    pub(super) secret: Option<String>,
    pub(super) events: Vec<String>,
    pub(super) is_active: bool,
    /// What was answered to the last delivery, 502 where nobody did; nothing: there was none.
    pub(super) last: Option<u16>,
}

impl RepositoryHook {
    pub(super) fn listens_to(&self, event: &str) -> bool {
        self.is_active && self.events.iter().any(|own| own == event || own == "*")
    }

    fn take(&mut self, body: &Value) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let config = &body["config"];
        if let Some(url) = text(&config["url"]) {
            self.url = url;
        }
        if config.is_object() {
            self.secret = text(&config["secret"]);
        }
        if let Some(events) = body["events"].as_array() {
            self.events = events.iter().filter_map(text).collect();
        }
        self.is_active = body["active"].as_bool().unwrap_or(self.is_active);
    }
}

pub(super) fn list(state: &State, call: &Call) -> Answer {
    call.page(state.hooks.repository.iter().map(|hook| state.shapes().hook(hook)).collect())
}

pub(super) fn create(state: &mut State, call: &Call) -> Outcome {
    let id = state.next_id();
    let mut hook = RepositoryHook {
        id,
        url: String::new(),
        secret: None,
        events: vec!["push".to_owned()],
        is_active: true,
        last: None,
    };
    hook.take(&call.body);
    if state.hooks.repository.iter().any(|known| known.url == hook.url && known.events == hook.events) {
        return Err(broken_rule("Hook", "Hook already exists on this repository"));
    }
    let told = state.shapes().hook(&hook);
    state.hooks.repository.push(hook);
    Ok(Answer::created(told))
}

pub(super) fn update(state: &mut State, call: &Call) -> Outcome {
    let id = call.number("hook_id");
    let hook = state.hooks.repository.iter_mut().find(|hook| hook.id == id).ok_or_else(not_found)?;
    hook.take(&call.body);
    let hook = hook.clone();
    Ok(Answer::ok(state.shapes().hook(&hook)))
}

/// Of the App: one for everything that it is installed in.
pub(super) fn of_app(state: &State) -> Answer {
    let mut config = json!({"content_type": "json", "insecure_ssl": "0"});
    if let Some((url, secret)) = &state.hooks.target {
        config["url"] = json!(url);
        if !secret.is_empty() {
            config["secret"] = json!(MASK);
        }
    }
    Answer::ok(config)
}

impl Shapes<'_> {
    fn hook(&self, hook: &RepositoryHook) -> Value {
        let RepositoryHook { id, url, secret, events, is_active, last } = hook;
        let own = format!("{}/hooks/{id}", self.root());
        let made = moment(self.state.repository.made);
        let mut config = json!({"url": url, "content_type": "json", "insecure_ssl": "0"});
        if secret.is_some() {
            config["secret"] = json!(MASK);
        }
        let last = match last {
            None => json!({"code": null, "status": "unused", "message": null}),
            Some(code) if (200..300).contains(code) => {
                json!({"code": code, "status": "active", "message": "OK"})
            }
            Some(code) => {
                let words = format!("Invalid HTTP Response: {code}");
                json!({"code": code, "status": "invalid_http_response", "message": words})
            }
        };
        json!({"type": "Repository", "id": id, "name": "web", "active": is_active, "events": events,
            "config": config, "updated_at": made, "created_at": made, "url": own, "test_url": format!("{own}/test"),
            "ping_url": format!("{own}/pings"), "deliveries_url": format!("{own}/deliveries"), "last_response": last})
    }
}
