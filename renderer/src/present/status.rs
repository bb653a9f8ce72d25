//! The state of environments for the terminal: a line each, and in words why something is not applied.

use naksha_environments::wire::{
    BarredDocument, DiagnosticDocument, HoldDocument, StatusDocument, UnitStatusDocument,
};

use super::clean::{clean_line, clean_time};
use super::diagnostics::summary;
use super::lines::{Line, plural};
use super::style::{Style, Tone};
use super::text::render;

/// Errors in files that are told one by one; `naksha check` tells all of them.
const MAX_ERRORS: usize = 5;
/// Barred sources that are told; one more is barred for each promotion that somebody closes.
const MAX_BARS: usize = 3;
/// Digits of a commit or plan id that people read.
const SHORT_ID: usize = 12;

/// All environments. No newline at its end.
pub fn status(documents: &[StatusDocument], style: Style) -> String {
    if documents.is_empty() {
        return "no environments".to_owned();
    }
    let width = documents.iter().map(|document| name_of(document).chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for document in documents {
        lines.extend(environment(document, width));
    }
    render(&lines, style)
}

fn name_of(document: &StatusDocument) -> String {
    clean_line(&format!("{}/{}", document.repository, document.environment))
}

fn short(id: &str) -> String {
    clean_line(id).chars().take(SHORT_ID).collect()
}

fn environment(document: &StatusDocument, width: usize) -> Vec<Line> {
    let tone = match document.state.as_str() {
        "synced" => Tone::Add,
        "progressing" | "waiting" | "held" => Tone::Change,
        "degraded" | "broken" | "unknown" => Tone::Danger,
        _ => Tone::Dim,
    };
    let mut facts = Vec::new();
    match (&document.applied, &document.content) {
        (Some(applied), Some(content)) if applied != content => {
            facts.push(format!("{} applied, {} wanted", short(applied), short(content)));
        }
        (Some(applied), _) => facts.push(format!("{} applied", short(applied))),
        (None, Some(content)) => facts.push(format!("nothing applied, {} wanted", short(content))),
        (None, None) => {}
    }
    facts.push(format!("{} {}", document.objects, plural(document.objects, "object")));
    if let Some(plan) = &document.plan {
        facts.push(format!("plan {}", short(plan)));
    }
    facts.push(format!("since {}", clean_time(&document.since)));
    let title =
        format!("{:<width$}  {:<12}  {}", name_of(document), clean_line(&document.state), facts.join(", "));
    let mut lines = vec![Line::new(0, tone, title)];
    for hold in &document.holds {
        lines.push(Line::new(1, Tone::Plain, clean_line(&hold.message)));
        lines.push(Line::new(2, Tone::Heading, format!("= {}", clean_line(&hold.lift))));
    }
    let why = document.why.iter().filter(|why| !is_told_below(document, why));
    lines.extend(why.map(|why| Line::new(1, Tone::Plain, clean_line(why))));
    if let Some(until) = &document.until {
        lines.push(Line::new(1, Tone::Plain, format!("until {}", clean_time(until))));
    }
    lines.extend(bars(document));
    lines.extend(units(&document.units));
    lines.extend(findings(&document.diagnostics));
    lines
}

/// What is not proposed for promotion again, and what lifts that.
fn bars(document: &StatusDocument) -> impl Iterator<Item = Line> {
    let bar = |BarredDocument { source, reason }: &BarredDocument| {
        let line = format!("{} is barred from promotion: {}", short(source), clean_line(reason));
        let lift = format!("= a newer commit is proposed; `naksha resume {}` lifts it", document.environment);
        [Line::new(1, Tone::Plain, line), Line::new(2, Tone::Heading, clean_line(&lift))]
    };
    document.barred.iter().take(MAX_BARS).flat_map(bar)
}

/// What holds the plan, and what is wrong with a unit, is among the reasons too, for those who read nothing else of the
/// document. Each is shown once: with what lifts it, and beside the unit's state.
fn is_told_below(document: &StatusDocument, why: &str) -> bool {
    let is_hold =
        |hold: &HoldDocument| why == hold.message || why == format!("{}; {}", hold.message, hold.lift);
    let is_unit = |unit: &UnitStatusDocument| {
        let words = [&unit.message, &unit.health_message].into_iter().flatten();
        why.strip_prefix(unit.unit.as_str()).filter(|rest| rest.starts_with([' ', ':'])).is_some_and(|rest| {
            words.clone().any(|words| rest.ends_with(words.as_str())) || rest == bare_health(unit)
        })
    };
    document.holds.iter().any(is_hold) || document.units.iter().any(is_unit)
}

/// The reason of a unit that is unwell and does not say why.
fn bare_health(unit: &UnitStatusDocument) -> String {
    format!(" is {}: no details", unit.health.to_lowercase())
}

/// The first errors, a line each, and how many findings there are.
fn findings(diagnostics: &[DiagnosticDocument]) -> Vec<Line> {
    if diagnostics.is_empty() {
        return Vec::new();
    }
    let errors = diagnostics.iter().filter(|found| found.severity == "error");
    let line = |found: &DiagnosticDocument| {
        let place = found.place.as_ref().map(|place| format!("{}: ", clean_line(&place.to_string())));
        let place = place.unwrap_or_default();
        let text = format!("error[{}]: {place}{}", clean_line(&found.code), clean_line(&found.message));
        Line::new(1, Tone::Danger, text)
    };
    let mut lines: Vec<Line> = errors.take(MAX_ERRORS).map(line).collect();
    lines.push(Line::new(1, Tone::Change, summary(diagnostics)));
    lines
}

/// Units with something to say; the others are counted.
fn units(units: &[UnitStatusDocument]) -> Vec<Line> {
    let is_quiet = |unit: &&UnitStatusDocument| unit.state == "synced" && unit.health == "Healthy";
    let width = units.iter().map(|unit| unit.unit.chars().count()).max().unwrap_or_default();
    let line = |unit: &UnitStatusDocument| {
        let words: Vec<_> =
            [&unit.message, &unit.health_message].into_iter().flatten().map(|it| clean_line(it)).collect();
        let tone = match unit.state.as_str() {
            "failed" | "broken" => Tone::Danger,
            _ => Tone::Change,
        };
        let name = clean_line(&unit.unit);
        let text = format!(
            "{name:<width$}  {:<11}  {:<11}  {}",
            clean_line(&unit.state),
            clean_line(&unit.health),
            words.join("; ")
        );
        Line::new(1, tone, text.trim_end())
    };
    let mut lines: Vec<Line> = units.iter().filter(|unit| !is_quiet(unit)).map(line).collect();
    let quiet = units.iter().filter(is_quiet).count();
    if quiet > 0 {
        lines.push(Line::new(1, Tone::Dim, format!("{quiet} {} synced and healthy", plural(quiet, "unit"))));
    }
    lines
}
