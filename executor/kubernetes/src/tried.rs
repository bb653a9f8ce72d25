//! Dry runs that the server took. While what would be sent and what is there are the same, it is not asked again: a report is
//! made anew whenever somebody pushes or the base moves, and most of it is what it was.
//!
//! Only what was taken is remembered. A refusal may be over with the next quota or policy, and is asked about each time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use naksha_environments::digest::Digest;
use naksha_executor::port::target::{Write, WriteMode};
use serde_json::{Value, json};

use crate::version::Version;

/// Policies and webhooks of the server change too, and nobody tells us.
const LASTS: Duration = Duration::from_secs(3600);
/// Remembered at most: some MiB. Beyond it everything is asked once more.
const MAX_TRIED: usize = 20_000;

/// What was taken, and when.
#[derive(Debug, Default)]
pub(crate) struct Tried(Mutex<HashMap<Digest, Instant>>);

impl Tried {
    /// Whether the server took this lately.
    pub(crate) fn is_known(&self, trial: &Digest) -> bool {
        let tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tried.get(trial).is_some_and(|since| since.elapsed() < LASTS)
    }

    pub(crate) fn learn(&self, trial: Digest) {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.len() >= MAX_TRIED {
            tried.clear();
        }
        tried.insert(trial, Instant::now());
    }
}

/// What the answer depends on: where it goes, what is sent, and what is there but for its status. Absent where that is not known:
/// the plan did not see the object as a whole.
pub(crate) fn trial(write: &Write, path: &str, body: &Value) -> Option<Digest> {
    let there = match &write.mode {
        WriteMode::Create => None,
        WriteMode::Update { expect } | WriteMode::Adopt { expect } => {
            Some(Version::parse(&expect.version)?.whole?)
        }
    };
    Some(Digest::of_json(&json!([path, body, there])))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use naksha_environments::ids::UnitName;
    use naksha_environments::object::{Body, Mark, ObjectKey};

    use super::*;

    fn write(version: Option<&str>) -> Write {
        let expect = |version: &str| Mark {
            uid: None,
            version: version.into(),
            fingerprint: Digest::of_bytes(b"ours"),
        };
        Write {
            key: ObjectKey::new("", "ConfigMap", Some("shop"), "one"),
            scope: "infra/dev".parse().unwrap(),
            unit: UnitName::parse("web").unwrap(),
            mode: version.map_or(WriteMode::Create, |version| WriteMode::Update { expect: expect(version) }),
            previous: None,
            body: Body::new(&json!({})),
            secrets: BTreeMap::new(),
            leave: Vec::new(),
        }
    }

    #[test]
    fn a_trial_is_where_it_goes_what_is_sent_and_what_is_there_but_for_the_status() {
        let of = |version, body: &Value| trial(&write(version), "/one", body);
        let body = json!({"a": 1});
        let known = of(Some("rv=1;whole=a"), &body);
        assert!(known.is_some());
        assert_eq!(of(Some("rv=2;gen=3;whole=a"), &body), known, "only the status moved");
        assert_ne!(of(Some("rv=1;whole=b"), &body), known);
        assert_ne!(of(Some("rv=1;whole=a"), &json!({"a": 2})), known);
        assert_ne!(of(None, &body), known);
        assert_ne!(trial(&write(None), "/two", &body), of(None, &body));
        assert_eq!(of(Some("rv=1"), &body), None, "what others set is not known");
    }

    #[test]
    fn a_full_memory_begins_anew() {
        let tried = Tried::default();
        let of = |number: usize| Digest::of_bytes(&number.to_le_bytes());
        (0..=MAX_TRIED).for_each(|number| tried.learn(of(number)));
        assert!(tried.is_known(&of(MAX_TRIED)) && !tried.is_known(&of(0)));
    }
}
