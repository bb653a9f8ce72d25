//! What is said about a plan, line by line: the part that terminal text and Markdown share.

use std::collections::BTreeMap;

use naksha_environments::verdict::SOCKET;
use naksha_environments::wire::{
    AcknowledgementDocument, ActionDocument, ChangeDocument, ConflictDocument, DiagnosticDocument,
    FindingDocument, HoldDocument, PlanDocument, SettingDocument, StandingDocument, WorkflowChangeDocument,
};

use super::clean::{clean_line, clean_time};
use super::left::left_of;
use super::style::Tone;
use super::value::{LineChange, json_line, line_diff, text_sides, value_line};

/// Fields that say most about a new object; the others are counted.
const TELLING: &[&str] = &["image", "replicas", "storage", "schedule", "host", "uses"];
/// Says whether a Service is open to the outside; elsewhere `type` says little.
const SERVICE_TYPE: &str = "spec.type";
/// Fields that name an object.
const IDENTITY: &[&str] = &["apiVersion", "kind", "metadata.name", "metadata.namespace"];
/// Fields shown of a new object where space matters.
const BRIEF_FIELDS: usize = 4;
/// Lines shown of one long text where space matters.
const BRIEF_LINES: usize = 12;
/// A value is shown with at least this many characters, however narrow the line.
pub(super) const LEAST_VALUE: usize = 48;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) depth: usize,
    pub(super) tone: Tone,
    /// Stands before the text; empty for none.
    pub(super) symbol: &'static str,
    pub(super) text: String,
}

impl Line {
    pub(super) fn new(depth: usize, tone: Tone, text: impl Into<String>) -> Self {
        Self { depth, tone, symbol: "", text: text.into() }
    }

