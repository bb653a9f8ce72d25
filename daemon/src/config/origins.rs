//! Where each value came from: a flag, an environment variable, a line of the file, or a default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::read::Overrides;

/// Keys are written as `http.listen` and `repository[0].poll`.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    file: Option<PathBuf>,
    /// Line and column of each key's value, from 1.
    lines: BTreeMap<String, (usize, usize)>,
    overrides: BTreeMap<&'static str, &'static str>,
}

impl Origins {
    /// `text` is what the file says, if there is one; it was parsed already.
    pub(super) fn new(file: Option<(&Path, &str)>, overrides: &Overrides) -> Self {
        if let Some((path, text)) = file
            && let Ok(table) = DeTable::parse(text)
        {
            return Self::of_table(path, text, table.get_ref(), overrides);
        }
        let file = file.map(|(path, _)| path.to_owned());
        Self { file, lines: BTreeMap::new(), overrides: overridden(overrides) }
    }

    /// `table`: what of the text counts.
    pub(super) fn of_table(path: &Path, text: &str, table: &DeTable<'_>, overrides: &Overrides) -> Self {
        let mut lines = BTreeMap::new();
        flatten(text, "", table, &mut lines);
        Self { file: Some(path.to_owned()), lines, overrides: overridden(overrides) }
    }

    /// `--state`, `NAKSHA_STATE`, `naksha.toml:3`, or `default`.
    pub fn of(&self, key: &str) -> String {
        let line = || Some(format!("{}:{}", self.file()?, self.lines.get(key)?.0));
        self.overridden(key).or_else(line).unwrap_or_else(|| "default".to_owned())
    }

    /// Where to mend a value: `--state`, `naksha.toml:3:9`; of one that is not there the nearest thing around it.
    pub fn near(&self, key: &str) -> Option<String> {
        let mut key = key;
        loop {
            let place = || {
                let (line, column) = self.lines.get(key)?;
                Some(format!("{}:{line}:{column}", self.file()?))
            };
            if let Some(written) = self.overridden(key).or_else(place) {
                return Some(written);
            }
            match key.rfind(['.', '[']) {
                Some(at) => key = &key[..at],
                None => return self.file(),
            }
        }
    }

    fn file(&self) -> Option<String> {
        self.file.as_ref().map(|file| file.display().to_string())
    }

    fn overridden(&self, key: &str) -> Option<String> {
        let covers = |own: &str| {
            key.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let (_, name) = self.overrides.iter().find(|(own, _)| covers(own))?;
        Some((*name).to_owned())
    }
}

/// What is overridden, and by which flag, or by which variable when that says the same.
fn overridden(overrides: &Overrides) -> BTreeMap<&'static str, &'static str> {
    let Overrides { state, repository, listen, socket, log_level, log_format } = overrides;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let format = log_format.map(|format| format!("{format:?}").to_lowercase());
    let known = [
        ("state", path(state), "--state", "NAKSHA_STATE"),
        ("repository", repository.clone(), "--repository", "NAKSHA_REPOSITORY"),
        ("http.listen", listen.clone(), "--listen", "NAKSHA_LISTEN"),
        ("http.socket", path(socket), "--socket", "NAKSHA_SOCKET"),
        ("log.level", log_level.clone(), "--log", "NAKSHA_LOG"),
        ("log.format", format, "--log-format", "NAKSHA_LOG_FORMAT"),
    ];
    let name = |(key, value, flag, variable): (_, Option<String>, _, _)| {
        let value = value?;
        let by_variable = std::env::var(variable).is_ok_and(|own| own == value);
        Some((key, if by_variable { variable } else { flag }))
    };
    known.into_iter().filter_map(name).collect()
}

fn flatten(text: &str, above: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, (usize, usize)>) {
    for (key, value) in table {
        let path =
            if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        let start = match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) => key.span().start,
            _ => value.span().start,
        };
        lines.insert(path.clone(), position(text, start));
        match value.get_ref() {
            DeValue::Table(inner) => flatten(text, &path, inner, lines),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        let path = format!("{path}[{index}]");
                        lines.insert(path.clone(), position(text, item.span().start));
                        flatten(text, &path, inner, lines);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Line and column of a byte, from 1; columns in characters.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}
