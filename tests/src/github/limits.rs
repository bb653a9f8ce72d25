//! How much GitHub takes: requests an hour, things said a minute, and how long they may be.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::answer::{Answer, refusal};

/// Characters of what is said in a check: its summary, and its text.
pub(super) const CHECK_TEXT: usize = 65_535;
pub(super) const CHECK_TITLE: usize = 255;
/// Of one request. More are appended by more requests.
pub(super) const ANNOTATIONS: usize = 50;
/// What is said about a line: 64 KB.
pub(super) const ANNOTATION: usize = 64 << 10;
pub(super) const COMMENT: usize = 65_536;
pub(super) const PULL_TITLE: usize = 256;
/// Of a status, and of a deployment's.
pub(super) const DESCRIPTION: usize = 140;
/// For one context on one commit.
pub(super) const STATUSES: usize = 1_000;

const USUAL_HOURLY: u64 = 5_000;
/// GitHub, "About secondary rate limits": what makes content counts by itself.
const USUAL_CONTENT_A_MINUTE: usize = 80;
/// What GitHub asks to wait for, at least.
const PAUSE_SECONDS: u32 = 60;

/// What each caller has left.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) hourly: u64,
    /// As an Enterprise Server comes: nothing is limited, and nothing said about it.
    pub(super) is_off: bool,
    /// Nothing: anything goes.
    pub(super) content_a_minute: Option<usize>,
    spent: BTreeMap<String, Spent>,
}

#[derive(Debug)]
struct Spent {
    since: Timestamp,
    requests: u64,
    /// When something was said, within the last minute.
    said: Vec<Timestamp>,
}

impl Default for Limits {
    fn default() -> Self {
        let content_a_minute = Some(USUAL_CONTENT_A_MINUTE);
        Self { hourly: USUAL_HOURLY, is_off: false, content_a_minute, spent: BTreeMap::new() }
    }
}

impl Limits {
    fn of(&mut self, caller: &str, now: Timestamp) -> &mut Spent {
        let fresh = || Spent { since: now, requests: 0, said: Vec::new() };
        let spent = self.spent.entry(caller.to_owned()).or_insert_with(fresh);
        if now >= spent.since + SignedDuration::from_hours(1) {
            (spent.since, spent.requests) = (now, 0);
        }
        spent
    }

    /// Takes a request off the hour's budget.
    pub(super) fn spend(&mut self, caller: &str, now: Timestamp) -> Result<(), Answer> {
        if self.is_off {
            return Ok(());
        }
        let hourly = self.hourly;
        let spent = self.of(caller, now);
        if spent.requests >= hourly {
            return Err(refusal(403, format!("API rate limit exceeded for {caller}.")));
        }
        spent.requests += 1;
        Ok(())
    }

    /// An answer that says that nothing changed costs nothing.
    pub(super) fn give_back(&mut self, caller: &str, now: Timestamp) {
        let spent = self.of(caller, now);
        spent.requests = spent.requests.saturating_sub(1);
    }

    /// Takes something that is said.
    pub(super) fn say(&mut self, caller: &str, now: Timestamp) -> Result<(), Answer> {
        let Some(most) = self.content_a_minute.filter(|_| !self.is_off) else { return Ok(()) };
        let spent = self.of(caller, now);
        spent.said.retain(|said| now < *said + SignedDuration::from_mins(1));
        if spent.said.len() >= most {
            let words = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.";
            return Err(refusal(403, words).with("retry-after", &PAUSE_SECONDS));
        }
        spent.said.push(now);
        Ok(())
    }

    /// How many requests a caller has left of this hour.
    pub(super) fn left(&mut self, caller: &str, now: Timestamp) -> u64 {
        let hourly = self.hourly;
        hourly.saturating_sub(self.of(caller, now).requests)
    }

    /// What each answer says of it.
    pub(super) fn headers(&mut self, caller: &str, now: Timestamp) -> Vec<(&'static str, String)> {
        if self.is_off {
            return Vec::new();
        }
        let (hourly, left) = (self.hourly, self.left(caller, now));
        let reset = self.of(caller, now).since + SignedDuration::from_hours(1);
        vec![
            ("x-ratelimit-limit", hourly.to_string()),
            ("x-ratelimit-remaining", left.to_string()),
            ("x-ratelimit-used", (hourly - left).to_string()),
            ("x-ratelimit-reset", reset.as_second().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }
}
