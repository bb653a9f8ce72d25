//! Objects that run once: gone means ended, and not that somebody took them away.
//!
//! A Job that names how long it stays after its end is removed by Kubernetes itself. What anybody may remove when it is
//! done says so with the annotation. How it ended is seen while it is there, and kept ([`RunEnd`]): what is gone tells
//! nothing, and one that failed is no success because it was removed.

use serde_json::Value;

use crate::object::{Body, Health, ObjectKey};

/// `"true"`: the object does something once, and is not made again when it is gone.
pub const RUN_ONCE_ANNOTATION: &str = "naksha.dev/run-once";
/// The field of a Job that lets Kubernetes remove it.
const TIME_TO_LIVE: &str = "ttlSecondsAfterFinished";

/// How an object that runs once ended, as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    Succeeded,
    /// In the words of its health.
    Failed(String),
}

impl RunEnd {
    /// The end that a health tells of. None: it runs, or nothing is known of it.
    pub fn of(health: &Health) -> Option<Self> {
        match health {
            Health::Healthy => Some(Self::Succeeded),
            Health::Degraded(words) => Some(Self::Failed(words.clone())),
            Health::Progressing(_) | Health::Suspended | Health::Missing | Health::Unknown(_) => None,
        }
    }
}

/// The health of an object that runs once and is gone: that of its end, where somebody saw it.
pub fn health_when_gone(key: &ObjectKey, end: Option<&RunEnd>) -> Health {
    let name = key.short();
    match end {
        Some(RunEnd::Succeeded) => Health::Healthy,
        Some(RunEnd::Failed(words)) => {
            Health::Degraded(format!("{name} failed before it was removed: {words}"))
        }
        None => Health::Unknown(format!("{name} is gone, and nobody saw its end")),
    }
}

/// A Job serves nobody: another one is another run.
pub fn is_job(key: &ObjectKey) -> bool {
    &*key.group == "batch" && &*key.kind == "Job"
}

/// Whether an object that was written like this is not made again when it is gone.
pub fn runs_once(key: &ObjectKey, written: &Body) -> bool {
    let text = written.as_json();
    // Nearly all bodies need only be searched, which is quicker than reading them.
    let may = text.contains(RUN_ONCE_ANNOTATION) || is_job(key) && text.contains(TIME_TO_LIVE);
    may && is_run_once(key, &written.value())
}

/// Whether an object is not made again when it is gone. `body` is what Git wants.
pub fn is_run_once(key: &ObjectKey, body: &Value) -> bool {
    let annotation =
        body.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(RUN_ONCE_ANNOTATION));
    let stays = body.get("spec").and_then(|spec| spec.get(TIME_TO_LIVE));
    match annotation.and_then(Value::as_str) {
        Some(word) => word == "true",
        None => is_job(key) && stays.is_some_and(Value::is_number),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_that_goes_by_itself_runs_once_and_so_does_what_says_so() {
        let (job, pod) =
            (ObjectKey::new("batch", "Job", Some("n"), "a"), ObjectKey::new("", "Pod", Some("n"), "a"));
        let marked = |value: &str, spec: Value| json!({"metadata": {"annotations": {RUN_ONCE_ANNOTATION: value}}, "spec": spec});
        let goes = json!({"ttlSecondsAfterFinished": 60});
        assert!(is_run_once(&job, &json!({"spec": goes})));
        assert!(!is_run_once(&job, &json!({"spec": {}})));
        assert!(!is_run_once(&pod, &json!({"spec": goes})));
        assert!(is_run_once(&pod, &marked("true", json!({}))));
        assert!(!is_run_once(&job, &marked("false", goes.clone())), "it is to be made again");
        assert!(runs_once(&job, &Body::new(&json!({"spec": goes}))));
        assert!(runs_once(&pod, &Body::new(&marked("true", json!({})))));
        assert!(!runs_once(&pod, &Body::new(&json!({"spec": goes}))));
    }

    #[test]
    fn what_is_gone_is_as_it_was_seen_to_end() {
        let job = ObjectKey::new("batch", "Job", Some("n"), "a");
        let gone = |seen: &Health| health_when_gone(&job, RunEnd::of(seen).as_ref());
        assert_eq!(gone(&Health::Healthy), Health::Healthy);
        let failed = gone(&Health::Degraded("BackoffLimitExceeded".to_owned()));
        assert_eq!(
            failed,
            Health::Degraded("Job/a failed before it was removed: BackoffLimitExceeded".to_owned())
        );
        for unseen in [Health::Progressing("1 pod runs".to_owned()), Health::Suspended, Health::Missing] {
            assert_eq!(gone(&unseen), Health::Unknown("Job/a is gone, and nobody saw its end".to_owned()));
        }
    }
}
