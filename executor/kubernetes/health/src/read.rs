//! Reading: files of rules to a layer of a rule set, and everything that is wrong with them.
//!
//! A rule with anything wrong in it is broken as a whole: half a rule could call healthy what the missing half would not.
//! So does leaving it out, where a shipped rule or the conventions would judge in its place: its kind is Unknown.

mod kind;
mod reading;
mod state;

use std::collections::HashMap;

use naksha_environments::codes::health as codes;
use naksha_environments::definition::{API_VERSION, Kind};
use naksha_environments::diagnostic::{Diagnostic, Place, Span};
use naksha_environments::health_rules::HealthRules;
use naksha_environments::source::TreePath;
use naksha_environments::yaml::{self, Dialect, Entry, Lines, Node};

use crate::rule::{Form, KindRule};
use crate::rule_set::{ANY_KIND, Layer};
use reading::Reading;

/// Where each kind was first: for telling of a second rule.
type Firsts = HashMap<(String, String), Place>;

pub(crate) fn read<'t>(files: impl IntoIterator<Item = (TreePath, &'t str)>) -> (Layer, Vec<Diagnostic>) {
    let (mut layer, mut firsts, mut diagnostics) = (Layer::default(), Firsts::new(), Vec::new());
    for (path, text) in files {
        let lines = Lines::new(&path, text);
        let parsed = yaml::parse_lines(&lines, Dialect::Definition);
        diagnostics.extend(parsed.diagnostics);
        let mut reading = Reading::new(&lines);
        for document in &parsed.documents {
            file(&mut reading, spec(&document.root), &mut layer, &mut firsts);
        }
        diagnostics.extend(reading.found);
    }
    (layer, diagnostics)
}

/// The rules of a repository. Their outer form was checked when they were loaded.
pub(crate) fn definitions<'r>(rules: impl IntoIterator<Item = &'r HealthRules>) -> (Layer, Vec<Diagnostic>) {
    let (mut layer, mut firsts, mut diagnostics) = (Layer::default(), Firsts::new(), Vec::new());
    for HealthRules { path, text, spec, .. } in rules {
        let lines = Lines::new(path, text);
        let mut reading = Reading::new(&lines);
        file(&mut reading, spec, &mut layer, &mut firsts);
        diagnostics.extend(reading.found);
    }
    (layer, diagnostics)
}

/// What a document says of rules: itself, or its `spec` where it is a definition of a repository.
fn spec(root: &Node) -> &Node {
    let word = |key: &str| root.get(key).and_then(Node::as_str);
    let is_definition =
        word("apiVersion") == Some(API_VERSION) && word("kind") == Some(Kind::HealthRules.as_str());
    root.get("spec").filter(|_| is_definition).unwrap_or(root)
}

/// One document: `group` and `kinds`.
fn file(reading: &mut Reading<'_, '_>, root: &Node, layer: &mut Layer, firsts: &mut Firsts) {
    let Some(map) = reading.map(root, "a file of health rules", &["group", "kinds"]) else { return };
    let (Some(group), Some(kinds)) = (map.get("group"), map.get("kinds")) else {
        let hint = "write `group: apps` and `kinds: {Deployment: …}`; the core group is `group: \"\"`";
        reading.problem(
            codes::WRONG_FORM,
            start(root),
            "a file of health rules has `group` and `kinds`",
            hint,
        );
        return;
    };
    let groups = reading.texts(&group.value, "`group`");
    let Some(kinds) = reading.any_map(&kinds.value, "`kinds`") else { return };
    for entry in kinds {
        let before = reading.found.len();
        let form = kind::form(reading, &entry.value).filter(|_| reading.found.len() == before);
        let form = form.unwrap_or_else(|| Form::Broken(reading.place(entry.key_span).to_string().into()));
        for group in &groups {
            for name in entry.key.split(',').map(str::trim) {
                let label = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
                let rule = KindRule { label: label.into(), form: form.clone() };
                place(reading, (group, name), entry, rule, layer, firsts);
            }
        }
    }
}

fn place(
    reading: &mut Reading<'_, '_>,
    (group, kind): (&str, &str),
    entry: &Entry,
    rule: KindRule,
    layer: &mut Layer,
    firsts: &mut Firsts,
) {
    let plain = kind == ANY_KIND || !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric());
    if !plain {
        let message = format!("`{kind}` is no kind");
        let hint = "write it as manifests do: `Deployment`; several are divided by commas, `*` is every kind";
        reading.problem(codes::WRONG_FORM, entry.key_span, &message, hint);
        return;
    }
    let here = reading.place(entry.key_span);
    let here_text = here.to_string();
    if let Some(first) = firsts.get(&(group.to_owned(), kind.to_owned())) {
        let message = format!("`{}` has a second rule", rule.label);
        let diagnostic = Diagnostic::new(codes::DUPLICATE_KIND, message).at(here);
        let hint = "write all states of a kind into one rule";
        let place = here_text.into();
        reading.found.push(diagnostic.hint(hint).note(Some(first.clone()), "the first one"));
        // Which of the two is meant is not known.
        insert(layer, group, kind, KindRule { form: Form::Broken(place), ..rule });
        return;
    }
    firsts.insert((group.to_owned(), kind.to_owned()), here);
    insert(layer, group, kind, rule);
}

fn insert(layer: &mut Layer, group: &str, kind: &str, rule: KindRule) {
    let kinds = match group.strip_prefix('*') {
        Some(ending) => layer.endings.entry(ending.to_owned()).or_default(),
        None => layer.groups.entry(group.to_owned()).or_default(),
    };
    kinds.insert(kind.to_owned(), rule);
}

fn start(node: &Node) -> Span {
    Span { start: node.span.start, end: node.span.start }
}
