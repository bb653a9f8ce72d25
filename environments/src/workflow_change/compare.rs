//! Comparing two versions of a graph by their canonical JSON.
//!
//! A version that was registered long ago is known only by its JSON, so both sides are compared as such. The
//! definition may lie under `spec`; nodes are the map `nodes`, edges their `needs`; everything else is a setting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{EdgeChange, GrantChange, NodeChange, SettingChange, WorkflowChange};
use crate::digest::Digest;
use crate::ids::{ContextName, NodeId, WorkflowName};
use crate::workflow::PolicyContext;

/// One version of a workflow: its digest and its canonical JSON.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    pub digest: Digest,
    pub json: &'a Value,
}

/// The policy contexts of both sides. Absent: grants are not compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Contexts<'a> {
    pub before: Option<&'a BTreeMap<ContextName, Arc<PolicyContext>>>,
    pub after: Option<&'a BTreeMap<ContextName, Arc<PolicyContext>>>,
}

/// Keys of a definition that are not settings: they say what it is, or are compared as graph.
const NOT_SETTINGS: &[&str] = &["apiVersion", "kind", "metadata", "name", "nodes"];

impl WorkflowChange {
    /// What became of `workflow`. A side that is absent has no nodes.
    pub fn between(
        workflow: &WorkflowName,
        before: Option<Version<'_>>,
        after: Option<Version<'_>>,
        contexts: &Contexts<'_>,
    ) -> Self {
        let (old, new) = (Side::of(before), Side::of(after));
        Self {
            workflow: workflow.clone(),
            before: before.map(|version| version.digest),
            after: after.map(|version| version.digest),
            nodes: nodes(&old, &new),
            edges: edges(&old, &new),
            settings: settings(&old, &new),
            grants: grants(&old, &new, contexts),
        }
    }

    /// Whether anything differs besides the digest.
    pub fn is_empty(&self) -> bool {
        let Self { workflow: _, before: _, after: _, nodes, edges, settings, grants } = self;
        nodes.is_empty() && edges.is_empty() && settings.is_empty() && grants.is_empty()
    }
}

/// One side, taken apart.
struct Side<'a> {
    nodes: BTreeMap<NodeId, &'a Map<String, Value>>,
    settings: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Side<'a> {
    fn of(version: Option<Version<'a>>) -> Self {
        let root = version.map(|version| version.json);
        let root = root.map(|root| root.get("spec").filter(|spec| spec.is_object()).unwrap_or(root));
        let fields = root.and_then(Value::as_object);
        let nodes = fields.and_then(|fields| fields.get("nodes")).and_then(Value::as_object);
        let node = |(id, node): (&'a String, &'a Value)| Some((NodeId::parse(id).ok()?, node.as_object()?));
        let is_setting = |key: &&str| !NOT_SETTINGS.contains(key);
        let settings = fields.into_iter().flatten().map(|(key, value)| (key.as_str(), value));
        Self {
            nodes: nodes.into_iter().flatten().filter_map(node).collect(),
            settings: settings.filter(|(key, value)| is_setting(key) && !value.is_null()).collect(),
        }
    }

    fn edges(&self) -> BTreeSet<(NodeId, NodeId)> {
        let needs = |node: &Map<String, Value>| node.get("needs").and_then(Value::as_array).cloned();
        let edge = |to: &NodeId, from: &Value| Some((NodeId::parse(from.as_str()?).ok()?, to.clone()));
        let of_node = |(to, node): (&NodeId, &&Map<String, Value>)| -> Vec<_> {
            needs(node).iter().flatten().filter_map(|from| edge(to, from)).collect()
        };
        self.nodes.iter().flat_map(of_node).collect()
    }

    fn context(&self) -> Option<ContextName> {
        ContextName::parse(self.settings.get("context")?.as_str()?).ok()
    }
}

