//! What a template mentions, found without running it: the files it includes and the outputs it reads.
//!
//! This is how a unit's cache key can be made, and its dependencies known, before anything is rendered. The scan
//! follows the template language's own rules for delimiters, strings, comments and raw blocks, and nothing else:
//! a text that it misjudges fails to parse later, with the language's own message.

use std::collections::BTreeMap;

use naksha_environments::diagnostic::Span;

/// The map with the outputs of other units.
const UNITS: &str = "units";
/// The language's own dump of all variables. Its order is not fixed, so two renders could differ.
const DUMP: &str = "__tera_context";

/// What one template mentions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Included or extended files, as written, in order.
    pub includes: Vec<(String, Span)>,
    /// Outputs of other units, (unit, output), and where each is first read.
    pub outputs: BTreeMap<(String, String), Span>,
    pub problems: Vec<(ScanProblem, Span)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanProblem {
    /// `${{`: the notation of definitions, not of templates.
    DollarBraces,
    /// `units` without a literal unit and output behind it.
    DynamicUnits,
    /// A dump of all variables.
    Dump,
}

pub fn scan(text: &str) -> Scan {
    let mut found = Scan::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            // `{#}` is an open comment: its sign is not shared.
            b"{#" => at = text[at + 2..].find("#}").map_or(bytes.len(), |end| at + 2 + end + 2),
            b"{{" => {
                if at > 0 && bytes[at - 1] == b'$' {
                    found.problems.push((ScanProblem::DollarBraces, Span { start: at - 1, end: at + 2 }));
                }
                at = tag(text, at + 2, *b"}}", &mut found);
            }
            b"{%" => {
                at = match raw_block_end(text, at + 2) {
                    Some(end) => end,
                    None => tag(text, at + 2, *b"%}", &mut found),
                }
            }
            _ => at += 1,
        }
    }
    found
}

/// The end of the raw block that opens at `at` (just behind `{%`); `None` when no raw block does.
fn raw_block_end(text: &str, at: usize) -> Option<usize> {
    // The language takes off a sign with the delimiter, and another one with the word.
    let word = if text[at..].starts_with('-') { at + 1 } else { at };
    let body = skip_word(text, word, "raw")?;
    let mut at = body;
    while let Some(next) = text[at..].find("{%") {
        at += next + 2;
        if let Some(end) = skip_word(text, at, "endraw") {
            return Some(end);
        }
    }
    Some(text.len())
}

/// Skips `- word -%}`, as far as it stands at `at`.
fn skip_word(text: &str, at: usize, word: &str) -> Option<usize> {
    let rest = text[at..].strip_prefix('-').unwrap_or(&text[at..]).trim_ascii_start();
    let rest = rest.strip_prefix(word)?.trim_ascii_start();
    let rest = rest.strip_prefix('-').unwrap_or(rest).strip_prefix("%}")?;
    Some(text.len() - rest.len())
}

#[derive(Debug, PartialEq)]
enum Token<'t> {
    Word(&'t str),
    Text(String),
    /// `.` or `?.`
    Dot,
    Open,
    Close,
    Other(u8),
}

/// Reads one `{{ }}` or `{% %}` from `at` on, and returns where it ends.
fn tag(text: &str, at: usize, end: [u8; 2], found: &mut Scan) -> usize {
    let (tokens, after) = tokens(text, at, end);
    if end == *b"%}"
        && let Some(Token::Word("include" | "extends")) = tokens.first().map(|(token, _)| token)
        && let Some((Token::Text(name), span)) = tokens.get(1)
    {
        found.includes.push((name.clone(), *span));
    }
    for (index, (token, span)) in tokens.iter().enumerate() {
        let behind_dot = index > 0 && tokens[index - 1].0 == Token::Dot;
        let Token::Word(word) = token else { continue };
        // `units=` and `units:` name an argument or a key of a map, not the variable.
        let names_argument = matches!(tokens.get(index + 1), Some((Token::Other(b'=' | b':'), _)));
        if behind_dot || names_argument {
            continue;
        }
        if *word == DUMP {
            found.problems.push((ScanProblem::Dump, *span));
        }
        if *word == UNITS {
            let names = path_behind(&tokens[index + 1..]);
            match names.as_slice() {
                [unit, "outputs", output, ..] => {
                    found.outputs.entry(((*unit).to_owned(), (*output).to_owned())).or_insert(*span);
                }
                _ => found.problems.push((ScanProblem::DynamicUnits, *span)),
            }
        }
    }
    after
}

