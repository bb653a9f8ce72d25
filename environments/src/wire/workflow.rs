//! The difference of two versions of a workflow as JSON, with a picture of the part that changed.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scrub::is_sensitive_name;
use super::shown::{text_document, value_document};
use crate::ids::NodeId;
use crate::secret::MASK;
use crate::workflow::WorkflowGraph;
use crate::workflow_change::{EdgeChange, GrantChange, NodeChange, SettingChange, WorkflowChange};

/// What became of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowChangeDocument {
    /// Version before; absent: the workflow is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Version after; absent: it is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    pub nodes: Vec<NodeDocument>,
    pub edges: Vec<EdgeDocument>,
    /// Triggers, input, concurrency, context, budgets.
    pub settings: Vec<SettingDocument>,
    /// What the nodes may touch more, or less, than before.
    pub grants: Vec<GrantDocument>,
    pub picture: PictureDocument,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeDocument {
    pub node: String,
    /// `added`, `removed` or `changed`.
    pub change: String,
    /// What an added or removed node does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<String>,
    /// The fields of a changed node that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<SettingDocument>,
}

/// `to` needs `from`, now or before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EdgeDocument {
    pub from: String,
    pub to: String,
    /// False: the edge is gone.
    pub gained: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingDocument {
    /// `retry.attempts`, `budget.run.usd`.
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantDocument {
    /// `model`, `tool`, `host`, `bucket`, `collection` or `secret`.
    pub kind: String,
    pub name: String,
    /// False: the grant is lost.
    pub gained: bool,
}

/// The changed nodes and their neighbours.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PictureDocument {
    pub nodes: Vec<PictureNode>,
    pub edges: Vec<PictureEdge>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PictureNode {
    pub node: String,
    pub uses: String,
    /// `added`, `removed`, `changed` or `same`.
    pub change: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PictureEdge {
    pub from: String,
    pub to: String,
    /// `added`, `removed` or `same`.
    pub change: String,
}

impl WorkflowChangeDocument {
    /// `graph` is the version after; absent when the workflow is retired.
    pub fn of(change: &WorkflowChange, graph: Option<&WorkflowGraph>) -> Self {
        let WorkflowChange { workflow: _, before, after, nodes, edges, settings, grants } = change;
        Self {
            before: before.map(|digest| digest.to_string()),
            after: after.map(|digest| digest.to_string()),
            nodes: nodes.iter().map(node).collect(),
            edges: edges.iter().map(edge).collect(),
            settings: settings.iter().map(setting).collect(),
            grants: grants.iter().map(grant).collect(),
            picture: picture(nodes, edges, graph),
        }
    }
}

fn node(change: &NodeChange) -> NodeDocument {
    let document = |node: &NodeId, change: &str, uses: Option<&String>, fields| NodeDocument {
        node: node.to_string(),
        change: change.to_owned(),
        uses: uses.map(|uses| text_document(uses)),
        fields,
    };
    match change {
        NodeChange::Added { node, uses } => document(node, "added", Some(uses), Vec::new()),
        NodeChange::Removed { node, uses } => document(node, "removed", Some(uses), Vec::new()),
        NodeChange::Changed { node, fields } => {
            document(node, "changed", None, fields.iter().map(setting).collect())
        }
    }
}

fn edge(change: &EdgeChange) -> EdgeDocument {
    EdgeDocument { from: change.from.to_string(), to: change.to.to_string(), gained: change.gained }
}

fn setting(change: &SettingChange) -> SettingDocument {
    let SettingChange { field, before, after } = change;
    let name = field.rsplit('.').next().unwrap_or(field);
    let value = |value: &Value| match value {
        Value::String(text) if is_sensitive_name(name) && !text.contains("${{") => MASK.into(),
        value => value_document(value),
    };
    SettingDocument {
        field: text_document(field),
        before: before.as_ref().map(value),
        after: after.as_ref().map(value),
    }
}

fn grant(change: &GrantChange) -> GrantDocument {
    GrantDocument { kind: change.kind.to_owned(), name: text_document(&change.name), gained: change.gained }
}

fn picture(nodes: &[NodeChange], edges: &[EdgeChange], graph: Option<&WorkflowGraph>) -> PictureDocument {
    let mut words: BTreeMap<&NodeId, (&str, &str)> = BTreeMap::new();
    for change in nodes {
        let (node, uses, word) = match change {
            NodeChange::Added { node, uses } => (node, uses.as_str(), "added"),
            NodeChange::Removed { node, uses } => (node, uses.as_str(), "removed"),
            NodeChange::Changed { node, .. } => (node, "", "changed"),
        };
        words.insert(node, (uses, word));
    }
    let mut lines: BTreeMap<(&NodeId, &NodeId), &str> = BTreeMap::new();
    for edge in edges {
        lines.insert((&edge.from, &edge.to), if edge.gained { "added" } else { "removed" });
    }
    // Edges that stayed, of nodes that changed: they lead to the neighbours.
    let kept = graph.into_iter().flat_map(|graph| &graph.nodes);
    for (to, node) in kept.clone() {
        for from in node.needs.iter().filter(|from| words.contains_key(from) || words.contains_key(to)) {
            lines.entry((from, to)).or_insert("same");
        }
    }
    let ends: BTreeSet<&NodeId> =
        lines.keys().flat_map(|(from, to)| [*from, *to]).chain(words.keys().copied()).collect();
    let uses = |id: &NodeId| graph.and_then(|graph| graph.nodes.get(id)).map(|node| node.uses.as_str());
    let node = |id: &&NodeId| {
        let (known, word) = words.get(*id).copied().unwrap_or(("", "same"));
        PictureNode {
            node: id.to_string(),
            uses: text_document(uses(id).unwrap_or(known)),
            change: word.to_owned(),
        }
    };
    let line = |((from, to), word): (&(&NodeId, &NodeId), &&str)| PictureEdge {
        from: from.to_string(),
        to: to.to_string(),
        change: (*word).to_owned(),
    };
    PictureDocument { nodes: ends.iter().map(node).collect(), edges: lines.iter().map(line).collect() }
}
