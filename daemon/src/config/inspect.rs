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
    let written = written.max(repositories(table.get_ref()));
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
                let meant = meant(error.message());
                if !is_told {
                    let hint = meant.as_ref().map(|near| format!("; did you mean `{near}`?"));
                    found.push((span.clone(), format!("{}{}", error.message(), hint.unwrap_or_default())));
                }
                taken.meant = meant.filter(|_| error.message().starts_with("unknown field"));
                if !span.is_some_and(|span| take_out(table.get_mut(), &span, 0, &mut taken)) {
                    break;
                }
            }
        }
    }
    found.sort_by_key(|(span, _)| span.as_ref().map_or(text.len(), |span| span.start));
    (config, found)
}

/// What was taken out.
#[derive(Debug, Default)]
struct Taken {
    /// The table that it was in, and its key.
    keys: BTreeSet<(usize, String)>,
    /// What the next key was most likely meant to be: then it is read as that.
    meant: Option<String>,
}

impl Taken {
    /// A key that was taken out is missing; nobody need be told.
    fn explains(&self, table: &Range<usize>, message: &str) -> bool {
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        missing.is_some_and(|key| self.keys.contains(&(table.start, key.to_owned())))
    }
}

/// Takes the smallest thing out that an error is about, or calls it what was meant. False: nothing has that place.
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
    let Some((written, value)) = table.remove_entry(key.as_str()) else { return false };
    match taken.meant.take().filter(|meant| is_a_slip(&key, meant) && !table.contains_key(meant.as_str())) {
        Some(meant) => drop(table.insert(Spanned::new(written.span(), meant.into()), value)),
        None => drop(taken.keys.insert((start, key))),
    }
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

/// Whether the key was mistyped. A shorter word is another one, and may hold another thing: `token`, where `token_file` is meant,
/// holds a secret, which is not to be looked at as the name of a file, and told.
fn is_a_slip(written: &str, meant: &str) -> bool {
    written.len().abs_diff(meant.len()) <= 2
}

/// What was most likely meant by an unknown field or word.
fn meant(message: &str) -> Option<String> {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (given, known) = words.split_first().filter(|_| message.starts_with("unknown "))?;
    did_you_mean(given, known.iter().copied()).map(str::to_owned)
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
