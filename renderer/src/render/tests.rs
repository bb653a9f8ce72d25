//! Environments in, desired objects and findings out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use naksha_environments::codes::Code;
use naksha_environments::diagnostic::{Diagnostic, Place, Severity};
use naksha_environments::load::{Loaded, Loader};
use naksha_environments::object::SecretValue;
use naksha_environments::rendered::{DependencyReason, Rendered, RenderedUnit, UnitState};
use naksha_environments::source::{BlobError, Blobs, ContentId, Entry, EntryKind, TreePath};
use proptest::prelude::*;

use super::*;
use crate::template::{InProcess, TemplateFailure, TemplateJob, TemplateOutput};
use crate::variables::explain_values;

mod cache;
mod fixtures;

/// A repository in memory, and everything that renders need.
struct World {
    loader: Loader,
    cache: RenderCache,
    engine: Box<dyn TemplateEngine>,
    facts: Facts,
    key: MarkKey,
}

use naksha_environments::facts::Facts;
use naksha_environments::ids::{EnvironmentName, UnitName};
use naksha_environments::secret::MarkKey;
use naksha_environments::source::SourceTree;

use crate::template::TemplateEngine;

impl World {
    fn new() -> Self {
        Self {
            loader: Loader::default(),
            cache: RenderCache::default(),
            engine: Box::new(InProcess::new()),
            facts: Facts::default(),
            key: MarkKey::new([7; 32]),
        }
    }

    fn render(&self, tree: &SourceTree, environment: &str) -> Rendered {
        let loaded = self.loader.load(tree);
        self.render_pair(&loaded, &loaded, tree, environment)
    }

    fn render_pair(
        &self,
        control: &Loaded,
        content: &Loaded,
        tree: &SourceTree,
        environment: &str,
    ) -> Rendered {
        let environment = EnvironmentName::parse(environment).unwrap();
        render(&self.input(control, content, tree, &environment))
    }

    fn input<'a>(
        &'a self,
        control: &'a Loaded,
        content: &'a Loaded,
        tree: &'a SourceTree,
        environment: &'a EnvironmentName,
    ) -> RenderInput<'a> {
        RenderInput {
            control: &control.definitions,
            content: &content.definitions,
            tree,
            environment,
            facts: &self.facts,
            engine: &*self.engine,
            cache: &self.cache,
            key: &self.key,
        }
    }
}

const HEAD: &str = "apiVersion: naksha.dev/v1alpha1\n";

fn unit(name: &str, spec: &str) -> (String, String) {
    let text = format!("{HEAD}kind: Unit\nmetadata: {{name: {name}}}\nspec:\n{spec}");
    (format!("units/{name}/unit.yaml"), text)
}

fn environment(name: &str, spec: &str) -> (String, String) {
    let text = format!("{HEAD}kind: Environment\nmetadata: {{name: {name}}}\nspec:\n{spec}");
    (format!("environments/{name}/environment.yaml"), text)
}

fn repository(spec: &str) -> (String, String) {
    ("naksha.yaml".to_owned(), format!("{HEAD}kind: Repository\nmetadata: {{name: test}}\nspec:\n{spec}"))
}

fn file(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

fn tree(files: &[(String, String)]) -> SourceTree {
    SourceTree::from_texts(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))).unwrap()
}

