//! What is remembered of a forge's answers: bodies that it need not send again, and how much more it takes of us.
//!
//! A body is asked for with its ETag, and a forge that has nothing newer answers 304, which GitHub counts as nothing. What is remembered
//! is bounded, and what was not asked for the longest goes first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{DATE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use naksha_executor::port::forge::Budget;

use crate::answer::Answer;

/// What is asked for again and again: open pull requests, and of each its state, comments, check runs and statuses. They are asked for in
/// turn, so that room for fewer than all of them would be room for none: it is enough for two hundred pull requests, each with a run
/// looked up for every check.
const MAX_ANSWERS: usize = 4096;
/// A page of a hundred pull requests is about two megabytes, and what is asked about one of them a hundred kilobytes.
const MAX_BYTES: usize = 24 << 20;

/// Clocks that differ by no more say the same time.
const AS_GOOD_AS_ONE: SignedDuration = SignedDuration::from_secs(5);

/// Of one identity: others may see other things at the same path.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// What was asked for last stands last.
    answers: VecDeque<Kept>,
    budget: Option<Budget>,
    /// How far its clock is before ours.
    ahead: SignedDuration,
}

/// An answer that a forge said how to ask for again.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    path: String,
    tag: HeaderValue,
    headers: HeaderMap,
    body: Bytes,
}

impl Kept {
    /// What `If-None-Match` says.
    pub(crate) fn tag(&self) -> &HeaderValue {
        &self.tag
    }
}

impl Remembered {
    /// What is known at a path.
    pub(crate) fn kept(&self, path: &str) -> Option<Kept> {
        self.known().answers.iter().find(|kept| kept.path == path).cloned()
    }

    /// What a request was answered with: as it came, or what was known when it was sent, where nothing is newer.
    pub(crate) fn settle(&self, path: &str, kept: Option<Kept>, answer: Answer) -> Answer {
        self.glance(&answer);
        let mut known = self.known();
        known.answers.retain(|kept| kept.path != path);
        match (answer.status, kept) {
            (StatusCode::NOT_MODIFIED, Some(kept)) => {
                let (headers, body) = (kept.headers.clone(), kept.body.clone());
                known.keep(kept);
                Answer { status: StatusCode::OK, headers, body }
            }
            (StatusCode::OK, _) => {
                if let Some(tag) = answer.headers.get(ETAG).cloned() {
                    let (headers, body) = (answer.headers.clone(), answer.body.clone());
                    known.keep(Kept { path: path.to_owned(), tag, headers, body });
                }
                answer
            }
            _ => answer,
        }
    }

    /// Looks only at what an answer says about the budget.
    pub(crate) fn glance(&self, answer: &Answer) {
        // What stands in front of a forge, and answers in its place when it is away, has a clock of its own.
        let is_its_own = answer.status.is_success() || answer.status == StatusCode::NOT_MODIFIED;
        if let Some(date) = date_of(&answer.headers).filter(|_| is_its_own) {
            self.known().ahead = ahead(date, Timestamp::now());
        }
        if let Some(budget) = budget(&answer.headers) {
            self.known().budget = Some(budget);
        }
    }

    pub(crate) fn budget(&self) -> Option<Budget> {
        self.known().budget
    }

    /// What its clock says, when ours says `ours`.
    pub(crate) fn now(&self, ours: Timestamp) -> Timestamp {
        ours.checked_add(self.known().ahead).unwrap_or(ours)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn keep(&mut self, kept: Kept) {
        if kept.body.len() > MAX_BYTES {
            return;
        }
        self.answers.push_back(kept);
        let bytes = |answers: &VecDeque<Kept>| answers.iter().map(|kept| kept.body.len()).sum::<usize>();
        while self.answers.len() > MAX_ANSWERS || bytes(&self.answers) > MAX_BYTES {
            self.answers.pop_front();
        }
    }
}

/// When it was answered, by the clock of whoever answered (RFC 9110, 6.6.1).
pub(crate) fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(rfc2822::parse(date).ok()?.timestamp())
}

/// Pure. It tells whole seconds, and answers take a while: clocks that agree as far as can be told are one.
pub(crate) fn ahead(date: Timestamp, ours: Timestamp) -> SignedDuration {
    let ahead = date.duration_since(ours);
    if ahead.abs() <= AS_GOOD_AS_ONE { SignedDuration::ZERO } else { ahead }
}

