//! One fixture per code: what a repository must look like for it to be raised, and what is said then.
//!
//! `tests/fixtures/<code>.txt` holds files, each after a line `=== path`. The snapshots show every finding of the
//! fixture; what must be large to be wrong is made here.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use naksha_environments::codes::Code;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::load::{KnownRules, Loaded, Loader, MAX_DEFINITIONS, MAX_FILES};
use naksha_environments::source::SourceTree;

/// A file of a generated fixture.
type File = (String, String);
type Generate = fn() -> Vec<File>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The codes that this crate's loader and reader raise.
fn codes() -> impl Iterator<Item = Code> {
    Code::all().filter(|code| code.id().starts_with("NK01") || code.id().starts_with("NK02"))
}

fn parse(fixture: &str) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    for line in fixture.split_inclusive('\n') {
        match (line.strip_prefix("=== "), files.last_mut()) {
            (Some(path), _) => files.push((path.trim().to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(line),
            (None, None) => {}
        }
    }
    files
}

fn load(files: &[File]) -> Loaded {
    let rules = KnownRules {
        rules: ["image-latest-or-untagged".parse().unwrap()].into(),
        sets: ["baseline".to_owned()].into(),
    };
    let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    Loader::new(rules).load(&SourceTree::from_texts(files).unwrap())
}

fn show(diagnostic: &Diagnostic) -> String {
    let Diagnostic { place, code, severity, message, hint, notes, unit } = diagnostic;
    let mut text = format!("{severity}[{code}]: {message}\n");
    show_place(&mut text, place.as_ref());
    for note in notes {
        writeln!(text, "  note: {}", note.message).unwrap();
        show_place(&mut text, note.place.as_ref());
    }
    if let Some(hint) = hint {
        writeln!(text, "  hint: {hint}").unwrap();
    }
    if let Some(unit) = unit {
        writeln!(text, "  unit: {unit}").unwrap();
    }
    text
}

fn show_place(text: &mut String, place: Option<&Place>) {
    let Some(place) = place else { return };
    writeln!(text, "  --> {place}").unwrap();
    let Some(line) = &place.line else { return };
    match &line.text {
        Some(source) => {
            let mark = format!("{}{}", " ".repeat(line.column - 1), "^".repeat(line.width));
            writeln!(text, "      {source}\n      {mark}").unwrap();
        }
        None => writeln!(text, "      (line not shown)").unwrap(),
    }
}

#[test]
fn every_fixture_raises_its_code() {
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let code = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let loaded = load(&parse(&fs::read_to_string(&path).unwrap()));
        let raised = loaded.diagnostics.iter().any(|found| found.code.id() == code);
        let text = loaded.diagnostics.iter().map(show).collect::<Vec<_>>().join("\n");
        assert!(raised, "{code} is not raised:\n{text}");
        insta::assert_snapshot!(code, text);
    }
}

#[test]
fn every_code_has_a_fixture_and_a_page() {
    let files = fs::read_dir(folder()).unwrap();
    let mut covered: BTreeSet<String> =
        files.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    covered.extend(LARGE.iter().map(|(code, _)| (*code).to_owned()));
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
    for code in codes() {
        assert!(covered.contains(code.id()), "{code} has no fixture");
        let page = fs::read_to_string(pages.join(format!("{code}.md"))).unwrap_or_default();
        let title = format!("# {code}: {}\n", code.title());
        assert!(page.starts_with(&title), "docs/errors/{code}.md must start with {title:?}");
        for section in ["## What it means\n", "## Example\n", "## How to fix it\n"] {
            assert!(page.contains(section), "docs/errors/{code}.md lacks {section:?}");
        }
    }
}

/// What must be large to be wrong.
const LARGE: &[(&str, Generate)] = &[
    ("NK0120", || environment(&"  # a line\n".repeat(1_000_000))),
    ("NK0121", || environment(&format!("  variables: {{deep: {}}}\n", "[".repeat(20_000)))),
    ("NK0122", || environment(&format!("  variables: {{many: [{}]}}\n", "1,".repeat(150_000)))),
    ("NK0123", || environment(&"---\na: 1\n".repeat(2_000))),
    ("NK0124", || environment(&laughs())),
    ("NK0125", || (0..=MAX_FILES).map(|at| (format!("data/{at}.bin"), String::new())).collect()),
    ("NK0126", || {
        let document = "---\napiVersion: naksha.dev/v1alpha1\nkind: Lock\n";
        (0..=MAX_DEFINITIONS / 1_000)
            .map(|at| (format!("workflows/{at}.yaml"), document.repeat(1_000)))
            .collect()
    }),
    ("NK0127", || environment(&(0..500).map(|at| format!("  key{at}: 1\n")).collect::<Vec<_>>().concat())),
    ("NK0128", || vec![("units/web/unit.yaml".to_owned(), "link".to_owned())]),
    ("NK0224", || {
        let unit = |name: usize| {
            let spec = "spec: {manifests: [\"/**/x*.yaml\"]}";
            format!("apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: u{name}}}\n{spec}\n")
        };
        let units = (0..600).map(|at| (format!("units/u{at}/unit.yaml"), unit(at)));
        units.chain((0..10_000).map(|at| (format!("data/{at}.bin"), String::new()))).collect()
    }),
];

fn environment(rest: &str) -> Vec<File> {
    let head = "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {name: dev}\n";
    let spec = format!("spec:\n  target: {{directory: dev/}}\n{rest}");
    vec![("environments/dev/environment.yaml".to_owned(), format!("{head}{spec}"))]
}

fn laughs() -> String {
    let mut text = "  variables:\n    a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        writeln!(text, "    a{level}: &a{level} [{below}]").unwrap();
    }
    text
}

#[test]
fn limits_end_in_their_own_finding() {
    for (code, files) in LARGE.iter().filter(|(code, _)| *code != "NK0128") {
        let loaded = load(&files());
        let found = loaded.diagnostics.iter().find(|found| found.code.id() == *code);
        let others: Vec<_> = loaded.diagnostics.iter().take(3).map(show).collect();
        let found = found.unwrap_or_else(|| unreachable!("{code} is not raised: {others:?}"));
        assert!(!found.message.is_empty());
        let broken = &loaded.definitions.broken;
        let kept =
            broken.repository || !broken.environments.is_empty() || !found.is_error() || *code == "NK0224";
        assert!(kept, "{code}: what could not be read must not look deleted");
        insta::assert_snapshot!(format!("limit_{code}"), show(found));
    }
}

#[test]
fn a_link_out_of_the_repository_is_not_read() {
    use naksha_environments::source::{BlobError, Blobs, ContentId, Entry, EntryKind, SourceTree, TreePath};
    use std::sync::Arc;

    #[derive(Debug)]
    struct Link;
    impl Blobs for Link {
        fn read(&self, _: &ContentId, _: u64) -> Result<Arc<[u8]>, BlobError> {
            Ok(Arc::from(b"../../../etc/passwd".as_slice()))
        }
    }
    let entry = Entry { kind: EntryKind::Symlink, content: ContentId::new("1") };
    let path = TreePath::parse("units/web/unit.yaml").unwrap();
    let tree = SourceTree::new(None, [(path, entry)].into(), Vec::new(), Arc::new(Link));
    let loaded = Loader::default().load(&tree);
    let text: Vec<_> = loaded.diagnostics.iter().map(show).collect();
    assert!(text[0].starts_with("error[NK0128]"), "{text:?}");
    assert!(loaded.definitions.broken.units.iter().any(|unit| unit.as_str() == "web"));
    insta::assert_snapshot!("NK0128", text.join("\n"));
}
