//! What an answer of Vault means. Pure.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, told};

/// What an enabled KV store says for a moment after it was given versions. It is a 400, and nobody did anything wrong.
const UPGRADING: &str = "Upgrading from non-versioned";

#[derive(Deserialize)]
struct ErrorsDto {
    #[serde(default)]
    errors: Vec<String>,
}

/// The body of a success, or what came instead (Vault, "HTTP status codes").
pub(crate) fn judge(status: StatusCode, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let words = || said(status, &body);
    match status.as_u16() {
        200..=299 => Ok(body),
        // A standby that passes nothing on sends its clients to the active node. The token does not follow.
        300..=399 => Err(Failure::Unavailable(format!("it sends us elsewhere ({})", status.as_u16()))),
        400 if words().contains(UPGRADING) => Err(Failure::Unavailable(words())),
        401 | 403 => Err(Failure::Forbidden(words())),
        404 => Err(Failure::Missing),
        500 => Err(Failure::Broken(words())),
        // 412: a replica that is behind. 429: too many requests. 472 and 473: a standby.
        412 | 429 | 472 | 473 | 501.. => Err(Failure::Unavailable(words())),
        _ => Err(Failure::Wrong(words())),
    }
}

/// Reads an answer. The reader's own words are not told: they quote what they stumbled over, and that may be a secret.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::Unavailable("its answer cannot be read".to_owned()))
}

/// The status, and the errors that Vault names. Pages of a proxy are not told.
fn said(status: StatusCode, body: &[u8]) -> String {
    let errors = serde_json::from_slice::<ErrorsDto>(body).map_or_else(|_| Vec::new(), |dto| dto.errors);
    let words = told(&errors.join("; "));
    let words = words.strip_prefix("1 error occurred: * ").unwrap_or(&words);
    if words.is_empty() { status.to_string() } else { format!("{}: {words}", status.as_u16()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, body.as_bytes().to_vec()).expect_err("should be a refusal")
    }

    #[test]
    fn refusals_are_told_apart() {
        let denied = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
        assert_eq!(judged(403, denied), Failure::Forbidden("403: permission denied".to_owned()));
        assert_eq!(judged(404, r#"{"errors":[]}"#), Failure::Missing);
        assert_eq!(judged(404, r#"{"data":{"data":null,"metadata":{}}}"#), Failure::Missing);
        let sealed = r#"{"errors":["Vault is sealed"]}"#;
        assert_eq!(judged(503, sealed), Failure::Unavailable("503: Vault is sealed".to_owned()));
        assert_eq!(judged(502, "<html>"), Failure::Unavailable("502 Bad Gateway".to_owned()));
        let broken = r#"{"errors":["1 error occurred:\n\t* past the max TTL, cannot renew\n\n"]}"#;
        assert_eq!(judged(500, broken), Failure::Broken("500: past the max TTL, cannot renew".to_owned()));
        for status in [307, 412, 429, 472, 500] {
            assert!(judged(status, "").is_transient(), "{status} should be transient");
        }
        let login = r#"{"errors":["invalid role or secret ID"]}"#;
        assert_eq!(judged(400, login), Failure::Wrong("400: invalid role or secret ID".to_owned()));
        let upgrading = r#"{"errors":["Upgrading from non-versioned to versioned data. This backend …"]}"#;
        assert!(judged(400, upgrading).is_transient());
        assert!(matches!(judged(405, ""), Failure::Wrong(_)));
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_shown() {
        let failure = read::<u64>(br#""hunter2""#).expect_err("should be no number");
        assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
    }
}
