//! A plan for the terminal.

use std::fmt::Write as _;

use naksha_environments::wire::{CountsDocument, PlanDocument};

use super::clean::clean_line;
use super::left::left_counts;
use super::lines::{
    Detail, Line, Open, acknowledgement_lines, action_lines, action_title, by_unit, decision_lines,
    finding_lines, plural, settled, severity_counts, untouched, verb_mark,
};
use super::style::{Style, Tone};

/// What the codes of findings about plans begin with.
const PLAN_CODES: &str = "NK04";

/// Digits of a plan id that people read and type.
const SHORT_ID: usize = 12;

/// The plan as text: counts, actions by unit, what is left alone, findings, the decision. No newline at its end.
pub fn text(plan: &PlanDocument, style: Style) -> String {
    text_after(plan, &[], style)
}

/// The same after the plans of other environments: what those told of files that all of them share is only counted.
pub fn text_after(plan: &PlanDocument, earlier: &[PlanDocument], style: Style) -> String {
    let mut lines = plan_lines(plan, earlier, style);
    section(&mut lines, acknowledgement_lines(plan));
    section(&mut lines, decision_lines(plan));
    render(&lines, style)
}

/// Everything but what was decided about it.
pub(super) fn plan_lines(plan: &PlanDocument, earlier: &[PlanDocument], style: Style) -> Vec<Line> {
    let detail = Detail { full: false, width: style.width };
    let mut lines = header(plan);
    for (unit, actions) in by_unit(plan) {
        lines.push(Line::new(0, Tone::Plain, ""));
        lines.push(Line::new(0, Tone::Heading, unit));
        lines.extend(actions.iter().flat_map(|action| action_lines(plan, action, detail)));
    }
    let base: Vec<_> = plan.actions.iter().filter(|action| action.from_base).collect();
    if !base.is_empty() {
        lines.push(Line::new(0, Tone::Plain, ""));
        lines.push(Line::new(0, Tone::Heading, "Not from this change: the base alone would cause it"));
        lines.extend(base.iter().map(|action| {
            let (symbol, tone) = verb_mark(action);
            Line { depth: 1, tone, symbol, text: action_title(action) }
        }));
    }
    section(&mut lines, untouched(plan, detail));
    section(&mut lines, left_counts(plan));
    section(&mut lines, findings(plan, earlier));
    lines
}

/// Adds lines after an empty one, where there are some.
pub(super) fn section(lines: &mut Vec<Line>, section: Vec<Line>) {
    if !section.is_empty() {
        lines.push(Line::new(0, Tone::Plain, ""));
        lines.extend(section);
    }
}

fn header(plan: &PlanDocument) -> Vec<Line> {
    let id: String = plan.id.chars().take(SHORT_ID).collect();
    let title = format!("Plan {} for {}", clean_line(&id), clean_line(&plan.environment));
    let mut lines =
        vec![Line::new(0, Tone::Heading, title), Line::new(0, Tone::Plain, counts(&own_counts(plan)))];
    let losses = plan.actions.iter().filter(|action| action.loses_data()).count();
    if losses > 0 {
        let verb = if losses == 1 { "loses" } else { "lose" };
        let text = format!("{losses} {} {verb} data", plural(losses, "action"));
        lines.push(Line { depth: 0, tone: Tone::Danger, symbol: "!", text });
    }
    // What the plan itself found stands below, with its objects.
    let in_files = plan.diagnostics.iter().filter(|found| !found.code.starts_with(PLAN_CODES));
    let problems = severity_counts(&in_files.cloned().collect::<Vec<_>>());
    if !problems.is_empty() {
        lines.push(Line::new(
            0,
            Tone::Change,
            format!("{} in the files; `naksha check` shows them", problems.join(", ")),
        ));
    }
    lines
}

/// The counts without what the base alone would cause.
fn own_counts(plan: &PlanDocument) -> CountsDocument {
    let mut counts = plan.counts;
    for action in plan.actions.iter().filter(|action| action.from_base) {
        let count = match action.verb.as_str() {
            "create" => &mut counts.create,
            "update" => &mut counts.update,
            "replace" => &mut counts.replace,
            "delete" => &mut counts.delete,
            "adopt" => &mut counts.adopt,
            "move" => &mut counts.moved,
            "disown" => &mut counts.disown,
            "rotate" => &mut counts.rotate,
            _ => continue,
        };
        *count = count.saturating_sub(1);
    }
    counts
}

/// `2 to create, 1 to delete; 40 unchanged`, or `Nothing to do; 40 unchanged`.
pub fn counts(counts: &CountsDocument) -> String {
    let CountsDocument { create, update, replace, delete, adopt, moved, disown, rotate, unchanged } = counts;
    let verbs = [
        (create, "create"),
        (update, "update"),
        (replace, "replace"),
        (delete, "delete"),
        (adopt, "adopt"),
        (moved, "move"),
        (disown, "give up"),
        (rotate, "rotate"),
    ];
    let said: Vec<_> = verbs
        .iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, verb)| format!("{count} to {verb}"))
        .collect();
    let said = if said.is_empty() { "Nothing to do".to_owned() } else { said.join(", ") };
    format!("{said}; {unchanged} unchanged")
}

fn findings(plan: &PlanDocument, earlier: &[PlanDocument]) -> Vec<Line> {
    let settled = settled(plan);
    let open = Open::of(plan, earlier);
    let title = match (open.findings.len() + open.told.len(), settled) {
        (0, 0) => return Vec::new(),
        (0, settled) => format!("No new findings ({settled} known, waived or acknowledged)"),
        (_, 0) => "Findings".to_owned(),
        (_, settled) => format!("Findings (and {settled} known, waived or acknowledged)"),
    };
    let mut lines = vec![Line::new(0, Tone::Heading, title)];
    lines.extend(open.findings.iter().copied().flat_map(finding_lines));
    lines.extend(open.told_lines().map(|told| Line::new(1, Tone::Dim, told)));
    lines
}

/// Lines as text: two spaces per depth, the symbol in its own column.
pub(super) fn render(lines: &[Line], style: Style) -> String {
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let Line { depth, tone, symbol, text } = line;
        let space = if symbol.is_empty() { "" } else { " " };
        let painted = tone.paint(style, &format!("{symbol}{space}{text}"));
        write!(out, "{:indent$}{painted}", "", indent = depth * 2).expect("should write to a string");
    }
    out
}
