//! The edges of a workflow: what its nodes need and read, and whether that can ever run.

use std::collections::{BTreeMap, BTreeSet};

use super::workflow_input::Input;
use crate::codes::definition as codes;
use crate::definition::cycle::{cycles, path_text};
use crate::definition::reading::Reading;
use crate::definition::references::Reference;
use crate::diagnostic::{Diagnostic, Place};
use crate::expression::{Expression, Use};
use crate::ids::NodeId;
use crate::workflow::Node;

/// A node whose edges were not checked yet.
pub(super) struct Draft {
    pub id: NodeId,
    pub node: Node,
    pub reads: Vec<Read>,
    pub when_place: Place,
    /// Every entry of its `needs` could be read; the others were reported.
    pub knows_needs: bool,
}

/// One read of one of a node's expressions.
pub(super) struct Read {
    expression: Expression,
    used: Use,
    place: Place,
    has_items: bool,
    /// It is evaluated after the node ran: its own output is there.
    pub after: bool,
}

impl Read {
    pub(super) fn new(expression: &Expression, used: &Use, place: Place, has_items: bool) -> Self {
        Self { expression: expression.clone(), used: used.clone(), place, has_items, after: false }
    }
}

/// Names that expressions of nodes may start with.
const NODE_ROOTS: [&str; 5] = ["input", "nodes", "environment", "variables", "run"];
/// The same under `forEach`.
const ITEM_ROOTS: [&str; 7] = ["input", "nodes", "environment", "variables", "run", "item", "index"];

pub(super) fn check_graph(
    reading: &mut Reading<'_>,
    drafts: &[Draft],
    names: &BTreeSet<String>,
    input: &Input,
) {
    let edges: BTreeMap<NodeId, Vec<NodeId>> =
        drafts.iter().map(|draft| (draft.id.clone(), draft.node.needs.clone())).collect();
    let nodes: BTreeMap<&str, &Draft> = drafts.iter().map(|draft| (draft.id.as_str(), draft)).collect();
    let cyclic = report_cycles(reading, &edges, &nodes);
    for draft in drafts {
        let before = everything_before(&draft.id, &edges);
        if !cyclic.contains(&draft.id) {
            report_unreachable(reading, draft, &before, &cyclic);
        }
        for read in &draft.reads {
            check_read(reading, draft, read, &nodes, &before, names, input);
        }
    }
}

/// Reports each cycle with its full path; gives the nodes on cycles.
fn report_cycles(
    reading: &mut Reading<'_>,
    edges: &BTreeMap<NodeId, Vec<NodeId>>,
    nodes: &BTreeMap<&str, &Draft>,
) -> BTreeSet<NodeId> {
    let found = cycles(edges);
    for cycle in &found {
        let Some(first) = nodes.get(cycle[0].as_str()) else { continue };
        let message = format!("nodes wait for each other: {}", path_text(cycle));
        let mut diagnostic = Diagnostic::new(codes::NODE_CYCLE, message)
            .at(first.node.place.clone())
            .hint("remove one of these `needs`; to repeat a step, use `until`");
        for id in &cycle[1..] {
            let place = nodes.get(id.as_str()).map(|draft| draft.node.place.clone());
            diagnostic = diagnostic.note(place, format!("`{id}` is on the way"));
        }
        reading.found.push(diagnostic);
    }
    found.into_iter().flatten().collect()
}

fn everything_before<'a>(id: &NodeId, edges: &'a BTreeMap<NodeId, Vec<NodeId>>) -> BTreeSet<&'a NodeId> {
    let mut before = BTreeSet::new();
    let mut stack: Vec<&NodeId> = edges.get(id).into_iter().flatten().collect();
    while let Some(need) = stack.pop() {
        if before.insert(need) {
            stack.extend(edges.get(need).into_iter().flatten());
        }
    }
    before
}

