//! Webhooks: what GitHub says by itself, signed, and the list of what did not arrive.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, not_found};
use super::call::Call;
use super::repository_hooks::RepositoryHook;
use super::state::{State, moment};

/// GitHub, "Best practices for using webhooks": who has not answered by then has not taken it.
const WITHIN: Duration = Duration::from_secs(10);
const USUAL_PAGE: usize = 30;

#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// Where to, and the secret.
    pub(super) target: Option<(String, String)>,
    /// Those of the repository itself.
    pub(super) repository: Vec<RepositoryHook>,
    /// The oldest first.
    pub(super) deliveries: Vec<Delivery>,
    /// What is to be sent when the answer is out.
    pub(super) outbox: Vec<Event>,
}

/// Something that is told.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// `pull_request`
    pub(super) name: &'static str,
    pub(super) action: Option<&'static str>,
    pub(super) payload: Value,
    pub(super) guid: String,
    pub(super) is_redelivery: bool,
}

#[derive(Debug)]
pub(super) struct Delivery {
    id: u64,
    event: Event,
    at: Timestamp,
    took: Duration,
    /// Nothing: nobody answered.
    status: Option<u16>,
}

impl Hooks {
    pub(super) fn told(&self) -> Vec<(String, bool)> {
        let told = self.deliveries.iter().map(|one| (one.event.described_as(), !one.is_failed()));
        told.collect()
    }
}

impl Event {
    pub(super) fn new(name: &'static str, action: Option<&'static str>, payload: Value) -> Self {
        Self { name, action, payload, guid: uuid::Uuid::new_v4().to_string(), is_redelivery: false }
    }

    /// Its name in GitHub's description.
    pub(super) fn described_as(&self) -> String {
        let name = match self.action {
            Some(action) => format!("{}-{action}", self.name),
            None => self.name.to_owned(),
        };
        name.replace('_', "-")
    }
}

impl Delivery {
    fn is_failed(&self) -> bool {
        !self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Sends it; what was answered, and how long that took.
pub(super) async fn deliver(url: &str, secret: &str, event: &Event) -> (Option<u16>, Duration) {
    let body = event.payload.to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature: String =
        hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let begun = Instant::now();
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(WITHIN).build() else {
        return (None, begun.elapsed());
    };
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("user-agent", "GitHub-Hookshot/fake")
        .header("x-github-event", event.name)
        .header("x-github-delivery", &event.guid)
        .header("x-hub-signature-256", format!("sha256={signature}"));
    let answer = request.body(body).send().await;
    (answer.ok().map(|answer| answer.status().as_u16()), begun.elapsed())
}

impl State {
    /// Keeps something to be told. It is looked at before it is sent, also where nobody listens.
    pub(super) fn tell(&mut self, name: &'static str, action: Option<&'static str>, payload: Value) {
        self.hooks.outbox.push(Event::new(name, action, payload));
    }

    pub(super) fn delivered(&mut self, event: Event, status: Option<u16>, took: Duration) {
        let (id, at) = (self.next_id(), self.now());
        self.hooks.deliveries.push(Delivery { id, event, at, took, status });
    }

    fn delivery(&self, delivery: &Delivery) -> Value {
        let words = match delivery.status {
            Some(status) if !delivery.is_failed() => (status, "OK".to_owned()),
            Some(status) => (status, format!("Invalid HTTP Response: {status}")),
            None => (502, "failed to connect to host".to_owned()),
        };
        json!({"id": delivery.id, "guid": delivery.event.guid, "delivered_at": moment(delivery.at),
            "redelivery": delivery.event.is_redelivery, "duration": delivery.took.as_secs_f64(),
            "status": words.1, "status_code": words.0, "event": delivery.event.name,
            "action": delivery.event.action, "installation_id": self.app.installation,
            "repository_id": self.repository.id})
    }
}

/// The newest first, page by page along a cursor.
pub(super) fn list(state: &State, call: &Call) -> Answer {
    let size = call.asked("per_page").and_then(|text| text.parse().ok()).unwrap_or(USUAL_PAGE).clamp(1, 100);
    let before = call.asked("cursor").and_then(|cursor| cursor.strip_prefix("v1_")?.parse::<u64>().ok());
    let found = state.hooks.deliveries.iter().rev();
    let found = found.filter(|delivery| before.is_none_or(|before| delivery.id < before));
    let mut found = found.filter(|delivery| match call.asked("status") {
        Some("success") => !delivery.is_failed(),
        Some(_) => delivery.is_failed(),
        None => true,
    });
    let page: Vec<&Delivery> = found.by_ref().take(size).collect();
    let answer = Answer::ok(page.iter().map(|delivery| state.delivery(delivery)).collect());
    let Some((last, _)) = page.last().zip(found.next()) else { return answer };
    let mut query = call.query.clone();
    query.insert("cursor".to_owned(), format!("v1_{}", last.id));
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let next = format!("<{}{}?{}>; rel=\"next\"", call.base, call.path, query.join("&"));
    answer.with("link", &next)
}

/// The same again, under the same name.
pub(super) fn redeliver(state: &mut State, call: &Call) -> Outcome {
    let id = call.number("delivery_id");
    let found = state.hooks.deliveries.iter().find(|delivery| delivery.id == id);
    let mut event = found.ok_or_else(not_found)?.event.clone();
    event.is_redelivery = true;
    state.hooks.outbox.push(event);
    Ok(Answer::new(202, Some(json!({}))))
}
