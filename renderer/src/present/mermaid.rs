//! The changed part of a workflow as a Mermaid flowchart.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use naksha_environments::wire::WorkflowChangeDocument;

/// Longest label, in characters.
const MAX_LABEL: usize = 60;
/// Above this a picture explains nothing, and renderers refuse it.
const MAX_NODES: usize = 60;

/// Dark text on light fills reads in light and dark mode alike.
const CLASSES: &str = "  classDef added fill:#dafbe1,stroke:#1a7f37,color:#1f2328
  classDef removed fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4
  classDef changed fill:#fff8c5,stroke:#9a6700,color:#1f2328
  classDef same fill:#f6f8fa,stroke:#59636e,color:#1f2328
";

/// The flowchart, without a fence; none when there is nothing to draw, or too much.
pub fn mermaid(change: &WorkflowChangeDocument) -> Option<String> {
    let picture = &change.picture;
    if picture.nodes.is_empty() || picture.nodes.len() > MAX_NODES {
        return None;
    }
    let ids: BTreeMap<&str, usize> =
        picture.nodes.iter().enumerate().map(|(index, node)| (node.node.as_str(), index)).collect();
    let mut out = format!("flowchart LR\n{CLASSES}");
    for (index, node) in picture.nodes.iter().enumerate() {
        let class = class(&node.change);
        let label =
            if node.uses.is_empty() { node.node.clone() } else { format!("{}: {}", node.node, node.uses) };
        writeln!(out, "  n{index}[\"{}\"]:::{class}", self::label(&label)).expect("should write to a string");
    }
    for edge in &picture.edges {
        let (Some(from), Some(to)) = (ids.get(edge.from.as_str()), ids.get(edge.to.as_str())) else {
            continue;
        };
        let arrow = match edge.change.as_str() {
            "added" => "==>",
            "removed" => "-.->",
            _ => "-->",
        };
        writeln!(out, "  n{from} {arrow} n{to}").expect("should write to a string");
    }
    Some(out)
}

fn class(change: &str) -> &'static str {
    match change {
        "added" => "added",
        "removed" => "removed",
        "changed" => "changed",
        _ => "same",
    }
}

/// Letters, digits and what names are made of; anything else could end the label.
fn label(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '.' | '-' | '/' | ':') { c } else { '_' }
    };
    text.chars().take(MAX_LABEL).map(plain).collect()
}