    fn with(depth: usize, tone: Tone, symbol: &'static str, text: impl Into<String>) -> Self {
        Self { depth, tone, symbol, text: text.into() }
    }
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detail {
    /// Every field of new objects too, and every line of long texts.
    pub(super) full: bool,
    /// Columns for which values are shortened.
    pub(super) width: usize,
}

/// Symbol and tone of a verb.
pub(super) fn verb_mark(action: &ActionDocument) -> (&'static str, Tone) {
    let (symbol, tone) = match action.verb.as_str() {
        "create" => ("+", Tone::Add),
        "delete" => ("-", Tone::Remove),
        "replace" => ("±", Tone::Remove),
        "adopt" => ("=", Tone::Add),
        "move" => (">", Tone::Change),
        "disown" => ("x", Tone::Remove),
        "rotate" => ("*", Tone::Change),
        _ => ("~", Tone::Change),
    };
    (symbol, if action.loses_data() { Tone::Danger } else { tone })
}

/// An action in one line, without its symbol.
pub(super) fn action_title(action: &ActionDocument) -> String {
    let mut title = format!("{} {}", clean_line(&action.verb), clean_line(&action.subject.to_string()));
    if let Some(from) = &action.from {
        title.push_str(" from unit ");
        title.push_str(&clean_line(from));
    }
    if action.loses_data() {
        title.push_str(", LOSES DATA");
    }
    match action.cause.as_str() {
        "drift" if action.changes.is_empty() => title.push_str(" (records what is already so)"),
        "drift" => title.push_str(" (drift)"),
        _ => {}
    }
    title
}

/// An action of a plan with its fields, at depth 1 and below.
pub(super) fn action_lines(plan: &PlanDocument, action: &ActionDocument, detail: Detail) -> Vec<Line> {
    let (symbol, tone) = verb_mark(action);
    let mut lines = vec![Line::with(1, tone, symbol, action_title(action))];
    if let Some(workflow) = &action.workflow {
        lines.extend(workflow_lines(workflow, detail));
    } else {
        lines.extend(change_lines(&action.changes, action.verb == "create", detail));
    }
    lines.extend(action.conflicts.iter().map(conflict_line));
    lines.extend(left_of(plan, action, detail));
    lines
}

/// Changed fields, at depth 3. Of a new object only the telling ones, where space matters.
pub(super) fn change_lines(changes: &[ChangeDocument], is_new: bool, detail: Detail) -> Vec<Line> {
    // Of a new object the subject says its name and kind.
    let is_said = |change: &&ChangeDocument| is_new && IDENTITY.contains(&change.path.as_str());
    let changes: Vec<&ChangeDocument> = changes.iter().filter(|change| !is_said(change)).collect();
    if !is_new || detail.full {
        return changes.into_iter().flat_map(|change| field_lines(change, detail)).collect();
    }
    let is_telling = |change: &&&ChangeDocument| {
        let ends = |name: &&str| change.path.strip_suffix(name).is_some_and(|path| path.ends_with('.'));
        change.path == SERVICE_TYPE || TELLING.iter().any(ends)
    };
    let shown: Vec<_> = changes.iter().filter(is_telling).take(BRIEF_FIELDS).collect();
    let mut lines: Vec<Line> = shown.iter().flat_map(|change| field_lines(change, detail)).collect();
    let others = changes.len() - shown.len();
    if others > 0 {
        let more = if shown.is_empty() { "" } else { "more " };
        lines.push(Line::new(3, Tone::Dim, format!("{others} {more}{}", plural(others, "field"))));
    }
    lines
}

fn field_lines(change: &ChangeDocument, detail: Detail) -> Vec<Line> {
    let path = clean_line(&change.path);
    let set_by = change.set_by.as_deref().map(|who| format!(" (set by {})", clean_line(who)));
    let set_by = set_by.unwrap_or_default();
    if let Some((before, after)) = text_sides(change.before.as_ref(), change.after.as_ref()) {
        return text_lines(&format!("{path}{set_by}"), before, after, detail);
    }
    let room = detail.width.saturating_sub(path.chars().count() + 12);
    let side = |shown, limit: usize| value_line(shown, limit.max(LEAST_VALUE));
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let line = match (before, after) {
        (None, after) => Line::with(3, Tone::Add, "+", format!("{path}: {}", side(after, room))),
        (before, None) => Line::with(3, Tone::Remove, "-", format!("{path}: {}{set_by}", side(before, room))),
        (before, after) if before == after => {
            let text = format!("{path}: {} (changed where it is masked){set_by}", side(after, room));
            Line::with(3, Tone::Change, "~", text)
        }
        (before, after) => {
            let text = format!("{path}: {} → {}{set_by}", side(before, room / 2), side(after, room / 2));
            Line::with(3, Tone::Change, "~", text)
        }
    };
    vec![line]
}

fn text_lines(path: &str, before: &str, after: &str, detail: Detail) -> Vec<Line> {
    let mut lines = vec![Line::with(3, Tone::Change, "~", format!("{path}:"))];
    let diff = line_diff(before, after);
    if diff.is_empty() {
        lines[0].text.push_str(" changed where it is masked");
    }
    let shown = if detail.full { diff.len() } else { BRIEF_LINES };
    for (change, text) in diff.iter().take(shown) {
        let (tone, symbol) = match change {
            LineChange::Same | LineChange::Gap => (Tone::Dim, " "),
            LineChange::Removed => (Tone::Remove, "-"),
            LineChange::Added => (Tone::Add, "+"),
        };
        lines.push(Line::with(4, tone, symbol, text.clone()));
    }
    let others = diff.len().saturating_sub(shown);
    if others > 0 {
        lines.push(Line::new(4, Tone::Dim, format!("{others} more {}", plural(others, "line"))));
    }
    lines
}

fn conflict_line(conflict: &ConflictDocument) -> Line {
    let path = clean_line(&conflict.path);
    match conflict.resolution.as_str() {
        "hand-over" => {
            return Line::with(3, Tone::Dim, "!", format!("{path} is not set any more, and stays as it is"));
        }
        "immutable" => {
            let text = format!("{path} cannot be changed in place; the action is refused");
            return Line::with(3, Tone::Danger, "!", text);
        }
        _ => {}
    }
    let who = conflict.manager.as_deref().map_or_else(|| "somebody else".to_owned(), clean_line);
    let (tone, what) = match conflict.resolution.as_str() {
        "take" => (Tone::Change, "it is taken over"),
        "leave" => (Tone::Dim, "it is left to them"),
        _ => (Tone::Danger, "the action is refused"),
    };
    Line::with(3, tone, "!", format!("conflict: {path} was set by {who}; {what}"))
}

/// A workflow's change, node by node, at depth 3 and below.
pub(super) fn workflow_lines(change: &WorkflowChangeDocument, detail: Detail) -> Vec<Line> {
    let mut lines = Vec::new();
    for node in &change.nodes {
        let name = clean_line(&node.node);
        let uses = node.uses.as_deref().map(|uses| format!(" ({})", clean_line(uses))).unwrap_or_default();
        let (symbol, tone) = match node.change.as_str() {
            "added" => ("+", Tone::Add),
            "removed" => ("-", Tone::Remove),
            _ => ("~", Tone::Change),
        };
        lines.push(Line::with(3, tone, symbol, format!("node {name}{uses}")));
        lines.extend(node.fields.iter().map(|field| setting_line(4, field, detail)));
    }
    for edge in &change.edges {
        let (symbol, tone) = if edge.gained { ("+", Tone::Add) } else { ("-", Tone::Remove) };
        let text = format!("edge {} → {}", clean_line(&edge.from), clean_line(&edge.to));
        lines.push(Line::with(3, tone, symbol, text));
    }
    lines.extend(change.settings.iter().map(|setting| setting_line(3, setting, detail)));
    for grant in &change.grants {
        let (symbol, tone, word) =
            if grant.gained { ("+", Tone::Change, "gains") } else { ("-", Tone::Dim, "loses") };
        let text = format!("{word} {} {}", clean_line(&grant.kind), clean_line(&grant.name));
        lines.push(Line::with(3, tone, symbol, text));
    }
    lines
}

fn setting_line(depth: usize, setting: &SettingDocument, detail: Detail) -> Line {
    let field = clean_line(&setting.field);
    let room = detail.width.saturating_sub(field.chars().count() + 14);
    let side = |value: &serde_json::Value, limit: usize| json_line(value, limit.max(LEAST_VALUE));
    match (&setting.before, &setting.after) {
        (None, Some(after)) => Line::with(depth, Tone::Add, "+", format!("{field}: {}", side(after, room))),
        (Some(before), None) => {
            Line::with(depth, Tone::Remove, "-", format!("{field}: {}", side(before, room)))
        }
        (Some(before), Some(after)) => {
            let text = format!("{field}: {} → {}", side(before, room / 2), side(after, room / 2));
            Line::with(depth, Tone::Change, "~", text)
        }
        (None, None) => Line::with(depth, Tone::Change, "~", field),
    }
}

/// The actions of the change under review, by unit, workflows last, each with what its unit waits for.
pub(super) fn by_unit(plan: &PlanDocument) -> Vec<(String, Vec<&ActionDocument>)> {
    let mut units: BTreeMap<(bool, &str), Vec<&ActionDocument>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| !action.from_base) {
        let unit = action.unit.as_deref();
        units.entry((unit.is_none(), unit.unwrap_or_default())).or_default().push(action);
    }
    let title = |(is_workflow, unit): (bool, &str)| {
        if is_workflow {
            return "workflows".to_owned();
        }
        match plan.order.get(unit) {
            Some(needs) if !needs.is_empty() => {
                format!("{} (after {})", clean_line(unit), clean_line(&needs.join(", ")))
            }
            _ => clean_line(unit),
        }
    };
    units.into_iter().map(|(unit, actions)| (title(unit), actions)).collect()
}

