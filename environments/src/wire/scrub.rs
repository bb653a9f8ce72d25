//! Masks what looks like a secret in text that is not typed as one: passwords in URLs and DSNs, private keys,
//! tokens of known shape, and values beside a telling name.
//!
//! This is the second line of defence. Secrets have types of their own; this catches what a person wrote into a
//! plain field. It prefers a mask too many to a leak, never removes anything else, and scrubbing twice is
//! scrubbing once.

use std::borrow::Cow;

use serde_json::Value;

use crate::secret::MASK;

/// Prefixes of issued tokens, with the least number of characters that must follow.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("sk-", 20),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("whsec_", 16),
    ("hvs.", 16),
    ("hvb.", 16),
    ("hvr.", 16),
    ("npm_", 30),
    ("pypi-", 30),
    ("dop_v1_", 20),
    ("ya29.", 20),
    ("SG.", 30),
    ("eyJ", 30),
];

/// Words before which a token follows in headers.
const SCHEMES: &[&str] = &["Bearer ", "Basic "];

/// Names after which `=` or `:` introduces a secret, in lower case without `_` and `-`.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accountkey",
    "clientsecret",
    "credential",
    "credentials",
    "connectionstring",
];

/// Ends of names that only point at a secret or describe it: `PASSWORD_FILE`, `tokenTTL`.
const HARMLESS_ENDS: &[&str] = &[
    "name", "ref", "file", "path", "dir", "url", "uri", "ttl", "id", "type", "length", "policy", "version",
    "count", "limit", "field", "tokens", "mount",
];

/// Words that begin a sentence and are nobody's secret: `token: the file cannot be read` tells no token.
const PROSE: &[&str] = &[
    "a",
    "all",
    "already",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "because",
    "but",
    "by",
    "can",
    "cannot",
    "could",
    "denied",
    "did",
    "do",
    "does",
    "each",
    "every",
    "expired",
    "for",
    "from",
    "had",
    "has",
    "have",
    "how",
    "if",
    "in",
    "invalid",
    "is",
    "it",
    "its",
    "may",
    "missing",
    "must",
    "neither",
    "never",
    "no",
    "none",
    "not",
    "nothing",
    "of",
    "on",
    "only",
    "or",
    "permission",
    "refused",
    "required",
    "see",
    "should",
    "some",
    "still",
    "such",
    "that",
    "the",
    "their",
    "there",
    "these",
    "they",
    "this",
    "to",
    "unknown",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "without",
    "would",
    "yet",
    "you",
    "your",
];

/// A mask may join what stood apart, so that it looks like a secret only then. More than two rounds take intent.
const MAX_ROUNDS: usize = 8;

const KEY_BEGIN: &str = "-----BEGIN ";
const KEY_END: &str = "-----END ";

/// `text` with everything that looks like a secret masked.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_ROUNDS {
        let mut changed = false;
        for pass in [private_keys, user_info, assignments, tokens] {
            if let Some(masked) = pass(&text) {
                text = Cow::Owned(masked);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    text
}

/// A value with every text in it scrubbed, and values of telling names masked whole.
pub fn scrub_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(scrub(text).into_owned()),
        Value::Array(items) => Value::Array(items.iter().map(scrub_value).collect()),
        Value::Object(fields) => {
            let named = fields.get("name").and_then(Value::as_str).is_some_and(is_sensitive_name);
            let mask = |key: &str| is_sensitive_name(key) || (named && key == "value");
            let entry = |(key, value): (&String, &Value)| match value {
                Value::String(text) if mask(key) && !is_placeholder(text) => (key.clone(), MASK.into()),
                value => (key.clone(), scrub_value(value)),
            };
            Value::Object(fields.iter().map(entry).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Whether a value under this name is a secret by its name alone: `DB_PASSWORD`, `apiKey`; not `secretName`.
pub fn is_sensitive_name(name: &str) -> bool {
    let plain = plain_name(name);
    NAMES.iter().any(|word| plain.ends_with(word))
        || (NAMES.iter().any(|word| plain.contains(word))
            && !HARMLESS_ENDS.iter().any(|end| plain.ends_with(end)))
            && is_shouted(name)
}

/// Environment variables shout: `PASSWORD_FOR_DB` is one, `passwordPolicyName` is a field.
fn is_shouted(name: &str) -> bool {
    name.len() > 1 && !name.contains(|c: char| c.is_ascii_lowercase())
}

fn plain_name(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// A value that names where the secret is, and is none itself.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let begins = ["${", "$(", "{{", "vault:", "ref:", "mark:", MASK];
    text.is_empty() || begins.iter().any(|begin| text.starts_with(begin))
}

fn private_keys(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(KEY_BEGIN) {
        let (before, key) = rest.split_at(at);
        let line = &key[..key.find('\n').unwrap_or(key.len())];
        let label_end = line[KEY_BEGIN.len()..].find("-----").map(|end| KEY_BEGIN.len() + end + 5);
        let Some(label_end) = label_end.filter(|end| line[..*end].contains("PRIVATE KEY")) else {
            out.push_str(before);
            out.push_str(KEY_BEGIN);
            rest = &key[KEY_BEGIN.len()..];
            continue;
        };
        out.push_str(before);
        out.push_str(MASK);
        let tail = &key[label_end..];
        rest = tail.find(KEY_END).map_or("", |end| after_label(&tail[end + KEY_END.len()..]));
    }
    finish(out, rest, text)
}

/// What follows the label of a key's last line. A line that is cut off must not swallow the head of the next key.
fn after_label(text: &str) -> &str {
    let line = text.find('\n').unwrap_or(text.len());
    match text[..line].find("-----") {
        Some(at) if text[at..].starts_with(KEY_BEGIN) => &text[at..],
        Some(at) => &text[at + "-----".len()..],
        None => &text[line..],
    }
}

/// `scheme://user:password@host`, also when the password has `/`, `?` or `#` in it.
fn user_info(text: &str) -> Option<String> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '|');
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let token = &after[..after.find(ends).unwrap_or(after.len())];
        let authority = &token[..token.find(['/', '?', '#']).unwrap_or(token.len())];
        let password = match (authority.split_once(':'), authority.rfind('@'), token.rfind('@')) {
            (Some((user, _)), Some(host), _) if user.len() < host => Some((user.len() + 1, host)),
            // No `@` before the first `/`: a password with a `/` in it, unless what follows `:` is a port.
            (Some((user, port)), None, Some(host)) if !port.bytes().all(|b| b.is_ascii_digit()) => {
                Some((user.len() + 1, host))
            }
            _ => None,
        };
        match password.filter(|(start, end)| !is_placeholder(&token[*start..*end])) {
            Some((start, end)) => {
                out.push_str(&token[..start]);
                out.push_str(MASK);
                rest = &after[end..];
            }
            None => rest = after,
        }
    }
    finish(out, rest, text)
}

