//! From the language's errors to ours: kind, place, chain of includes, and the nearest known name.
//!
//! The language gives the chain of includes, and errors between files, only as text in a fixed form (`error: M`,
//! ` --> file:line:column`, `note: called from file:line:column`); that form is read here, and a test holds it.

use std::collections::BTreeSet;

use naksha_environments::diagnostic::did_you_mean;
use serde_json::Value;
use tera::{ErrorKind, ReportError};

use super::filters::{BUILT_IN_FILTERS, OWN_FILTERS};
use super::job::{Caller, Problem, ProblemKind, Spot, TemplateSource};

/// Functions that templates may call.
const FUNCTIONS: &[&str] = &["range", "super", "throw"];

/// A failure of which only the template is known.
pub(super) fn plain(template: &str, message: &str) -> Problem {
    Problem {
        kind: ProblemKind::Failed,
        message: format!("template `{template}` cannot be rendered: {message}"),
        hint: None,
        spot: Some(top(template)),
        callers: Vec::new(),
    }
}

/// A template as a whole.
pub(super) fn top(template: &str) -> Spot {
    Spot { template: template.to_owned(), line: 1, column: 1, width: 1 }
}

/// What `error` says, as problems. `context` is what the templates could see, for suggestions.
pub(super) fn problems(
    error: &tera::Error,
    sources: &[TemplateSource],
    context: Option<&Value>,
) -> Vec<Problem> {
    match error.kind() {
        ErrorKind::SyntaxError(found) => vec![reported(ProblemKind::Syntax, found, error, sources, context)],
        ErrorKind::RenderingError(found) => {
            vec![reported(ProblemKind::Failed, found, error, sources, context)]
        }
        ErrorKind::CircularInclude { tpl, include_chain } => vec![circle(tpl, include_chain, sources)],
        ErrorKind::CircularExtend { tpl, inheritance_chain } => {
            let mut chain = vec![tpl.clone()];
            chain.extend(inheritance_chain.iter().cloned());
            vec![circle(tpl, &chain, sources)]
        }
        ErrorKind::MissingParent { current, parent } => {
            vec![at(
                current,
                sources,
                ProblemKind::Syntax,
                &format!("it extends `{parent}`, which does not exist"),
            )]
        }
        ErrorKind::Msg(text) => listed(text, sources),
        other => vec![Problem { spot: None, ..plain_message(&other.to_string()) }],
    }
}

fn plain_message(message: &str) -> Problem {
    Problem {
        kind: ProblemKind::Failed,
        message: sentence(message),
        hint: None,
        spot: None,
        callers: Vec::new(),
    }
}

fn at(template: &str, sources: &[TemplateSource], kind: ProblemKind, message: &str) -> Problem {
    let known = sources.iter().any(|source| source.name == template);
    let spot = known.then(|| top(template));
    Problem { kind, spot, ..plain_message(message) }
}

fn circle(template: &str, chain: &[String], sources: &[TemplateSource]) -> Problem {
    let chain: Vec<_> = chain.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("templates include each other: {}", chain.join(" → "));
    Problem { kind: ProblemKind::IncludeLoop, ..at(template, sources, ProblemKind::IncludeLoop, &message) }
}

fn reported(
    kind: ProblemKind,
    found: &ReportError,
    error: &tera::Error,
    sources: &[TemplateSource],
    context: Option<&Value>,
) -> Problem {
    let span = found.span();
    let source = sources.iter().find(|source| source.name == found.filename());
    let written = source.and_then(|source| source.text.get(span.range.clone())).unwrap_or_default();
    let width = written.lines().next().map_or(1, |line| line.chars().count().max(1));
    let spot = source.map(|source| Spot {
        template: source.name.clone(),
        line: span.start_line,
        column: span.start_col + 1,
        width,
    });
    let callers = callers(&error.to_string());
    let mut problem = Problem { kind, spot, callers, ..plain_message(found.message()) };
    if kind == ProblemKind::Failed && found.message().to_lowercase().contains("undefined")
        || found.message().contains("is not defined")
    {
        let (names, start) =
            source.map(|source| path_around(&source.text, span.range.start)).unwrap_or_default();
        explain_undefined(&mut problem, written, &names, context, start < span.range.start);
    }
    problem
}

/// Names what was undefined, and the nearest name that is known. `inside`: the language points behind the first
/// name of the path, so that one is known to it, as the variable of a loop is.
fn explain_undefined(
    problem: &mut Problem,
    written: &str,
    names: &[String],
    context: Option<&Value>,
    inside: bool,
) {
    problem.kind = ProblemKind::Undefined;
    let missing = context.and_then(|context| first_missing(context, names));
    let Some((depth, known)) = missing.filter(|(depth, _)| *depth > 0 || !inside) else {
        if inside && let Some(at) = names.iter().position(|name| name == written) {
            problem.message = format!("`{}` has no `{written}`", names[..at].join("."));
        } else if !written.is_empty() && !written.contains('\n') {
            problem.message = format!("`{written}` is undefined");
        }
        return;
    };
    let name = &names[depth];
    problem.message = match depth {
        0 => format!("variable `{name}` is not defined"),
        depth => format!("`{}` has no `{name}`", names[..depth].join(".")),
    };
    let nearest = did_you_mean(name, known.iter().map(String::as_str));
    problem.hint = Some(match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None if known.is_empty() => {
            "nothing is defined there; `default(value=…)` gives a fallback".to_owned()
        }
        None => {
            format!("known: {}", known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
        }
    });
}

