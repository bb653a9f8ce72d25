//! Tests of expressions: values, references, bounds, unknowns and messages.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::diagnostic::Span;

fn bindings() -> Bindings {
    let object = json!({
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"b": "2", "a": "1", "app.kubernetes.io/name": "web"}},
        "spec": {"replicas": 3, "containers": [
            {"name": "app", "image": "reg.example/app:1.2"},
            {"name": "sidecar", "image": "reg.example/sidecar@sha256:0"},
        ]},
    });
    let mut bindings = Bindings::new()
        .with("object", object)
        .with("variables", json!({"replicas": 2, "ratio": 0.5, "name": "é", "none": null, "big": u64::MAX}))
        .with(
            "units",
            json!({"object-store": {"outputs": {"url": "http://s3"}}, "cluster": {"outputs": {}}}),
        );
    bindings.set_unknown(&["units", "cluster", "outputs", "endpoint"]);
    bindings
}

fn evaluate(source: &str) -> Result<Value, String> {
    let expression = Expression::parse(source, None).map_err(|error| format!("parse: {error}"))?;
    expression.evaluate(&bindings()).map_err(|error| error.to_string())
}

#[test]
fn values() {
    let cases = [
        ("1 + 2 * 3", json!(7)),
        ("variables.ratio * 2.0", json!(1.0)),
        ("variables.big", json!(u64::MAX)),
        ("object.spec.replicas > 2 && object.kind == 'Deployment'", json!(true)),
        ("object.spec.containers.map(c, c.name)", json!(["app", "sidecar"])),
        ("object.spec.containers.filter(c, c.image.contains('@'))[0].name", json!("sidecar")),
        ("object.spec.containers.all(c, c.image.matches('^reg\\\\.example/'))", json!(true)),
        ("object.spec.containers.exists_one(c, c.name == 'app')", json!(true)),
        ("object.spec.containers.map(c, c.name == 'app', c.image)", json!(["reg.example/app:1.2"])),
        // Keys come in order, whatever the map's own.
        ("object.metadata.labels.map(k, k).join(',')", json!("a,app.kubernetes.io/name,b")),
        ("{'z': 1, 'a': 2, 'm': 3}.map(k, k)", json!(["a", "m", "z"])),
        ("object.metadata.labels['app.kubernetes.io/name']", json!("web")),
        ("object.metadata.labels == {'a': '1', 'b': '2', 'app.kubernetes.io/name': 'web'}", json!(true)),
        ("has(object.spec.strategy)", json!(false)),
        ("has(object.spec.strategy) ? object.spec.strategy : 'none'", json!("none")),
        ("object.?spec.?strategy.orValue('none')", json!("none")),
        ("object.spec.?replicas.optMap(r, r + 1).orValue(0)", json!(4)),
        ("units['object-store'].outputs.url + '/x'", json!("http://s3/x")),
        ("'a,b,c'.split(',').map(x, x + x).join('-').replace('a', 'A')", json!("AA-bb-cc")),
        ("[3, 1, 2].sortBy(x, -x)", json!([3, 2, 1])),
        ("lists.range(3).map(i, i * i)", json!([0, 1, 4])),
        ("'%s has %d'.format([object.metadata.name, object.spec.replicas])", json!("web has 3")),
        ("math.greatest([1, 5, 3])", json!(5)),
        ("base64.encode(bytes('hi'))", json!("aGk=")),
        ("variables.none == null", json!(true)),
        ("type(variables.name) == string", json!(true)),
        ("size(variables.name)", json!(1)),
        ("{'b': 1, 'a': [true, null]}", json!({"a": [true, null], "b": 1})),
        ("'x'.indexOf('y') + 'axa'.lastIndexOf('a')", json!(1)),
        ("[1, 2, 1].distinct()", json!([1, 2])),
        ("timestamp('2030-01-31T09:00:00Z').getFullYear()", json!(2030)),
    ];
    for (source, expected) in cases {
        assert_eq!(evaluate(source), Ok(expected), "{source}");
    }
}

