//! What differs between targets and Git, in the form of a plan: what is there, and what Git wants.

use naksha_environments::wire::DiffDocument;

use super::clean::clean_line;
use super::left::left_details;
use super::lines::{Detail, Line, action_lines, by_unit, plural, untouched};
use super::style::{Style, Tone};
use super::text::{render, section};

/// All environments. No newline at its end.
pub fn diff(documents: &[DiffDocument], style: Style) -> String {
    let texts: Vec<String> = documents.iter().map(|document| environment(document, style)).collect();
    if texts.is_empty() { "no environments".to_owned() } else { texts.join("\n\n") }
}

fn environment(document: &DiffDocument, style: Style) -> String {
    let DiffDocument { version: _, repository, environment, result, reason, plan } = document;
    let detail = Detail { full: false, width: style.width };
    let name = clean_line(&format!("{repository}/{environment}"));
    let differ = plan.actions.len() + plan.drifted.len();
    let unchanged = plan.counts.unchanged;
    let (tone, title) = match result.as_str() {
        "same" => {
            let what = format!("{unchanged} {}", plural(unchanged, "object"));
            (Tone::Add, format!("{name} is as Git wants it: {what}"))
        }
        "differs" => {
            let verb = if differ == 1 { "is" } else { "are" };
            let what = format!("{differ} {} {verb} not as Git wants", plural(differ, "object"));
            (Tone::Change, format!("{name}: {what}; {unchanged} unchanged"))
        }
        _ => (Tone::Danger, format!("{name} could not be compared as a whole; {unchanged} unchanged")),
    };
    let mut lines = vec![Line::new(0, tone, title)];
    lines.extend(reason.as_deref().map(|reason| Line::new(1, Tone::Plain, clean_line(reason))));
    for (unit, actions) in by_unit(plan) {
        lines.push(Line::new(0, Tone::Plain, ""));
        lines.push(Line::new(0, Tone::Heading, unit));
        lines.extend(actions.iter().flat_map(|action| action_lines(plan, action, detail)));
    }
    section(&mut lines, untouched(plan, detail));
    section(&mut lines, left_details(plan, detail));
    render(&lines, style)
}
