//! Waivers: "we know, and it is fine until then". Which one covers a finding, and which ones cover nothing.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use naksha_environments::ids::RuleName;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{FieldPath, Subject};
use naksha_environments::repository::Waiver;
use naksha_environments::source::TreePath;

use crate::found::{Found, Located};

/// What the waivers of an environment did in one check.
#[derive(Debug)]
pub(crate) struct Waivers<'a> {
    all: &'a [Waiver],
    used: Vec<bool>,
    today: Date,
}

/// How a finding stands to the waivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover<'a> {
    None,
    Waived(&'a Waiver),
    /// Its day is over: what it covered counts again, as if it were new.
    Expired,
}

impl<'a> Waivers<'a> {
    /// The last day of a waiver ends when it ends in UTC.
    pub(crate) fn new(all: &'a [Waiver], now: Timestamp) -> Self {
        Self { all, used: vec![false; all.len()], today: TimeZone::UTC.to_datetime(now).date() }
    }

    /// Whether any waiver speaks of a rule.
    pub(crate) fn concern(&self, rule: &RuleName) -> bool {
        self.all.iter().any(|waiver| waiver.rule == *rule)
    }

    pub(crate) fn cover(
        &mut self,
        rule: &RuleName,
        subject: Option<&Subject>,
        file: Option<&TreePath>,
    ) -> Cover<'a> {
        let mut cover = Cover::None;
        for (index, waiver) in self.all.iter().enumerate() {
            if waiver.rule != *rule || !names(&waiver.subject, subject, file) {
                continue;
            }
            self.used[index] = true;
            if waiver.expires >= self.today {
                return Cover::Waived(waiver);
            }
            cover = Cover::Expired;
        }
        cover
    }

    /// Findings about the waivers themselves. One without an environment may cover something elsewhere: it is
    /// never called unused here.
    pub(crate) fn findings(&self) -> Vec<Located> {
        let mut found = Vec::new();
        for (waiver, used) in self.all.iter().zip(&self.used) {
            let Waiver { rule, subject, environment, expires, .. } = waiver;
            let made = if *expires < self.today {
                let message = format!("the waiver of `{rule}` for `{subject}` ended on {expires}");
                Found::new("waiver-expired", FieldPath::default(), message)
            } else if !used && environment.is_some() {
                let message = format!("the waiver of `{rule}` for `{subject}` covers nothing");
                Found::new("waiver-unused", FieldPath::default(), message)
            } else {
                continue;
            };
            // Two waivers of one file are two findings.
            let field = FieldPath::default().key(rule.as_str()).key(subject);
            let place = Some(waiver.place.clone());
            found.push(Located { unit: None, subject: None, place, found: Found { field, ..made } });
        }
        found
    }
}

/// Whether a waiver's subject is this one: `Deployment naksha/web`, `apps/Deployment naksha/web`,
/// `Workflow ingest`, or a file.
fn names(written: &str, subject: Option<&Subject>, file: Option<&TreePath>) -> bool {
    if file.is_some_and(|file| file.as_str() == written) {
        return true;
    }
    match subject {
        Some(Subject::Object(key)) => key.to_string() == written || without_group(key) == written,
        Some(workflow @ Subject::Workflow(_)) => workflow.to_string() == written,
        None => false,
    }
}

fn without_group(key: &ObjectKey) -> String {
    match &key.namespace {
        Some(namespace) => format!("{} {namespace}/{}", key.kind, key.name),
        None => format!("{} {}", key.kind, key.name),
    }
}
