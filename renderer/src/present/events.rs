//! What happened, as a table: newest last, where a terminal shows it.

use naksha_environments::wire::{EventDocument, EventsDocument};

use super::clean::{clean_line, clean_time};
use super::style::{Style, Tone};

/// Widest column of names and of reasons: one long name must not push all others off the screen.
const WIDEST: usize = 60;

/// All events. No newline at its end.
pub fn events(document: &EventsDocument, style: Style) -> String {
    let EventsDocument { version: _, since, events, more, gaps } = document;
    let mut lines = Vec::new();
    if *more > 0 {
        lines.push(Tone::Dim.paint(style, &format!("{more} older ones are left out")));
    }
    let several = events.windows(2).any(|pair| scope(&pair[0]) != scope(&pair[1]));
    let rows: Vec<Row> = events.iter().map(|event| Row::of(event, several)).collect();
    let width = |cell: fn(&Row) -> &String| rows.iter().map(|row| wide(cell(row))).max().unwrap_or_default();
    let (names, reasons) = (width(|row| &row.name).min(WIDEST), width(|row| &row.reason).min(WIDEST));
    lines.extend(rows.iter().map(|row| row.line(names, reasons, style)));
    if events.is_empty() {
        lines.push(format!("nothing happened since {}", clean_time(since)));
    }
    for gap in gaps {
        lines.push(Tone::Change.paint(style, &format!("not looked at: {}", clean_line(gap))));
    }
    lines.join("\n")
}

fn scope(event: &EventDocument) -> (&str, &str) {
    (&event.repository, &event.environment)
}

fn wide(text: &str) -> usize {
    text.chars().count()
}

struct Row {
    at: String,
    name: String,
    reason: String,
    rest: String,
    tone: Tone,
}

impl Row {
    fn of(event: &EventDocument, several: bool) -> Self {
        let scope = clean_line(&format!("{}/{}", event.repository, event.environment));
        let name = match &event.subject {
            Some(subject) => {
                let name = clean_line(&format!("{}/{}", subject.kind, subject.name));
                if several { format!("{scope} {name}") } else { name }
            }
            None => scope,
        };
        let count = if event.count > 1 { format!(" ({} times)", event.count) } else { String::new() };
        Self {
            at: clean_time(&event.at),
            name,
            reason: clean_line(&event.reason),
            rest: format!("{}{count}", clean_line(&event.message)),
            tone: if event.warning { Tone::Change } else { Tone::Plain },
        }
    }

    fn line(&self, names: usize, reasons: usize, style: Style) -> String {
        let Self { at, name, reason, rest, tone } = self;
        let reason = tone.paint(style, &format!("{reason:<reasons$}"));
        format!("{at}  {name:<names$}  {reason}  {rest}").trim_end().to_owned()
    }
}
