//! Graphs compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Contexts, EdgeChange, GrantChange, NodeChange, SettingChange, Version, WorkflowChange};
use crate::diagnostic::Place;
use crate::digest::Digest;
use crate::ids::{ContextName, NodeId, WorkflowName};
use crate::source::TreePath;
use crate::workflow::{Budgets, PolicyContext};

fn id(text: &str) -> NodeId {
    NodeId::parse(text).unwrap()
}

fn between(before: Option<&Value>, after: Option<&Value>, contexts: &Contexts<'_>) -> WorkflowChange {
    let version = |json| Version { digest: Digest::of_json(json), json };
    WorkflowChange::between(
        &WorkflowName::parse("ingest").unwrap(),
        before.map(version),
        after.map(version),
        contexts,
    )
}

fn setting(field: &str, before: Value, after: Value) -> SettingChange {
    let side = |value: Value| (!value.is_null()).then_some(value);
    SettingChange { field: field.to_owned(), before: side(before), after: side(after) }
}

#[test]
fn nodes_edges_and_settings_are_told_apart() {
    let before = json!({"spec": {
        "triggers": [{"cron": "0 * * * *"}, {"nats": "files"}],
        "budget": {"run": {"usd": 0.5}},
        "nodes": {
            "fetch": {"uses": "http", "with": {"url": "a"}},
            "chunk": {"uses": "split", "needs": ["fetch"]},
            "store": {"uses": "milvus.upsert", "needs": ["chunk"]},
        },
    }});
    let after = json!({"spec": {
        "triggers": [{"nats": "files"}, {"cron": "5 * * * *"}, {"http": {}}],
        "budget": {"run": {"usd": 1.0, "tokens": 5}},
        "nodes": {
            "fetch": {"uses": "http", "with": {"url": "b"}, "retry": {"attempts": 5}},
            "embed": {"uses": "embedding", "needs": ["fetch"]},
            "store": {"uses": "milvus.upsert", "needs": ["embed"]},
        },
    }});
    let change = between(Some(&before), Some(&after), &Contexts::default());
    let fields =
        vec![setting("retry.attempts", json!(null), json!(5)), setting("with.url", json!("a"), json!("b"))];
    assert_eq!(
        change.nodes,
        [
            NodeChange::Removed { node: id("chunk"), uses: "split".to_owned() },
            NodeChange::Added { node: id("embed"), uses: "embedding".to_owned() },
            NodeChange::Changed { node: id("fetch"), fields },
        ]
    );
    let edge = |from: &str, to: &str, gained| EdgeChange { from: id(from), to: id(to), gained };
    assert_eq!(
        change.edges,
        [
            edge("chunk", "store", false),
            edge("embed", "store", true),
            edge("fetch", "chunk", false),
            edge("fetch", "embed", true),
        ]
    );
    assert_eq!(
        change.settings,
        [
            setting("budget.run.tokens", json!(null), json!(5)),
            setting("budget.run.usd", json!(0.5), json!(1.0)),
            setting("triggers[1].cron", json!("0 * * * *"), json!("5 * * * *")),
            setting("triggers[2]", json!(null), json!({"http": {}})),
        ]
    );
    assert!(change.grants.is_empty());
}

#[test]
fn equal_versions_have_no_change() {
    let graph = json!({"nodes": {"a": {"uses": "http", "when": null}}, "context": "rag"});
    let same = json!({"nodes": {"a": {"uses": "http"}}, "context": "rag"});
    assert!(between(Some(&graph), Some(&same), &Contexts::default()).is_empty());
}

fn context(tools: &[&str], secrets: &[&str]) -> BTreeMap<ContextName, Arc<PolicyContext>> {
    let name = ContextName::parse("rag").unwrap();
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let context = PolicyContext {
        name: name.clone(),
        place: Place::file(&TreePath::parse("contexts/rag.yaml").unwrap()),
        models: vec!["small".to_owned()],
        tools: list(tools),
        hosts: vec![],
        buckets: vec![],
        collections: vec![],
        secrets: list(secrets),
        budget: Budgets::default(),
        searches_per_second: None,
    };
    BTreeMap::from([(name, Arc::new(context))])
}

#[test]
fn grants_follow_the_context() {
    let graph = json!({"nodes": {}, "context": "rag"});
    let (before, after) = (context(&["slack.post"], &[]), context(&[], &["vault:kv/rag#*"]));
    let contexts = Contexts { before: Some(&before), after: Some(&after) };
    let grant = |kind, name: &str, gained| GrantChange { kind, name: name.to_owned(), gained };
    let change = between(Some(&graph), Some(&graph), &contexts);
    assert_eq!(change.grants, [grant("secret", "vault:kv/rag#*", true), grant("tool", "slack.post", false)]);
    let new = between(None, Some(&graph), &contexts);
    assert_eq!(new.grants, [grant("model", "small", true), grant("secret", "vault:kv/rag#*", true)]);
    let unknown = Contexts { before: Some(&BTreeMap::new()), after: Some(&after) };
    assert!(between(Some(&graph), Some(&graph), &unknown).grants.is_empty());
}
