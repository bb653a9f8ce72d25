//! graph-budget-missing, graph-unknown-model, graph-tool-not-granted, graph-secret-outside-context.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::ids::{ContextName, NodeId, WorkflowName};
use naksha_environments::plan::{FieldPath, Segment, Subject};
use naksha_environments::workflow::{Budget, Node, PolicyContext, WorkflowGraph};
use serde_json::Value;

use crate::found::{Found, Located, path};
use crate::rule::cleartext::in_workflow;

/// Node types that ask a model and cost money.
const MODEL_NODES: &[&str] = &["llm", "embedding", "agent"];

/// First parts of node types that another grant covers: hosts, buckets, collections; or that touch nothing.
const GRANTED_OTHERWISE: &[&str] =
    &["http", "split", "s3", "milvus", "qdrant", "pgvector", "weaviate", "chroma", "sql", "container"];

/// Tools whose type has no dot.
const BARE_TOOLS: &[&str] = &["mcp", "email", "webhook"];

type Contexts = BTreeMap<ContextName, Arc<PolicyContext>>;

pub(crate) fn graphs(
    workflows: &BTreeMap<WorkflowName, Arc<WorkflowGraph>>,
    contexts: Option<&Contexts>,
) -> Vec<Located> {
    workflows.values().flat_map(|graph| graph_findings(graph, contexts)).collect()
}

fn graph_findings(graph: &WorkflowGraph, contexts: Option<&Contexts>) -> Vec<Located> {
    let mut found = in_workflow(graph);
    let context = graph.context.as_ref().and_then(|name| contexts?.get(name)).map(AsRef::as_ref);
    found.extend(budget(graph, context).map(|found| located(graph, None, found)));
    // A context that is named and not there is a diagnostic of its own; nothing can be judged against it.
    let judged = graph.context.is_none() || context.is_some();
    if contexts.is_some() && judged {
        for (id, node) in &graph.nodes {
            let found_here = node_findings(graph, id, node, context);
            found.extend(found_here.into_iter().map(|found| located(graph, Some(node), found)));
        }
    }
    found
}

fn located(graph: &WorkflowGraph, node: Option<&Node>, found: Found) -> Located {
    let place = node.map_or(&graph.place, |node| &node.place).clone();
    Located { unit: None, subject: Some(Subject::Workflow(graph.name.clone())), place: Some(place), found }
}

fn budget(graph: &WorkflowGraph, context: Option<&PolicyContext>) -> Option<Found> {
    let asks = graph.nodes.values().any(|node| MODEL_NODES.contains(&node.uses.as_str()));
    let set = |budget: Budget| budget.usd.is_some() || budget.tokens.is_some();
    let limited = set(graph.budget.run) || context.is_some_and(|context| set(context.budget.run));
    (asks && !limited).then(|| {
        let message = "it asks models, and nothing limits what one run may cost";
        Found::new("graph-budget-missing", path(&["budget", "run"]), message)
    })
}

fn node_findings(
    graph: &WorkflowGraph,
    id: &NodeId,
    node: &Node,
    context: Option<&PolicyContext>,
) -> Vec<Found> {
    let base = path(&["nodes", id.as_str()]);
    let whose = match (&graph.context, context) {
        (Some(name), Some(_)) => format!("context `{name}`"),
        _ => "a workflow without a context".to_owned(),
    };
    let mut found = Vec::new();
    let model = node.with.get("model").and_then(Value::as_str).filter(|model| is_literal(model));
    if let Some(model) = model
        && !context.is_some_and(|context| context.models.iter().any(|granted| granted == model))
    {
        let message = format!("node `{id}` asks the model `{model}`, which {whose} does not list");
        found.push(Found::new("graph-unknown-model", base.key("with").key("model"), message));
    }
    for (tool, field) in tools(node, &base) {
        if !context.is_some_and(|context| context.tools.iter().any(|granted| grants(granted, &tool))) {
            let message = format!("node `{id}` uses the tool `{tool}`, which {whose} does not list");
            found.push(Found::new("graph-tool-not-granted", field, message));
        }
    }
    secrets(&node.with, &base.key("with"), &mut |field, reference| {
        if !context.is_some_and(|context| context.secrets.iter().any(|pattern| grants(pattern, reference))) {
            let message = format!("node `{id}` uses the secret `{reference}`, which {whose} does not allow");
            found.push(Found::new("graph-secret-outside-context", field.clone(), message));
        }
    });
    found
}

/// The node's own type when it is a tool, and the tools that it hands to a model.
fn tools(node: &Node, base: &FieldPath) -> Vec<(String, FieldPath)> {
    let mut tools = Vec::new();
    let family = node.uses.split('.').next().unwrap_or_default();
    let known = MODEL_NODES.contains(&family) || GRANTED_OTHERWISE.contains(&family);
    if !known && (node.uses.contains('.') || BARE_TOOLS.contains(&family)) {
        tools.push((node.uses.clone(), base.key("uses")));
    }
    let listed = node.with.get("tools").and_then(Value::as_array).into_iter().flatten();
    for (index, tool) in listed.enumerate() {
        if let Some(tool) = tool.as_str().filter(|tool| is_literal(tool)) {
            tools.push((tool.to_owned(), base.key("with").key("tools").with(Segment::Index(index))));
        }
    }
    tools
}

fn secrets(value: &Value, at: &FieldPath, visit: &mut impl FnMut(&FieldPath, &str)) {
    match value {
        Value::String(text) if text.starts_with("vault:") => visit(at, text),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, item)| secrets(item, &at.with(Segment::Index(index)), visit)),
        Value::Object(map) => map.iter().for_each(|(key, item)| secrets(item, &at.key(key), visit)),
        _ => {}
    }
}

fn is_literal(text: &str) -> bool {
    !text.contains("${{")
}

/// Whether `pattern`, in which `*` stands for any text, covers `name`.
fn grants(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut rest = rest;
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(grants("vault:kv/rag#*", "vault:kv/rag#token"));
        assert!(grants("slack.post", "slack.post"));
        assert!(grants("*", "x"));
        assert!(grants("a*c*e", "abcde"));
        assert!(!grants("vault:kv/rag#*", "vault:kv/other#token"));
        assert!(!grants("slack.post", "slack.posts"));
        assert!(!grants("a*c", "abcd"));
    }
}
