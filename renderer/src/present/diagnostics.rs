//! Diagnostics as a compiler writes them: message, place, the line with a caret, what helps.

use std::collections::BTreeSet;

use naksha_environments::codes::Code;
use naksha_environments::wire::{DiagnosticDocument, PlaceDocument};

use super::clean::clean_line;
use super::lines::severity_counts;
use super::style::{Style, Tone};

/// All of them, one after the other, with a summary at the end. No newline at its end; empty for none.
pub fn diagnostics(diagnostics: &[DiagnosticDocument], style: Style) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let mut blocks: Vec<String> = diagnostics.iter().map(|diagnostic| one(diagnostic, style)).collect();
    blocks.push(Tone::Heading.paint(style, &summary(diagnostics)));
    blocks.join("\n\n")
}

/// `2 errors and 1 warning in 3 files; naksha explain NK0101 says more`
pub fn summary(diagnostics: &[DiagnosticDocument]) -> String {
    let counts = severity_counts(diagnostics);
    if diagnostics.is_empty() {
        return "no findings".to_owned();
    }
    let files: BTreeSet<_> =
        diagnostics.iter().filter_map(|it| it.place.as_ref()).map(|it| &it.path).collect();
    let places = match files.len() {
        0 => String::new(),
        1 => " in 1 file".to_owned(),
        files => format!(" in {files} files"),
    };
    let counts = match counts.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        counts => counts.join(", "),
    };
    // A finding of a policy has the policy's name in place of a code.
    let code = diagnostics.iter().map(|it| &it.code).find(|code| Code::parse(code).is_some());
    let more = code.map(|code| format!("; `naksha explain {code}` says more")).unwrap_or_default();
    format!("{counts}{places}{more}")
}

fn one(diagnostic: &DiagnosticDocument, style: Style) -> String {
    let DiagnosticDocument { code, severity, message, place, hint, notes, unit: _ } = diagnostic;
    let tone = severity_tone(severity);
    let title = tone.paint(style, &format!("{}[{}]", clean_line(severity), clean_line(code)));
    let mut lines = vec![format!("{title}: {}", Tone::Heading.paint(style, &clean_line(message)))];
    let gutter = place.as_ref().and_then(|place| place.line).map_or(1, |line| line.to_string().len());
    let space = " ".repeat(gutter);
    if let Some(place) = place {
        lines.extend(place_lines(place, tone, gutter, style));
    }
    if let Some(hint) = hint {
        lines.push(format!("{space} {} {}", Tone::Heading.paint(style, "= help:"), clean_line(hint)));
    }
    for note in notes {
        let place = note.place.as_ref().map(|place| format!(" ({})", clean_line(&place.to_string())));
        let text = format!("{}{}", clean_line(&note.message), place.unwrap_or_default());
        lines.push(format!("{space} {} {text}", Tone::Heading.paint(style, "= note:")));
    }
    lines.join("\n")
}

pub(super) fn severity_tone(severity: &str) -> Tone {
    match severity {
        "error" => Tone::Danger,
        "warning" => Tone::Change,
        _ => Tone::Dim,
    }
}

fn place_lines(place: &PlaceDocument, tone: Tone, gutter: usize, style: Style) -> Vec<String> {
    let space = " ".repeat(gutter);
    let dim = |text: &str| Tone::Dim.paint(style, text);
    let mut lines = vec![format!("{space}{} {}", dim("-->"), clean_line(&place.to_string()))];
    if let (Some(number), Some(text)) = (place.line, &place.text) {
        let before = place.column.unwrap_or(1).saturating_sub(1);
        // Characters that are not shown must not push the caret aside.
        let shown = |skip: usize, take: usize| {
            let part: String = text.chars().skip(skip).take(take).collect();
            clean_line(&part)
        };
        let caret_at = shown(0, before).chars().count();
        let width = shown(before, place.width.unwrap_or(1)).chars().count().max(1);
        let caret = tone.paint(style, &"^".repeat(width));
        lines.push(format!("{space} {}", dim("|")));
        lines.push(
            format!("{} {}", dim(&format!("{number:>gutter$} |")), clean_line(text)).trim_end().to_owned(),
        );
        lines.push(format!("{space} {} {}{caret}", dim("|"), " ".repeat(caret_at)));
    }
    lines
}
