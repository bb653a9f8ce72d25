//! Text from outside inside Markdown: it says what it says, and does nothing.

use super::clean::clean_line;

/// Breaks the words that a forge makes links and mentions of. Put in by us; the same character in the text itself
/// was taken out before.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// Text within a paragraph, a list item or a table cell; it may stand at the start of one.
pub fn inline(text: &str) -> String {
    let text = escaped(text, |c| matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$'));
    // Spaces make code or a break of a line, a sign or a number with a sign makes it a list.
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let is_list = match text[digits..].chars().next() {
        Some('-' | '+') => digits == 0,
        Some('.' | ')') => digits > 0,
        _ => false,
    };
    let sign = if is_list { "\\" } else { "" };
    format!("{}{sign}{}", &text[..digits], &text[digits..])
}

/// As [`inline`], for sentences of ours: what stands in back-ticks is code. What it is may come from outside, and does nothing.
pub fn prose(text: &str) -> String {
    let text = clean_line(text);
    let parts: Vec<&str> = text.split('`').collect();
    // One without a partner is a back-tick, and nothing in between is no code.
    let is_paired = parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(|part| !part.is_empty());
    if !is_paired {
        return inline(&text);
    }
    let mut out = String::with_capacity(text.len());
    for (at, part) in parts.into_iter().enumerate() {
        if at % 2 == 1 {
            out.push_str(&code(part));
            continue;
        }
        let words = inline(part);
        out.extend((at > 0 && part.starts_with(' ')).then_some(' '));
        out.push_str(&words);
        out.extend((!words.is_empty() && part.ends_with(' ')).then_some(' '));
    }
    out
}

/// Text inside an HTML element, where Markdown is not read.
pub(super) fn html(text: &str) -> String {
    escaped(text, |_| false)
}

fn escaped(text: &str, backslashed: impl Fn(char) -> bool) -> String {
    let text = clean_line(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => {
                out.extend(backslashed(c).then_some('\\'));
                out.push(c);
            }
        }
        // `@team`, `#12`, `GH-12`, `https://…`, `www.…`: recognised after rendering, where a backslash is gone.
        let is_link = match c {
            '@' | '#' => true,
            ':' => rest.peek() == Some(&'/'),
            '.' => ends_with(&out, "www."),
            '-' => rest.peek().is_some_and(char::is_ascii_digit) && ends_with(&out, "gh-"),
            _ => false,
        };
        out.extend(is_link.then_some(ZERO_WIDTH_SPACE));
    }
    out
}

/// Whether `out` ends with this ASCII text, in whatever case.
fn ends_with(out: &str, end: &str) -> bool {
    let last = out.get(out.len().saturating_sub(end.len())..);
    last.is_some_and(|last| last.eq_ignore_ascii_case(end))
}

/// Text as a code span: the fence is longer than any run of back-ticks in it.
pub fn code(text: &str) -> String {
    let text = break_mentions(&clean_line(text));
    let ticks = "`".repeat(longest_run(&text) + 1);
    // A space keeps a back-tick at the edge apart from the fence; Markdown takes one off again.
    let space = if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

/// As [`code`], in a table cell, where a pipe ends the cell even inside a code span.
pub fn cell_code(text: &str) -> String {
    code(&text.replace('|', "¦"))
}

/// A line inside a fence.
pub(super) fn fenced_line(text: &str) -> String {
    break_mentions(text)
}

/// A fence longer than any run of back-ticks in `lines`.
pub(super) fn fence(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or_default();
    "`".repeat((longest + 1).max(3))
}

/// Lines that stand as they are.
pub fn fenced(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(fenced_line).collect();
    let fence = fence(&lines);
    format!("{fence}\n{}\n{fence}\n", lines.join("\n"))
}

fn break_mentions(text: &str) -> String {
    text.replace('@', "@\u{200b}")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_does_nothing() {
        for (text, expected) in [
            ("ping @org/team", "ping @\u{200b}org/team"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("a|b `c` *d* _e_ [f](g)", r"a\|b \`c\` \*d\* \_e\_ \[f\](g)"),
            ("see https://evil.example", "see https:\u{200b}//evil.example"),
            ("www.evil.example", "www.\u{200b}evil.example"),
            ("fixes #12", "fixes #\u{200b}12"),
            ("fixes GH-12, gh-b", "fixes GH-\u{200b}12, gh-b"),
            ("a\nb\u{1b}[0m", "a b"),
            ("    code  ", "code"),
            ("- item", r"\- item"),
            ("+", r"\+"),
            ("12. item", r"12\. item"),
            ("1) item", r"1\) item"),
            ("3 of 4", "3 of 4"),
        ] {
            assert_eq!(inline(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_in_back_ticks_is_code() {
        for (text, expected) in [
            ("write `naksha ack 12 --reason …`, or *not*", r"write `naksha ack 12 --reason …`, or \*not\*"),
            ("`a` `b`", "`a` `b`"),
            ("unit `@org/x` goes", "unit `@\u{200b}org/x` goes"),
            ("one ` alone", r"one \` alone"),
            ("``", r"\`\`"),
            ("a `<b>` <c>", "a `<b>` &lt;c&gt;"),
            ("no code", "no code"),
        ] {
            assert_eq!(prose(text), expected, "{text}");
        }
    }

    #[test]
    fn code_spans_close_where_they_should() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("`a``"), "``` `a`` ```");
        assert_eq!(code(""), "`  `");
        assert_eq!(cell_code("a|b"), "`a¦b`");
        assert_eq!(fence(&["a ```` b".to_owned()]), "`````");
    }
}
