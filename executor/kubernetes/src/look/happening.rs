//! What the cluster tells of an object: its events, whoever wrote them. Pure.
//!
//! Events are kept for an hour or so, many of one kind in one. Their texts are anybody's.

use jiff::Timestamp;
use naksha_environments::object::ObjectKey;
use serde_json::Value;

use super::pod::{Cause, text};
use super::words::words;

/// Reasons under which a probe says that it failed.
const PROBES: &[&str] = &["Unhealthy", "ProbeWarning", "ProbeError"];
/// What a controller begins a refusal with. The name of a pod that was never made is another one each time.
const FORBIDDEN: &str = " is forbidden: ";
const DENIED: &str = "admission webhook ";

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) about: ObjectKey,
    /// Which object of that name: empty where the event does not say it.
    pub(crate) uid: String,
    /// When it happened last.
    pub(crate) at: Timestamp,
    pub(crate) is_warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) count: u64,
}

/// An event as the core group has it. `None`: it says neither when nor of what, or it is about a Secret.
pub(crate) fn happening(event: &Value) -> Option<Happening> {
    let about = |name: &str| event.pointer(&format!("/involvedObject/{name}"))?.as_str();
    let (kind, name) = (about("kind")?, about("name")?);
    let group =
        about("apiVersion").and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    if group.is_empty() && kind == "Secret" {
        return None;
    }
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    let at = times.iter().find_map(|pointer| event.pointer(pointer)?.as_str()?.parse().ok())?;
    let counts = ["/series/count", "/count"].iter().filter_map(|pointer| event.pointer(pointer)?.as_u64());
    Some(Happening {
        about: ObjectKey::new(group, kind, about("namespace").filter(|it| !it.is_empty()), name),
        uid: about("uid").unwrap_or_default().to_owned(),
        at,
        is_warning: text(event, "/type") == "Warning",
        reason: words(text(event, "/reason")),
        message: words(text(event, "/message")),
        count: counts.max().unwrap_or(1).max(1),
    })
}

/// What the warnings about a pod add to what its status says.
pub(crate) fn of_pod(cause: Cause, events: &[Happening]) -> Option<String> {
    match cause {
        Cause::NotReady => latest(events, |event| is_probe(event)).map(|event| event.message.clone()),
        // That a container which just crashed is not ready is no news.
        Cause::Crash => {
            let kills = |event: &Happening| !event.message.starts_with("Readiness");
            latest(events, |event| is_probe(event) && kills(event)).map(|event| event.message.clone())
        }
        Cause::Starting => latest(events, |_| true).map(told),
        _ => None,
    }
}

fn is_probe(event: &Happening) -> bool {
    PROBES.contains(&event.reason.as_str())
}

/// Why a controller makes no pods, by what it says of itself.
pub(crate) fn of_owner(events: &[Happening]) -> Option<String> {
    latest(events, |event| event.reason == "FailedCreate").map(|event| refusal(&event.message))
}

/// The last warning about an object.
pub(crate) fn last(events: &[Happening]) -> Option<String> {
    latest(events, |_| true).map(told)
}

fn told(event: &Happening) -> String {
    super::words::with(&event.reason, &event.message)
}

/// Of equal times the one that sorts first, so that the same is said each time.
fn latest(events: &[Happening], fits: impl Fn(&&Happening) -> bool) -> Option<&Happening> {
    let warnings = events.iter().filter(|event| event.is_warning);
    warnings.filter(fits).max_by_key(|event| (event.at, std::cmp::Reverse(&event.message)))
}