/// Of what nothing is done and why: blocked units, unknown objects, drift, objects that are kept.
pub(super) fn untouched(plan: &PlanDocument, detail: Detail) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut section = |title: &str, entries: Vec<Line>| {
        if !entries.is_empty() {
            lines.push(Line::new(0, Tone::Heading, title));
            lines.extend(entries);
        }
    };
    let entry = |what: &str, why: &str| {
        Line::new(1, Tone::Plain, format!("{}: {}", clean_line(what), clean_line(why)))
    };
    section("Not planned", plan.blocked.iter().map(|it| entry(&it.unit, &it.reason)).collect());
    section(
        "State not known, left alone",
        plan.unknown.iter().map(|it| entry(&it.subject.to_string(), &it.reason)).collect(),
    );
    let drifted = plan.drifted.iter().flat_map(|drift| {
        let title = Line::with(1, Tone::Change, "~", clean_line(&drift.subject.to_string()));
        [title].into_iter().chain(change_lines(&drift.changes, false, detail))
    });
    section("Drifted, not taken back", drifted.collect());
    section(
        "No longer in Git, not deleted",
        plan.kept.iter().map(|it| entry(&it.subject.to_string(), &it.reason)).collect(),
    );
    lines
}

/// A finding, at depth 1 and below.
pub(super) fn finding_lines(finding: &FindingDocument) -> Vec<Line> {
    let standing = match &finding.standing {
        StandingDocument::New => String::new(),
        StandingDocument::Waived { reason } => format!(" (waived: {})", clean_line(reason)),
        StandingDocument::NeedsAcknowledgement => " (needs an acknowledgement)".to_owned(),
        StandingDocument::Acknowledged { by, reason } => {
            format!(" (acknowledged by {}: {})", clean_line(by), clean_line(reason))
        }
    };
    let tone = match finding.severity.as_str() {
        _ if finding.blocks => Tone::Danger,
        "error" | "warning" => Tone::Change,
        _ => Tone::Dim,
    };
    let message = clean_line(&finding.message);
    let rule = clean_line(&finding.rule);
    let mut lines =
        vec![Line::new(1, tone, format!("{}[{rule}]{standing}: {message}", clean_line(&finding.severity)))];
    let subject = finding.subject.as_ref().map(|subject| clean_line(&subject.to_string()));
    let field = finding.field.as_deref().map(clean_line);
    let what: Vec<String> = subject.into_iter().chain(field).collect();
    if !what.is_empty() {
        lines.push(Line::new(2, Tone::Dim, what.join(", ")));
    }
    if let Some(place) = &finding.place {
        lines.push(Line::new(2, Tone::Dim, format!("--> {}", clean_line(&place.to_string()))));
    }
    if let Some(fix) = &finding.fix {
        lines.push(Line::new(2, Tone::Plain, format!("= fix: {}", clean_line(fix))));
    }
    lines
}

