//! What a check run shows: a title, and a long text over two fields. Pure.
//!
//! GitHub refuses a field over its limit as a whole, and a run that is refused stays "in progress" for ever. So there is one function
//! that cuts, and what it gives is never longer than it was allowed, with the fence that it closes counted in.

use naksha_executor::port::forge::{Annotation, Check, CheckState};
use serde_json::{Value, json};

/// Bytes of a title. GitHub says characters, here and below; it was seen to count bytes, of which there are never fewer.
const MAX_TITLE: usize = 255;
/// Bytes of a summary, and of a text.
const MAX_TEXT: usize = 65_535;
/// Bytes of what is said about a line (GitHub takes 64 KB).
const MAX_MESSAGE: usize = 10_000;
/// A longer opening line of a fence is not said again on the next page.
const MAX_FENCE: usize = 80;

/// What fits into a check run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    title: String,
    summary: String,
    text: Option<String>,
}

impl Output {
    pub(super) fn of(check: &Check) -> Self {
        let title = title(check);
        let is_cut = title != check.summary;
        let whole = match &check.text {
            Some(text) if is_cut => format!("{}\n\n{text}", check.summary),
            Some(text) => text.clone(),
            None => check.summary.clone(),
        };
        let (summary, rest) = page(&whole, MAX_TEXT);
        let text = (!rest.is_empty()).then(|| last_page(&rest));
        // An empty summary is refused.
        let summary = if summary.trim().is_empty() { title.clone() } else { summary };
        Self { title, summary, text }
    }

    /// The title alone, for a server that does not take the rest.
    pub(super) fn bare(check: &Check) -> Self {
        let title = title(check);
        Self { summary: title.clone(), title, text: None }
    }

    pub(super) fn has_text(&self) -> bool {
        self.text.is_some()
    }

    pub(super) fn body(&self, annotations: &[Annotation]) -> Value {
        let Self { title, summary, text } = self;
        let mut body = json!({"title": title, "summary": summary});
        if let Some(text) = text {
            body["text"] = json!(text);
        }
        if !annotations.is_empty() {
            body["annotations"] = annotations.iter().map(annotated).collect();
        }
        body
    }
}

fn title(check: &Check) -> String {
    let title = cut(&check.summary, MAX_TITLE);
    if !title.trim().is_empty() {
        return title.to_owned();
    }
    let word = match check.state {
        CheckState::Running => "running",
        CheckState::Passed => "passed",
        CheckState::Waits => "waiting",
        CheckState::Failed => "failed",
    };
    word.to_owned()
}

fn annotated(annotation: &Annotation) -> Value {
    let Annotation { path, line, is_error, title, message } = annotation;
    let line = (*line).max(1);
    let level = if *is_error { "failure" } else { "warning" };
    json!({
        "path": path,
        "start_line": line,
        "end_line": line,
        "annotation_level": level,
        "title": cut(title, MAX_TITLE),
        "message": if message.is_empty() { cut(title, MAX_TITLE) } else { cut(message, MAX_MESSAGE) },
    })
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// As much as fits, and a word about what does not.
fn last_page(text: &str) -> String {
    let (whole, rest) = page(text, MAX_TEXT);
    if rest.is_empty() {
        return whole;
    }
    let note = |left: &str| {
        let lines = left.lines().count();
        format!("\n\n*{lines} more lines are left out; `naksha show PLAN` has everything.*\n")
    };
    // As many lines as there are is the longest that it can say.
    let (mut kept, rest) = page(text, MAX_TEXT - note(text).len());
    kept.push_str(&note(&rest));
    kept
}

/// The beginning of a Markdown text that has at most `budget` bytes, and what comes after it. A fence that is open at the end of one is
/// closed there, and opened again in the other.
fn page(text: &str, budget: usize) -> (String, String) {
    if text.len() <= budget {
        return (text.to_owned(), String::new());
    }
    let mut fence: Option<Fence> = None;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let after = Fence::after(fence, line);
        if end + line.len() + closing(after) > budget {
            // A line that would leave half of the page empty is cut, unless it is the line of a fence.
            if end == 0
                || end < budget / 2 && after.map(|fence| fence.opened) == fence.map(|fence| fence.opened)
            {
                end = text.floor_char_boundary(budget.saturating_sub(closing(fence)));
            }
            break;
        }
        end += line.len();
        fence = after;
    }
    let (kept, rest) = text.split_at(end);
    match fence {
        None => (kept.to_owned(), rest.to_owned()),
        Some(fence) => {
            let line_end = if kept.ends_with('\n') { "" } else { "\n" };
            (format!("{kept}{line_end}{}\n", fence.marks), format!("{}\n{rest}", fence.again()))
        }
    }
}

/// Bytes that closing takes at most.
fn closing(fence: Option<Fence<'_>>) -> usize {
    fence.map_or(0, |fence| fence.marks.len() + 2)
}

/// A fenced block that is open (CommonMark 0.31, 4.5).
#[derive(Debug, Clone, Copy)]
struct Fence<'a> {
    /// The line that opened it, without its end.
    opened: &'a str,
    /// Back-ticks or tildes, three or more.
    marks: &'a str,
}

impl<'a> Fence<'a> {
    /// What is open after a line.
    fn after(open: Option<Self>, line: &'a str) -> Option<Self> {
        let line = line.trim_end_matches(['\n', '\r']);
        let body = line.trim_start_matches(' ');
        let sign = body.chars().next().filter(|sign| matches!(sign, '`' | '~'));
        let Some(sign) = sign.filter(|_| line.len() - body.len() <= 3) else { return open };
        let marks = &body[..body.len() - body.trim_start_matches(sign).len()];
        let info = &body[marks.len()..];
        if marks.len() < 3 {
            return open;
        }
        match open {
            Some(open) => {
                let closes =
                    open.marks.starts_with(sign) && marks.len() >= open.marks.len() && info.trim().is_empty();
                (!closes).then_some(open)
            }
            None if sign == '`' && info.contains('`') => None,
            None => Some(Self { opened: line, marks }),
        }
    }

    fn again(&self) -> &'a str {
        if self.opened.len() <= MAX_FENCE { self.opened } else { self.marks }
    }
}

#[cfg(test)]
mod tests;
