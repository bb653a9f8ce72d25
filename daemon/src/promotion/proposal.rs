//! How a promotion is proposed: title and text of its pull request. Pure.

use std::collections::BTreeMap;

use naksha_environments::environment::Environment;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::repository::Owners;
use naksha_renderer::present::{cell_code, code, inline};

use super::lock::Record;
use crate::git::CommitInfo;
use crate::pulls::{listed, outgoing, plain};

/// By this line the text of a promotion is known.
const PROMOTION_MARKER: &str = "<!-- naksha: promotion -->";
/// By this line it is known that we closed one ourselves.
pub const CLOSED_MARKER: &str = "<!-- naksha: closed -->";
/// Bytes of a commit's subject, an author, a name, a version: whoever wrote them did not think of this page.
const MAX_TEXT: usize = 160;
/// Bytes of the commits, of a table of changes, and of names, as they are written out: together less than forges take.
const COMMITS: usize = 30_000;
const CHANGES: usize = 10_000;
const NAMES: usize = 2_000;

/// What a promotion brings.
#[derive(Debug)]
pub struct Contents<'a> {
    pub environment: &'a EnvironmentName,
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
    let Contents { environment: name, before, source, record, commits, more, owners } = contents;
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
    let line = |commit: &CommitInfo| {
        let CommitInfo { revision, author, subject, .. } = commit;
        let [subject, author] = [subject, author].map(|text| inline(&plain(text, MAX_TEXT)));
        (0, format!("- {} {subject} ({author})\n", code(revision.short())))
    };
    text.push_str(&listed(commits.iter().map(line).collect(), COMMITS, "of these"));
    if *more > 0 {
        text.push_str(&format!("- and {more} before them\n"));
    }
    if commits.is_empty() {
        let none = match before {
            None => "Everything: nothing was promoted here before.\n",
            Some(_) => "None: it goes back, or nothing is known of what is there.\n",
        };
        text.push_str(none);
    }
    if let Some(owners) = owners {
        for (what, names) in [("promoted", &owners.promote), ("approved", &owners.approve)] {
            if !names.is_empty() {
                let name = |name: &String| (0, format!("- {}\n", code(&plain(name, MAX_TEXT))));
                let names = listed(names.iter().map(name).collect(), NAMES, "names");
                text.push_str(&format!("\nTo be {what} by one of:\n\n{names}"));
            }
        }
    }
    outgoing(&text)
}

/// A table of what is another version than before; nothing where nothing is.
fn changes(what: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let changed: Vec<&String> = names.filter(|name| old.get(*name) != new.get(*name)).collect();
    if changed.is_empty() {
        return String::new();
    }
    let cell = |version: Option<&String>| {
        version.map_or("–".to_owned(), |version| cell_code(&plain(&short(version), MAX_TEXT)))
    };
    let row = |name: &&String| {
        let (before, after) = (cell(old.get(*name)), cell(new.get(*name)));
        (0, format!("| {} | {before} | {after} |\n", cell_code(&plain(name, MAX_TEXT))))
    };
    let rows = listed(changed.iter().map(row).collect(), CHANGES, "changes");
    format!("\n### {what}\n\n| Name | Before | After |\n|---|---|---|\n{rows}")
}

/// Digests by their first digits.
fn short(version: &str) -> String {
    match version.split_once("sha256:") {
        Some((before, digest)) => format!("{before}sha256:{}", digest.chars().take(12).collect::<String>()),
        None => version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use naksha_renderer::present::COMMENT_BUDGET;

    use super::*;
    use crate::pulls::outside_code;

    fn text_of(text: &str, count: usize) -> String {
        let (source, before) =
            (Revision::parse(&"a".repeat(40)).unwrap(), Revision::parse(&"b".repeat(40)).unwrap());
        let commit = |_| CommitInfo {
            revision: source.clone(),
            author: text.to_owned(),
            time: Timestamp::UNIX_EPOCH,
            subject: text.to_owned(),
            parents: Vec::new(),
        };
        let versions = || (0..count).map(|at| (format!("{at} {text}"), text.to_owned())).collect();
        let record = Record { render: None, images: versions(), workflows: versions() };
        let owners = Owners {
            promote: vec![text.to_owned(); count],
            approve: vec![text.to_owned(); count],
            ..Owners::default()
        };
        promotion_text(&Contents {
            environment: &EnvironmentName::parse("prod").unwrap(),
            before: Some((&before, &Record::default())),
            source: &source,
            record: &record,
            commits: &(0..count.min(50)).map(commit).collect::<Vec<_>>(),
            more: 7,
            owners: Some(&owners),
        })
    }

    #[test]
    fn a_promotion_tells_what_it_brings_and_who_is_asked() {
        let text = text_of("fix the search", 1);
        for words in [
            "### Images\n",
            "`0 fix the search` | – | `fix the search`",
            "fix the search (fix the search)\n",
            "- and 7 before them\n",
            "To be approved by one of:\n\n- `fix the search`",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn whoever_wrote_the_commits_stops_no_promotion_and_does_nothing_on_its_page() {
        for hostile in ["&", "@", "<b>", "</details>", "\n|---|\n", "`", "日本", "ghp_012345678901234567890 "]
        {
            let text = text_of(&hostile.repeat(200), 400);
            assert!(text.len() <= COMMENT_BUDGET, "{hostile}: {}", text.len());
            let outside = outside_code(&text);
            let acts = |words: &&str| outside.contains(*words);
            let found: Vec<_> = ["@@", "<b>", "</details>"].into_iter().filter(acts).collect();
            assert!(found.is_empty() && !text.contains("ghp_0"), "{found:?}: {text}");
        }
    }
}
