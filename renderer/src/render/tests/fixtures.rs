//! One fixture per code: each is raised, with its place.

use super::*;

/// A unit `a` with templates, for codes about templates.
fn template(text: &str) -> Vec<(String, String)> {
    vec![unit("a", "  templates: [a.tera]\n"), file("units/a/a.tera", text)]
}

/// A unit `a` with manifests, for codes about objects.
fn manifest(text: &str) -> Vec<(String, String)> {
    vec![unit("a", "  manifests: [a.yaml]\n"), file("units/a/a.yaml", text)]
}

fn object(rest: &str) -> Vec<(String, String)> {
    manifest(&format!("apiVersion: v1\nkind: ConfigMap\n{rest}"))
}

#[derive(Debug)]
struct Failing(TemplateFailure);

impl TemplateEngine for Failing {
    fn render(&self, _: &TemplateJob) -> Result<TemplateOutput, TemplateFailure> {
        Err(self.0.clone())
    }
}

#[derive(Debug)]
struct Faulty;

impl TemplateEngine for Faulty {
    fn render(&self, _: &TemplateJob) -> Result<TemplateOutput, TemplateFailure> {
        std::panic::panic_any("a fault")
    }
}

/// The code, the units that dev lists, and the files besides those that list them.
type Case = (&'static str, &'static str, Vec<(String, String)>);

fn cases() -> Vec<Case> {
    let pair = |a: &str, b: &str| {
        let mut files = vec![unit("a", a), unit("b", b)];
        files.extend(["a", "b"].map(|name| file(&format!("units/{name}/x.yaml"), &config_map(name))));
        files
    };
    let listed = "[a]";
    let both = "[a, b]";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {volumes: [{name: v, configMap: {name: b}}]}\n";
    vec![
        ("NK0301", "[aa]", manifest(&config_map("x"))),
        ("NK0302", listed, vec![unit("a", "  helm: {chart: oci://r.example/c, version: 1.2.3}\n")]),
        ("NK0304", listed, vec![unit("a", "  manifest: []\n")]),
        ("NK0305", "[a]\n  sinc: {}", manifest(&config_map("x"))),
        ("NK0306", "[a]\n  workflows: [nope]", manifest(&config_map("x"))),
        ("NK0307", listed, vec![unit("a", "  manifests: [none/*.yaml]\n")]),
        ("NK0308", listed, template(&"#".repeat(1 + usize::try_from(MAX_TEMPLATE_BYTES).unwrap()))),
        ("NK0310", listed, template("a: {{ variables.domain | qoute }}")),
        ("NK0311", listed, template("a: 1\nb: {{ variables.domain + 1 }}")),
        ("NK0312", listed, template("a: 1\nb: {{ variables.domian }}")),
        ("NK0313", listed, template("a: ${{ variables.domain }}")),
        (
            "NK0314",
            listed,
            template("a: {% include '/units/b/x.tera' %}{% include 'none.tera' %}{% include './a.tera' %}"),
        ),
        ("NK0315", listed, template("a: {% include 'a.tera' %}")),
        (
            "NK0316",
            listed,
            template(
                "{% for a in range(end=100000) %}{% for b in range(end=1000) %}0123456789{% endfor %}{% endfor %}",
            ),
        ),
        ("NK0320", listed, template("a: {{ units.object-store.outputs.x }}{{ units }}")),
        ("NK0321", listed, template("metadata:\n  name: {{ \"a: b: c\" }}\n")),
        (
            "NK0330",
            listed,
            vec![
                unit(
                    "a",
                    "  templates: [a.tera]\n  variables: {x: \"${{ variables.domian }}\", z: \"${{ 1 / 0 }}\"}\n",
                ),
                file("units/a/a.tera", ""),
            ],
        ),
        (
            "NK0331",
            listed,
            vec![
                unit(
                    "a",
                    "  templates: [a.tera]\n  variables: {x: \"${{ variables.y }}\", y: \"${{ variables.x }}\"}\n",
                ),
                file("units/a/a.tera", ""),
            ],
        ),
        (
            "NK0332",
            both,
            vec![
                unit("a", "  templates: [a.tera]\n"),
                file("units/a/a.tera", "a: {{ units.b.outputs.x }}"),
                unit("b", "  terraform: {path: tf, tool: tofu@1.12.6}\n"),
                file("units/b/tf/m.tf", ""),
            ],
        ),
        (
            "NK0333",
            both,
            vec![
                unit("a", "  templates: [a.tera]\n"),
                file("units/a/a.tera", "a: {{ units.b.outputs.adress }}{{ units.c.outputs.x }}"),
                unit("b", "  manifests: [x.yaml]\n  outputs: {address: here}\n"),
                file("units/b/x.yaml", &config_map("b")),
            ],
        ),
        ("NK0340", listed, manifest("- a\n")),
        ("NK0341", listed, object("metadata: {}\n")),
        ("NK0342", listed, object("metadata: {generateName: a-}\n")),
        ("NK0343", listed, object("metadata: {name: A_b}\n")),
        ("NK0344", listed, object("metadata: {name: a}\ndata: {port: 80}\n")),
        ("NK0345", listed, manifest("apiVersion: naksha.dev/v1alpha1\nkind: Thing\nmetadata: {name: a}\n")),
        ("NK0346", listed, object("metadata: {name: a, annotations: {naksha.dev/wave: first}}\n")),
        (
            "NK0347",
            listed,
            object(&format!("metadata: {{name: a}}\ndata: {{x: {}}}\n", "y".repeat(1_500_000))),
        ),
        (
            "NK0348",
            listed,
            template(&format!(
                "{{% for i in range(end=5001) %}}---\n{}{{% endfor %}}",
                config_map("x{{ i }}")
            )),
        ),
        (
            "NK0349",
            both,
            vec![
                unit("a", "  manifests: [x.yaml]\n"),
                file("units/a/x.yaml", &(config_map("x") + "---\n" + &config_map("x"))),
                unit("b", "  manifests: [x.yaml]\n"),
                file("units/b/x.yaml", &config_map("x")),
            ],
        ),
        (
            "NK0350",
            listed,
            manifest("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {x: not base64}\n"),
        ),
        ("NK0351", listed, manifest("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n")),
        ("NK0352", listed, object("metadata: {name: a, uid: x}\n")),
        (
            "NK0353",
            listed,
            manifest(
                "apiVersion: v9\nkind: ConfgMap\nmetadata: {name: a}\n---\n\
                 apiVersion: apps/v1beta7\nkind: Deployment\nmetadata: {name: a}\n---\n\
                 apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n",
            ),
        ),
        (
            "NK0360",
            both,
            vec![
                unit("a", "  manifests: [x.yaml]\n"),
                file("units/a/x.yaml", pod),
                unit("b", "  dependsOn: [a]\n  manifests: [x.yaml]\n"),
                file("units/b/x.yaml", &config_map("b")),
            ],
        ),
        (
            "NK0361",
            both,
            pair("  dependsOn: [b]\n  manifests: [x.yaml]\n", "  dependsOn: [a]\n  manifests: [x.yaml]\n"),
        ),
    ]
}