/// The literal names behind a variable: `.a["b"].c` → a, b, c.
fn path_behind<'t>(tokens: &'t [(Token<'t>, Span)]) -> Vec<&'t str> {
    let mut names = Vec::new();
    let mut rest = tokens;
    loop {
        match rest {
            [(Token::Dot, _), (Token::Word(name), _), tail @ ..] => {
                names.push(*name);
                rest = tail;
            }
            [(Token::Open, _), (Token::Text(name), _), (Token::Close, _), tail @ ..] => {
                names.push(name.as_str());
                rest = tail;
            }
            _ => return names,
        }
    }
}

fn tokens(text: &str, start: usize, end: [u8; 2]) -> (Vec<(Token<'_>, Span)>, usize) {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if depth == 0 && bytes[at..].starts_with(&end) {
            return (tokens, at + 2);
        }
        let from = at;
        let token = match bytes[at] {
            quote @ (b'"' | b'\'' | b'`') => {
                let (value, after) = string(text, at, quote);
                at = after;
                Token::Text(value)
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                at += bytes[at..].iter().take_while(|byte| word(byte)).count();
                Token::Word(&text[from..at])
            }
            byte => {
                at += 1;
                match byte {
                    _ if byte.is_ascii_whitespace() => continue,
                    b'{' => depth += 1,
                    b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                match byte {
                    b'.' => Token::Dot,
                    b'[' => Token::Open,
                    b']' => Token::Close,
                    // `?.` is a dot, and `==` no name of an argument.
                    b'?' if bytes.get(at) == Some(&b'.') => continue,
                    b'-' if tokens.is_empty() => continue,
                    b'=' if bytes.get(at) == Some(&b'=') => {
                        at += 1;
                        Token::Other(b'~')
                    }
                    byte => Token::Other(byte),
                }
            }
        };
        tokens.push((token, Span { start: from, end: at }));
    }
    (tokens, bytes.len())
}

/// The string that opens at `at`, unescaped, and where it ends.
fn string(text: &str, at: usize, quote: u8) -> (String, usize) {
    let mut value = String::new();
    let mut characters = text[at + 1..].char_indices();
    while let Some((offset, character)) = characters.next() {
        if character == char::from(quote) {
            return (value, at + 1 + offset + 1);
        }
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| match escaped {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            })),
            character => value.push(character),
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn includes(text: &str) -> Vec<String> {
        scan(text).includes.into_iter().map(|(name, _)| name).collect()
    }

    fn problems(text: &str) -> Vec<(ScanProblem, &str)> {
        scan(text)
            .problems
            .into_iter()
            .map(|(problem, span)| (problem, &text[span.start..span.end]))
            .collect()
    }

    #[test]
    fn includes_are_found_where_the_language_sees_them() {
        let text = "{%- include 'a.tera' -%}\n{% extends \"b.tera\" %}{# {% include 'no' %} #}\
                    {% raw %}{% include 'no' %}{% endraw %}{{ \"{% include 'no' %}\" }}{% include `/c` %}";
        assert_eq!(includes(text), ["a.tera", "b.tera", "/c"]);
        let odd = "{#}{% include 'no' %}#}{%-- raw %}{% include 'no' %}{% endraw %}{% include 'yes' %}";
        assert_eq!(includes(odd), ["yes"]);
    }

    #[test]
    fn outputs_are_found_in_both_notations() {
        let text = "{{ units.cluster.outputs.endpoint }} {% if units['object-store'].outputs.url == 'x' %}\
                    {{ {'a': {'b': units?.db.outputs[\"port\"]}} }} units.text.outputs.none {{ x.units.a.outputs.b }}";
        let found: Vec<_> = scan(text).outputs.into_keys().collect();
        let pair = |unit: &str, output: &str| (unit.to_owned(), output.to_owned());
        assert_eq!(found, [pair("cluster", "endpoint"), pair("db", "port"), pair("object-store", "url")]);
        assert_eq!(problems(text), []);
    }

    #[test]
    fn what_a_template_must_not_do_is_found() {
        assert_eq!(problems("a: ${{ variables.x }}"), [(ScanProblem::DollarBraces, "${{")]);
        assert_eq!(problems("{% raw %}${{ github.sha }}{% endraw %}"), []);
        assert_eq!(problems("{{ units }}"), [(ScanProblem::DynamicUnits, "units")]);
        assert_eq!(problems("{{ units.object-store.outputs.url }}"), [(ScanProblem::DynamicUnits, "units")]);
        assert_eq!(problems("{{ units[variables.x].outputs.y }}"), [(ScanProblem::DynamicUnits, "units")]);
        assert_eq!(problems("{{ f(units=1) }} {{ {units: 2} }}"), []);
        assert_eq!(problems("{{ __tera_context }}"), [(ScanProblem::Dump, "__tera_context")]);
    }

    #[test]
    fn unfinished_texts_end_the_scan() {
        for text in ["{{", "{{ 'a", "{%", "{# ", "{% raw %}", "{{ \"é\\", "{", "${{"] {
            scan(text);
        }
    }
}
