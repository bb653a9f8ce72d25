//! Fields that are not as Git wants them and stay so: beneath the action of their object, by object, or counted by unit.

use std::collections::BTreeMap;

use naksha_environments::wire::{ActionDocument, LeftDocument, LeftFieldDocument, PlanDocument};

use super::clean::clean_line;
use super::lines::{Detail, LEAST_VALUE, Line, plural};
use super::style::Tone;
use super::value::value_line;

const TITLE: &str = "Left alone";
/// Reasons told of one unit where space matters.
const BRIEF_REASONS: usize = 3;

/// What is left alone of the object that an action is about, at depth 3.
pub(super) fn left_of(plan: &PlanDocument, action: &ActionDocument, detail: Detail) -> Vec<Line> {
    let own = plan.left_alone.iter().filter(|left| left.subject == action.subject);
    let text = |field| format!("left alone: {}", field_text(field, detail));
    own.flat_map(|left| &left.fields).map(|field| Line::new(3, Tone::Dim, text(field))).collect()
}

/// Object by object, at depth 0 and below: those that no action is about.
pub(super) fn left_details(plan: &PlanDocument, detail: Detail) -> Vec<Line> {
    let object = |left: &LeftDocument| {
        let title = Line::new(1, Tone::Plain, clean_line(&left.subject.to_string()));
        let fields = left.fields.iter().map(|field| Line::new(3, Tone::Dim, field_text(field, detail)));
        [title].into_iter().chain(fields).collect::<Vec<_>>()
    };
    titled(resting(plan).flat_map(object).collect())
}

/// The same with one line per unit.
pub(super) fn left_counts(plan: &PlanDocument) -> Vec<Line> {
    let mut units: BTreeMap<&str, Vec<&LeftDocument>> = BTreeMap::new();
    for left in resting(plan) {
        units.entry(&left.unit).or_default().push(left);
    }
    let line = |(unit, objects): (&str, Vec<&LeftDocument>)| {
        let fields: Vec<&LeftFieldDocument> = objects.iter().flat_map(|left| &left.fields).collect();
        let mut reasons: Vec<String> = Vec::new();
        for reason in fields.iter().map(|field| clean_line(&field.reason)) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let others = reasons.len().saturating_sub(BRIEF_REASONS);
        reasons.truncate(BRIEF_REASONS);
        if others > 0 {
            reasons.push(format!("{others} more {}", plural(others, "reason")));
        }
        let (fields, objects) = (fields.len(), objects.len());
        let what = format!("{fields} {} of {objects} {}", plural(fields, "field"), plural(objects, "object"));
        Line::new(1, Tone::Dim, format!("{}: {what} ({})", clean_line(unit), reasons.join("; ")))
    };
    titled(units.into_iter().map(line).collect())
}

fn titled(lines: Vec<Line>) -> Vec<Line> {
    if lines.is_empty() {
        return lines;
    }
    [Line::new(0, Tone::Heading, TITLE)].into_iter().chain(lines).collect()
}

/// Of an object with an action this is told there.
fn resting(plan: &PlanDocument) -> impl Iterator<Item = &LeftDocument> {
    let acts = |left: &LeftDocument| plan.actions.iter().any(|action| action.subject == left.subject);
    plan.left_alone.iter().filter(move |left| !acts(left))
}

/// `spec.replicas: 5, not 2 (scaled by KEDA)`
fn field_text(field: &LeftFieldDocument, detail: Detail) -> String {
    let LeftFieldDocument { change, to: _, reason, place: _ } = field;
    let path = clean_line(&change.path);
    let room = detail.width.saturating_sub(path.chars().count() + 24) / 2;
    let side = |shown| value_line(shown, room.max(LEAST_VALUE));
    let what = match (change.before.as_ref(), change.after.as_ref()) {
        (before, None) => format!("{}, which Git does not set", side(before)),
        (None, after) => format!("not there, and Git says {}", side(after)),
        (before, after) => format!("{}, not {}", side(before), side(after)),
    };
    let set_by = change.set_by.as_deref().map(|who| format!("; set by {}", clean_line(who)));
    format!("{path}: {what} ({}{})", clean_line(reason), set_by.unwrap_or_default())
}
