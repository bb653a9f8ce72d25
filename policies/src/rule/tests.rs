//! Tests of the shipped rules: objects in, findings out.

use std::sync::Arc;

use naksha_environments::diagnostic::{Place, Severity};
use naksha_environments::load::Loader;
use naksha_environments::plan::{Cause, Verb};
use naksha_environments::rendered::UnitState;
use naksha_environments::source::SourceTree;
use naksha_environments::variables::{Layer, Variables};
use serde_json::json;

use crate::testing::{CANARY, World, action, line, path, rendered_unit, unit};

fn findings(fixture: &str) -> String {
    let verdict = World::new().rendering(&[("app", fixture)]).check();
    verdict.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(findings(include_str!("fixtures/clean.yaml")), "");
}

#[test]
fn images() {
    insta::assert_snapshot!(findings(include_str!("fixtures/images.yaml")));
}

#[test]
fn images_in_production() {
    let mut world = World::new().rendering(&[("app", include_str!("fixtures/images.yaml"))]);
    world.environment.production = true;
    let severities: Vec<_> = world.check().findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Error, Severity::Error, Severity::Warning]);
}

#[test]
fn pods() {
    insta::assert_snapshot!(findings(include_str!("fixtures/pods.yaml")));
}

#[test]
fn fields_that_a_kind_does_not_have() {
    insta::assert_snapshot!(findings(include_str!("fixtures/fields.yaml")));
}

#[test]
fn rights_and_exposure() {
    insta::assert_snapshot!(findings(include_str!("fixtures/rights.yaml")));
}

#[test]
fn dangling_references() {
    insta::assert_snapshot!(findings(include_str!("fixtures/dangling.yaml")));
}

#[test]
fn dangling_references_are_errors_where_the_environment_is_sealed_and_complete() {
    let mut world = World::new().rendering(&[("app", include_str!("fixtures/dangling.yaml"))]);
    world.environment.sealed = true;
    assert!(world.of("dangling-ref").iter().all(|line| line.starts_with("error")));
    let chart = rendered_unit("chart", UnitState::Unsupported { source: "helm" });
    world.rendered.units.insert(unit("chart"), chart);
    assert!(world.of("dangling-ref").iter().all(|line| line.starts_with("warning")));
}

#[test]
fn secrets_are_found_and_never_shown() {
    let mut world = World::new().rendering(&[("app", include_str!("fixtures/secrets.yaml"))]);
    let mut variables = Variables::default();
    let place = Place::in_text(
        &path("units/app/unit.yaml"),
        &format!("password: {CANARY}"),
        naksha_environments::diagnostic::Span { start: 0, end: 8 },
    );
    variables.insert(Layer::Unit, "auth", json!({"dbPassword": CANARY, "user": "app"}), Some(place));
    variables.insert(Layer::Unit, "dsn", json!([format!("mysql://root:{CANARY}@db")]), None);
    variables.insert(Layer::Unit, "fromVault", json!({"password": "vault:kv/db#password"}), None);
    variables.insert(Layer::Unit, "password", json!("${{ units.db.outputs.password }}"), None);
    world.rendered.units.get_mut(&unit("app")).unwrap().variables = Arc::new(variables);
    // What other rules say of the same objects must not show it either.
    let world = world.policy("all", &[], "object.metadata.name == 'nobody'");

    let verdict = world.check();
    let shown = format!("{verdict:?}");
    assert!(!shown.contains(CANARY) && !shown.contains("c4n4rys3cr3t"), "{shown}");
    assert!(shown.contains("units/app/unit.yaml"));
    insta::assert_snapshot!(world.of("cleartext-secret").join("\n"));
}

#[test]
fn values_files() {
    let unit_file = "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: app}\nspec:\n  helm:\n    chart: oci://registry.example/charts/app\n    version: 1.2.3\n    values: [values.yaml, {file: \"values.${{ environment.name }}.yaml\", optional: true}]\n";
    let values = format!("auth:\n  rootPassword: {CANARY}\n  existingSecret: db\nreplicas: 3\n");
    let dev = format!("url: amqp://user:{CANARY}@mq:5672\nlist: [{{token: {CANARY}}}]\n");
    let chart = rendered_unit("app", UnitState::Unsupported { source: "helm" });
    let mut world = World::new().reading(&[
        (
            "naksha.yaml",
            "apiVersion: naksha.dev/v1alpha1\nkind: Repository\nmetadata: {name: infra}\nspec: {}\n",
        ),
        ("units/app/unit.yaml", unit_file),
        ("units/app/values.yaml", &values),
        ("units/app/values.dev.yaml", &dev),
    ]);
    world.rendered.units.insert(unit("app"), chart);
    let verdict = world.check();
    assert!(!format!("{verdict:?}").contains(CANARY));
    let shown: Vec<_> = verdict
        .findings
        .iter()
        .map(|finding| format!("{} {}", finding.place.as_ref().unwrap(), line(finding)))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

/// A unit with errors in its definition has values all the same, and so have files that no unit lists.
#[test]
fn values_files_of_flawed_units_and_of_none() {
    let values = format!("accessKey: minio-access\nsecretKey: {CANARY}\nsize: 5Gi\n");
    let stray = format!("url: amqp://user:{CANARY}@mq:5672\n");
    let tree = SourceTree::from_texts([
        (
            "units/app/unit.yaml",
            "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: app}\nspec:\n  helm:\n    chart: oci://registry.example/charts/app\n    values: [values.yaml]\n",
        ),
        ("units/app/values.yaml", &values),
        ("old/values.yaml", &stray),
    ]);
    let tree = tree.unwrap();
    let loaded = Loader::default().load(&tree);
    assert!(loaded.definitions.units.is_empty() && loaded.has_errors());
    let mut world = World::new();
    world.sources = Some((loaded.definitions, tree));
    let broken = UnitState::Broken { reason: "its definition has errors".to_owned() };
    world.rendered.units.insert(unit("app"), rendered_unit("app", broken));
    let verdict = world.check();
    assert!(!format!("{verdict:?}").contains(CANARY));
    let shown: Vec<_> = verdict
        .findings
        .iter()
        .map(|finding| format!("{} {}", finding.place.as_ref().unwrap(), line(finding)))
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

const STATEFUL: &str = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: naksha}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: naksha}
";

