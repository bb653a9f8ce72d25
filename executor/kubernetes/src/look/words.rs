//! Texts of a cluster on one line: what containers, webhooks and schedulers write is anybody's, and never trusted.

use naksha_environments::wire::scrub;

/// Longest text that is passed on: the scheduler's words about some kinds of nodes, and a line of a log.
const MAX_WORDS: usize = 300;
/// What stands between lines and spaces of a text that had more of them.
const SPACE: char = ' ';

/// A text as it may be passed on: on one line, without what a terminal would obey, without what looks like a secret, and
/// not too long.
pub(crate) fn words(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_WORDS));
    // Secrets of several lines are only known as such before the lines are joined, and others only after it.
    for c in scrub(text).chars() {
        if !(c.is_whitespace() || c.is_control()) {
            if !is_unseen(c) {
                line.push(c);
            }
        } else if !line.ends_with(SPACE) {
            line.push(SPACE);
        }
    }
    cut(scrub(line.trim()).trim_end_matches('.'))
}

/// Marks that turn the direction of text, or that nobody sees.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_WORDS) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// `what: text`, or `what` alone where there is no text.
pub(crate) fn with(what: &str, text: &str) -> String {
    if text.is_empty() { what.to_owned() } else { format!("{what}: {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_and_hold_no_secret() {
        for (text, expected) in [
            ("  no\n\tdatabase  \r\n", "no database"),
            ("\u{1b}[31mred\u{202e}dr", " [31mreddr".trim_start()),
            (
                "cannot connect to postgres://app:hunter2@db/app",
                "cannot connect to postgres://app:(secret)@db/app",
            ),
            ("password:\nhunter2", "password: (secret)"),
            ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", "(secret)"),
            ("0/1 nodes are available: 1 Insufficient cpu.", "0/1 nodes are available: 1 Insufficient cpu"),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
        let long = words(&"a ".repeat(1000));
        assert_eq!((long.chars().count(), long.ends_with("a…")), (MAX_WORDS, true));
    }
}
