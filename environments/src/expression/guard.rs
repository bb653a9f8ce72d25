//! What is looked at before the parser sees a text: length, nesting, and where a `${{ }}` ends.
//!
//! The parser recurses; a text that is longer or deeper than these bounds never reaches it. Strings are skipped
//! as CEL reads them, so that `'}}'` and `"("` are only text.

use crate::diagnostic::Span;
use crate::expression::error::{ExpressionError, Problem};

/// Longest expression, in bytes. Kubernetes policies of the wild stay under 1 KiB; a flat chain of this length
/// still parses within a 2 MB stack.
pub const MAX_LENGTH: usize = 2048;
/// Deepest nesting of brackets. The parser's own limit is 96; people stay under ten.
pub const MAX_NESTING: usize = 32;

/// Checks length and nesting.
pub(super) fn check(source: &str) -> Result<(), ExpressionError> {
    if source.len() > MAX_LENGTH {
        let problem = Problem::TooLong { length: source.len(), limit: MAX_LENGTH };
        return Err(ExpressionError::new(problem, Span { start: 0, end: source.len() }));
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(token) = next_token(source, at) {
        match token.kind {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::String | Token::Other => {}
        }
        if depth > MAX_NESTING {
            let span = Span { start: at, end: token.end };
            return Err(ExpressionError::new(Problem::TooNested { limit: MAX_NESTING }, span));
        }
        at = token.end;
    }
    Ok(())
}

/// The byte at which the `}}` stands that closes an expression starting at `start`; absent: it is never closed.
pub(super) fn closing(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(token) = next_token(text, at) {
        match token.kind {
            Token::Close if depth == 0 && text[at..].starts_with("}}") => return Some(at),
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::String | Token::Other => {}
        }
        at = token.end;
    }
    None
}

enum Token {
    Open,
    Close,
    String,
    Other,
}

struct Scanned {
    kind: Token,
    end: usize,
}

/// The token at `at`: a bracket, a whole string, or one character of anything else.
fn next_token(text: &str, at: usize) -> Option<Scanned> {
    let rest = &text[at..];
    let first = rest.chars().next()?;
    let end = at + first.len_utf8();
    match first {
        '(' | '[' | '{' => Some(Scanned { kind: Token::Open, end }),
        ')' | ']' | '}' => Some(Scanned { kind: Token::Close, end }),
        '"' | '\'' => Some(Scanned { kind: Token::String, end: string_end(text, at, is_raw(text, at)) }),
        _ => Some(Scanned { kind: Token::Other, end }),
    }
}

/// Whether the quote at `at` starts a raw string: `r'…'`, `br"…"`.
fn is_raw(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(['b', 'B']);
    let prefix = before.trim_end_matches(['r', 'R']);
    let outer = prefix.trim_end_matches(['b', 'B']).chars().next_back();
    let word = outer.is_some_and(|c| c.is_alphanumeric() || c == '_');
    prefix.len() < before.len() && !word
}

/// The byte after a string that starts at `at`; the end of the text when it is never closed.
fn string_end(text: &str, at: usize, raw: bool) -> usize {
    let quote = &text[at..=at];
    let triple = quote.repeat(3);
    let mark = if text[at..].starts_with(&triple) { triple.as_str() } else { quote };
    let mut here = at + mark.len();
    while here < text.len() {
        let rest = &text[here..];
        if rest.starts_with(mark) {
            return here + mark.len();
        }
        let Some(first) = rest.chars().next() else { break };
        here += first.len_utf8();
        if first == '\\' && !raw {
            here += text[here..].chars().next().map_or(0, char::len_utf8);
        }
    }
    text.len()
}