/// dev with a directory target, and the given units.
fn dev(units: &str) -> (String, String) {
    environment(
        "dev",
        &format!(
            "  target: {{directory: out/}}\n  variables: {{domain: dev.example, replicas: 2}}\n  units: {units}\n"
        ),
    )
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

fn show(rendered: &Rendered) -> String {
    let mut lines = Vec::new();
    for (name, unit) in &rendered.units {
        lines.push(format!("unit {name}: {}", show_state(unit)));
        for (needed, reason) in &unit.depends_on {
            lines.push(format!("  waits for {needed}: {}", show_reason(reason)));
        }
        for object in unit.objects() {
            lines.push(format!("  {} {}", object.key, object.body.as_json()));
        }
    }
    lines.extend(rendered.workflows.keys().map(|name| format!("workflow {name}")));
    lines.extend(rendered.broken_workflows.iter().map(|name| format!("broken workflow {name}")));
    lines.extend(rendered.diagnostics.iter().map(show_finding));
    lines.join("\n")
}

fn show_state(unit: &RenderedUnit) -> String {
    match &unit.state {
        UnitState::Rendered(objects) => format!("{} objects", objects.len()),
        UnitState::Broken { reason } => format!("broken: {reason}"),
        UnitState::Unsupported { source } => format!("unsupported: {source}"),
        UnitState::NotYet => "not yet".to_owned(),
    }
}

fn show_reason(reason: &DependencyReason) -> String {
    match reason {
        DependencyReason::Declared => "declared".to_owned(),
        DependencyReason::Output(output) => format!("output {output}"),
        DependencyReason::Object(object) => object.to_string(),
        DependencyReason::Definition(kind) => format!("definition of {kind}"),
    }
}

fn show_finding(finding: &Diagnostic) -> String {
    let place = finding.place.as_ref().map(Place::to_string).unwrap_or_default();
    let unit = finding.unit.as_ref().map(|unit| format!(" ({unit})")).unwrap_or_default();
    let mut text = format!("{}[{}] {place} {}{unit}", finding.severity, finding.code, finding.message);
    if let Some(line) = finding.place.as_ref().and_then(|place| place.line.as_ref()?.text.as_ref()) {
        text = format!("{text}\n    | {line}");
    }
    if let Some(hint) = &finding.hint {
        text = format!("{text}\n    hint: {hint}");
    }
    for note in &finding.notes {
        let place = note.place.as_ref().map(|place| format!("{place} ")).unwrap_or_default();
        text = format!("{text}\n    note: {place}{}", note.message);
    }
    text
}

fn codes_of(rendered: &Rendered) -> Vec<&'static str> {
    rendered.diagnostics.iter().map(|finding| finding.code.id()).collect()
}

fn state(rendered: &Rendered, unit: &str) -> String {
    show_state(&rendered.units[&UnitName::parse(unit).unwrap()])
}

#[test]
fn an_environment_is_rendered_whole() {
    let files = [
        repository(
            "  trunk: main\n  shared: [partials/*.tera]\n  variables: {owner: platform, domain: none}\n",
        ),
        environment(
            "dev",
            "  target: {kubernetes: {cluster: dev, namespace: naksha}}\n  variables: {domain: dev.example}\n  units: [base, db, {name: web, variables: {replicas: 3}}, cluster]\n",
        ),
        file("partials/labels.tera", "{app: {{ app }}, owner: {{ variables.owner }}}"),
        unit("base", "  manifests: [ns.yaml]\n"),
        file("units/base/ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: naksha}\n"),
        unit(
            "db",
            "  templates: [db.yaml.tera]\n  variables: {port: 5432}\n  secrets: {db: {password: \"vault:kv/db#password\"}}\n  outputs: {address: \"db.${{ environment.namespace }}:${{ variables.port }}\", port: \"${{ variables.port }}\"}\n",
        ),
        file(
            "units/db/db.yaml.tera",
            "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {ports: [{port: {{ variables.port }}}]}\n",
        ),
        unit(
            "web",
            "  dependsOn: [base]\n  templates: [web.yaml.tera]\n  variables: {replicas: 1, host: \"web.${{ variables.domain }}\"}\n",
        ),
        file(
            "units/web/web.yaml.tera",
            "{% set app = 'web' -%}\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: {% include '/partials/labels.tera' %}\nspec:\n  replicas: {{ variables.replicas }}\n  template:\n    spec:\n      containers:\n      - name: web\n        env:\n        - {name: DB, value: {{ units.db.outputs.address | quote }}}\n        - {name: HOST, value: {{ variables.host | quote }}}\n        - {name: PW, valueFrom: {secretKeyRef: {name: db, key: password}}}\n",
        ),
        unit("cluster", "  terraform: {path: tf, tool: tofu@1.12.6}\n"),
        file("units/cluster/tf/main.tf", ""),
    ];
    let rendered = World::new().render(&tree(&files), "dev");
    insta::assert_snapshot!(show(&rendered));
    let db = &rendered.units[&UnitName::parse("db").unwrap()];
    let secret = db.objects().iter().find(|object| &*object.key.kind == "Secret").unwrap();
    assert!(matches!(&secret.secrets["password"], SecretValue::Reference(_)));
}

