//! What definitions become: one of each kind with everything in it, and what the digest of a workflow depends on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{FileReading, Files, Found, FoundValue, read};
use crate::environment::{Follows, Lifecycle, TargetRef};
use crate::source::{ReadError, TreePath};
use crate::unit::{ConflictPolicy, UnitSource};
use crate::variables::Layer;
use crate::window::WindowKind;
use crate::workflow::{Effect, Trigger, WhenFull, WorkflowGraph};

struct Prompts;

impl Files for Prompts {
    fn read(&mut self, path: &TreePath) -> Result<Arc<str>, ReadError> {
        match path.as_str() {
            "workflows/prompts/sum.md" => Ok("Summarize ${{ nodes.fetch.output.body }}".into()),
            other => Err(ReadError::NotFound { path: other.to_owned() }),
        }
    }
}

fn reading(path: &str, text: &str) -> FileReading {
    let text = format!("apiVersion: naksha.dev/v1alpha1\n{text}");
    read(&TreePath::parse(path).unwrap(), &text, &mut Prompts)
}

/// The one definition of a text that has nothing wrong; that this version cannot apply to a target is no fault.
fn found(path: &str, text: &str) -> Found {
    let mut reading = reading(path, text);
    reading.diagnostics.retain(|found| found.code != crate::codes::definition::TARGET_UNSUPPORTED);
    assert_eq!(reading.diagnostics, [], "in {text}");
    reading.found.remove(0)
}

fn workflow(text: &str) -> Arc<WorkflowGraph> {
    match found("workflows/ingest.yaml", text).value {
        Some(FoundValue::Workflow(made)) => made,
        other => panic!("no workflow: {other:?}"),
    }
}

#[test]
fn an_environment_is_read() {
    let text = "\
kind: Environment
metadata: {name: staging}
spec:
  promotesFrom: [dev]
  gates: {soak: 30m, verify: [smoke], autoMerge: false}
  windows: [{kind: allow, schedule: '0 9 * * 1-5', duration: 8h, timeZone: Europe/Berlin}]
  target: {kubernetes: {cluster: staging, namespace: naksha}}
  variables: {replicas: 2, domain: staging.naksha.example}
  units: [vault, {name: postgres, variables: {size: 50Gi}}]
  workflows: [ingest]
  sync: {prune: false, interval: 1m}
  guards: {maxDeletions: 3}
  lifecycle: disown
  production: true
";
    let Some(FoundValue::Environment(made)) = found("environments/staging/environment.yaml", text).value
    else {
        panic!("no environment");
    };
    assert_eq!(made.follows, Follows::Promotion { from: vec!["dev".parse().unwrap()] });
    assert_eq!((made.gates.soak, made.gates.verify[0].as_str()), (Duration::from_mins(30), "smoke"));
    assert_eq!(
        (made.windows[0].kind, made.windows[0].duration),
        (WindowKind::Allow, Duration::from_hours(8))
    );
    let namespace = Some("naksha".to_owned());
    assert_eq!(made.target, TargetRef::Kubernetes { cluster: "staging".to_owned(), namespace });
    assert_eq!(made.variables.0["replicas"].value, json!(2));
    let size = &made.units[1].variables.0["size"];
    assert_eq!((size.value.clone(), size.origins[0].0), (json!("50Gi"), Layer::EnvironmentUnit));
    let place = size.origins[0].1.clone().unwrap();
    assert_eq!(place.to_string(), "environments/staging/environment.yaml:10:47");
    assert_eq!(place.line.unwrap().text, None, "a variable's line may hold a secret");
    assert!(!made.sync.prune && made.sync.self_heal && made.production && !made.sealed);
    assert_eq!((made.guards.max_deletions, made.guards.max_deletion_percent), (3, 50));
    assert_eq!(made.lifecycle, Lifecycle::Disown);
}

