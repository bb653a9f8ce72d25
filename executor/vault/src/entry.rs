//! What an entry holds: each field as a secret, as soon as it was read.

use std::collections::BTreeMap;

use naksha_environments::secret::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::answer::read;
use crate::failure::Failure;
use crate::mount::Version;

/// Largest value: what a Secret may hold in all.
const MAX_VALUE_BYTES: usize = 1024 * 1024;

/// Fields of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry(BTreeMap<String, Field>);

#[derive(Debug, PartialEq, Eq)]
enum Field {
    Text(Secret),
    TooLarge,
    NotText,
}

/// Texts as they stand in an answer. Nobody prints it.
type Raw = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct AnswerDto<T> {
    data: Option<T>,
}

/// Beside it stands what Vault knows about the version.
#[derive(Deserialize)]
struct VersionDto {
    /// None of a version that was deleted.
    data: Option<Raw>,
}

impl Entry {
    /// Of the answer of a store of this version.
    pub(crate) fn read(version: Version, body: &[u8]) -> Result<Self, Failure> {
        let raw = match version {
            Version::One => read::<AnswerDto<Raw>>(body)?.data,
            Version::Two => read::<AnswerDto<VersionDto>>(body)?.data.and_then(|version| version.data),
        };
        let fields = raw.ok_or(Failure::Missing)?.into_iter();
        Ok(Self(fields.map(|(name, raw)| (name, Field::of(&raw))).collect()))
    }

    /// The value of a field.
    pub(crate) fn value(&self, field: &str) -> Result<Secret, Failure> {
        match self.0.get(field) {
            Some(Field::Text(secret)) => Ok(secret.clone()),
            Some(Field::TooLarge) => Err(Failure::Denied("it is larger than 1 MiB".to_owned())),
            Some(Field::NotText) => Err(Failure::Denied("it is not text".to_owned())),
            None => Err(Failure::Missing),
        }
    }
}

impl Field {
    /// Numbers and booleans are the text that Vault has: a port is one, whoever wrote it without quotes.
    fn of(raw: &RawValue) -> Self {
        let text = match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw.get()).ok(),
            Some(b'{' | b'[' | b'n') | None => None,
            Some(_) => Some(raw.get().to_owned()),
        };
        match text {
            Some(text) if text.len() > MAX_VALUE_BYTES => Self::TooLarge,
            Some(text) => Self::Text(Secret::new(&text)),
            None => Self::NotText,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(words: &str) -> Result<String, Failure> {
        Err(Failure::Denied(words.to_owned()))
    }

    fn value(entry: &Entry, field: &str) -> Result<String, Failure> {
        entry.value(field).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn fields_are_texts() {
        let body = r#"{"data":{"url":"postgres://\u00e4\n","port":5432,"big":123456789012345678901234567890.50,
            "tls":true,"none":null,"list":["a"],"deep":{"a":"b"}}}"#;
        let entry = Entry::read(Version::One, body.as_bytes()).unwrap();
        assert_eq!(value(&entry, "url"), Ok("postgres://ä\n".to_owned()));
        assert_eq!(value(&entry, "port"), Ok("5432".to_owned()));
        assert_eq!(value(&entry, "big"), Ok("123456789012345678901234567890.50".to_owned()));
        assert_eq!(value(&entry, "tls"), Ok("true".to_owned()));
        for field in ["none", "list", "deep"] {
            assert_eq!(value(&entry, field), denied("it is not text"));
        }
        assert_eq!(value(&entry, "absent"), Err(Failure::Missing));
        assert!(!format!("{entry:?}").contains("postgres"));
    }

    #[test]
    fn a_version_that_was_deleted_is_missing() {
        let read = |body: &str| Entry::read(Version::Two, body.as_bytes());
        let there = read(r#"{"data":{"data":{"url":"x"},"metadata":{"version":1}}}"#).unwrap();
        assert_eq!(value(&there, "url"), Ok("x".to_owned()));
        assert_eq!(read(r#"{"data":{"data":null,"metadata":{"version":1}}}"#), Err(Failure::Missing));
    }

    #[test]
    fn values_are_bounded() {
        let of = |length: usize| {
            let body = format!(r#"{{"data":{{"a":"{}"}}}}"#, "x".repeat(length));
            Entry::read(Version::One, body.as_bytes()).unwrap()
        };
        assert!(value(&of(MAX_VALUE_BYTES), "a").is_ok());
        assert_eq!(value(&of(MAX_VALUE_BYTES + 1), "a"), denied("it is larger than 1 MiB"));
    }
}
