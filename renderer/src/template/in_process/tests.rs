//! Templates in, texts and problems out.

use serde_json::json;

use super::*;

fn job(files: &[(&str, &str)], entries: usize) -> TemplateJob {
    let source =
        |(name, text): &(&str, &str)| TemplateSource { name: (*name).to_owned(), text: (*text).to_owned() };
    let context = json!({
        "environment": {"name": "dev", "namespace": "naksha", "production": false},
        "variables": {"replicas": 2, "name": "Web: one", "labels": {"b": "yes", "a": "1"}, "list": [1, 2], "none": null},
        "units": {"cluster": {"outputs": {"endpoint": "https://dev"}}},
    });
    TemplateJob { sources: files.iter().map(source).collect(), entries, context }
}

fn render(text: &str) -> String {
    match InProcess::new().render(&job(&[("a.yaml", text)], 1)).map(|output| output.files[0].clone()) {
        Ok(Ok(text)) => text,
        Ok(Err(problem)) => show(&problem),
        Err(TemplateFailure::Broken(problems)) => problems.iter().map(show).collect::<Vec<_>>().join("\n"),
        Err(other) => other.to_string(),
    }
}

fn show(problem: &Problem) -> String {
    let spot = problem.spot.as_ref().map(|s| format!("{}:{}:{}+{}", s.template, s.line, s.column, s.width));
    let callers: Vec<_> =
        problem.callers.iter().map(|c| format!("{}:{}:{}", c.template, c.line, c.column)).collect();
    let hint = problem.hint.as_deref().unwrap_or("-");
    format!("{:?} {} [{}] {hint} {callers:?}", problem.kind, problem.message, spot.unwrap_or_default())
}