#[test]
fn targets_have_three_shapes() {
    let target = |text: &str| {
        let text = format!("kind: Environment\nmetadata: {{name: dev}}\nspec: {{target: {text}}}\n");
        match found("environments/dev/environment.yaml", &text).value {
            Some(FoundValue::Environment(made)) => made.target.clone(),
            other => panic!("no environment: {other:?}"),
        }
    };
    let made = target("{directory: out/}");
    assert_eq!(made, TargetRef::Directory { path: "out".to_owned(), namespace: None });
    assert_eq!(target("{directory: out/, namespace: naksha}").namespace(), Some("naksha"));
    let made = TargetRef::FromUnit { unit: "cluster".parse().unwrap(), namespace: Some("naksha".to_owned()) };
    assert_eq!(target("{fromUnit: cluster, namespace: naksha}"), made);
    assert_eq!(target("{kubernetes: {cluster: dev}}").namespace(), None);
}

#[test]
fn every_source_of_a_unit_is_read() {
    let table = [
        ("manifests: [manifests/*.yaml]", "manifests"),
        ("templates: [manifests/*.yaml.tera]", "templates"),
        (
            "helm: {chart: oci://r.example/nats, version: 2.14.2, values: [a.yaml, {file: \"${{ environment.name }}.yaml\", optional: true}]}",
            "helm",
        ),
        ("kustomize: {path: \"overlays/${{ environment.name }}\"}", "kustomize"),
        (
            "terraform: {path: /terraform, tool: tofu@1.12.6, inputs: {region: \"${{ variables.region }}\"}}",
            "terraform",
        ),
        ("buckets: {artifacts: {versioning: true}}", "buckets"),
        ("vault: {policies: {}, audit: {}}", "vault"),
    ];
    for (source, word) in table {
        let text = format!("kind: Unit\nmetadata: {{name: web}}\nspec:\n  {source}\n");
        let Some(FoundValue::Unit(made)) = found("units/web/unit.yaml", &text).value else {
            panic!("no unit")
        };
        assert_eq!(made.source.word(), word);
        assert_eq!(made.conflicts, ConflictPolicy::Refuse);
        if let UnitSource::Terraform(source) = &made.source {
            assert_eq!(source.path.as_str(), "terraform");
        }
    }
}

