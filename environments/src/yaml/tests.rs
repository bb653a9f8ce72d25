//! What is read, what is refused and where, and that writing and reading are inverse.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::limits::{MAX_DEFINITION_BYTES, MAX_DEPTH};
use super::{Dialect, emit, parse};
use crate::diagnostic::Diagnostic;
use crate::plan::{FieldPath, Segment};
use crate::source::TreePath;

fn path() -> TreePath {
    TreePath::parse("file.yaml").unwrap()
}

/// All documents as JSON; panics on any diagnostic.
fn values(text: &str, dialect: Dialect) -> Vec<Value> {
    let (documents, diagnostics) = parse(text, &path(), dialect);
    assert_eq!(diagnostics, [], "in {text}");
    documents.iter().map(|document| document.root.to_json()).collect()
}

fn value(text: &str, dialect: Dialect) -> Value {
    values(text, dialect).remove(0)
}

/// Code, place and message of everything that is wrong.
fn problems(text: &str, dialect: Dialect) -> String {
    let (_, diagnostics) = parse(text, &path(), dialect);
    diagnostics.iter().map(show).collect::<Vec<_>>().join("\n")
}

fn show(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{} {place} {}", diagnostic.code, diagnostic.message)
}

#[test]
fn manifests_mean_what_kubectl_takes_them_to_mean() {
    let table = [
        ("yes", json!(true)),
        ("y", json!(true)),
        ("Off", json!(false)),
        ("N", json!(false)),
        ("~", Value::Null),
        ("0755", json!(493)),
        ("-0755", json!(-493)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("0b101", json!(5)),
        ("089", json!(89)),
        ("1_000", json!(1000)),
        ("1e3", json!(1000)),
        ("1.0", json!(1)),
        (".5", json!(0.5)),
        ("+5", json!(5)),
        ("-1.5", json!(-1.5)),
        ("18446744073709551615", json!(u64::MAX)),
        ("1:20", json!("1:20")),
        ("2001-12-14", json!("2001-12-14")),
        ("1.2.3", json!("1.2.3")),
        ("yEs", json!("yEs")),
        ("0x", json!("0x")),
        ("-", Value::Array(vec![Value::Null])),
        ("\"yes\"", json!("yes")),
        ("'0755'", json!("0755")),
        ("!!str 0755", json!("0755")),
        ("! 12", json!("12")),
        ("!!int \"12\"", json!(12)),
    ];
    for (text, expected) in table {
        let text = format!("k: {text}\n").replace("k: -\n", "k:\n-\n");
        assert_eq!(value(&text, Dialect::Manifest), json!({"k": expected}), "{text}");
    }
}

#[test]
fn definitions_are_strict_about_what_readers_disagree_on() {
    let table = [
        ("true", json!(true)),
        ("0o17", json!(15)),
        ("1.0", json!(1.0)),
        ("10", json!(10)),
        ("1:20", json!("1:20")),
        ("30m", json!("30m")),
        ("y", json!("y")),
        ("", Value::Null),
    ];
    for (text, expected) in table {
        assert_eq!(value(&format!("k: {text}\n"), Dialect::Definition), json!({"k": expected}), "{text}");
    }
    for text in ["yes", "NO", "on", "0755", "010", "08", "1_000", "0b11"] {
        let found = problems(&format!("k: {text}\n"), Dialect::Definition);
        assert!(found.starts_with("NK0112 file.yaml:1:4"), "{text}: {found}");
    }
}

#[test]
fn keys_of_definitions_are_text_and_keys_of_manifests_are_what_kubernetes_reads() {
    assert_eq!(value("on: 1\n8080: 2\n", Dialect::Definition), json!({"on": 1, "8080": 2}));
    let (documents, diagnostics) = parse("on: 1\n8080: 2\n0755: 3\n", &path(), Dialect::Manifest);
    assert_eq!(documents[0].root.to_json(), json!({"true": 1, "8080": 2, "493": 3}));
    let found: Vec<_> = diagnostics.iter().map(show).collect();
    assert_eq!(
        found,
        [
            "NK0117 file.yaml:1:1 Kubernetes reads the key `on` as `true`",
            "NK0117 file.yaml:3:1 Kubernetes reads the key `0755` as `493`",
        ]
    );
}

#[test]
fn merge_keys_are_applied_and_explicit_keys_win() {
    let text = "\
base: &base {image: nginx, replicas: 1}
more: &more {replicas: 2, port: 80}
web:
  <<: [*base, *more]
  image: httpd
";
    let expected = json!({"image": "httpd", "replicas": 1, "port": 80});
    assert_eq!(value(text, Dialect::Manifest)["web"], expected);
    assert_eq!(value(text, Dialect::Definition)["web"], expected);
}

#[test]
fn documents_are_all_read_and_empty_ones_skipped() {
    let text = "---\n# nothing\n---\na: 1\n---\n---\nb: 2\n...\n";
    assert_eq!(values(text, Dialect::Manifest), [json!({"a": 1}), json!({"b": 2})]);
    let (documents, _) = parse(text, &path(), Dialect::Manifest);
    assert_eq!(documents.iter().map(|document| document.line).collect::<Vec<_>>(), [4, 7]);
    assert_eq!(values("", Dialect::Manifest), Vec::<Value>::new());
}

#[test]
fn all_problems_are_reported_and_a_broken_document_costs_only_itself() {
    let text = "\
a: 1
a: 2
b: .inf
c: !Ref x
? [k]
: 1
<<: 3
---
broken: [1, 2
---
ok: *nowhere
---
fine: true
";
    let (documents, diagnostics) = parse(text, &path(), Dialect::Manifest);
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[1].root.to_json(), json!({"fine": true}));
    let text: Vec<_> = diagnostics
        .iter()
        .map(|found| format!("{}\n  hint: {}", show(found), found.hint.as_deref().unwrap_or("-")))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn spans_point_at_what_was_written() {
    let text = "spec:\n  units: [vault, {name: postgres, size: 5}]\n  note: |\n    é\n";
    let (documents, _) = parse(text, &path(), Dialect::Definition);
    let root = &documents[0].root;
    let slice = |parts: &[&str]| {
        let span = root.find(parts).unwrap().span;
        &text[span.start..span.end]
    };
    assert_eq!(slice(&["spec", "units", "0"]), "vault");
    assert_eq!(slice(&["spec", "units", "1"]), "{name: postgres, size: 5}");
    assert_eq!(slice(&["spec", "units", "1", "size"]), "5");
    assert_eq!(slice(&["spec", "units"]), "[vault, {name: postgres, size: 5}]");
    let key = &root.get("spec").unwrap().as_mapping().unwrap().get("note").unwrap().key_span;
    assert_eq!(&text[key.start..key.end], "note");

    let item = Segment::Item(vec![("name".to_owned(), "postgres".to_owned())]);
    let units = FieldPath::default().key("spec").key("units");
    let found = root.find_field(&units.with(item.clone()).key("size")).unwrap();
    assert_eq!(&text[found.span.start..found.span.end], "5");
    let nearest = root.nearest(&units.with(item).key("missing"));
    assert_eq!(&text[nearest.span.start..nearest.span.end], "{name: postgres, size: 5}");
}

#[test]
fn lines_that_may_hold_secrets_are_not_quoted() {
    let quoted = |text: &str| {
        let (_, diagnostics) = parse(text, &path(), Dialect::Definition);
        diagnostics[0].place.clone().unwrap().line.unwrap().text
    };
    assert_eq!(quoted("mode: yes\n").as_deref(), Some("mode: yes"));
    assert_eq!(quoted("dbPassword: yes\n"), None);
    assert_eq!(quoted("kind: Secret\ndata: {URL: yes}\n"), None);
    assert_eq!(quoted("secret: yes # vault:kv/a#b\n").as_deref(), Some("secret: yes # vault:kv/a#b"));
}

#[test]
fn hostile_input_ends_in_a_diagnostic() {
    let deep = "[".repeat(20_000);
    let blocks = (0..200).map(|level| " ".repeat(level) + "a:\n").collect::<Vec<_>>().concat();
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        writeln!(laughs, "a{level}: &a{level} [{below}]").unwrap();
    }
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..=MAX_DEPTH {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    let huge = "x: 1\n".repeat(1_000_000);
    let items = "- 1\n".repeat(1_000_000);
    let documents = "---\na: 1\n".repeat(100_000);
    let wide_line = format!("[{}]", "yes,".repeat(200_000));
    let table = [
        (&deep, Dialect::Manifest, "NK0121"),
        (&blocks, Dialect::Definition, "NK0121"),
        (&laughs, Dialect::Manifest, "NK0124"),
        (&chain, Dialect::Manifest, "NK0121"),
        (&huge, Dialect::Definition, "NK0120"),
        (&items, Dialect::Manifest, "NK0122"),
        (&documents, Dialect::Manifest, "NK0123"),
        (&wide_line, Dialect::Definition, "NK0112"),
    ];
    for (text, dialect, code) in table {
        let found = problems(text, dialect);
        assert!(found.contains(code), "{code} expected in {}", &found[..found.len().min(200)]);
    }
    let found = problems(&wide_line, Dialect::Definition);
    assert!(found.contains("NK0127") || found.contains("NK0122"), "the rest should be counted");
    assert!(huge.len() > MAX_DEFINITION_BYTES);
}

#[test]
fn a_value_that_contains_itself_is_refused() {
    assert_eq!(problems("a: &a [*a]\n", Dialect::Manifest), "NK0110 file.yaml:1:8 the value contains itself");
}

#[test]
fn what_would_change_its_type_is_quoted() {
    let object = json!({
        "spec": {"on": "yes", "mode": "0755", "float": "1e3", "nothing": "null", "text": "a\nb\n", "empty": ""},
        "metadata": {"labels": {"b": "2", "a": "y"}, "namespace": "naksha", "name": "web"},
        "kind": "ConfigMap",
        "apiVersion": "v1",
    });
    insta::assert_snapshot!(emit(&object));
    assert_eq!(value(&emit(&object), Dialect::Manifest), object);
}

fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "null",
        "~",
        "0755",
        "0o7",
        "1e3",
        ".5",
        "1_000",
        "0x1f",
        "-",
        "?",
        ": ",
        " #",
        "<<",
        "=",
        "*a",
        "&a",
        "!t",
        "%d",
        "@x",
        "`",
        "{{ x }}",
        "---",
        "...",
        "\t",
        "\u{feff}",
        "",
        " lead",
        "trail ",
        "a: b",
        "\n",
        "a\n",
        "\na",
        "a\n\n",
        " \n a",
        "é\u{85}x\u{2028}",
        "2001-12-14",
        "'\"",
        "\\n",
        "\r\n",
        "true",
        "+.inf",
        ".nan",
        "1:20",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), any::<String>(), "[ -~\n]{0,100}"]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Kubernetes does not tell 1.0 from 1, so only fractions come back as they were.
        (-1e6..1e6_f64)
            .prop_filter("a fraction", |x| x.fract() != 0.0)
            .prop_map(|x| { Value::Number(Number::from_f64(x).expect("should be finite")) }),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let map = prop::collection::btree_map(text(), inner.clone(), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::Array),
            map.prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(tree in tree()) {
        // A document that holds nothing is skipped; a map never is.
        let tree = json!({"tree": tree});
        let text = emit(&tree);
        let (documents, diagnostics) = parse(&text, &path(), Dialect::Manifest);
        prop_assert_eq!(diagnostics, vec![], "{}", text);
        prop_assert_eq!(documents[0].root.to_json(), tree, "{}", text);
    }

    #[test]
    fn nothing_makes_the_reader_panic(text in any::<String>()) {
        let _ = parse(&text, &path(), Dialect::Definition);
        let _ = parse(&text, &path(), Dialect::Manifest);
    }

    #[test]
    fn yaml_like_noise_does_not_make_it_panic(text in "[-:?{}\\[\\]&*!|>'\"%@# a0é\n\t.,<]{0,80}") {
        let (documents, _) = parse(&text, &path(), Dialect::Manifest);
        for document in documents {
            prop_assert!(document.root.span.end <= text.len());
        }
    }
}
