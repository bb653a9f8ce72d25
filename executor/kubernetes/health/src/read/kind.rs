//! The rule of a kind: what stands behind its name.

use naksha_environments::codes::health as codes;
use naksha_environments::yaml::{Mapping, Node};

use super::reading::Reading;
use super::{start, state};
use crate::path::Path;
use crate::rule::{Form, Generation, Judging, Pattern, Phase, Ready, Word};

const KEYS: &[&str] =
    &["data", "conventions", "observedGeneration", "suspended", "states", "phase", "ready", "otherwise"];
const PHASE_KEYS: &[&str] = &["at", "healthy", "progressing", "degraded", "suspended", "message"];
const READY_KEYS: &[&str] = &["conditions", "failed", "working", "notReady", "broken", "waiting"];

/// Absent: it cannot be used, and was reported.
pub(super) fn form(reading: &mut Reading<'_, '_>, node: &Node) -> Option<Form> {
    let map = reading.map(node, "the rule of a kind", KEYS)?;
    for (key, form) in [("data", Form::Data), ("conventions", Form::Conventions)] {
        let Some(entry) = map.get(key) else { continue };
        let holds = reading.truth(&entry.value, &format!("`{key}`"))?;
        if !holds || map.len() > 1 {
            let message = format!("`{key}: true` stands alone");
            let hint = "leave it out, or leave the rest out";
            reading.problem(codes::WRONG_FORM, entry.key_span, &message, hint);
            return None;
        }
        return Some(form);
    }
    let judging = Judging {
        suspended: map.get("suspended").and_then(|entry| state::suspended(reading, &entry.value)),
        generation: generation(reading, map)?,
        states: states(reading, map),
        phase: map.get("phase").and_then(|entry| phase(reading, &entry.value)),
        ready: map.get("ready").and_then(|entry| ready(reading, &entry.value)),
        otherwise: map.get("otherwise").and_then(|entry| reading.word(&entry.value, "`otherwise`")),
    };
    let decides = ["states", "phase", "ready", "otherwise"].iter().any(|key| map.get(key).is_some());
    if !decides {
        let message = "the rule says nothing about health";
        let hint = "give it `states`, `phase`, `ready` or `otherwise`; plain data is `data: true`";
        reading.problem(codes::WRONG_FORM, start(node), message, hint);
    }
    Some(Form::Judged(Box::new(judging)))
}

fn generation(reading: &mut Reading<'_, '_>, map: &Mapping) -> Option<Generation> {
    let mut generation = Generation { at: None, required: false, ignored: false };
    let Some(entry) = map.get("observedGeneration") else { return Some(generation) };
    match reading.text(&entry.value, "`observedGeneration`")? {
        "required" => generation.required = true,
        "ignored" => generation.ignored = true,
        _ => generation.at = Some(reading.path(&entry.value, "`observedGeneration`")?),
    }
    Some(generation)
}

fn states(reading: &mut Reading<'_, '_>, map: &Mapping) -> Vec<crate::rule::State> {
    let Some(entry) = map.get("states") else { return Vec::new() };
    let list = reading.list(&entry.value, "`states`").unwrap_or_default();
    let states: Vec<_> = list.iter().filter_map(|node| state::state(reading, node)).collect();
    for (at, state) in states.iter().enumerate() {
        if states[..at].iter().any(|before| before.name == state.name) {
            let message = format!("two states are called `{}`", state.name);
            let hint = "give each a name of its own: it says what decided";
            reading.problem(codes::WRONG_FORM, start(&list[at]), &message, hint);
        }
    }
    states
}

fn phase(reading: &mut Reading<'_, '_>, node: &Node) -> Option<Phase> {
    let map = reading.map(node, "`phase`", PHASE_KEYS)?;
    let at = match map.get("at") {
        Some(entry) => reading.path(&entry.value, "`at`")?,
        None => Path::parse("status.phase").expect("should be a path"),
    };
    let messages = match map.get("message") {
        Some(entry) => reading.paths(&entry.value, "`message`"),
        None => ["status.message", "status.reason"].iter().filter_map(|path| Path::parse(path)).collect(),
    };
    let mut words = Vec::new();
    let groups = [
        ("healthy", Word::Healthy),
        ("progressing", Word::Progressing),
        ("degraded", Word::Degraded),
        ("suspended", Word::Suspended),
    ];
    for (key, word) in groups {
        let Some(entry) = map.get(key) else { continue };
        let patterns = reading.patterns(&entry.value, &format!("`{key}`"));
        words.extend(patterns.into_iter().map(|pattern: Pattern| (pattern, word)));
    }
    Some(Phase { at, words, messages })
}

fn ready(reading: &mut Reading<'_, '_>, node: &Node) -> Option<Ready> {
    if node.as_mapping().is_none() {
        let conditions = reading.texts(node, "`ready`");
        return Some(Ready { conditions, ..Ready::default() });
    }
    let map = reading.map(node, "`ready`", READY_KEYS)?;
    let mut texts = |key: &str| match map.get(key) {
        Some(entry) => reading.texts(&entry.value, &format!("`{key}`")),
        None => Vec::new(),
    };
    let (conditions, failed, working) = (texts("conditions"), texts("failed"), texts("working"));
    let mut patterns = |key: &str| match map.get(key) {
        Some(entry) => reading.patterns(&entry.value, &format!("`{key}`")),
        None => Vec::new(),
    };
    let (broken, waiting) = (patterns("broken"), patterns("waiting"));
    let word = map.get("notReady").and_then(|entry| reading.word(&entry.value, "`notReady`"));
    if conditions.is_empty() {
        let hint = "such as `ready: {conditions: [Ready]}`";
        reading.problem(codes::WRONG_FORM, start(node), "`ready` names its conditions", hint);
    }
    let false_is_degraded = word == Some(Word::Degraded);
    Some(Ready { conditions, failed, working, false_is_degraded, broken, waiting })
}