/// Why a plan is held, and what lifts it, at depth 1 and below.
pub(super) fn hold_lines(hold: &HoldDocument) -> [Line; 2] {
    let why = format!("{}: {}", clean_line(&hold.kind), clean_line(&hold.message));
    let lift = format!("= {}", clean_line(&hold.lift));
    [Line::new(1, Tone::Plain, why), Line::new(2, Tone::Heading, lift)]
}

/// Who accepted the plan, when and why, at depth 0 and below; nothing when nobody did.
pub(super) fn acknowledgement_lines(plan: &PlanDocument) -> Vec<Line> {
    let line = |given: &AcknowledgementDocument| {
        let AcknowledgementDocument { by, reason, at, expires, source } = given;
        let door = if source == SOCKET { "`naksha ack`".to_owned() } else { clean_line(source) };
        let mut words = vec![format!("by {}", clean_line(by))];
        words.extend(at.as_deref().map(|at| format!("at {}", clean_time(at))));
        words.push(format!("through {door}"));
        words.extend(expires.as_deref().map(|until| format!("until {}", clean_time(until))));
        Line::new(1, Tone::Plain, format!("{}: {}", words.join(", "), clean_line(reason)))
    };
    if plan.acknowledgements.is_empty() {
        return Vec::new();
    }
    let title = Line::new(0, Tone::Heading, "Acknowledged");
    [title].into_iter().chain(plan.acknowledgements.iter().map(line)).collect()
}

/// Until when a plan waits for time; there may be no such moment.
pub(super) fn waits_until(until: Option<&str>) -> String {
    until.map_or_else(|| "Waits".to_owned(), |until| format!("Waits until {}", clean_time(until)))
}