#[test]
fn errors_say_what_is_wrong_and_show_no_value() {
    let sources = [
        "object.spec.strategy",
        "nothing.at.all",
        "object.kind + 1",
        "object.kind && true",
        "object.spec.containers[7]",
        "object.spec['strategy']",
        "object[object.kind]",
        "object.metadata.labels['nope'] == 'x'",
        "1 / 0",
        "9223372036854775807 + 1",
        "int(object.kind)",
        "object.kind.matches('(')",
        "bytes('x')",
        "timestamp('2030-01-31T09:00:00Z')",
        "object.?kind",
        "object.kind < 1",
        "object.kind.size",
        "!object.kind",
        "units.cluster.outputs.endpoint + ':80'",
        "'x' == units.cluster.outputs.endpoint",
        "size(units.cluster.outputs)",
        "units.cluster.outputs",
        "has(units.cluster.outputs.endpoint.host)",
        "units.cluster.?outputs.?endpoint.orValue('x')",
        "units.cluster.outputs.map(k, units.cluster.outputs[k])",
    ];
    let mut shown = String::new();
    for source in sources {
        let error = evaluate(source).expect_err(source);
        assert!(!error.contains("Deployment"), "{error} shows a value");
        writeln!(shown, "{source}\n  {error}").unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn an_unknown_that_is_not_reached_does_not_matter() {
    assert_eq!(evaluate("false && units.cluster.outputs.endpoint == 'x'"), Ok(json!(false)));
    assert_eq!(evaluate("true ? 'a' : units.cluster.outputs.endpoint"), Ok(json!("a")));
    assert_eq!(evaluate("has(units.cluster.outputs.endpoint)"), Ok(json!(true)));
    assert_eq!(evaluate("units.cluster.outputs.map(k, k)"), Ok(json!(["endpoint"])));
    let error = Expression::parse("units.cluster.outputs.endpoint", None).unwrap().evaluate(&bindings());
    assert_eq!(
        error,
        Err(EvaluationError::Unknown { reference: "units.cluster.outputs.endpoint".to_owned() })
    );
}

#[test]
fn parse_errors_point_at_the_place() {
    let sources = [
        "",
        "1 +",
        "a = 1",
        "é.b) + 1",
        "a and b",
        "${{ a }}",
        "size(a) + siez(b)",
        "'x'.startWith('y')",
        "math.biggest(1, 2)",
        "Thing{a: 1}",
        "has(a)",
        "[1].map(x.y, x)",
        "'open",
        "a.map(x, x.map(y, y.map(z, z)))",
    ];
    let mut shown = String::new();
    for source in sources {
        let error = Expression::parse(source, None).expect_err(source);
        let Span { start, end } = error.span;
        let hint = error.hint.clone().unwrap_or_default();
        writeln!(shown, "{source}\n  {error} at `{}` ({start}..{end}) {hint}", &source[start..end]).unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn references_fold_members_and_leave_out_loop_variables() {
    let references = |source: &str| -> Vec<String> {
        let expression = Expression::parse(source, None).unwrap();
        expression.references().into_iter().map(|path| path.join(".")).collect()
    };
    assert_eq!(
        references("nodes['fetch'].output.body + input.url"),
        ["input.url", "nodes.fetch.output.body"]
    );
    assert_eq!(references("nodes[input.name].output"), ["input.name", "nodes"]);
    assert_eq!(references("xs.map(x, x.y + z).exists(x, x > 1)"), ["xs", "z"]);
    assert_eq!(references("lists.range(3).map(i, math.abs(i))"), Vec::<String>::new());
    assert_eq!(references("type(a) == int"), ["a"]);
    assert_eq!(references("a.?b.optMap(v, v + c)"), ["a.b", "c"]);
    assert_eq!(references("items.sortBy(x, x.key)"), ["items"]);
    assert_eq!(references("nodes.a.output.size() > 2"), ["nodes.a.output"]);
    assert_eq!(references("{'k': v, w: 1}.k"), ["v", "w"]);
}

#[test]
fn guards_are_told() {
    let guarded = |source: &str| -> Vec<(String, bool)> {
        let expression = Expression::parse(source, None).unwrap();
        expression.uses().iter().map(|read| (read.path.join("."), read.is_guarded_within(3))).collect()
    };
    let yes = [
        "has(nodes.a.output) ? nodes.a.output.x : 1",
        "!has(nodes.a.output) ? 1 : nodes.a.output.x",
        "has(nodes.a.output) && nodes.a.output.x > 1",
        "nodes.a.output.x > 1 && has(nodes.a.output)",
        "!has(nodes.a.output) || nodes.a.output.x > 1",
        "has(nodes.a.output) && true && nodes.a.output.x > 1",
        "nodes.a.?output.x.orValue(1)",
    ];
    for source in yes {
        assert!(guarded(source).iter().all(|(_, guarded)| *guarded), "{source}: {:?}", guarded(source));
    }
    let no = [
        "nodes.a.output.x",
        "has(nodes.b.output) ? nodes.a.output.x : 1",
        "has(nodes.a.output) ? 1 : nodes.a.output.x",
        "has(nodes.a.output) || nodes.a.output.x > 1",
        "has(nodes.a.output.x) ? nodes.a.output.x : 1",
    ];
    for source in no {
        assert!(guarded(source).iter().any(|(_, guarded)| !guarded), "{source}");
    }
}

#[test]
fn a_hyphen_is_explained() {
    let expression = Expression::parse("units.object-store.outputs.url", None).unwrap();
    assert_eq!(
        expression.hyphen_hint("store").as_deref(),
        Some(r#"names with `-` need brackets: `units["object-store"].outputs.url`"#)
    );
    assert_eq!(expression.hyphen_hint("units"), None);
}

#[test]
fn texts() {
    let check = |source: &str| -> Result<Value, String> {
        let text = Text::parse(source, None).map_err(|error| format!("{error} at {}", error.span.start))?;
        text.evaluate(&bindings()).map_err(|error| error.to_string())
    };
    assert_eq!(check("plain $ {{ text }}"), Ok(json!("plain $ {{ text }}")));
    assert_eq!(check(""), Ok(json!("")));
    assert_eq!(check("${{ variables.replicas }}"), Ok(json!(2)));
    assert_eq!(check("n=${{ variables.replicas }}, ${{variables.name}}"), Ok(json!("n=2, é")));
    assert_eq!(check("${{ '}}' + \"}}\" }}!"), Ok(json!("}}}}!")));
    assert_eq!(check("${{ {'a': {'b': 1}} }}"), Ok(json!({"a": {"b": 1}})));
    assert_eq!(check("${{ r'\\' + '}}' }}"), Ok(json!("\\}}")));
    assert_eq!(check("${{ '${{' }}x"), Ok(json!("${{x")));
    assert_eq!(check("é ${{ 1 + }}"), Err("expression does not parse: it ends too early at 10".to_owned()));
    assert_eq!(check("a ${{ b"), Err("`${{` is never closed at 2".to_owned()));
    assert_eq!(check("a ${{ }}"), Err("expression is empty at 6".to_owned()));
    assert_eq!(check("a ${{ [1] }}"), Err("a list cannot stand inside text".to_owned()));
    assert_eq!(check("a ${{ variables.none }}"), Err("null cannot stand inside text".to_owned()));
    assert!(Text::parse("x", None).unwrap().is_plain());
    assert!(!Text::parse("${{ x }}", None).unwrap().is_plain());
}

#[test]
fn interpolation_reports_every_error() {
    let tree = json!({"a": "${{ variables.replicas }}", "b": [{"c": "x-${{ object.kind }}"}], "${{ k }}": 1});
    let expected = json!({"a": 2, "b": [{"c": "x-Deployment"}], "${{ k }}": 1});
    assert_eq!(interpolate(&tree, &bindings()), Ok(expected));
    let tree = json!({"a": "${{ nope }}", "b": ["${{ 1 + }}", "${{ units.cluster.outputs.endpoint }}"]});
    let errors = interpolate(&tree, &bindings()).unwrap_err();
    let shown: Vec<_> = errors.iter().map(|one| format!("{}: {}", one.path, one.error)).collect();
    assert_eq!(
        shown,
        [
            "a: `nope` is not defined here",
            "b[0]: expression does not parse: it ends too early",
            "b[1]: `units.cluster.outputs.endpoint` is not known yet",
        ]
    );
}

#[test]
fn bombs_end_in_named_errors() {
    let mut data = json!({"list": (0..2000).collect::<Vec<_>>(), "text": "a".repeat(200_000)});
    data["nested"] = (0..50).fold(json!(1), |inner, _| json!([inner]));
    let bindings = Bindings::new().with("d", data);
    let growing = format!("'{}'{}", "x".repeat(60), ".replace('x', 'xxxxxxxxxxxxxxxx')".repeat(20));
    let cases = [
        (
            "lists.range(20000).map(a, lists.range(20000).map(b, a * b))",
            "evaluation stopped: it takes more than",
        ),
        (
            "lists.range(20000).all(a, lists.range(20000).all(b, a >= 0))",
            "evaluation stopped: it takes more than",
        ),
        ("d.list.exists(a, d.list.exists(b, a + b < 0))", "evaluation stopped: it takes more than"),
        ("d.list.exists(a, d.list.exists(b, 1 / 0 == a) || false)", "evaluation stopped: it takes more than"),
        ("lists.range(1000000)", "evaluation stopped: a list or map has more than"),
        (
            "(d.list + d.list + d.list + d.list + d.list + d.list + d.list + d.list + d.list + d.list + d.list).size()",
            "evaluation stopped: a list or map has more than",
        ),
        ("d.list.map(a, d.text + d.text)", "evaluation stopped: it makes a text longer than"),
        ("d.list.map(a, d.text)", "evaluation stopped: it takes more than"),
        ("lists.range(20000).distinct()", "evaluation stopped: it takes more than"),
        ("d.text.replace('', d.text)", "evaluation stopped: it makes a text longer than"),
        ("lists.range(20000).map(x, 'y').join(d.text)", "evaluation stopped: it makes a text longer than"),
        ("d.text.indexOf(d.text)", "evaluation stopped: it makes a text longer than"),
        ("'a'.matches('(a{500}){500}')", "evaluation stopped: a pattern is too large"),
        ("d.text.matches('a*b')", "evaluation stopped: it makes a text longer than"),
        ("d.text.split('').size()", "evaluation stopped: a list or map has more than"),
        ("[d.list].map(l, l.map(a, l))", "evaluation stopped: it takes more than"),
        (&growing, "evaluation stopped: it makes a text longer than"),
    ];
    for (source, expected) in cases {
        let outcome = Expression::parse(source, None).unwrap().evaluate(&bindings);
        let error = outcome.map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{source}: {error}");
    }
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let outcome = Expression::parse("d", None).unwrap().evaluate(&Bindings::new().with("d", deep));
    assert_eq!(outcome.unwrap_err().to_string(), "evaluation stopped: a value is nested deeper than 100");
}

/// What tokio's workers and Rust's threads have.
const STACK: usize = 2048 * 1024;

/// The largest that the guards let through, in shapes that recurse in parser, rewriting and evaluation.
#[test]
fn the_worst_expressions_fit_a_small_stack() {
    let fits = vec![
        format!("{}1", "1+".repeat(MAX_DEPTH - 1)),
        format!("a{}", ".b".repeat(MAX_DEPTH - 1)),
        format!("a{}", "[0]".repeat(MAX_DEPTH - 1)),
        format!("a{}", ".trim()".repeat(MAX_DEPTH - 1)),
        format!("{}1{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING)),
        format!("{}1{}", "[".repeat(MAX_NESTING), "]".repeat(MAX_NESTING)),
        format!("{}1{}", "{'a':".repeat(MAX_NESTING), "}".repeat(MAX_NESTING)),
        format!("{}a{}", "size(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING)),
        format!("[1].all(x, [1].all(y, {}1 > 0))", "1+".repeat(100)),
        "[1].all(x, [1].all(y, 1 > 0))".to_owned(),
        format!("{}a", "true && ".repeat(200)),
    ];
    let refused = vec![
        format!("{}1", "1+".repeat(1023)),
        format!("a{}", ".b".repeat(1023)),
        format!("a{}", "[0]".repeat(682)),
        format!("a{}", ".trim()".repeat(292)),
        format!("{}a", "!".repeat(2047)),
        format!("{}a", "-".repeat(2047)),
        format!("{}1", "a?1:".repeat(511)),
        "(".repeat(2048),
        "[".repeat(2048),
        "{".repeat(2048),
        "1+".repeat(2000),
        format!("{}1{}", "(".repeat(33), ")".repeat(33)),
    ];
    let run = move || {
        let bindings = Bindings::new().with("a", json!("text"));
        for source in fits {
            let expression =
                Expression::parse(&source, None).unwrap_or_else(|error| panic!("{source}: {error}"));
            let _ = expression.evaluate(&bindings);
        }
        for source in refused {
            if let Ok(expression) = Expression::parse(&source, None) {
                let _ = expression.evaluate(&bindings);
                // The parser folds runs of `!` and `-`.
                assert!(source.starts_with(['!', '-']), "{} should be refused", &source[..20]);
            }
        }
    };
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}

#[test]
fn every_published_function_is_there() {
    for function in FUNCTIONS {
        let plain = function.form.replace("bytes)", "b'x')");
        let error = Expression::parse(&plain, None).err();
        assert!(error.is_none(), "{}: {error:?}", function.form);
        let (arguments, _) = function.form.split_once('(').unwrap();
        assert!(arguments.ends_with(function.name), "{} is not in {}", function.name, function.form);
    }
}

#[test]
fn limits_on_length() {
    let error = Expression::parse(&"a".repeat(MAX_LENGTH + 1), None).unwrap_err();
    assert_eq!(error.to_string(), "expression has 2049 bytes, more than 2048");
}

#[test]
fn bindings_show_names_only() {
    let bindings = Bindings::new().with("object", json!({"password": "canary-2d7f"}));
    assert!(!format!("{bindings:?}").contains("canary"));
}

#[test]
fn what_a_form_says_of_its_result_is_what_it_gives() {
    let sort = |value: &Value| match value {
        Value::Bool(_) => Gives::Bool,
        Value::Number(_) => Gives::Number,
        Value::String(_) => Gives::Text,
        Value::Array(_) => Gives::List,
        Value::Object(_) => Gives::Map,
        Value::Null => Gives::Null,
    };
    let bindings = Bindings::new().with("xs", json!([3, 1, 2])).with("t", json!("a,b"));
    let decided = [
        "1 - 2",
        "-(1)",
        "1 + 1",
        "'a' + t",
        "[1] + xs",
        "1.5 * 2.0",
        "xs.size()",
        "size(xs) > 2",
        "!(1 > 2)",
        "true",
        "null",
        "'a'",
        "[1]",
        "{'a': 1}",
        "1 in xs",
        "has(xs[0].a) || true",
        "t.contains('a')",
        "t.split(',')",
        "t.split(',').join('-')",
        "xs.all(x, x > 0)",
        "xs.exists(x, x > 2)",
        "xs.map(x, x * 2)",
        "xs.filter(x, x > 1)",
        "xs.exists_one(x, x == 1)",
        "xs.sort()",
        "xs.distinct()",
        "math.greatest(1, 2)",
        "math.isNaN(0.5)",
        "string(1)",
        "int('1')",
        "bool('true')",
        "xs.size() > 1 ? 'yes' : 'no'",
        "dyn('a')",
        "'%s'.format([t])",
        "t.indexOf('b')",
        "base64.encode(b'a')",
        "optional.of(1).hasValue()",
        "t.matches('a')",
    ];
    for source in decided {
        let expression = Expression::parse(source, None).unwrap();
        let value = expression.evaluate(&bindings).unwrap();
        assert_eq!(expression.gives(), Some(sort(&value)), "{source} gives {value}");
    }
    // What only the variables decide, and a result that is a truth on one side only.
    for source in ["xs", "xs[0]", "xs.size() > 1 ? true : 1", "optional.of(t).orValue(1)", "t.reverse()"] {
        assert_eq!(Expression::parse(source, None).unwrap().gives(), None, "{source}");
    }
    assert_eq!(Expression::parse("xs + xs", None).unwrap().gives(), Some(Gives::Sum));
}
