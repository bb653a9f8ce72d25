//! `naksha health FILE...`: what the statuses of objects say, by the shipped rules and by one's own.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::HealthRulesName;
use naksha_environments::object::{Health as Word, ObjectKey};
use naksha_environments::wire::DiagnosticDocument;
use naksha_environments::yaml::{self, Dialect};
use naksha_kubernetes_health::{Judged, RuleSet};
use naksha_renderer::present;
use serde_json::{Value, json};

use super::policy::{read, told, tree_path};
use super::{Context, Outcome};
use crate::laptop::Laptop;

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Files with objects as `kubectl get -o yaml` prints them, or as JSON; several documents and lists are taken apart
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file of health rules, or a repository with some, that win over the shipped ones
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
}

/// One object and what was found.
struct Row {
    object: String,
    judged: Judged,
}

impl Health {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { files, rules } = self;
        let rules = match rules {
            Some(file) => RuleSet::bundled().with(&own_rules(context, &file)?),
            None => RuleSet::bundled().clone(),
        };
        let mut rows = Vec::new();
        for file in &files {
            for object in objects(context, file)? {
                let judged = rules.judge(&object);
                rows.push(Row { object: name(file, &object)?, judged });
            }
        }
        if context.terminal.is_json() {
            let documents: Vec<_> = rows.iter().map(document).collect();
            context.terminal.json(&documents);
        } else {
            context.terminal.print(&table(&rows));
        }
        let healthy = rows.iter().all(|row| row.judged.health.is_healthy());
        Ok(if healthy { Outcome::Fine } else { Outcome::Found })
    }
}

fn own_rules(context: &Context, file: &Path) -> anyhow::Result<RuleSet> {
    if file.is_dir() {
        return rules_of_repository(context, file);
    }
    let (rules, found) = RuleSet::parse(&read(file)?, &tree_path(file)?);
    if found.iter().any(Diagnostic::is_error) {
        told(context, &found, file);
        bail!("{} has errors", file.display());
    }
    Ok(rules)
}

/// The rules of a repository, as its files on disk have them.
fn rules_of_repository(context: &Context, folder: &Path) -> anyhow::Result<RuleSet> {
    let side = Laptop::open(folder)?.on_disk()?;
    let definitions = &side.loaded.definitions;
    let (rules, found) = RuleSet::of_repository(&definitions.health_rules);
    if found.iter().any(Diagnostic::is_error) {
        let style = present::Style::new(context.terminal.colour);
        context.terminal.note(&present::diagnostics(&DiagnosticDocument::all(&found), style));
        bail!("the health rules in {} have errors", folder.display());
    }
    let broken: Vec<&str> = definitions.broken.health_rules.iter().map(HealthRulesName::as_str).collect();
    if !broken.is_empty() {
        bail!("health rules cannot be read: {}; `naksha check` says why", broken.join(", "));
    }
    Ok(rules)
}

/// The objects of a file; those of lists one by one.
fn objects(context: &Context, file: &Path) -> anyhow::Result<Vec<Value>> {
    let (documents, found) = yaml::parse(&read(file)?, &tree_path(file)?, Dialect::Manifest);
    if found.iter().any(Diagnostic::is_error) {
        told(context, &found, file);
        bail!("{} cannot be read as objects", file.display());
    }
    let mut objects = Vec::new();
    for document in documents {
        let mut object = document.root.to_json();
        match object.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if is_list(&object) => objects.extend(items),
            Some(items) => {
                object["items"] = items;
                objects.push(object);
            }
            None => objects.push(object),
        }
    }
    if objects.is_empty() {
        bail!("{} holds no object", file.display());
    }
    Ok(objects)
}

fn is_list(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"))
}

fn name(file: &Path, object: &Value) -> anyhow::Result<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let (Some(version), Some(kind)) = (text("/apiVersion"), text("/kind")) else {
        bail!("{} holds something without `apiVersion` and `kind`", file.display());
    };
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let name = text("/metadata/name").unwrap_or("?");
    Ok(ObjectKey::new(group, kind, text("/metadata/namespace"), name).to_string())
}

fn document(row: &Row) -> Value {
    let Row { object, judged: Judged { health, rule } } = row;
    json!({"object": object, "health": health.word(), "message": health.message(), "rule": rule})
}

/// Health, object, message and rule in columns; what is not healthy is told at the end.
fn table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let Row { object, judged: Judged { health, rule } } = row;
        let message = health.message().unwrap_or("-");
        [health.word().to_owned(), object.clone(), message.to_owned(), rule.clone()]
            .map(|cell| present::clean_line(&cell))
    });
    let head = ["HEALTH", "OBJECT", "MESSAGE", "RULE"].map(str::to_owned);
    let lines: Vec<[String; 4]> = std::iter::once(head).chain(cells).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), 0];
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<_> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text.push_str(&summary(rows));
    text
}

fn summary(rows: &[Row]) -> String {
    let count = |test: fn(&Word) -> bool| rows.iter().filter(|row| test(&row.judged.health)).count();
    let objects = if rows.len() == 1 { "1 object".to_owned() } else { format!("{} objects", rows.len()) };
    match rows.len() - count(Word::is_healthy) {
        0 => format!("{objects}, healthy"),
        sick => format!("{objects}, {sick} not healthy"),
    }
}