/// What was decided, at depth 0 and below; nothing when nobody was asked, or when it just goes ahead.
pub(super) fn decision_lines(plan: &PlanDocument) -> Vec<Line> {
    let Some(decision) = &plan.decision else { return Vec::new() };
    let mut lines = match decision.decision.as_str() {
        "hold" => vec![Line::new(0, Tone::Danger, "Held")],
        "wait" => {
            let until = waits_until(decision.until.as_deref());
            let reason = decision.reason.as_deref().map(clean_line).unwrap_or_default();
            vec![Line::new(0, Tone::Change, format!("{until}: {reason}"))]
        }
        "apply" => vec![Line::new(0, Tone::Add, "Will be applied")],
        _ => return Vec::new(),
    };
    lines.extend(decision.holds.iter().flat_map(hold_lines));
    if matches!(decision.decision.as_str(), "hold" | "wait") {
        lines.push(Line::new(1, Tone::Dim, format!("plan id: {}", clean_line(&plan.id))));
    }
    if decision.heals > 0 {
        let text = match decision.heals {
            1 => "1 action goes ahead: it only heals".to_owned(),
            heals => format!("{heals} actions go ahead: they only heal"),
        };
        lines.push(Line::new(1, Tone::Dim, text));
    }
    lines
}

/// The findings of a plan that need reading, and what was told with an earlier plan of the same report: a secret in a
/// shared file is one finding, not one for each environment.
#[derive(Debug)]
pub(super) struct Open<'a> {
    pub(super) findings: Vec<&'a FindingDocument>,
    /// How many were told with which environment.
    pub(super) told: BTreeMap<&'a str, usize>,
}

impl<'a> Open<'a> {
    pub(super) fn of(plan: &'a PlanDocument, earlier: &'a [PlanDocument]) -> Self {
        let mut open = Self { findings: Vec::new(), told: BTreeMap::new() };
        for finding in plan.findings.iter().filter(|finding| !is_settled(finding)) {
            match earlier.iter().find(|earlier| earlier.findings.iter().any(|other| is_same(finding, other)))
            {
                Some(earlier) => *open.told.entry(&earlier.environment).or_default() += 1,
                None => open.findings.push(finding),
            }
        }
        open
    }

    /// `2 more findings are told with dev`
    pub(super) fn told_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.told.iter().map(|(environment, count)| {
            let verb = if *count == 1 { "is" } else { "are" };
            format!("{count} more {} {verb} told with {}", plural(*count, "finding"), clean_line(environment))
        })
    }
}

/// Whether two plans found the same in a file. Objects of two environments are two objects.
fn is_same(one: &FindingDocument, other: &FindingDocument) -> bool {
    one.subject.is_none() && one.place.is_some() && one == other
}

/// How many findings there are that need no reading: known, waived, acknowledged.
pub(super) fn settled(plan: &PlanDocument) -> usize {
    let known: usize = plan.known_findings.values().sum();
    known + plan.findings.iter().filter(|finding| is_settled(finding)).count()
}

pub(super) fn is_settled(finding: &FindingDocument) -> bool {
    matches!(finding.standing, StandingDocument::Waived { .. } | StandingDocument::Acknowledged { .. })
}

/// `1 error`, `2 errors`.
pub(super) fn severity_counts(diagnostics: &[DiagnosticDocument]) -> Vec<String> {
    let count = |word: &str| {
        let count = diagnostics.iter().filter(|found| found.severity == word).count();
        (count > 0).then(|| format!("{count} {}", plural(count, word)))
    };
    ["error", "warning", "info"].into_iter().filter_map(count).collect()
}

/// `1 error`, `3 errors`
pub fn counted(count: usize, word: &str) -> String {
    format!("{count} {}", plural(count, word))
}

pub(super) fn plural(count: usize, word: &str) -> String {
    match (count, word) {
        (1, word) | (_, word @ "info") => word.to_owned(),
        (_, word) => format!("{word}s"),
    }
}