/// Of the usual resource: searches and the like have budgets of their own (GitHub, "Rate limits for the REST API").
fn budget(headers: &HeaderMap) -> Option<Budget> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if text("x-ratelimit-resource").is_some_and(|resource| resource != "core") {
        return None;
    }
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let resets = Timestamp::from_second(i64::try_from(number("x-ratelimit-reset")?).ok()?).ok()?;
    let (limit, remaining) = (number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?);
    Some(Budget { limit, remaining, resets })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: StatusCode, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer { status, headers: headers.collect(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    /// As a request does.
    fn asked(remembered: &Remembered, path: &str, answer: Answer) -> Answer {
        remembered.settle(path, remembered.kept(path), answer)
    }

    fn tag(remembered: &Remembered, path: &str) -> Option<String> {
        remembered.kept(path).map(|kept| kept.tag().to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_not_modified_is_what_it_was() {
        let remembered = Remembered::default();
        assert_eq!(tag(&remembered, "/pulls"), None);
        asked(&remembered, "/pulls", answer(StatusCode::OK, &[("etag", "W/\"1\"")], "[1]"));
        assert_eq!(tag(&remembered, "/pulls").as_deref(), Some("W/\"1\""));
        let same = asked(&remembered, "/pulls", answer(StatusCode::NOT_MODIFIED, &[], ""));
        assert_eq!((same.status, &same.body[..]), (StatusCode::OK, &b"[1]"[..]));

        asked(&remembered, "/pulls", answer(StatusCode::OK, &[("etag", "W/\"2\"")], "[1,2]"));
        let same = asked(&remembered, "/pulls", answer(StatusCode::NOT_MODIFIED, &[], ""));
        assert_eq!(&same.body[..], b"[1,2]");
        // What has no tag any more, or is refused, is forgotten.
        asked(&remembered, "/pulls", answer(StatusCode::OK, &[], "[]"));
        assert_eq!(tag(&remembered, "/pulls"), None);
    }

    #[test]
    fn its_clock_is_what_the_last_answer_says() {
        let remembered = Remembered::default();
        let ours = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(remembered.now(ours), ours, "nobody answered yet");
        for (seconds, taken) in [(-3, 0), (900, 900), (-900, -900), (2, 0)] {
            let date = ours.checked_add(SignedDuration::from_secs(seconds)).unwrap();
            assert_eq!(ahead(date, ours).as_secs(), taken, "{seconds}");
        }
        let fast = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
        let date = fast.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        remembered.glance(&answer(StatusCode::BAD_GATEWAY, &[("date", &date)], ""));
        assert_eq!(remembered.now(ours), ours, "somebody else answered");
        remembered.glance(&answer(StatusCode::OK, &[("date", &date)], ""));
        let ahead = remembered.now(ours).duration_since(ours);
        assert!((3_590..=3_610).contains(&ahead.as_secs()), "{ahead}");
    }

    #[test]
    fn little_is_remembered() {
        let remembered = Remembered::default();
        let ok = |body: &str| answer(StatusCode::OK, &[("etag", "\"1\"")], body);
        let is_kept = |path: &str| remembered.kept(path).is_some();
        for number in 0..=MAX_ANSWERS {
            asked(&remembered, &format!("/{number}"), ok(""));
        }
        assert_eq!((is_kept("/0"), is_kept("/1")), (false, true));
        let half = "x".repeat(MAX_BYTES / 2 + 1);
        asked(&remembered, "/first", ok(&half));
        asked(&remembered, "/second", ok(&half));
        assert_eq!((is_kept("/first"), is_kept("/second")), (false, true));
        asked(&remembered, "/third", ok(&half.repeat(2)));
        assert_eq!((is_kept("/third"), is_kept("/second")), (false, true));
    }

    #[test]
    fn the_budget_is_what_the_last_answer_says() {
        let remembered = Remembered::default();
        let says = |left: &str, resource: &str| {
            let headers = [
                ("x-ratelimit-limit", "5000"),
                ("x-ratelimit-remaining", left),
                ("x-ratelimit-reset", "1700000000"),
                ("x-ratelimit-resource", resource),
            ];
            remembered.glance(&answer(StatusCode::NOT_FOUND, &headers, ""));
            remembered.budget().map(|budget| budget.remaining)
        };
        assert_eq!(says("29", "search"), None);
        assert_eq!(says("4999", "core"), Some(4999));
        assert_eq!(says("4998", "core"), Some(4998));
        remembered.glance(&answer(StatusCode::OK, &[], ""));
        assert_eq!(remembered.budget().unwrap().resets, Timestamp::from_second(1_700_000_000).unwrap());
    }
}