fn uses(node: &Map<String, Value>) -> String {
    node.get("uses").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn nodes(old: &Side<'_>, new: &Side<'_>) -> Vec<NodeChange> {
    let ids: BTreeSet<&NodeId> = old.nodes.keys().chain(new.nodes.keys()).collect();
    let change = |id: &NodeId| match (old.nodes.get(id), new.nodes.get(id)) {
        (None, Some(node)) => Some(NodeChange::Added { node: id.clone(), uses: uses(node) }),
        (Some(node), None) => Some(NodeChange::Removed { node: id.clone(), uses: uses(node) }),
        (Some(before), Some(after)) => {
            let mut fields = Vec::new();
            let keys: BTreeSet<&String> =
                before.keys().chain(after.keys()).filter(|key| *key != "needs").collect();
            for key in keys {
                compare(key, before.get(key), after.get(key), &mut fields);
            }
            (!fields.is_empty()).then(|| NodeChange::Changed { node: id.clone(), fields })
        }
        (None, None) => None,
    };
    ids.into_iter().filter_map(change).collect()
}

fn edges(old: &Side<'_>, new: &Side<'_>) -> Vec<EdgeChange> {
    let (before, after) = (old.edges(), new.edges());
    let change =
        |(from, to): &(NodeId, NodeId), gained| EdgeChange { from: from.clone(), to: to.clone(), gained };
    let lost = before.difference(&after).map(|edge| change(edge, false));
    let mut changes: Vec<_> = lost.chain(after.difference(&before).map(|edge| change(edge, true))).collect();
    changes.sort();
    changes
}

fn settings(old: &Side<'_>, new: &Side<'_>) -> Vec<SettingChange> {
    let keys: BTreeSet<&str> = old.settings.keys().chain(new.settings.keys()).copied().collect();
    let mut changes = Vec::new();
    for key in keys {
        let (before, after) = (old.settings.get(key).copied(), new.settings.get(key).copied());
        if key == "triggers" {
            triggers(before, after, &mut changes);
        } else {
            compare(key, before, after, &mut changes);
        }
    }
    changes
}

/// Triggers that stayed are matched whatever their place; the others pair up in order.
fn triggers(before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<SettingChange>) {
    let list = |side: Option<&Value>| side.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut old: Vec<(usize, Value)> = list(before).into_iter().enumerate().collect();
    let mut new: Vec<(usize, Value)> = Vec::new();
    for (at, trigger) in list(after).into_iter().enumerate() {
        match old.iter().position(|(_, other)| *other == trigger) {
            Some(same) => drop(old.remove(same)),
            None => new.push((at, trigger)),
        }
    }
    let pairs = old.len().max(new.len());
    for index in 0..pairs {
        let (old, new) = (old.get(index), new.get(index));
        let Some((at, _)) = new.or(old) else { continue };
        let field = format!("triggers[{at}]");
        match (old, new) {
            (Some((_, before)), Some((_, after))) => compare(&field, Some(before), Some(after), changes),
            (old, new) => {
                let value = |side: Option<&(usize, Value)>| side.map(|(_, trigger)| trigger.clone());
                changes.push(SettingChange { field, before: value(old), after: value(new) });
            }
        }
    }
}

/// Fields that differ, down to the first value that is no map. Null is absent.
fn compare(field: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<SettingChange>) {
    let there = |side: Option<&'_ Value>| side.filter(|value| !value.is_null()).cloned();
    let (before, after) = (there(before), there(after));
    if before == after {
        return;
    }
    let map =
        |side: &Option<Value>| side.as_ref().map_or(Some(Map::new()), |value| value.as_object().cloned());
    match (map(&before), map(&after)) {
        (Some(old), Some(new)) if !(old.is_empty() && new.is_empty()) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                compare(&format!("{field}.{key}"), old.get(key), new.get(key), changes);
            }
        }
        _ => changes.push(SettingChange { field: field.to_owned(), before, after }),
    }
}

fn grants(old: &Side<'_>, new: &Side<'_>, contexts: &Contexts<'_>) -> Vec<GrantChange> {
    // A context that is named and not known says nothing about grants, least of all that there are none.
    let granted = |side: &Side<'_>, known: Option<&BTreeMap<ContextName, Arc<PolicyContext>>>| {
        let known = known?;
        match side.context() {
            None => Some(BTreeSet::new()),
            Some(name) => known.get(&name).map(|context| grants_of(context)),
        }
    };
    let (Some(before), Some(after)) = (granted(old, contexts.before), granted(new, contexts.after)) else {
        return Vec::new();
    };
    let change =
        |(kind, name): &(&'static str, String), gained| GrantChange { kind, name: name.clone(), gained };
    let lost = before.difference(&after).map(|grant| change(grant, false));
    let mut changes: Vec<_> =
        lost.chain(after.difference(&before).map(|grant| change(grant, true))).collect();
    changes.sort();
    changes
}

fn grants_of(context: &PolicyContext) -> BTreeSet<(&'static str, String)> {
    let lists = [
        ("model", &context.models),
        ("tool", &context.tools),
        ("host", &context.hosts),
        ("bucket", &context.buckets),
        ("collection", &context.collections),
        ("secret", &context.secrets),
    ];
    lists.iter().flat_map(|(kind, names)| names.iter().map(|name| (*kind, name.clone()))).collect()
}