/// Why an object was refused, without the name that it would have had.
pub(crate) fn refusal(message: &str) -> String {
    let from = [message.find(FORBIDDEN).map(|at| at + FORBIDDEN.len()), message.find(DENIED)];
    let from = from.into_iter().flatten().min().unwrap_or_default();
    words(&message[from..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(reason: &str, message: &str, at: &str) -> Happening {
        happening(&json!({
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u"},
            "type": "Warning", "reason": reason, "message": message, "lastTimestamp": at,
        }))
        .expect("should be an event")
    }

    #[test]
    fn events_of_old_and_new_writers_are_read() {
        let old = json!({
            "involvedObject": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "namespace": "shop", "name": "web"},
            "type": "Normal", "reason": "SuccessfulCreate", "message": "Created pod: web-1\n", "count": 3,
            "firstTimestamp": "2030-01-01T00:00:00Z", "lastTimestamp": "2030-01-01T00:05:00Z",
        });
        let read = happening(&old).unwrap();
        assert_eq!(read.about, ObjectKey::new("apps", "ReplicaSet", Some("shop"), "web"));
        assert_eq!((&*read.message, read.count, read.is_warning), ("Created pod: web-1", 3, false));
        assert_eq!(read.at.to_string(), "2030-01-01T00:05:00Z");
        let new = json!({
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "u"},
            "type": "Warning", "reason": "FailedScheduling", "message": "0/1 nodes", "lastTimestamp": null,
            "eventTime": "2030-01-01T00:00:00.000000Z", "series": {"count": 7, "lastObservedTime": "2030-01-01T00:09:00.000000Z"},
        });
        let read = happening(&new).unwrap();
        assert_eq!((read.at.to_string().as_str(), read.count, &*read.uid), ("2030-01-01T00:09:00Z", 7, "u"));
    }

    #[test]
    fn nothing_is_told_of_secrets_and_of_what_says_no_time() {
        let about = |kind: &str| {
            json!({"involvedObject": {"apiVersion": "v1", "kind": kind, "name": "db"},
                "message": "m", "lastTimestamp": "2030-01-01T00:00:00Z"})
        };
        assert_eq!(happening(&about("Secret")), None);
        assert!(happening(&about("ConfigMap")).is_some());
        assert_eq!(happening(&json!({"involvedObject": {"kind": "Pod", "name": "a"}})), None);
        assert_eq!(happening(&json!({"lastTimestamp": "2030-01-01T00:00:00Z"})), None);
    }

    #[test]
    fn events_add_what_a_status_does_not_say() {
        let events = [
            event(
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 500",
                "2030-01-01T00:00:00Z",
            ),
            event(
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
                "2030-01-01T00:01:00Z",
            ),
            event("FailedMount", "MountVolume.SetUp failed for volume \"x\"", "2030-01-01T00:02:00Z"),
        ];
        let probe = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        assert_eq!(of_pod(Cause::NotReady, &events).as_deref(), Some(probe));
        let mount = "FailedMount: MountVolume.SetUp failed for volume \"x\"";
        assert_eq!(of_pod(Cause::Starting, &events).as_deref(), Some(mount));
        assert_eq!(of_pod(Cause::ImagePull, &events), None);
        assert_eq!(of_pod(Cause::Crash, &events), None, "that it was not ready is no news");
        assert_eq!(of_pod(Cause::NotReady, &[]), None);
        assert_eq!(last(&events).as_deref(), Some(mount));
    }

    #[test]
    fn a_refusal_is_told_without_the_name_of_what_was_not_made() {
        let quota = "exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1";
        for message in [
            format!("Error creating: pods \"web-5d-xk2lp\" is forbidden: {quota}"),
            format!("create Pod web-0 in StatefulSet web failed error: pods \"web-0\" is forbidden: {quota}"),
            format!("pods \"web-5d-\" is forbidden: {quota}"),
        ] {
            assert_eq!(refusal(&message), quota);
        }
        let denied = "admission webhook \"deny.example\" denied the request: no";
        assert_eq!(refusal(&format!("Error creating: {denied}")), denied);
        assert_eq!(refusal("Error creating: timed out"), "Error creating: timed out");
        let events = [event(
            "FailedCreate",
            &format!("Error creating: pods \"a\" is forbidden: {quota}"),
            "2030-01-01T00:00:00Z",
        )];
        assert_eq!(of_owner(&events).as_deref(), Some(quota));
    }
}
