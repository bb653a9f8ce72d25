//! Words from outside, as they may stand in what a forge shows: short, without secrets, and doing nothing. Pure.
//!
//! Every list is bounded as it is written out, escaping included, so that no text is refused for its size.

use naksha_renderer::present::{clean_line, prose, scrub};

/// A line for Markdown. `bytes`: of what it says, before it is escaped.
pub fn said(text: &str, bytes: usize) -> String {
    prose(&plain(text, bytes))
}

/// A line for where nothing is escaped: the summary of a check, a deployment.
pub fn plain(text: &str, bytes: usize) -> String {
    cut(&scrub(&clean_line(text)), bytes)
}

/// The last gate: a whole text, without what looks like a secret only now that it is put together. Line by line: what is longer than a
/// line was masked before, and two harmless pieces in one line must not look like the beginning of a key that never ends.
pub fn outgoing(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(scrub).collect();
    lines.join("\n")
}

/// Lines that end with a line break, as far as they fit. The first ranks come first when there is not room for all; what is left out is
/// counted, as so many more of what they are.
pub fn listed(lines: Vec<(u8, String)>, bytes: usize, what: &str) -> String {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|at| lines[*at].0);
    let (mut room, mut shown) = (bytes, vec![false; lines.len()]);
    for at in order {
        let fits = lines[at].1.len() <= room;
        shown[at] = fits;
        room -= if fits { lines[at].1.len() } else { 0 };
    }
    let left_out = shown.iter().filter(|shown| !**shown).count();
    let mut text: String =
        lines.into_iter().zip(shown).filter(|(_, shown)| *shown).map(|((_, line), _)| line).collect();
    if left_out > 0 {
        text.push_str(&format!("- and {left_out} more {what}\n"));
    }
    text
}

/// At most so many bytes of it.
pub fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// Markdown without what stands in code, which does nothing.
#[cfg(test)]
pub(crate) fn outside_code(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let ticks = from.len() - from.trim_start_matches('`').len();
        let (run, after) = from.split_at(ticks);
        if before.ends_with('\\') {
            // The first of them is none.
            out.push('`');
            rest = &from[1..];
            continue;
        }
        let ends =
            |(at, _): &(usize, &str)| !after[at + ticks..].starts_with('`') && !after[..*at].ends_with('`');
        if let Some((end, _)) = after.match_indices(run).find(ends) {
            rest = &after[end + ticks..];
        } else {
            out.push_str(run);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_does_nothing_and_tells_no_secret() {
        assert_eq!(said("see `a` @all <b>", 100), "see `a` @\u{200b}all &lt;b&gt;");
        assert_eq!(said("password=hunter2 and\nmore", 100), "password=(secret) and more");
        assert_eq!(plain("ghp_0123456789012345678901234", 100), "(secret)");
        assert_eq!(plain("abcä", 4), "abc…");
        assert_eq!(outgoing("a\n  token: hunter2hunter2\n"), "a\n  token: (secret)\n");
        let key = outgoing("| -----BEGIN x | PRIVATE KEY----- |\nwhat comes after it\n");
        assert!(key.ends_with("\nwhat comes after it\n"), "{key}");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_what_matters_is_shown() {
        let lines = |ranks: &[u8]| -> Vec<(u8, String)> {
            ranks.iter().enumerate().map(|(at, rank)| (*rank, format!("- {at}\n"))).collect()
        };
        assert_eq!(listed(lines(&[2, 1, 0]), 100, "environments"), "- 0\n- 1\n- 2\n");
        assert_eq!(listed(lines(&[2, 1, 0]), 8, "environments"), "- 1\n- 2\n- and 1 more environments\n");
        assert_eq!(listed(Vec::new(), 0, "environments"), "");
    }
}
