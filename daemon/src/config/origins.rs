//! Where each value came from: a flag, an environment variable, a line of the file, or a default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::read::Overrides;

/// Keys are written as `http.listen` and `repository[0].poll`.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    file: Option<PathBuf>,
    lines: BTreeMap<String, usize>,
    overrides: BTreeMap<&'static str, &'static str>,
}

impl Origins {
    /// `text` is what the file says, if there is one; it was parsed already.
    pub(super) fn new(file: Option<(&Path, &str)>, overrides: &Overrides) -> Self {
        let mut lines = BTreeMap::new();
        if let Some((_, text)) = file
            && let Ok(table) = DeTable::parse(text)
        {
            flatten(text, "", table.get_ref(), &mut lines);
        }
        let file = file.map(|(path, _)| path.to_owned());
        Self { file, lines, overrides: overridden(overrides) }
    }

    /// `--state`, `NAKSHA_STATE`, `naksha.toml:3`, or `default`.
    pub fn of(&self, key: &str) -> String {
        self.written(key).unwrap_or_else(|| "default".to_owned())
    }

    /// As [`Origins::of`], and the nearest thing around a key that is not there: where to write it.
    pub fn near(&self, key: &str) -> Option<String> {
        let mut key = key;
        loop {
            if let Some(written) = self.written(key) {
                return Some(written);
            }
            match key.rfind(['.', '[']) {
                Some(at) => key = &key[..at],
                None => return self.file.as_ref().map(|file| file.display().to_string()),
            }
        }
    }

    fn written(&self, key: &str) -> Option<String> {
        let covers = |own: &str| {
            key.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if let Some((_, name)) = self.overrides.iter().find(|(own, _)| covers(own)) {
            return Some((*name).to_owned());
        }
        let line = self.lines.get(key)?;
        Some(format!("{}:{line}", self.file.as_ref()?.display()))
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

fn flatten(text: &str, above: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let path =
            if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        lines.insert(path.clone(), line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => flatten(text, &path, inner, lines),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        let path = format!("{path}[{index}]");
                        lines.insert(path.clone(), line_of(text, item.span().start));
                        flatten(text, &path, inner, lines);
                    }
                }
            }
            _ => {}
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}
