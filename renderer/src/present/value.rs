//! Values in one line, and differences of long texts line by line.

use naksha_environments::wire::ShownDocument;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::clean::{clean_block, clean_line};

/// Lines of a text beyond which no difference is looked for: comparing is quadratic in what differs.
const MAX_DIFF_LINES: usize = 400;
/// Unchanged lines around a changed one.
const CONTEXT: usize = 1;

/// One side of a change in one line, at most about `limit` characters.
pub(super) fn value_line(shown: Option<&ShownDocument>, limit: usize) -> String {
    match shown {
        None => "(nothing)".to_owned(),
        Some(ShownDocument::Secret { reference: Some(reference), .. }) => {
            format!("secret {}", clean_line(reference))
        }
        Some(ShownDocument::Secret { reference: None, same: Some(number) }) => format!("(secret #{number})"),
        Some(ShownDocument::Secret { reference: None, same: None }) => "(secret)".to_owned(),
        Some(ShownDocument::Value(value)) => json_line(value, limit),
    }
}

/// A JSON value in one line, shortened.
pub(super) fn json_line(value: &Value, limit: usize) -> String {
    let text = clean_line(&value.to_string());
    if text.chars().count() <= limit {
        return text;
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The texts of a change when a line by line difference says more than both values would.
pub(super) fn text_sides<'a>(
    before: Option<&'a ShownDocument>,
    after: Option<&'a ShownDocument>,
) -> Option<(&'a str, &'a str)> {
    let text = |side: Option<&'a ShownDocument>| match side {
        Some(ShownDocument::Value(Value::String(text))) => Some(text.as_str()),
        Some(ShownDocument::Value(_) | ShownDocument::Secret { .. }) | None => None,
    };
    let (before, after) = (text(before)?, text(after)?);
    let lines = |text: &str| text.lines().count();
    let is_long = lines(before) > 1 || lines(after) > 1;
    let is_bounded = lines(before) <= MAX_DIFF_LINES && lines(after) <= MAX_DIFF_LINES;
    (is_long && is_bounded).then_some((before, after))
}

/// What became of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineChange {
    Same,
    Removed,
    Added,
    /// Unchanged lines in between are left out.
    Gap,
}

/// The lines that differ, with a little around them.
pub(super) fn line_diff(before: &str, after: &str) -> Vec<(LineChange, String)> {
    let (before, after) = (clean_block(before), clean_block(after));
    let diff = TextDiff::from_lines(before.as_str(), after.as_str());
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push((LineChange::Gap, "…".to_owned()));
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let tag = match change.tag() {
                ChangeTag::Equal => LineChange::Same,
                ChangeTag::Delete => LineChange::Removed,
                ChangeTag::Insert => LineChange::Added,
            };
            lines.push((tag, change.value().trim_end_matches('\n').to_owned()));
        }
    }
    lines
}
