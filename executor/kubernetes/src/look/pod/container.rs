//! Why a container does not do its work.

use serde_json::Value;

use super::super::words::{with, words};
use super::{Cause, Trouble, text};

/// Reasons of a container that waits because its image is not there. They take turns within seconds.
const IMAGE: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];
/// Reasons that only say that it is being started.
const ON_ITS_WAY: &[&str] = &["", "ContainerCreating", "PodInitializing"];
const CRASH_LOOP: &str = "CrashLoopBackOff";
/// From so many restarts on it is a loop, also while it happens to run.
const LOOP: u64 = 3;

/// What keeps the first container from starting that something does keep.
pub(super) fn containers(pod: &Value) -> Option<Trouble> {
    statuses(pod).find_map(|(noun, status)| blocked(pod, noun, status))
}

/// A container that runs and is not ready, or an init container that is not done.
pub(super) fn not_ready(pod: &Value) -> Option<Trouble> {
    let init = list(pod, "/status/initContainerStatuses").find(|status| {
        status.pointer("/state/running").is_some() && status.get("started") != Some(&Value::Bool(true))
    });
    if let Some(status) = init {
        let name = name(status);
        return Some(Trouble::new(Cause::Starting, format!("init container `{name}` is not done")));
    }
    let open = |status: &&Value| {
        status.get("ready") != Some(&Value::Bool(true)) && status.pointer("/state/running").is_some()
    };
    let mut open = list(pod, "/status/containerStatuses").filter(open);
    let name = name(open.next()?);
    let words = match open.count() {
        0 => format!("container `{name}` runs and is not ready"),
        1 => format!("container `{name}` and one more run and are not ready"),
        more => format!("container `{name}` and {more} more run and are not ready"),
    };
    Some(Trouble::new(Cause::NotReady, words))
}

/// How the first container ended that did not end well.
pub(super) fn ended(pod: &Value) -> Option<String> {
    statuses(pod).find_map(|(noun, status)| {
        let ended = status.pointer("/state/terminated").filter(|ended| code(ended) != 0)?;
        Some(format!("{noun} `{}` ended with {}", name(status), ending(ended)))
    })
}

/// Init containers first: the others wait for them.
fn statuses(pod: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let init = list(pod, "/status/initContainerStatuses").map(|status| ("init container", status));
    init.chain(list(pod, "/status/containerStatuses").map(|status| ("container", status)))
}

fn list<'v>(pod: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    pod.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn blocked(pod: &Value, noun: &str, status: &Value) -> Option<Trouble> {
    let (name, waits) = (name(status), text(status, "/state/waiting/reason"));
    let said = text(status, "/state/waiting/message");
    if IMAGE.contains(&waits) {
        let image = image(pod, status);
        let what = format!("{noun} `{name}` cannot pull image `{image}`");
        return Some(Trouble::new(Cause::ImagePull, with(&what, &pull_words(waits, said))));
    }
    if let Some(words) = crash(noun, &name, status) {
        return Some(Trouble::new(Cause::Crash, words));
    }
    if ON_ITS_WAY.contains(&waits) {
        return None;
    }
    let what = format!("{noun} `{name}` cannot be started: {}", words(waits));
    Some(Trouble::new(Cause::CannotStart, with(&what, &words(said))))
}

/// A container that ended and is started again and again, whatever it does just now.
fn crash(noun: &str, name: &str, status: &Value) -> Option<String> {
    let is_ready = status.get("ready") == Some(&Value::Bool(true));
    let waits = text(status, "/state/waiting/reason");
    let last = ["/state/terminated", "/lastState/terminated"];
    let mut last = last.into_iter().filter_map(|pointer| status.pointer(pointer));
    let restarts = status.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
    let is_loop = waits == CRASH_LOOP;
    let ended = last.find(|ended| is_loop || code(ended) != 0);
    if is_ready || !is_loop && ended.is_none() {
        return None;
    }
    let what = match restarts {
        0 => format!("{noun} `{name}` crashed"),
        1 => format!("{noun} `{name}` crashed and was restarted once"),
        restarts if is_loop || restarts >= LOOP => {
            format!("{noun} `{name}` is in a crash loop ({restarts} restarts)")
        }
        restarts => format!("{noun} `{name}` crashed and was restarted {restarts} times"),
    };
    Some(match ended {
        Some(ended) => format!("{what}; it ended with {}", ending(ended)),
        None => what,
    })
}

/// `exit code 137 (OOMKilled): its last words`
fn ending(ended: &Value) -> String {
    let signal = ended.get("signal").and_then(Value::as_i64).filter(|signal| *signal != 0);
    let how = match signal {
        Some(signal) => format!("signal {signal}"),
        None => format!("exit code {}", code(ended)),
    };
    let reason = words(text(ended, "/reason"));
    let how = if reason.is_empty() { how } else { format!("{how} ({reason})") };
    with(&how, &words(text(ended, "/message")))
}

fn code(ended: &Value) -> i64 {
    ended.get("exitCode").and_then(Value::as_i64).unwrap_or_default()
}

fn name(status: &Value) -> String {
    words(text(status, "/name"))
}

/// As the pod names it: a status may say it in the words of the node.
fn image(pod: &Value, status: &Value) -> String {
    let name = text(status, "/name");
    let mut specs = list(pod, "/spec/initContainers").chain(list(pod, "/spec/containers"));
    let spec = specs.find(|spec| text(spec, "/name") == name);
    words(spec.map_or_else(|| text(status, "/image"), |spec| text(spec, "/image")))
}

/// The cause alone. Pulling and waiting to pull say it with different beginnings.
fn pull_words(reason: &str, said: &str) -> String {
    let mut said = said.trim();
    if said.starts_with("Back-off pulling image ") {
        said = said.split_once("\": ").map_or("", |(_, rest)| rest);
    }
    said = said.strip_prefix("ErrImagePull: ").unwrap_or(said);
    match reason {
        "ErrImagePull" | "ImagePullBackOff" => words(said),
        other => with(&words(other), &words(said)),
    }
}