/// The names of the path that `at` is in, from its first name on: the language points at the last one.
/// Also where the path starts.
fn path_around(text: &str, at: usize) -> (Vec<String>, usize) {
    let mut start = at.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let word = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(before) = text[..start].strip_suffix(['.', '[']) {
        let before = before.strip_suffix('?').unwrap_or(before);
        let before = match before.strip_suffix(']') {
            Some(inside) => inside.rfind('[').map_or("", |open| &inside[..open]),
            None => before,
        };
        start = before.trim_end_matches(word).len();
    }
    (leading_path(&text[start..]), start)
}

/// The names at the front of an expression: `a.b["c"] | upper` → a, b, c.
fn leading_path(written: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = written.trim_start_matches(['{', '%', '-', ' ', '(']);
    loop {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if word > 0 {
            names.push(rest[..word].to_owned());
            rest = &rest[word..];
        }
        if let Some(quoted) = rest.strip_prefix("[\"").or_else(|| rest.strip_prefix("['")) {
            let end = quoted.find(['"', '\'']).unwrap_or(quoted.len());
            names.push(quoted[..end].to_owned());
            rest = quoted[end..].trim_start_matches(['"', '\'', ']']);
        }
        rest = match rest.strip_prefix("?.").or_else(|| rest.strip_prefix('.')) {
            Some(next) if !next.is_empty() => next,
            _ if rest.starts_with("[\"") || rest.starts_with("['") => rest,
            _ => return names,
        };
    }
}

/// Where a path leaves what is defined: how deep, and what is known there.
fn first_missing(context: &Value, names: &[String]) -> Option<(usize, BTreeSet<String>)> {
    let mut at = context;
    for (depth, name) in names.iter().enumerate() {
        let map = at.as_object()?;
        match map.get(name) {
            Some(next) => at = next,
            None => return Some((depth, map.keys().cloned().collect())),
        }
    }
    None
}

/// The problems of a report that the language gives as one text.
fn listed(text: &str, sources: &[TemplateSource]) -> Vec<Problem> {
    if !text.starts_with("error: ") {
        return vec![plain_message(text)];
    }
    text.split("\n\nerror: ").map(|part| listed_one(part.trim_start_matches("error: "), sources)).collect()
}

fn listed_one(part: &str, sources: &[TemplateSource]) -> Problem {
    let mut lines = part.lines();
    let message = lines.next().unwrap_or_default();
    let spot = lines.next().and_then(|line| line.trim_start().strip_prefix("--> ")).and_then(place);
    let width = lines.nth(2).map_or(1, |carets| carets.matches('^').count().max(1));
    let spot = spot.map(|(template, line, column)| Spot { template, line, column, width });
    let spot = spot.filter(|spot| sources.iter().any(|source| source.name == spot.template));
    Problem { kind: ProblemKind::Syntax, spot, hint: unknown_hint(message), ..plain_message(message) }
}

/// "did you mean" for filters and functions.
fn unknown_hint(message: &str) -> Option<String> {
    let name = message.split('`').nth(1)?;
    let suggest = |known: Vec<&str>| match did_you_mean(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known: {}", known.join(", ")),
    };
    if message.starts_with("Unknown filter") {
        let mut known: Vec<&str> = BUILT_IN_FILTERS.iter().chain(OWN_FILTERS).copied().collect();
        known.sort_unstable();
        return Some(suggest(known));
    }
    if message.starts_with("Unknown function") {
        return Some(suggest(FUNCTIONS.to_vec()));
    }
    if message.starts_with("Unknown component") {
        return Some("include the file that defines it: `{% include \"…\" %}`".to_owned());
    }
    None
}

/// The chain of includes in a report, innermost first.
fn callers(report: &str) -> Vec<Caller> {
    let notes = report.lines().filter_map(|line| line.strip_prefix("note: called from "));
    let places = notes.filter_map(place);
    places.map(|(template, line, column)| Caller { template, line, column }).collect()
}

/// `file:line:column`.
fn place(text: &str) -> Option<(String, usize, usize)> {
    let mut parts = text.rsplitn(3, ':');
    let column = parts.next()?.trim().parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some((parts.next()?.to_owned(), line, column))
}

/// The language's message in our form: lower-case at the front, no full stop, one line, no list of names.
fn sentence(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let message = message.split(" Available ").next().unwrap_or_default().trim_end_matches(['.', ' ']);
    let mut characters = message.chars();
    let second_is_lower = message.chars().nth(1).is_none_or(|c| !c.is_uppercase());
    match characters.next() {
        Some(first) if second_is_lower => first.to_lowercase().chain(characters).collect(),
        _ => message.to_owned(),
    }
}
