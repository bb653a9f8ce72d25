//! Takes out of text what a reader cannot see or a terminal would obey.

/// `text` on one line: line breaks and tabs become spaces.
pub fn clean_line(text: &str) -> String {
    filter(text, |c| matches!(c, '\n' | '\t' | '\u{2028}' | '\u{2029}').then_some(" "))
}

/// `text` with its line breaks; tabs become four spaces.
pub fn clean_block(text: &str) -> String {
    filter(text, |c| match c {
        '\n' | '\u{2028}' | '\u{2029}' => Some("\n"),
        '\t' => Some("    "),
        _ => None,
    })
}

/// A time as people read it: to the second. What is no time stays as it is.
pub fn clean_time(text: &str) -> String {
    let text = clean_line(text);
    let Some((seconds, rest)) = text.split_once('.') else { return text };
    let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_time = zone.len() < rest.len()
        && seconds.contains('T')
        && matches!(zone.chars().next(), Some('Z' | '+' | '-'));
    if is_time { format!("{seconds}{zone}") } else { text }
}

fn filter(text: &str, replaced: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            // The one-character form of `ESC [`.
            '\u{9b}' => skip_control_sequence(&mut rest),
            c => match replaced(c) {
                Some(text) => out.push_str(text),
                None if is_hidden(c) => {}
                None => out.push(c),
            },
        }
    }
    out
}

/// An escape sequence (ECMA-48): `ESC [ … letter`, `ESC ] … BEL`, or `ESC` and one character.
fn skip_escape(rest: &mut std::str::Chars<'_>) {
    match rest.next() {
        Some('[') => skip_control_sequence(rest),
        Some(']' | 'P' | '^' | '_' | 'X') => {
            // Ends with BEL or `ESC \`. One that never ends must not swallow the text: it ends at its line too.
            while let Some(c) = rest.clone().next() {
                if c == '\n' {
                    return;
                }
                rest.next();
                if c == '\u{7}' || c == '\u{9c}' {
                    return;
                }
                if c == '\u{1b}' {
                    rest.next();
                    return;
                }
            }
        }
        Some(_) | None => {}
    }
}

fn skip_control_sequence(rest: &mut std::str::Chars<'_>) {
    while let Some(c) = rest.clone().next() {
        if !c.is_ascii() || c.is_ascii_control() {
            return;
        }
        rest.next();
        if ('\u{40}'..='\u{7e}').contains(&c) {
            return;
        }
    }
}

/// Characters without a picture of their own: controls, bidirectional marks, zero-width and filler characters, tags
/// and variation selectors (both can carry a hidden message).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_gone() {
        for (text, expected) in [
            ("a\u{1b}[31mred\u{1b}[0m b", "ared b"),
            ("\u{1b}]8;;http://evil\u{7}link\u{1b}]8;;\u{7}", "link"),
            ("\u{9b}2Jx", "x"),
            ("a\rb\u{8}c\u{0}", "abc"),
            ("user\u{202e}gnp.exe", "usergnp.exe"),
            ("a\u{200b}b\u{feff}c\u{e0041}", "abc"),
            ("\u{1b}]never ends", ""),
            ("\u{1b}[3", ""),
            ("naïve ✓ 日本", "naïve ✓ 日本"),
        ] {
            assert_eq!(clean_line(text), expected, "{text:?}");
        }
        assert_eq!(clean_time("2030-01-15T08:00:00.123456789Z"), "2030-01-15T08:00:00Z");
        assert_eq!(clean_time("2030-01-15T08:00:00.5+02:00"), "2030-01-15T08:00:00+02:00");
        for text in ["2030-01-15T08:00:00Z", "version 1.2Z", "T.Z", "T1.x"] {
            assert_eq!(clean_time(text), text);
        }
        assert_eq!(clean_line("a\nb\tc"), "a b c");
        assert_eq!(clean_block("a\r\nb\tc\u{2028}d"), "a\nb    c\nd");
    }
}