#[test]
fn a_pinned_environment_waits_for_units_that_come_later() {
    let promoted = |units: &str| {
        environment(
            "prod",
            &format!("  promotesFrom: [dev]\n  target: {{directory: prod/}}\n  units: {units}\n"),
        )
    };
    let a = [unit("a", "  manifests: [a.yaml]\n"), file("units/a/a.yaml", &config_map("a"))];
    let head: Vec<_> = [repository("  trunk: main\n"), dev("[a]"), promoted("[a, b]")]
        .into_iter()
        .chain(a.clone())
        .collect();
    let pinned: Vec<_> = [repository("  trunk: main\n"), dev("[a]")].into_iter().chain(a).collect();
    let (head, pinned) = (tree(&head), tree(&pinned));
    let world = World::new();
    let (control, content) = (world.loader.load(&head), world.loader.load(&pinned));
    let rendered = world.render_pair(&control, &content, &pinned, "prod");
    assert_eq!((state(&rendered, "a").as_str(), state(&rendered, "b").as_str()), ("1 objects", "not yet"));
    assert_eq!(codes_of(&rendered), ["NK0303"]);
}

#[test]
fn a_broken_unit_leaves_the_others() {
    let files = [
        repository("  trunk: main\n"),
        dev("[good, bad, worse, reader]"),
        unit("good", "  manifests: [a.yaml]\n"),
        file("units/good/a.yaml", &config_map("a")),
        unit("bad", "  templates: [a.tera]\n  outputs: {x: \"${{ variables.none }}\"}\n"),
        file("units/bad/a.tera", "{{ nope }}"),
        unit("worse", "  manifest: [a.yaml]\n"),
        unit("reader", "  templates: [a.tera]\n"),
        file("units/reader/a.tera", "x: {{ units.bad.outputs.x }}\ny: {{ units.worse.outputs.y }}"),
    ];
    insta::assert_snapshot!(show(&World::new().render(&tree(&files), "dev")));
}

#[test]
fn unknown_outputs_wait_until_they_are_facts() {
    let files = tree(&[
        repository("  trunk: main\n"),
        dev("[cluster, web, chain]"),
        unit("cluster", "  terraform: {path: tf, tool: tofu@1.12.6}\n"),
        file("units/cluster/tf/main.tf", ""),
        unit(
            "web",
            "  templates: [a.tera]\n  outputs: {url: \"https://${{ units.cluster.outputs.endpoint }}\"}\n",
        ),
        file("units/web/a.tera", &config_map("{{ units.cluster.outputs.endpoint }}")),
        unit("chain", "  templates: [a.tera]\n  variables: {url: \"${{ units.web.outputs.url }}\"}\n"),
        file("units/chain/a.tera", &config_map("chain")),
    ]);
    let mut world = World::new();
    let rendered = world.render(&files, "dev");
    assert_eq!(state(&rendered, "web"), "broken: waits for output `endpoint` of unit `cluster`");
    assert_eq!(state(&rendered, "chain"), "broken: waits for output `endpoint` of unit `cluster`");
    assert!(
        rendered.diagnostics.iter().all(|finding| finding.severity < Severity::Error),
        "{}",
        show(&rendered)
    );
    let outputs = BTreeMap::from([("endpoint".to_owned(), "k8s.example".into())]);
    world.facts.outputs.insert(UnitName::parse("cluster").unwrap(), outputs);
    let rendered = world.render(&files, "dev");
    assert_eq!(state(&rendered, "chain"), "1 objects");
    let chain = &rendered.units[&UnitName::parse("chain").unwrap()];
    assert_eq!(chain.variables.0["url"].value, "https://k8s.example");
    assert_eq!(chain.depends_on.keys().map(UnitName::as_str).collect::<Vec<_>>(), ["web"]);
    let web = &rendered.units[&UnitName::parse("web").unwrap()];
    assert_eq!(&*web.objects()[0].key.name, "k8s.example");
}

