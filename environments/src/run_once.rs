//! Objects that run once: gone means done, and not that somebody took them away.
//!
//! A Job that names how long it stays after its end is removed by Kubernetes itself. What anybody may remove when it is
//! done says so with the annotation.

use serde_json::Value;

use crate::object::ObjectKey;

/// `"true"`: the object does something once, and is not made again when it is gone.
pub const RUN_ONCE_ANNOTATION: &str = "naksha.dev/run-once";

/// Whether an object that is gone did what it was made for. `body` is what Git wants.
pub fn is_run_once(key: &ObjectKey, body: &Value) -> bool {
    let annotation =
        body.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(RUN_ONCE_ANNOTATION));
    let is_job = &*key.group == "batch" && &*key.kind == "Job";
    let stays = body.get("spec").and_then(|spec| spec.get("ttlSecondsAfterFinished"));
    match annotation.and_then(Value::as_str) {
        Some(word) => word == "true",
        None => is_job && stays.is_some_and(Value::is_number),
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
        assert!(!is_run_once(&job, &marked("false", goes)), "it is to be made again");
    }
}