#[test]
fn a_unit_keeps_secrets_outputs_and_rules() {
    let text = "\
kind: Unit
metadata: {name: langgraph}
spec:
  dependsOn: [postgres]
  templates: [manifests/*.yaml.tera]
  secrets: {naksha-db-secret: {DATABASE_URL: 'vault:kv/naksha/db#url'}}
  outputs: {url: 'https://api.${{ variables.domain }}'}
  conflicts: leave
  ignore:
    - {kinds: [Deployment], fields: [/spec/replicas, /metadata/annotations/a~1b], reason: autoscaled}
    - {managers: [keda], when: live.spec.replicas > desired.spec.replicas, reason: scaled up}
  timeout: 5m
";
    let found = found("units/langgraph/unit.yaml", text);
    assert_eq!(found.references[0].path, ["variables", "domain"]);
    let Some(FoundValue::Unit(made)) = found.value else { panic!("no unit") };
    let reference = &made.secrets["naksha-db-secret"]["DATABASE_URL"];
    assert_eq!(reference.to_string(), "vault:kv/naksha/db#url");
    assert_eq!(&*made.outputs["url"].source, "https://api.${{ variables.domain }}");
    assert_eq!((made.ignore[0].fields.len(), &made.ignore[0].when), (2, &None));
    let when = made.ignore[1].when.as_ref().unwrap();
    assert_eq!(&*when.source, "live.spec.replicas > desired.spec.replicas");
    let places = [&made.ignore[1].place, when.place.as_ref().unwrap()].map(ToString::to_string);
    assert_eq!(places, ["units/langgraph/unit.yaml:12:7", "units/langgraph/unit.yaml:12:32"]);
    assert_eq!((made.conflicts, made.timeout), (ConflictPolicy::Leave, Duration::from_mins(5)));
}

#[test]
fn a_condition_of_an_ignore_rule_is_checked() {
    let table = [
        ("live.spec.", "NK0136", "7:52", "expression does not parse"),
        ("object.spec.paused", "NK0150", "7:42", "expressions know no `object` here"),
        ("live.a == variables.b", "NK0150", "7:52", "expressions know no `variables` here"),
        ("size(live.spec)", "NK0136", "7:42", "`when` must give true or false, and gives a number"),
        ("''", "NK0136", "7:42", "expression is empty"),
        ("'${{ live.a }}'", "NK0136", "7:43", "expression does not parse"),
    ];
    for (when, code, at, message) in table {
        let text = format!(
            "kind: Unit\nmetadata: {{name: web}}\nspec:\n  manifests: [a.yaml]\n  ignore:\n    - {{fields: [/spec], reason: y, when: {when}}}\n"
        );
        let found = reading("units/web/unit.yaml", &text);
        let [problem] = found.diagnostics.as_slice() else { panic!("{when}: {:?}", found.diagnostics) };
        let place = problem.place.as_ref().unwrap().to_string();
        assert_eq!((problem.code.id(), place), (code, format!("units/web/unit.yaml:{at}")), "{when}");
        assert!(problem.message.starts_with(message), "{when}: {}", problem.message);
    }
}

const INGEST: &str = "\
kind: Workflow
metadata: {name: ingest}
spec:
  context: rag
  triggers:
    - {cron: '0 * * * *', input: {url: 'https://docs.example/feed'}}
    - {nats: files.created, dedupe: event.id, input: {url: '${{ event.data.url }}'}}
    - {http: {path: /ingest}}
  input: {type: object, properties: {url: {type: string}}, required: [url]}
  concurrency: {key: input.url, limit: 10}
  nodes:
    fetch: {uses: http, with: {url: '${{ input.url }}'}, retry: {attempts: 5, backoff: {max: 90s}}, timeout: 30s}
    embed: {uses: embedding, needs: [fetch], forEach: nodes.fetch.output.chunks, maxParallel: 16, with: {text: '${{ item.text }}'}}
    summarize: {uses: llm, needs: [fetch], with: {model: small, prompt: {file: prompts/sum.md}}}
    poll: {uses: http, until: nodes.poll.output.done, maxIterations: 5, effect: at-least-once}
  budget: {run: {usd: 0.50, tokens: 200000}, day: {usd: 20}}
";

#[test]
fn a_workflow_is_read() {
    let made = workflow(INGEST);
    let Trigger::Cron { time_zone, .. } = &made.triggers[0] else { panic!("no cron") };
    assert_eq!(time_zone, "UTC");
    assert!(matches!(&made.triggers[2], Trigger::Other { kind, .. } if kind == "http"));
    assert_eq!(made.concurrency.as_ref().map(|own| own.when_full), Some(WhenFull::Queue));
    let fetch = &made.nodes[0];
    let retry = fetch.retry.as_ref().unwrap();
    assert_eq!(
        (retry.attempts, retry.initial, retry.max),
        (5, Duration::from_secs(1), Duration::from_secs(90))
    );
    assert_eq!(made.nodes[3].effect, Some(Effect::AtLeastOnce));
    assert_eq!((made.budget.run.usd, made.budget.day.tokens), (Some(0.5), None));
    let names: Vec<&str> = made.nodes.keys().map(crate::ids::NodeId::as_str).collect();
    assert_eq!(names, ["fetch", "embed", "summarize", "poll"]);
}

#[test]
fn a_prompt_stands_in_the_graph_by_content() {
    let made = workflow(INGEST);
    assert_eq!(made.nodes[2].with["prompt"], json!("Summarize ${{ nodes.fetch.output.body }}"));
    assert!(made.json.contains("Summarize ${{ nodes.fetch.output.body }}") && !made.json.contains("sum.md"));
    // What a prompt reads counts like any other expression.
    let text = INGEST.replace("summarize: {uses: llm, needs: [fetch],", "summarize: {uses: llm,");
    let reading = reading("workflows/ingest.yaml", &text);
    let [problem] = reading.diagnostics.as_slice() else { panic!("{:?}", reading.diagnostics) };
    assert_eq!(problem.code.id(), "NK0163");
    assert_eq!(problem.place.as_ref().unwrap().path.as_str(), "workflows/prompts/sum.md");
}

#[test]
fn the_digest_depends_on_meaning_alone() {
    let plain = workflow(
        "kind: Workflow\nmetadata: {name: a}\nspec:\n  nodes:\n    x: {uses: http}\n    y: {uses: http}\n    z: {uses: http, needs: [x, y]}\n",
    );
    let same = workflow(
        "# a comment\nspec:\n  nodes:\n    z: {needs: [y, x], uses: http}\n\n    y: {uses: http, needs: []}\n    x:\n      uses: http\nmetadata:\n  name: a\nkind: Workflow\n",
    );
    assert_eq!(plain.json, same.json);
    assert_eq!(plain.digest, same.digest);
    let other = workflow(
        "kind: Workflow\nmetadata: {name: a}\nspec:\n  nodes:\n    x: {uses: http}\n    y: {uses: http}\n    z: {uses: http, needs: [x]}\n",
    );
    assert_ne!(plain.digest, other.digest);
    assert!(plain.json.starts_with(r#"{"name":"a","nodes":{"x":{"uses":"http"}"#), "{}", plain.json);
}

#[test]
fn problems_of_structure_and_meaning_come_together() {
    let text = "kind: Unit\nmetadata: {name: Web}\nspec:\n  manifest: [x]\n  manifests: [a]\n  timeout: soon\n  ignore: [{fields: [x], reason: y}]\n";
    let codes: Vec<_> =
        reading("units/web/unit.yaml", text).diagnostics.iter().map(|found| found.code.id()).collect();
    assert_eq!(codes, ["NK0101", "NK0131", "NK0138", "NK0132"]);
}

#[test]
fn hostile_definitions_end() {
    let nodes: String =
        (0..600).map(|at| format!("    n{at}: {{uses: http}}\n")).collect::<Vec<_>>().concat();
    let many = format!("kind: Workflow\nmetadata: {{name: a}}\nspec:\n  nodes:\n{nodes}");
    assert_eq!(reading("workflows/a.yaml", &many).diagnostics[0].code.id(), "NK0122");
    let expressions = (0..3_000).map(|at| format!("    v{at}: ${{{{ variables.x }}}}\n")).collect::<Vec<_>>();
    let text = format!(
        "kind: Environment\nmetadata: {{name: dev}}\nspec:\n  target: {{directory: a}}\n  variables:\n{}",
        expressions.concat()
    );
    let found = reading("environments/dev/environment.yaml", &text);
    assert_eq!(found.diagnostics.iter().map(|found| found.code.id()).collect::<Vec<_>>(), ["NK0122"]);
    let unknown: String = (0..30_000).map(|at| format!("  k{at}: 1\n")).collect::<Vec<_>>().concat();
    let found = reading("units/a/unit.yaml", &format!("kind: Unit\nmetadata: {{name: a}}\nspec:\n{unknown}"));
    assert_eq!(found.diagnostics.len(), 101);
}

#[test]
fn a_rule_and_a_condition_must_be_able_to_decide() {
    let policy = |rule: &str| {
        let text = format!(
            "kind: Policy\nmetadata: {{name: a}}\nspec: {{match: {{kinds: []}}, rule: \"{rule}\", message: m}}\n"
        );
        reading("policies/a.yaml", &text).diagnostics
    };
    let workflow = |key: &str| {
        let text =
            format!("kind: Workflow\nmetadata: {{name: a}}\nspec: {{nodes: {{x: {{uses: http, {key}}}}}}}\n");
        reading("workflows/a.yaml", &text).diagnostics
    };
    for found in [
        policy("size(object.metadata.name)"),
        policy("'yes'"),
        policy("object.a ? 1 : 2"),
        policy("object.items.map(x, x.name)"),
        workflow("when: input.n + 1"),
        workflow("until: \"'done'\", maxIterations: 3"),
    ] {
        let messages: Vec<_> = found.iter().map(|one| (one.code.id(), one.message.as_str())).collect();
        assert!(
            matches!(messages[..], [("NK0136", m)] if m.contains("must give true or false, and gives")),
            "{messages:?}"
        );
        assert!(found[0].place.as_ref().unwrap().line.is_some());
    }
    for rule in
        ["object.spec.ready", "object.a ? true : object.b", "has(object.a)", "!object.items.exists(x, x.bad)"]
    {
        assert_eq!(policy(rule), [], "{rule}");
    }
}
