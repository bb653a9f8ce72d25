//! How a promotion is proposed: title and text of its pull request. Pure.

use std::collections::BTreeMap;

use naksha_environments::environment::Environment;
use naksha_environments::ids::Revision;
use naksha_environments::repository::Owners;
use naksha_renderer::present::{cell_code, clean_line, code, counted, inline};

use super::lock::Record;
use crate::git::CommitInfo;
use crate::pulls::cut;

/// By this line the text of a promotion is known.
const PROMOTION_MARKER: &str = "<!-- naksha: promotion -->";
/// By this line it is known that we closed one ourselves.
pub const CLOSED_MARKER: &str = "<!-- naksha: closed -->";
/// Bytes of a commit's subject, an author, a name, a version: whoever wrote them did not think of this page.
const MAX_TEXT: usize = 160;
/// Commits that are listed.
const MAX_COMMITS: usize = 50;
/// Images and workflows that are listed, each.
const MAX_CHANGES: usize = 50;

/// What a promotion brings.
#[derive(Debug)]
pub struct Contents<'a> {
    pub environment: &'a Environment,
    /// What the lock names now; absent at the first promotion.
    pub before: Option<(&'a Revision, &'a Record)>,
    pub source: &'a Revision,
    pub record: &'a Record,
    /// Between the two, newest first, and how many more there are.
    pub commits: &'a [CommitInfo],
    pub more: usize,
    pub owners: Option<&'a Owners>,
}

pub fn promotion_title(source: &Revision, environment: &Environment) -> String {
    format!("Promote {} to {}", source.short(), environment.name)
}

pub fn promotion_text(contents: &Contents<'_>) -> String {
    let Contents { environment, before, source, record, commits, more, owners } = contents;
    let name = &environment.name;
    let now = before.map_or("nothing yet".to_owned(), |(before, _)| code(before.short()));
    let mut text = format!(
        "{PROMOTION_MARKER}\n**{name}** is locked to {now}; merging this makes it {}. However it is merged, the lock decides, and reverting the merge takes it back.\n",
        code(source.short())
    );
    let empty = BTreeMap::new();
    let known = before.map(|(_, record)| record);
    for (what, old, new) in [
        ("Images", known.map_or(&empty, |record| &record.images), &record.images),
        ("Workflows", known.map_or(&empty, |record| &record.workflows), &record.workflows),
    ] {
        text.push_str(&changes(what, old, new));
    }
    text.push_str("\n### Commits\n\n");
    for commit in commits.iter().take(MAX_COMMITS) {
        let CommitInfo { revision, author, subject, .. } = commit;
        let line = |text: &str| inline(&cut(&clean_line(text), MAX_TEXT));
        let (subject, author) = (line(subject), line(author));
        text.push_str(&format!("- {} {subject} ({author})\n", code(revision.short())));
    }
    let more = more + commits.len().saturating_sub(MAX_COMMITS);
    if more > 0 {
        text.push_str(&format!("- and {more} more\n"));
    }
    if commits.is_empty() {
        text.push_str("None: it goes back, or nothing is known of what is there.\n");
    }
    if let Some(owners) = owners {
        for (what, names) in [("promoted", &owners.promote), ("approved", &owners.approve)] {
            let names: Vec<String> = names.iter().map(|name| code(&cut(name, MAX_TEXT))).collect();
            if !names.is_empty() {
                text.push_str(&format!("\nTo be {what} by: {}\n", names.join(", ")));
            }
        }
    }
    text
}

/// A table of what is another version than before; nothing where nothing is.
fn changes(what: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let changed: Vec<&String> = names.filter(|name| old.get(*name) != new.get(*name)).collect();
    if changed.is_empty() {
        return String::new();
    }
    let cell = |version: Option<&String>| {
        version.map_or("–".to_owned(), |version| cell_code(&cut(&short(version), MAX_TEXT)))
    };
    let mut text = format!("\n### {what}\n\n| Name | Before | After |\n|---|---|---|\n");
    for name in changed.iter().take(MAX_CHANGES) {
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            cell_code(&cut(name, MAX_TEXT)),
            cell(old.get(*name)),
            cell(new.get(*name))
        ));
    }
    if changed.len() > MAX_CHANGES {
        let more = changed.len() - MAX_CHANGES;
        text.push_str(&format!("\nand {}\n", counted(more, "more change")));
    }
    text
}

/// Digests by their first digits.
fn short(version: &str) -> String {
    match version.split_once("sha256:") {
        Some((before, digest)) => format!("{before}sha256:{}", digest.chars().take(12).collect::<String>()),
        None => version.to_owned(),
    }
}