/// A custom kind whose objects have no namespace.
const CLUSTER_ISSUERS: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: issuers.example.com}\nspec: {group: example.com, scope: Cluster, names: {kind: Issuer, plural: issuers}}\n";

#[test]
fn custom_kinds_without_a_namespace_get_none() {
    let files = [
        repository("  trunk: main\n"),
        dev("[crds, use]"),
        unit("crds", "  manifests: [a.yaml]\n"),
        file("units/crds/a.yaml", CLUSTER_ISSUERS),
        unit("use", "  manifests: [a.yaml]\n"),
        file(
            "units/use/a.yaml",
            "apiVersion: example.com/v1\nkind: Issuer\nmetadata: {name: i}\n---\napiVersion: example.com/v1\nkind: Other\nmetadata: {name: o}\n",
        ),
    ];
    let rendered = World::new().render(&tree(&files), "dev");
    let used = &rendered.units[&UnitName::parse("use").unwrap()];
    let keys: Vec<_> = used.objects().iter().map(|object| object.key.to_string()).collect();
    assert_eq!(keys, ["example.com/Issuer i", "example.com/Other default/o"]);
    assert!(!used.objects()[0].body.as_json().contains("namespace"));
    let reason = &used.depends_on[&UnitName::parse("crds").unwrap()];
    assert_eq!(show_reason(reason), "definition of example.com/Issuer");
}

#[test]
fn what_the_target_knows_of_kinds_counts() {
    let files = tree(&[
        repository("  trunk: main\n"),
        dev("[use]"),
        unit("use", "  manifests: [a.yaml]\n"),
        file("units/use/a.yaml", "apiVersion: example.com/v1\nkind: Issuer\nmetadata: {name: i}\n"),
    ]);
    let mut world = World::new();
    let key = |world: &World| {
        let rendered = world.render(&files, "dev");
        rendered.units[&UnitName::parse("use").unwrap()].objects()[0].key.to_string()
    };
    assert_eq!(key(&world), "example.com/Issuer default/i");
    world.facts.cluster_kinds.insert(("example.com".into(), "Issuer".into()));
    assert_eq!(key(&world), "example.com/Issuer i");
}

#[test]
fn objects_that_become_one_without_their_namespaces_break_their_unit() {
    let issuer = |namespace: &str| {
        format!("apiVersion: example.com/v1\nkind: Issuer\nmetadata: {{name: one, namespace: {namespace}}}\n")
    };
    let files = [
        repository("  trunk: main\n"),
        dev("[crds, use]"),
        unit("crds", "  manifests: [a.yaml]\n"),
        file("units/crds/a.yaml", CLUSTER_ISSUERS),
        unit("use", "  manifests: [a.yaml]\n"),
        file("units/use/a.yaml", &format!("{}---\n{}", issuer("a"), issuer("b"))),
    ];
    let rendered = World::new().render(&tree(&files), "dev");
    let why = "broken: example.com/Issuer one is wanted twice by unit `use`: its kind has no namespace";
    assert_eq!(state(&rendered, "use"), why);
    assert_eq!(rendered.diagnostics.iter().filter(|found| found.code.id() == "NK0349").count(), 1);
}

#[test]
fn an_object_belongs_to_the_unit_that_is_listed_first() {
    let files = [
        repository("  trunk: main\n"),
        dev("[z, a, b]"),
        unit("z", "  manifests: [x.yaml]\n"),
        file("units/z/x.yaml", &config_map("shared")),
        unit("a", "  manifests: [x.yaml]\n"),
        file("units/a/x.yaml", &format!("{}---\n{}", config_map("own"), config_map("shared"))),
        // Contends with `a` only, which is broken and takes nothing.
        unit("b", "  manifests: [x.yaml]\n"),
        file("units/b/x.yaml", &config_map("own")),
    ];
    insta::assert_snapshot!(show(&World::new().render(&tree(&files), "dev")));
}