const CONFIG: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: naksha}
";

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: naksha}}\n")
}

#[test]
fn guard_stateful() {
    let claim = STATEFUL.split("---").nth(1).unwrap();
    let world = World::new().owning(&[("db", STATEFUL)]).rendering(&[("db", STATEFUL)]).planning(vec![
        action("db", STATEFUL, Verb::Replace, Cause::Change),
        action("db", claim, Verb::Delete, Cause::Change),
        action("db", CONFIG, Verb::Replace, Cause::Change),
    ]);
    insta::assert_snapshot!(world.check().findings.iter().map(line).collect::<Vec<_>>().join("\n"));
}

#[test]
fn guard_empty_render_and_prune_unit() {
    let deleting = || vec![action("app", CONFIG, Verb::Delete, Cause::Change)];
    let owned = World::new().owning(&[("app", CONFIG)]).rendering(&[("app", "")]).planning(deleting());
    assert_eq!(
        owned.of("guard-empty-render"),
        [
            "error guard-empty-render: unit `app` renders nothing any more, and 1 object of it would be deleted \
          [NeedsAcknowledgement]"
        ]
    );
    let gone = World::new().owning(&[("app", CONFIG)]).rendering(&[("web", "")]).planning(deleting());
    assert_eq!(
        gone.of("guard-prune-unit"),
        ["error guard-prune-unit: unit `app` is no longer listed, and 1 object of it would be deleted \
          [NeedsAcknowledgement]"]
    );
    // Broken is not empty, and moved is not deleted.
    let mut broken = World::new().owning(&[("app", CONFIG)]).rendering(&[("app", "")]);
    let state = UnitState::Broken { reason: "a template".to_owned() };
    broken.rendered.units.insert(unit("app"), rendered_unit("app", state));
    assert!(broken.of("guard-empty-render").is_empty());
    let moved = World::new().owning(&[("app", CONFIG)]).rendering(&[("web", CONFIG)]).planning(vec![action(
        "web",
        CONFIG,
        Verb::Move { from: unit("app") },
        Cause::Change,
    )]);
    assert!(moved.check().findings.is_empty());
}

#[test]
fn guard_mass_delete() {
    let many: String = (0..40).map(|at| config(&format!("c{at}"))).collect::<Vec<_>>().join("---\n");
    let deleting = |count: usize| {
        let delete = |at| action("app", &config(&format!("c{at}")), Verb::Delete, Cause::Change);
        World::new()
            .owning(&[("app", &many)])
            .rendering(&[("app", CONFIG)])
            .planning((0..count).map(delete).collect())
            .of("guard-mass-delete")
    };
    assert!(deleting(10).is_empty());
    assert_eq!(
        deleting(11),
        ["error guard-mass-delete: 11 objects would be deleted, more than 10 [NeedsAcknowledgement]"]
    );
    let few: String = (0..10).map(|at| config(&format!("c{at}"))).collect::<Vec<_>>().join("---\n");
    let delete = |at| action("app", &config(&format!("c{at}")), Verb::Delete, Cause::Change);
    let world = |count: usize| {
        World::new()
            .owning(&[("app", &few)])
            .rendering(&[("app", CONFIG)])
            .planning((0..count).map(delete).collect())
    };
    assert!(world(4).of("guard-mass-delete").is_empty());
    assert_eq!(
        world(5).of("guard-mass-delete"),
        ["error guard-mass-delete: 5 objects of 10 would be deleted, more than 30 % [NeedsAcknowledgement]"]
    );
    let mut destroying = world(1);
    destroying.environment.lifecycle = naksha_environments::environment::Lifecycle::Destroy;
    assert_eq!(
        destroying.of("guard-mass-delete"),
        ["error guard-mass-delete: the environment is being destroyed: 1 object [NeedsAcknowledgement]"]
    );
}

#[test]
fn guard_crd_removal_counts_what_goes_with_it() {
    let definition = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec: {group: example.com, names: {kind: Thing, plural: things}}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: one, namespace: naksha}
";
    let world = World::new()
        .owning(&[("app", definition)])
        .rendering(&[("app", CONFIG)])
        .planning(vec![action("app", definition, Verb::Delete, Cause::Change)]);
    let lines: Vec<_> = world.check().findings.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "error guard-crd-removal apiextensions.k8s.io/CustomResourceDefinition things.example.com: the definition \
          `things.example.com` would be deleted, and 1 object of its kind with it [NeedsAcknowledgement]"
        ]
    );
}

#[test]
fn workflow_graphs() {
    let world = World::new().reading(&[
        (
            "naksha.yaml",
            "apiVersion: naksha.dev/v1alpha1\nkind: Repository\nmetadata: {name: infra}\nspec: {}\n",
        ),
        ("contexts/rag.yaml", include_str!("fixtures/context.yaml")),
        ("workflows/answer.yaml", include_str!("fixtures/workflow.yaml")),
    ]);
    let shown: Vec<_> = world.check().findings.iter().map(line).collect();
    assert!(!shown.join("").contains(CANARY));
    insta::assert_snapshot!(shown.join("\n"));
}
