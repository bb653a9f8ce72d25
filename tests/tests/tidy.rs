//! The tidy test: reads the sources and refuses what reviewers would otherwise have to notice.
//!
//! Crate arrows, purity of the pure crates, sizes, headers, names, error pages, and words that must not stand.

#![allow(clippy::unwrap_used, reason = "a failed expectation ends a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use naksha_environments::codes::Code;

/// Hard limits; the house style asks for 500 and 70.
const MAX_FILE_LINES: usize = 800;
const MAX_FUNCTION_LINES: usize = 100;
/// A crate root or mod.rs only lists and documents.
const MAX_ROOT_LINES: usize = 120;

/// Folder of a crate → the crates of ours that it may name. Dev-dependencies are not restricted.
const ARROWS: &[(&str, &[&str])] = &[
    ("environments", &[]),
    ("renderer", &["naksha-environments"]),
    ("renderer/sandbox", &["naksha-environments", "naksha-renderer"]),
    ("policies", &["naksha-environments"]),
    ("executor", &["naksha-environments"]),
    ("executor/directory", &["naksha-environments", "naksha-executor", "naksha-kubernetes-health"]),
    ("executor/forge", &["naksha-environments", "naksha-executor"]),
    ("executor/kubernetes", &["naksha-environments", "naksha-executor", "naksha-kubernetes-health"]),
    ("executor/kubernetes/health", &["naksha-environments"]),
    ("executor/store", &["naksha-environments", "naksha-executor"]),
    ("executor/vault", &["naksha-environments", "naksha-executor"]),
];

/// Sources that may know nothing of the outside.
const PURE: &[&str] = &["environments/src", "renderer/src", "policies/src", "executor/kubernetes/health/src"];
const IMPURE_WORDS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::time::Instant",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "thread::sleep",
    "tokio::",
    "rand::",
    "getrandom",
    "Uuid::new",
    "println!",
    "eprintln!",
];