#[test]
fn the_digest_of_a_render_holds_no_secret() {
    let secret = |value: &str| {
        tree(&[
            repository("  trunk: main\n"),
            dev("[a]"),
            unit("a", "  manifests: [a.yaml]\n"),
            file(
                "units/a/a.yaml",
                &format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{k: {value}}}\n"),
            ),
        ])
    };
    let one = World::new();
    let other = World { key: MarkKey::new([8; 32]), ..World::new() };
    let digest = |world: &World, value: &str| world.render(&secret(value), "dev").digest();
    assert_eq!(digest(&one, "hunter2"), digest(&other, "hunter2"), "two installations should agree");
    assert_eq!(digest(&one, "hunter2"), digest(&one, "hunter3"), "nothing should follow from the value");
}

#[test]
fn values_are_explained() {
    let files = tree(&[
        repository("  trunk: main\n  variables: {owner: platform, replicas: 5}\n"),
        environment(
            "dev",
            "  target: {directory: out/}\n  variables: {replicas: 2}\n  units: [{name: web, variables: {size: 50Gi}}]\n",
        ),
        unit(
            "web",
            "  templates: [a.tera]\n  variables: {replicas: 1, size: 1Gi, host: \"${{ variables.owner }}.example\"}\n",
        ),
        file("units/web/a.tera", &config_map("a")),
    ]);
    let world = World::new();
    let loaded = world.loader.load(&files);
    let name = EnvironmentName::parse("dev").unwrap();
    let input = world.input(&loaded, &loaded, &files, &name);
    let explained = explain_values(&input, &UnitName::parse("web").unwrap()).unwrap();
    let lines: Vec<_> = explained
        .iter()
        .map(|one| {
            let place = one.place.as_ref().map(Place::to_string).unwrap_or_default();
            let over: Vec<_> =
                one.overridden.iter().map(|o| format!("{} {}", o.layer.as_str(), o.value)).collect();
            let written = one.written.as_ref().map(|written| format!(" from {written}")).unwrap_or_default();
            let value = one.value.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{} = {value}{written} [{} {place}] over {over:?}", one.name, one.layer.as_str())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Two renders are equal, whatever was rendered between them and whatever the cache holds.
    #[test]
    fn two_renders_are_equal(
        names in proptest::collection::btree_set("[a-d]", 1..4),
        replicas in 0_u8..4,
        broken in proptest::bool::ANY,
        between in 0_u8..4,
    ) {
        let files = |replicas: u8| {
            let listed = names.iter().cloned().collect::<Vec<_>>().join(", ");
            let mut files = vec![
                repository("  trunk: main\n"),
                environment("dev", &format!("  target: {{directory: out/}}\n  variables: {{replicas: {replicas}}}\n  units: [{listed}]\n")),
            ];
            for (index, name) in names.iter().enumerate() {
                files.push(unit(name, "  templates: [\"*.tera\"]\n  variables: {m: {z: 1, a: [x, \"${{ environment.name }}\"]}}\n  outputs: {o: \"${{ variables.replicas }}\"}\n"));
                let body = if broken && index == 0 { "{{ nope }}".to_owned() } else { config_map(name) + "data: {{ variables.m | to_json | b64encode | quote }}\n" };
                files.push(file(&format!("units/{name}/a.tera"), &body));
                files.push(file(&format!("units/{name}/b.tera"), &config_map(&format!("{name}-{{{{ variables.replicas }}}}"))));
            }
            tree(&files)
        };
        let (one, other) = (World::new(), World::new());
        let first = one.render(&files(replicas), "dev");
        other.render(&files(between), "dev");
        let second = other.render(&files(replicas), "dev");
        let third = other.render(&files(replicas), "dev");
        prop_assert_eq!(show(&first), show(&second));
        prop_assert_eq!(show(&first), show(&third));
        prop_assert_eq!(first.digest(), third.digest());
    }
}
