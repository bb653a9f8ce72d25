//! What to write instead of a value of the wrong type: the very text, wherever it can be known.

use serde_json::{Map, Value};

use super::duration::with_unit;
use super::reading::quoted;
use super::v1alpha1::CEL;
use crate::yaml::{Content, Node};

/// Words that people write for `true` and `false`.
const YES: [&str; 8] = ["true", "yes", "on", "y", "1", "enabled", "enable", "always"];
const NO: [&str; 8] = ["false", "no", "off", "n", "0", "disabled", "disable", "never"];

/// `written`: the value as it stands in the file, quotes included.
pub(super) fn instead(node: &Node, schema: &Map<String, Value>, written: &str) -> Option<String> {
    if node.is_null() {
        return Some("write a value, or remove the key".to_owned());
    }
    match schema.get("type").and_then(Value::as_str)? {
        "string" => text(node, schema, written),
        "array" => list(node, written),
        "object" => map(node, schema),
        "boolean" => Some(boolean(node, written)),
        "integer" => Some(number(node, written, "a whole number")),
        "number" => Some(number(node, written, "a number")),
        _ => None,
    }
}

/// What to write for a word that readers of YAML disagree about, where a text is wanted. Absent: no word is one here.
pub(super) fn quoting(word: &str, schema: &Map<String, Value>) -> Option<String> {
    let lower = word.to_lowercase();
    let is_expression = schema.get("contentMediaType").and_then(Value::as_str) == Some(CEL);
    match (YES.contains(&lower.as_str()), NO.contains(&lower.as_str())) {
        _ if has_grammar(schema) => None,
        (true, _) if is_expression => Some("write `\"true\"`".to_owned()),
        (_, true) if is_expression => Some("write `\"false\"`".to_owned()),
        _ => Some(format!("quote it: `\"{word}\"`")),
    }
}

/// Whether a text has a grammar of its own: quoting something else does not make it one.
fn has_grammar(schema: &Map<String, Value>) -> bool {
    schema.contains_key("pattern") || schema.contains_key("format")
}

/// Whether a text is a span of time.
fn is_duration(schema: &Map<String, Value>) -> bool {
    schema.get("pattern").and_then(Value::as_str) == Some(super::duration::PATTERN)
}

fn text(node: &Node, schema: &Map<String, Value>, written: &str) -> Option<String> {
    let example = schema.get("examples").and_then(|examples| examples.get(0)?.as_str());
    match &node.content {
        Content::Number(_) if is_duration(schema) => Some(with_unit(written)),
        _ if has_grammar(schema) => example.map(|example| format!("write it as `{example}`")),
        Content::Number(_) | Content::Bool(_) => Some(format!("quote it: `\"{written}\"`")),
        Content::Sequence(items) => match items.as_slice() {
            [only] => only.as_str().map(|text| format!("write it without brackets: `{text}`")),
            _ => None,
        },
        Content::Mapping(_) if written.starts_with("{{") => {
            Some("quote it; an expression is written `\"${{ … }}\"`".to_owned())
        }
        Content::Mapping(_) | Content::String(_) | Content::Null => None,
    }
}

fn list(node: &Node, written: &str) -> Option<String> {
    match &node.content {
        Content::String(_) | Content::Number(_) => Some(format!("write it as a list: `[{written}]`")),
        Content::Mapping(_) => Some("write it as a list: begin it with `- `".to_owned()),
        _ => None,
    }
}

fn map(node: &Node, schema: &Map<String, Value>) -> Option<String> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
    match (keys.as_slice(), node.as_str()) {
        ([only], Some(text)) => Some(format!("write it as a map: `{{{only}: {text}}}`")),
        _ => Some(format!("write a map; its keys are {}", quoted(&keys))),
    }
}

fn boolean(node: &Node, written: &str) -> String {
    let word = match &node.content {
        Content::String(text) => text.to_lowercase(),
        _ => written.to_lowercase(),
    };
    let meant = match (YES.contains(&word.as_str()), NO.contains(&word.as_str())) {
        (true, _) => "true",
        (_, true) => "false",
        _ => return "write `true` or `false`".to_owned(),
    };
    if word == meant && written != meant {
        return format!("write it without quotes: `{meant}`");
    }
    format!("write `{meant}`")
}

