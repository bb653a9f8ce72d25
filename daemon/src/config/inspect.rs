//! Looking a configuration over: everything that is wrong with its text and its values, each with its place.
//!
//! Reading gives up at the first error. Here what is wrong is told, taken out, and the rest is read again, so that one
//! look tells everything; what only makes no sense as a whole is told of what is left.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use naksha_environments::diagnostic::did_you_mean;
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use super::Config;
use super::origins::{Origins, position};
use super::problems::{NO_REPOSITORY, Problem, ProblemKind, problems};
use super::read::{ConfigError, Loaded, Overrides, Refused, apply, find, read};

/// Errors that are looked for in one file. A file with more is not worth reading to its end.
const MAX_ERRORS: usize = 100;

/// Everything that is wrong with `file` (or the first default that exists) and with `overrides`. Fails only where the
/// file cannot be read at all.
pub fn inspect(file: Option<&Path>, overrides: &Overrides) -> Result<Vec<Problem>, ConfigError> {
    let Some(path) = find(file) else {
        return Ok(over(Config::default(), Origins::new(None, overrides), overrides));
    };
    let text = read(&path)?;
    let mut table = match DeTable::parse(&text) {
        Ok(table) => table,
        Err(error) => return Ok(vec![problem(&path, &text, error.span(), error.message())]),
    };
    let written = repositories(table.get_ref());
    let (config, errors) = values(&text, &mut table);
    let mut told: Vec<Problem> =
        errors.into_iter().map(|(span, message)| problem(&path, &text, span, &message)).collect();
    if let Some(config) = config {
        // One that was refused is not missing.
        let is_refused = config.repository.len() < written;
        let origins = Origins::of_table(&path, &text, table.get_ref(), overrides);
        let rest = over(config, origins, overrides);
        told.extend(rest.into_iter().filter(|found| !is_refused || found.message != NO_REPOSITORY));
    }
    Ok(told)
}

fn repositories(table: &DeTable<'_>) -> usize {
    match table.get("repository").map(Spanned::get_ref) {
        Some(DeValue::Array(items)) => items.len(),
        Some(_) => 1,
        None => 0,
    }
}

/// What is wrong with a configuration that could be read, and with what overrides it.
fn over(mut config: Config, origins: Origins, overrides: &Overrides) -> Vec<Problem> {
    let refused = apply(&mut config, overrides).into_iter();
    let mut told: Vec<Problem> = refused
        .map(|Refused { key, why }| Problem {
            kind: ProblemKind::Wrong,
            place: origins.near(key),
            message: why,
        })
        .collect();
    told.extend(problems(&Loaded { config, origins }));
    told
}

type Found = (Option<Range<usize>>, String);

/// The values that can be read, and what is wrong with the others, in the order of the text. Nothing where an error has
/// no place, or there are too many.
fn values(text: &str, table: &mut Spanned<DeTable<'_>>) -> (Option<Config>, Vec<Found>) {
    let (mut found, mut taken) = (Vec::new(), Taken::default());
    let mut config = None;
    for _ in 0..MAX_ERRORS {
        match Config::deserialize(Deserializer::from(table.clone())) {
            Ok(read) => {
                config = Some(read);
                break;
            }
            Err(error) => {
                let span = error.span();
                let is_told = span.as_ref().is_some_and(|span| taken.explains(span, error.message()));
                if !is_told {
                    found.push((span.clone(), with_hint(error.message())));
                }
                if !span.is_some_and(|span| take_out(table.get_mut(), &span, 0, &mut taken)) {
                    break;
                }
            }
        }
    }
    found.sort_by_key(|(span, _)| span.as_ref().map_or(text.len(), |span| span.start));
    (config, found)
}

/// What was taken out: the table that it was in, and its key.
#[derive(Debug, Default)]
struct Taken(BTreeSet<(usize, String)>);

impl Taken {
    /// A key that was taken out is missing; nobody need be told.
    fn explains(&self, table: &Range<usize>, message: &str) -> bool {
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        missing.is_some_and(|key| self.0.contains(&(table.start, key.to_owned())))
    }
}

/// Takes the smallest thing out that an error is about. False: nothing has that place.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>, start: usize, taken: &mut Taken) -> bool {
    let covers = |own: &Range<usize>| own.start <= span.start && span.end <= own.end;
    // Values first: a table is taken out whole only for what it lacks.
    for (_, value) in table.iter_mut() {
        let own = value.span();
        let inside = match value.get_mut() {
            DeValue::Table(inner) => take_out(inner, span, own.start, taken),
            DeValue::Array(items) => take_item(items, span, taken),
            _ => false,
        };
        if inside {
            return true;
        }
    }
    let culprit = table.iter().find(|(key, value)| covers(&key.span()) || covers(&value.span()));
    let Some(key) = culprit.map(|(key, _)| key.get_ref().to_string()) else { return false };
    taken.0.insert((start, key.clone()));
    table.remove(key.as_str());
    true
}

fn take_item(items: &mut DeArray<'_>, span: &Range<usize>, taken: &mut Taken) -> bool {
    for at in 0..items.len() {
        let Some(item) = items.get_mut(at) else { break };
        let own = item.span();
        let inside = match item.get_mut() {
            DeValue::Table(inner) => take_out(inner, span, own.start, taken),
            DeValue::Array(inner) => take_item(inner, span, taken),
            _ => false,
        };
        if inside {
            return true;
        }
        if own.start <= span.start && span.end <= own.end {
            let others = items.iter().enumerate().filter(|(other, _)| *other != at);
            *items = others.map(|(_, item)| item.clone()).collect();
            return true;
        }
    }
    false
}

/// An unknown field or word, with the one that was most likely meant.
fn with_hint(message: &str) -> String {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match words.split_first() {
        Some((given, known)) if message.starts_with("unknown ") => {
            let near = did_you_mean(given, known.iter().copied());
            near.map_or_else(|| message.to_owned(), |near| format!("{message}; did you mean `{near}`?"))
        }
        _ => message.to_owned(),
    }
}

fn problem(path: &Path, text: &str, span: Option<Range<usize>>, message: &str) -> Problem {
    let place = match span {
        Some(span) => {
            let (line, column) = position(text, span.start);
            format!("{}:{line}:{column}", path.display())
        }
        None => path.display().to_string(),
    };
    Problem { kind: ProblemKind::Wrong, place: Some(place), message: message.replace('\n', ", ") }
}