/// `password=…`, `"apiKey": "…"`.
fn assignments(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(offset) = text[from..].find(['=', ':']) {
        let at = from + offset;
        from = at + 1;
        if at < done {
            continue;
        }
        let name = name_before(&text[..at]);
        if !is_sensitive_name(name) {
            continue;
        }
        let Some((start, end)) = value_after(text, at) else { continue };
        if is_placeholder(&text[start..end]) {
            continue;
        }
        out.push_str(&text[done..start]);
        out.push_str(MASK);
        done = end;
        from = end;
    }
    finish(out, &text[done..], text)
}

/// The word that ends `text`, without a closing quote and spaces.
fn name_before(text: &str) -> &str {
    let trimmed = text.trim_end_matches([' ', '\t']).trim_end_matches(['"', '\'']);
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let start = trimmed.rfind(|c: char| !inner(c)).map_or(0, |at| {
        let width = trimmed[at..].chars().next().map_or(1, char::len_utf8);
        at + width
    });
    &trimmed[start..]
}

/// Where the value after the sign at `at` starts and ends; none when there is none on this line.
fn value_after(text: &str, at: usize) -> Option<(usize, usize)> {
    let colon = text.as_bytes()[at] == b':';
    let mut start = at + 1;
    let rest = &text[start..];
    let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    if colon && spaces == 0 && !rest.starts_with(['"', '\'']) {
        // `token:x` is a reference or a word of prose; `token: x` and `"token":"x"` are assignments.
        return None;
    }
    start += spaces;
    let rest = &text[start..];
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = &rest[1..];
        let end = inner.find([quote, '\n']).unwrap_or(inner.len());
        return (end > 0).then_some((start + 1, start + 1 + end));
    }
    let end = bare_end(rest);
    let is_mask = rest.starts_with(MASK);
    let is_prose = colon && begins_sentence(&rest[..end], &rest[end..]);
    (end > 0 && !is_mask && !is_prose).then_some((start, start + end))
}

/// Where a value without quotes ends. The bracket of a mask that an earlier pass left in it ends nothing.
fn bare_end(text: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | ',' | '"' | '\'' | '`' | '}' | ')');
    let mut ends = text.match_indices(ends).map(|(at, _)| at);
    let is_mask = |at: &usize| text.get(..=*at).is_some_and(|text| text.ends_with(MASK));
    ends.find(|at| !is_mask(at)).unwrap_or(text.len())
}

/// Whether `word` is one that begins a sentence, and the line goes on behind it.
fn begins_sentence(word: &str, rest: &str) -> bool {
    let goes_on = rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_alphanumeric));
    goes_on && PROSE.contains(&word.to_ascii_lowercase().as_str())
}

fn tokens(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut done = 0;
    let mut previous = ' ';
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let begins_word = !previous.is_ascii_alphanumeric();
        let length = if begins_word { token_at(&text[at..]) } else { None };
        if let Some((keep, length)) = length {
            out.push_str(&text[done..at + keep]);
            out.push_str(MASK);
            at += keep + length;
            done = at;
            previous = ' ';
        } else {
            at += next.len_utf8();
            previous = next;
        }
    }
    finish(out, &text[done..], text)
}

/// What starts `text`, when it is a token: how much stays visible, and how much is masked.
fn token_at(text: &str) -> Option<(usize, usize)> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=');
    let run = |text: &str| text.find(|c: char| !inner(c)).unwrap_or(text.len());
    for scheme in SCHEMES {
        if let Some(rest) = text.strip_prefix(scheme) {
            let length = run(rest);
            return (length >= 16).then_some((scheme.len(), length));
        }
    }
    let (prefix, least) = TOKENS.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let length = run(text);
    (length >= prefix.len() + least).then_some((0, length))
}

fn finish(mut out: String, rest: &str, text: &str) -> Option<String> {
    if out.is_empty() && rest.len() == text.len() {
        return None;
    }
    out.push_str(rest);
    (out != text).then_some(out)
}