#[test]
fn filters_write_yaml() {
    let cases = [
        ("{{ variables.name | quote }}", "\"Web: one\""),
        ("{{ variables.replicas | quote }}", "\"2\""),
        ("{{ variables.none | quote }}", "\"\""),
        ("labels:{{ variables.labels | to_yaml | nindent(width=2) }}", "labels:\n  b: \"yes\"\n  a: \"1\""),
        ("{{ variables.list | to_json }}", "[1,2]"),
        ("{{ variables.labels | to_json }}", "{\"b\":\"yes\",\"a\":\"1\"}"),
        ("{{ 'a' | b64encode }} {{ 'YQ==' | b64decode }}", "YQ== a"),
        ("{{ 'a' | sha256 }}", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("{{ variables.missing | default(value='x') }}", "x"),
        ("{{ '<&>' }}", "<&>"),
        (
            "{% for k in [{'g': 'b'}, {'g': 'a'}, {'g': 'b'}] | group_by(attribute='g') | keys %}{{ k }}{% endfor %}",
            "ba",
        ),
        ("{{ units.cluster.outputs.endpoint }} {{ environment.name }}", "https://dev dev"),
    ];
    for (template, expected) in cases {
        assert_eq!(render(template), expected, "{template}");
    }
}

#[test]
fn the_language_is_as_documented() {
    let cases = [
        ("{% if 1 > 2 %}a{% elif true %}b{% else %}c{% endif %}", "b"),
        (
            "{% for x in [1, 2] %}{{ loop.index }}{% if loop.first %}f{% endif %}{% if loop.last %}l{% endif %}{% endfor %}",
            "1f2l",
        ),
        ("{% for k, v in variables.labels %}{{ k }}={{ v }};{% endfor %}", "b=yes;a=1;"),
        ("{% set x %}a{{ 1 }}{% endset %}{% set_global y = 2 %}{{ x }}{{ y }}", "a12"),
        ("{{ 7 // 2 }} {{ 2 ** 3 }} {{ 7 % 4 }} {{ 'a' ~ 1 }}", "3 8 3 a1"),
        ("{{ 'x' if true else 'y' }}", "x"),
        ("{{ variables?.none?.deep | default(value='d') }}", "d"),
        ("{{ [1, 2, 3][1:3] | join(sep='-') }}", "2-3"),
        (
            "{{ 'abc' is containing(pat='b') }} {{ 'abc' is starting_with(pat='a') }} {{ nope is defined }}",
            "true true false",
        ),
        ("{{ 1 in [1, 2] and not false }}", "true"),
        ("a\n{%- if true %}\nb\n{%- endif %}\nc{# no #}", "a\nb\nc"),
        ("{{ 'a\nb' | indent(width=2) }}|{{ 'a\nb' | indent(width=2, first=true) }}", "a\n  b|  a\n  b"),
        (
            "{{ 'a,b' | split(pat=',') | last }} {{ 'abcdef' | truncate(length=3) }} {{ [3, 1] | sort | first }}",
            "b abc… 1",
        ),
        ("{{ {'a': 1} | get(key='a') }} {{ {'a': 1} | pairs | length }} {{ [1, 2] | nth(n=1) }}", "1 1 2"),
        ("{{ range(end=3) | to_json }}", "[0,1,2]"),
    ];
    for (template, expected) in cases {
        assert_eq!(render(template), expected, "{template}");
    }
    let files = [
        ("a", "{% extends 'b' %}{% block x %}in{% endblock x %}"),
        ("b", "<{% block x %}out{% endblock x %}>"),
    ];
    let output = InProcess::new().render(&job(&files, 1)).unwrap();
    assert_eq!(output.files[0].as_deref(), Ok("<in>"));
}

#[test]
fn problems_have_a_place_and_a_hint() {
    let cases = [
        "a: 1\nb: {{ variables.replica }}",
        "{{ variable.replicas }}",
        "{{ variables.missing.deeper }}",
        "{{ variables.zzzzzzzz | upper }}",
        "{{ units['cluster'].outputs.endpoimt }}",
        "{{ variables['replcas'] }}",
        "{{ variables[undefined_name] }}",
        "{% for item in variables.list %}{{ item.name }}{% endfor %}",
        "{{ variables.name | qoute }}",
        "{{ rage(end=3) }}",
        "{% if %}",
        "{% for x in variables.list %}",
        "{{ variables.name + 1 }}",
        "{{ variables.labels | quote }}",
        "{{ throw(message='set a name') }}",
        "{% include 'none' %}{% include 'none2' %}",
        "{{ <Missing/> }}",
        "{{ get_env(name='HOME') }}",
        "{{ now() }}",
        "{{ range(end=1000000) }}",
        "{{ 'x' | b64decode }}",
        "{{ (((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))) }}",
    ];
    let shown: Vec<_> =
        cases.iter().map(|case| format!("{case}\n    {}", render(case).replace('\n', "\n    "))).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_failure_names_the_chain_of_includes() {
    let files = [
        ("a.yaml", "x: 1\n{% include 'b.tera' %}"),
        ("b.tera", "\n\n  {% include 'c.tera' %}"),
        ("c.tera", "{{ variables.replicsa }}"),
    ];
    let output = InProcess::new().render(&job(&files, 1)).unwrap();
    let problem = output.files[0].as_ref().unwrap_err();
    assert_eq!(
        show(problem),
        "Undefined `variables` has no `replicsa` [c.tera:1:14+8] did you mean `replicas`? [\"b.tera:3:14\", \"a.yaml:2:12\"]"
    );
}

#[test]
fn include_loops_are_refused() {
    let files = [("a.yaml", "{% include 'b.tera' %}"), ("b.tera", "{% include 'a.yaml' %}")];
    let Err(TemplateFailure::Broken(problems)) = InProcess::new().render(&job(&files, 1)) else {
        panic!("a loop should not load");
    };
    assert_eq!(
        show(&problems[0]),
        "IncludeLoop templates include each other: `a.yaml` → `b.tera` → `a.yaml` [a.yaml:1:1+1] - []"
    );
}

#[test]
fn every_broken_text_is_reported() {
    let files = [("a.yaml", "{{ }}"), ("b.yaml", "fine"), ("c.yaml", "{% nope %}")];
    let Err(TemplateFailure::Broken(problems)) = InProcess::new().render(&job(&files, 3)) else {
        panic!("broken texts should not load");
    };
    let templates: Vec<_> = problems.iter().map(|p| p.spot.as_ref().unwrap().template.as_str()).collect();
    assert_eq!(templates, ["a.yaml", "c.yaml"]);
}

#[test]
fn one_failing_file_leaves_the_others() {
    let files = [("a.yaml", "{{ nope }}"), ("b.yaml", "fine")];
    let output = InProcess::new().render(&job(&files, 2)).unwrap();
    assert!(output.files[0].is_err());
    assert_eq!(output.files[1].as_deref(), Ok("fine"));
}

#[test]
fn text_is_bounded() {
    let text =
        "{% for a in range(end=100000) %}{% for b in range(end=1000) %}0123456789{% endfor %}{% endfor %}";
    let shown = render(text);
    assert!(shown.starts_with("OutputLimit the templates of one unit may make 10485760 bytes"), "{shown}");
}

#[test]
fn components_come_with_an_included_file() {
    let files = [
        ("a.yaml", "{% include '/lib.tera' %}{{ <labels name=\"web\"/> }}"),
        ("/lib.tera", "{% component labels(name: String) %}app: {{ name }}{% endcomponent labels %}"),
    ];
    let output = InProcess::new().render(&job(&files, 1)).unwrap();
    assert_eq!(output.files[0].as_deref(), Ok("app: web"));
}