const BANNED_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "manager", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Every file below `folder` with this ending, with its path relative to the root of the project.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !matches!(name, "target" | ".git" | "corpus" | "artifacts") {
                    open.push(path);
                }
            } else if name.ends_with(ending) {
                let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((relative, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The part of a source before its tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap()
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("tests/")
}

fn check(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn crates_depend_only_where_arrows_go() {
    let mut problems = Vec::new();
    for (folder, allowed) in ARROWS {
        let manifest: toml::Table =
            fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        for name in dependencies.keys().filter(|name| name.starts_with("naksha")) {
            if !allowed.contains(&name.as_str()) {
                problems.push(format!("{folder} may not depend on {name}"));
            }
        }
    }
    check(&problems);
}

#[test]
fn only_their_adapter_names_an_outside_system() {
    let owners = [
        ("git2", "daemon"),
        ("sqlx", "executor/store"),
        ("notify", "executor/directory"),
        ("octocrab", "executor/forge"),
        ("vaultrs", "executor/vault"),
    ];
    let mut problems = Vec::new();
    for (folder, _) in ARROWS {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        for (library, owner) in owners {
            let named = manifest.lines().any(|line| line.starts_with(&format!("{library}.")));
            if named && *folder != owner {
                problems.push(format!("{folder} may not name {library}: {owner} does"));
            }
        }
    }
    check(&problems);
}

#[test]
fn pure_sources_know_nothing_of_the_outside() {
    let mut problems = Vec::new();
    for folder in PURE {
        for (path, text) in files(folder, ".rs").into_iter().filter(|(path, _)| !is_test_file(path)) {
            for (number, line) in without_tests(&text).lines().enumerate() {
                let code = line.split("//").next().unwrap();
                for word in IMPURE_WORDS.iter().filter(|word| code.contains(**word)) {
                    problems.push(format!("{path}:{}: `{word}` in a pure crate", number + 1));
                }
            }
        }
    }
    check(&problems);
}

#[test]
fn files_and_functions_stay_small_and_open_with_a_header() {
    let mut problems = Vec::new();
    for (path, text) in files(".", ".rs") {
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            problems.push(format!("{path}: {lines} lines, {MAX_FILE_LINES} are allowed"));
        }
        let is_root = path.ends_with("/lib.rs") || path.ends_with("/mod.rs");
        if is_root && path.ends_with("/lib.rs") && lines > MAX_ROOT_LINES {
            problems.push(format!("{path}: {lines} lines, {MAX_ROOT_LINES} are allowed for a crate root"));
        }
        if !text.starts_with("//!") {
            problems.push(format!("{path}: does not open with `//!`"));
        }
        for (name, start, length) in functions(&text) {
            // A table of cases is data.
            if length > MAX_FUNCTION_LINES && !is_test_file(&path) {
                problems.push(format!("{path}:{start}: `{name}` has {length} lines"));
            }
        }
        let stem = Path::new(&path).file_stem().unwrap().to_str().unwrap();
        if BANNED_NAMES.contains(&stem) {
            problems.push(format!("{path}: name it after what it holds"));
        }
    }
    check(&problems);
}

/// Name, first line and length of every function, found by its indentation (rustfmt guarantees it).
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        let words =
            words.trim_start_matches("pub(super) ").trim_start_matches("const ").trim_start_matches("async ");
        let Some(name) = words.strip_prefix("fn ") else { continue };
        // A method that a trait only declares has no body.
        let signature_end = lines[at..]
            .iter()
            .position(|line| line.ends_with('{') || line.ends_with(';') || line.ends_with('}'));
        let Some(end) = signature_end else { continue };
        if !lines[at + end].ends_with('{') {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let Some(length) = lines[at..].iter().position(|line| *line == closing) else { continue };
        let name = name.split(['(', '<']).next().unwrap().to_owned();
        found.push((name, at + 1, length + 1));
    }
    found
}

#[test]
fn sources_hold_no_unfinished_work() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore"), concat!("unimple", "mented!")];
    let mut problems = Vec::new();
    for (path, text) in files(".", ".rs") {
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                problems.push(format!("{path}:{}: {mark}", number + 1));
            }
            // What waits for a condition looks again after a pause; a paused clock does not sleep.
            let waits = path == "tests/src/lib.rs" || path.contains("bench") || text.contains("start_paused");
            let sleeps = line.contains(concat!("sle", "ep(")) && is_test_file(&path) && !waits;
            if sleeps {
                problems
                    .push(format!("{path}:{}: tests wait for a condition, they do not sleep", number + 1));
            }
        }
    }
    check(&problems);
}

#[test]
fn error_messages_do_not_repeat_their_source() {
    let mut problems = Vec::new();
    for (path, text) in files(".", ".rs") {
        for (number, line) in text.lines().enumerate() {
            if line.contains("#[error(") && line.contains(concat!("{", "source")) {
                problems.push(format!("{path}:{}: the chain printer prints the source", number + 1));
            }
        }
    }
    check(&problems);
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeMap<String, String> = files("docs/errors", ".md")
        .into_iter()
        .map(|(path, text)| (Path::new(&path).file_stem().unwrap().to_str().unwrap().to_owned(), text))
        .filter(|(name, _)| name.starts_with("NK"))
        .collect();
    let codes: BTreeSet<String> = Code::all().map(|code| code.id().to_owned()).collect();
    let mut problems = Vec::new();
    for code in Code::all() {
        match pages.get(code.id()) {
            None => problems.push(format!("docs/errors/{}.md is missing ({})", code.id(), code.title())),
            Some(page) => {
                let heading = format!("# {}: {}", code.id(), code.title());
                if !page.starts_with(&heading) {
                    problems.push(format!("docs/errors/{}.md does not start with `{heading}`", code.id()));
                }
                for section in ["## What it means", "## Example", "## How to fix it"] {
                    if !page.contains(section) {
                        problems.push(format!("docs/errors/{}.md has no section `{section}`", code.id()));
                    }
                }
            }
        }
    }
    problems.extend(
        pages
            .keys()
            .filter(|name| !codes.contains(*name))
            .map(|name| format!("{name} has a page, but no code")),
    );
    check(&problems);
}
