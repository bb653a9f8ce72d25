//! The objects of environments as trees of boxes.

use naksha_environments::wire::{TreeDocument, TreeNodeDocument, UnitTreeDocument};

use super::clean::clean_line;
use super::style::{Style, Tone};

/// What stands before a child that others follow, before the last one, and before what lies beneath either.
const BRANCH: (&str, &str) = ("├── ", "│   ");
const LAST: (&str, &str) = ("└── ", "    ");

/// All environments, one tree each. No newline at its end.
pub fn tree(documents: &[TreeDocument], style: Style) -> String {
    let trees: Vec<String> = documents.iter().map(|document| environment(document, style)).collect();
    if trees.is_empty() { "no environments".to_owned() } else { trees.join("\n\n") }
}

fn environment(document: &TreeDocument, style: Style) -> String {
    let TreeDocument { version: _, repository, environment, units, gaps } = document;
    let mut drawing = Drawing { style, lines: Vec::new() };
    drawing.line("", Tone::Heading, &clean_line(&format!("{repository}/{environment}")));
    if units.is_empty() {
        drawing.line(LAST.0, Tone::Dim, "nothing is wanted or owned here");
    }
    for (at, unit) in units.iter().enumerate() {
        drawing.unit(unit, at + 1 == units.len());
    }
    for gap in gaps {
        drawing.line("", Tone::Change, &format!("not looked at: {}", clean_line(gap)));
    }
    drawing.lines.join("\n")
}

struct Drawing {
    style: Style,
    lines: Vec<String>,
}

impl Drawing {
    fn line(&mut self, before: &str, tone: Tone, text: &str) {
        self.lines.push(format!("{before}{}", tone.paint(self.style, text)));
    }

    fn unit(&mut self, unit: &UnitTreeDocument, is_last: bool) {
        let (mark, indent) = if is_last { LAST } else { BRANCH };
        self.line(mark, Tone::Heading, &clean_line(&unit.unit));
        self.nodes(indent, &unit.objects, unit.more, None);
    }

    /// `namespace`: that of what they were made for, which need not be said again.
    fn nodes(&mut self, indent: &str, nodes: &[TreeNodeDocument], more: usize, namespace: Option<&str>) {
        for (at, node) in nodes.iter().enumerate() {
            let (mark, below) = if at + 1 == nodes.len() && more == 0 { LAST } else { BRANCH };
            self.node(&format!("{indent}{mark}"), node, namespace);
            let of = node.subject.namespace.as_deref();
            self.nodes(&format!("{indent}{below}"), &node.children, node.more, of);
        }
        if more > 0 {
            self.line(&format!("{indent}{}", LAST.0), Tone::Dim, &format!("and {more} more"));
        }
    }

    fn node(&mut self, before: &str, node: &TreeNodeDocument, namespace: Option<&str>) {
        let subject = &node.subject;
        let name = match &subject.namespace {
            Some(own) if Some(own.as_str()) != namespace => format!("{own}/{}", subject.name),
            _ => subject.name.clone(),
        };
        let tone = match node.health.as_str() {
            "Healthy" => Tone::Add,
            "Progressing" | "Suspended" => Tone::Change,
            _ => Tone::Danger,
        };
        let why = node.message.as_deref().map(|why| format!(": {}", clean_line(why))).unwrap_or_default();
        let health = tone.paint(self.style, &clean_line(&node.health));
        let line = format!("{before}{} {}  {health}{why}", clean_line(&subject.kind), clean_line(&name));
        self.lines.push(line);
    }
}
