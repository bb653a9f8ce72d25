//! Columns to domain values and back. What cannot be read is damage, never a default.

use std::str::FromStr;

use jiff::Timestamp;
use naksha_environments::digest::Digest;
use naksha_environments::ids::{InvalidName, Revision};
use naksha_environments::plan::PlanId;
use naksha_executor::port::store::Revisions;

use crate::failure::Failure;

/// A time as it is stored.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn time(micros: i64) -> Result<Timestamp, Failure> {
    Timestamp::from_microsecond(micros).map_err(|error| Failure::row("time", error))
}

pub(crate) fn name<T: FromStr<Err = InvalidName>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error| Failure::row("name", error))
}

pub(crate) fn revision(text: &str) -> Result<Revision, Failure> {
    Revision::parse(text).map_err(|error| Failure::row("revision", error))
}

pub(crate) fn plan(text: &str) -> Result<PlanId, Failure> {
    PlanId::parse(text).map_err(|error| Failure::row("plan", error))
}

pub(crate) fn digest(text: &str) -> Result<Digest, Failure> {
    Digest::parse(text).ok_or_else(|| Failure::row("digest", text))
}

pub(crate) fn count(number: i64) -> Result<u32, Failure> {
    u32::try_from(number).map_err(|error| Failure::row("count", error))
}

/// The two columns `control` and `content`.
pub(crate) fn revisions(control: Option<&str>, content: Option<&str>) -> Result<Option<Revisions>, Failure> {
    match (control, content) {
        (Some(control), Some(content)) => {
            Ok(Some(Revisions { control: revision(control)?, content: revision(content)? }))
        }
        (None, None) => Ok(None),
        _ => Err(Failure::row("revision", "one of two is missing")),
    }
}

pub(crate) fn control(revisions: Option<&Revisions>) -> Option<&str> {
    revisions.map(|revisions| revisions.control.as_str())
}

pub(crate) fn content(revisions: Option<&Revisions>) -> Option<&str> {
    revisions.map(|revisions| revisions.content.as_str())
}