fn report_unreachable(
    reading: &mut Reading<'_>,
    draft: &Draft,
    before: &BTreeSet<&NodeId>,
    cyclic: &BTreeSet<NodeId>,
) {
    let never = draft.node.when.as_ref().is_some_and(|when| when.source.trim() == "false");
    let id = &draft.id;
    let diagnostic = if let Some(stuck) = before.iter().find(|need| cyclic.contains(**need)) {
        Diagnostic::new(
            codes::UNREACHABLE_NODE,
            format!("node `{id}` never runs: it waits for the cycle of `{stuck}`"),
        )
        .at(draft.node.place.clone())
        .hint("break the cycle")
    } else if never {
        Diagnostic::new(codes::UNREACHABLE_NODE, format!("node `{id}` never runs: its condition is `false`"))
            .at(draft.when_place.clone())
            .hint("remove the node, or write the condition under which it runs")
    } else {
        return;
    };
    reading.found.push(diagnostic);
}

fn check_read(
    reading: &mut Reading<'_>,
    draft: &Draft,
    read: &Read,
    nodes: &BTreeMap<&str, &Draft>,
    before: &BTreeSet<&NodeId>,
    names: &BTreeSet<String>,
    input: &Input,
) {
    let roots: &[&str] = if read.has_items { &ITEM_ROOTS } else { &NODE_ROOTS };
    if !reading.known_root(&read.expression, &read.used, &read.place, roots) {
        return;
    }
    let path = &read.used.path;
    match (path[0].as_str(), path.get(1)) {
        ("nodes", Some(target)) => check_node_read(reading, draft, read, target, nodes, before, names),
        ("input", _) => input.check_read(reading, path, &read.place),
        ("variables", Some(_)) => reading.references.push(Reference {
            path: path.clone(),
            guarded: read.used.is_guarded(),
            place: read.place.clone(),
        }),
        _ => {}
    }
}

fn check_node_read(
    reading: &mut Reading<'_>,
    draft: &Draft,
    read: &Read,
    target: &str,
    nodes: &BTreeMap<&str, &Draft>,
    before: &BTreeSet<&NodeId>,
    names: &BTreeSet<String>,
) {
    let id = &draft.id;
    let report = |code, message: String, hint: String| {
        Diagnostic::new(code, message).at(read.place.clone()).hint(hint)
    };
    // A name that is no identifier was reported where it stands.
    let Some(found) = nodes.get(target) else {
        if !names.contains(target) {
            let hint = match reading.near(target, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `nodes.{near}`?"),
                None => format!("the nodes are {}", listed(names)),
            };
            let message = format!("node `{id}` reads `nodes.{target}`, and there is no such node");
            reading.found.push(report(codes::UNKNOWN_NODE, message, hint));
        }
        return;
    };
    if target == id.as_str() {
        // With `until`, an earlier round may have left an output; the first round has none.
        let earlier = draft.node.until.is_some() && read.used.is_guarded_within(3);
        if !read.after && !earlier {
            let message = format!("node `{id}` reads its own output before it ran");
            let hint = format!("with `until`, test for the round before: `has(nodes.{id}.output) ? … : …`");
            reading.found.push(report(codes::NEEDS_ITSELF, message, hint));
        }
        return;
    }
    if !before.contains(&found.id) && !draft.knows_needs {
        return;
    }
    if !before.contains(&found.id) {
        let message = format!("node `{id}` reads `nodes.{target}`, but does not wait for it");
        reading.found.push(report(codes::MISSING_NEEDS, message, format!("add `{target}` to its `needs`")));
        return;
    }
    let reads_output = read.used.path.get(2).is_none_or(|field| field == "output");
    if reads_output && found.node.when.is_some() && !read.used.is_guarded_within(3) {
        let message = format!("node `{target}` may be skipped, and `{id}` reads its output without a test");
        let hint = format!("write `has(nodes.{target}.output) ? nodes.{target}.output : …`");
        let diagnostic = report(codes::SKIPPABLE_OUTPUT, message, hint);
        reading.found.push(diagnostic.note(Some(found.when_place.clone()), "its condition"));
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
