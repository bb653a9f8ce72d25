//! What an answer means, in the port's words. Pure, but for the clock of a limit that says when it begins anew.

use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use naksha_environments::wire::scrub;
use naksha_executor::port::forge::ForgeError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::token::Token;

/// What is waited for when a forge that has enough names no time (GitHub asks for a minute at least).
const USUAL_PAUSE: Duration = Duration::from_secs(60);
/// A longer pause than this is not believed: clocks differ.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Characters of a forge's words that are told.
const MAX_WORDS: usize = 300;

/// What the forge said.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) fn unreachable(words: &str) -> ForgeError {
    ForgeError::Unreachable(told(words))
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ForgeError> {
    serde_json::from_slice(body).map_err(|error| ForgeError::Strange(told(&error.to_string())))
}

/// What stands under a key.
pub(crate) fn read_in<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<T, ForgeError> {
    let mut whole: Value = read(body)?;
    let inner = whole.get_mut(key).map(Value::take);
    let inner = inner.ok_or_else(|| ForgeError::Strange(format!("there is no `{key}`")))?;
    serde_json::from_value(inner).map_err(|error| ForgeError::Strange(told(&error.to_string())))
}

/// Pure. What an answer means.
pub(crate) fn judge(path: &str, answer: Answer) -> Result<Answer, ForgeError> {
    let Answer { status, headers, body } = &answer;
    let words = || format!("{}: {}", status.as_u16(), told(&message(body)));
    match status.as_u16() {
        200..=299 => Ok(answer),
        300..=399 => {
            let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("somewhere else");
            Err(ForgeError::Missing(told(&format!("{path} (it moved to {to})"))))
        }
        429 => Err(throttled(headers)),
        403 if says_enough(headers, body) => Err(throttled(headers)),
        401 | 403 => Err(ForgeError::Denied(words())),
        404 | 410 => Err(ForgeError::Missing(told(path))),
        500.. => Err(ForgeError::Unreachable(words())),
        _ => Err(ForgeError::Invalid(words())),
    }
}

/// GitHub answers 403 to who asks too much, with a header or with words (GitHub, "Rate limits for the REST API").
fn says_enough(headers: &HeaderMap, body: &[u8]) -> bool {
    let is_spent = headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    is_spent || headers.contains_key(RETRY_AFTER) || message(body).to_lowercase().contains("rate limit")
}

/// `retry-after`, else when the limit begins anew, else a minute.
fn throttled(headers: &HeaderMap) -> ForgeError {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let asked = number(RETRY_AFTER.as_str());
    let reset = || Some(number("x-ratelimit-reset")? - Timestamp::now().as_second());
    let seconds = asked.or_else(reset).and_then(|seconds| u64::try_from(seconds).ok());
    let after = seconds.map_or(USUAL_PAUSE, |seconds| Duration::from_secs(seconds.max(1)));
    ForgeError::Throttled { after: after.min(LONGEST_PAUSE) }
}

/// What a forge says about a refusal.
fn message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return String::from_utf8_lossy(body).into_owned();
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut words = text(&value["message"]).unwrap_or_default();
    for error in value["errors"].as_array().into_iter().flatten() {
        let more = text(error).or_else(|| text(&error["message"])).unwrap_or_else(|| error.to_string());
        words.push_str("; ");
        words.push_str(&more);
    }
    words
}

/// Words of others, fit to be told: one line, bounded, without what looks like a secret.
pub(crate) fn told(words: &str) -> String {
    let line: String = words.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let line: String = line.trim().chars().take(MAX_WORDS).collect();
    scrub(&line).into_owned()
}

pub(crate) fn scrubbed(error: ForgeError, token: &Token) -> ForgeError {
    match error {
        ForgeError::Unreachable(words) => ForgeError::Unreachable(token.scrub(&words)),
        ForgeError::Denied(words) => ForgeError::Denied(token.scrub(&words)),
        ForgeError::Missing(words) => ForgeError::Missing(token.scrub(&words)),
        ForgeError::Invalid(words) => ForgeError::Invalid(token.scrub(&words)),
        ForgeError::Strange(words) => ForgeError::Strange(token.scrub(&words)),
        throttled @ ForgeError::Throttled { .. } => throttled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, headers: &[(&'static str, &str)], body: &str) -> ForgeError {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let answer =
            Answer { status, headers: headers.collect(), body: Bytes::copy_from_slice(body.as_bytes()) };
        judge("/repos/o/r", answer).err().expect("should be a refusal")
    }

    #[test]
    fn refusals_are_told_apart() {
        let after = |seconds| ForgeError::Throttled { after: Duration::from_secs(seconds) };
        assert_eq!(judged(403, &[("retry-after", "7")], "{}"), after(7));
        assert_eq!(judged(429, &[], "slow down"), after(60));
        let secondary = r#"{"message":"You have exceeded a secondary rate limit"}"#;
        assert_eq!(judged(403, &[], secondary), after(60));
        assert_eq!(judged(403, &[("x-ratelimit-remaining", "0")], "{}"), after(60));
        let forbidden = r#"{"message":"Resource not accessible by integration"}"#;
        assert_eq!(
            judged(403, &[], forbidden),
            ForgeError::Denied("403: Resource not accessible by integration".to_owned())
        );
        assert!(matches!(judged(401, &[], ""), ForgeError::Denied(_)));
        assert!(matches!(judged(502, &[], "<html>"), ForgeError::Unreachable(_)));
        let moved = judged(301, &[("location", "https://x/repositories/1")], "");
        assert!(moved.to_string().contains("moved to https://x/repositories/1"), "{moved}");
        let invalid =
            r#"{"message":"Validation Failed","errors":[{"message":"No commit found for SHA: 1"}]}"#;
        assert_eq!(
            judged(422, &[], invalid),
            ForgeError::Invalid("422: Validation Failed; No commit found for SHA: 1".to_owned())
        );
    }

    #[test]
    fn what_is_told_is_one_line_and_no_secret() {
        let words = told("a\nb\u{1b}[31m password=hunter2hunter2");
        assert!(!words.contains('\n') && !words.contains("hunter2"), "{words}");
    }
}