#[test]
fn every_code_is_raised() {
    let mut raised = BTreeSet::new();
    let mut shown = Vec::new();
    for (code, units, mut files) in cases() {
        files.extend([repository("  trunk: main\n"), dev(units)]);
        let rendered = World::new().render(&tree(&files), "dev");
        let own: Vec<_> = rendered.diagnostics.iter().filter(|finding| finding.code.id() == code).collect();
        assert!(!own.is_empty(), "{code} is not raised:\n{}", show(&rendered));
        raised.insert(code);
        shown.extend(own.into_iter().map(show_finding));
    }
    let failures = [
        ("NK0317", TemplateFailure::Time { limit_ms: 5000 }),
        ("NK0318", TemplateFailure::Memory { limit_bytes: 512 << 20 }),
        ("NK0319", TemplateFailure::Engine { reason: "it ended with exit status: 1".to_owned() }),
    ];
    for (code, failure) in failures {
        let mut files = template("x");
        files.extend([repository("  trunk: main\n"), dev("[a]")]);
        let world = World { engine: Box::new(Failing(failure)), ..World::new() };
        let rendered = world.render(&tree(&files), "dev");
        assert_eq!(codes_of(&rendered), [code]);
        raised.insert(code);
        shown.extend(rendered.diagnostics.iter().map(show_finding));
    }
    let mut files = template("x");
    files.extend([repository("  trunk: main\n"), dev("[a, b]"), unit("b", "  manifests: [x.yaml]\n")]);
    files.push(file("units/b/x.yaml", &config_map("b")));
    let rendered = World { engine: Box::new(Faulty), ..World::new() }.render(&tree(&files), "dev");
    assert_eq!((codes_of(&rendered), state(&rendered, "b")), (vec!["NK0309"], "1 objects".to_owned()));
    raised.insert("NK0309");
    shown.extend(rendered.diagnostics.iter().map(show_finding));
    // Raised where two revisions meet: see `a_pinned_environment_waits_for_units_that_come_later`.
    raised.insert("NK0303");
    let all: BTreeSet<_> = Code::all().map(Code::id).filter(|id| id.starts_with("NK03")).collect();
    assert_eq!(raised, all);
    insta::assert_snapshot!(shown.join("\n"));
}