fn number(node: &Node, written: &str, what: &str) -> String {
    let Some(text) = node.as_str() else {
        return match &node.content {
            Content::Number(_) => "write it without a fraction".to_owned(),
            _ => format!("write {what}"),
        };
    };
    let is_whole = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text.replace('_', "");
    let digits = plain.trim_start_matches('0');
    if is_whole(&plain) && written == text {
        // `010` and `1_000`: read differently by different readers.
        return format!("write it as `{}`", if digits.is_empty() { "0" } else { digits });
    }
    if text.parse::<f64>().is_ok() && (what == "a number" || is_whole(text)) {
        return format!("write it without quotes: `{text}`");
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end > 0 && !text[end..].starts_with(['.', ',']) {
        return format!("write the number alone: `{}`", &text[..end]);
    }
    format!("write {what}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::definition::{Files, read};
    use crate::source::{ReadError, TreePath};

    struct NoFiles;

    impl Files for NoFiles {
        fn read(&mut self, path: &TreePath) -> Result<Arc<str>, ReadError> {
            Err(ReadError::NotFound { path: path.to_string() })
        }
    }

    /// `code hint` of everything that is wrong with a definition, the mistake being all of it.
    fn said(kind: &str, spec: &str) -> String {
        let metadata = if kind == "Lock" || kind == "Approval" { "" } else { "metadata: {name: dev}\n" };
        let text = format!("apiVersion: naksha.dev/v1alpha1\nkind: {kind}\n{metadata}spec: {{{spec}}}\n");
        let found = read(&TreePath::parse("file.yaml").unwrap(), &text, &mut NoFiles).diagnostics;
        let words =
            found.iter().map(|found| format!("{} {}", found.code, found.hint.clone().unwrap_or_default()));
        words.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn one_mistake_is_told_once_with_what_to_write() {
        let environment = |rest: &str| said("Environment", &format!("target: {{directory: dev/}}, {rest}"));
        let workflow = |rest: &str| said("Workflow", &format!("nodes: {{a: {{uses: http}}}}, {rest}"));
        let policy = |rest: &str| said("Policy", &format!("rule: \"true\", message: no good, {rest}"));
        let table = [
            (environment("sync: {interval: 5}"), "NK0103 write it with its unit: `5s`, `5m` or `5h`"),
            (environment("sync: {interval: '5'}"), "NK0132 write it with its unit: `5s`, `5m` or `5h`"),
            (environment("sync: {interval: off}"), "NK0132 write it as `30s`, `5m`, `1h30m`"),
            (environment("sync: {interval: 5 minutes}"), "NK0132 did you mean `5m`?"),
            (environment("gates: {soak: true}"), "NK0103 write it as `30s`"),
            (environment("sync: {prune: yes}"), "NK0103 write `true`"),
            (environment("sync: {prune: 'no'}"), "NK0103 write `false`"),
            (environment("sync: {prune: 'true'}"), "NK0103 write it without quotes: `true`"),
            (environment("sync: {prune: 0}"), "NK0103 write `false`"),
            (environment("sync: {prune: sometimes}"), "NK0103 write `true` or `false`"),
            (environment("guards: {maxDeletions: '10'}"), "NK0103 write it without quotes: `10`"),
            (environment("guards: {maxDeletions: 50%}"), "NK0103 write the number alone: `50`"),
            (environment("guards: {maxDeletions: 010}"), "NK0103 write it as `10`"),
            (environment("guards: {maxDeletions: 2.5}"), "NK0103 write it without a fraction"),
            (environment("guards: {maxDeletions: off}"), "NK0103 write a whole number"),
            (environment("units: web"), "NK0103 write it as a list: `[web]`"),
            (environment("units: {name: web}"), "NK0103 write it as a list: begin it with `- `"),
            (environment("branch: [release]"), "NK0103 write it without brackets: `release`"),
            (environment("branch: on"), "NK0112 quote it: `\"on\"`"),
            (environment("branch: 2030"), "NK0103 quote it: `\"2030\"`"),
            (environment("variables: {a: on}"), "NK0112 write `true`, or quote it: `\"on\"`"),
            (environment("lifecycle: no"), "NK0104 it is one of `active`, `destroy`, `disown`"),
            (environment("gates: 30m"), "NK0103 write a map; its keys are `soak`, `verify`, `autoMerge`"),
            (
                said("Repository", "policies: {severity: {dev: {privileged: off}}}"),
                "NK0112 quote it: `\"off\"`",
            ),
            (
                said("Repository", "policies: {severity: {dev: {privileged: false}}}"),
                "NK0103 write `\"off\"`",
            ),
            (
                said("Repository", "policies: {severity: {dev: {privileged: warn}}}"),
                "NK0104 did you mean `warning`?",
            ),
            (said("Unit", "kustomize: overlays/dev"), "NK0103 write it as a map: `{path: overlays/dev}`"),
            (said("Unit", "helm: {chart: 'oci://r/c', version: 2}"), "NK0103 write it as `2.14.2`"),
            (workflow("triggers: [{cron: 5}]"), "NK0103 write it as `0 * * * *`"),
            (workflow("concurrency: {limit: '3'}"), "NK0103 write it without quotes: `3`"),
            (
                said(
                    "Workflow",
                    "nodes: {a: {uses: http}, b: {uses: http, needs: a, when: \"has(nodes.a.output)\"}}",
                ),
                "NK0103 write it as a list: `[a]`",
            ),
            (
                said("Workflow", "nodes: {a: {use: http}, b: {uses: http, needs: [a]}}"),
                "NK0101 did you mean `uses`?; NK0102 add `uses`, for example `uses: http`",
            ),
            (said("PolicyContext", "searchesPerSecond: many"), "NK0103 write a whole number"),
            (policy("match: {kinds: Service}"), "NK0103 write it as a list: `[Service]`"),
            (policy("match: {plan: 'true'}"), "NK0103 write it without quotes: `true`"),
            (policy("match: {plan: true}, severity: off"), "NK0104 it is one of `info`, `warning`, `error`"),
        ];
        for (said, expected) in table {
            assert_eq!(said, expected);
        }
    }
}
