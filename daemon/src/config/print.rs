//! The configuration as a file: every value with where it came from, and the keys that could be set.

use std::fmt::Write as _;

use serde_json::Value;

use super::origins::Origins;
use super::{Config, Loaded};

/// TOML that reads back as the same configuration.
pub fn printed(loaded: &Loaded) -> Result<String, toml::ser::Error> {
    let Loaded { config, origins } = loaded;
    let plain = toml::to_string_pretty(&config.effective())?;
    let schema = Value::from(schemars::schema_for!(Config));
    let mut page = Page { origins, schema: &schema, section: Section::default(), out: String::new() };
    for line in plain.lines() {
        page.line(line);
    }
    page.end_section();
    Ok(page.out)
}

/// The table that is being written.
#[derive(Debug, Default)]
struct Section {
    /// `repository[0].credentials`
    path: String,
    keys: Vec<String>,
}

struct Page<'a> {
    origins: &'a Origins,
    schema: &'a Value,
    section: Section,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        let repositories =
            self.section.path.strip_prefix("repository[").and_then(|rest| rest.split_once(']'));
        let repository = repositories.and_then(|(index, _)| index.parse::<usize>().ok());
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
            self.end_section();
            self.section.path = format!("{name}[{}]", repository.map_or(0, |index| index + 1));
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            self.end_section();
            self.section.path = match (name.strip_prefix("repository."), repository) {
                (Some(rest), Some(index)) => format!("repository[{index}].{rest}"),
                _ => name.to_owned(),
            };
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| is_key(key)) {
            let path = self.path(key);
            self.section.keys.push(key.to_owned());
            writeln!(self.out, "{line}  # {}", self.origins.of(&path)).expect("should write to a string");
            return;
        }
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn path(&self, key: &str) -> String {
        if self.section.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.section.path) }
    }

    /// What else could stand in the section.
    fn end_section(&mut self) {
        let Section { path, keys } = std::mem::take(&mut self.section);
        self.section.path.clone_from(&path);
        let properties = properties(self.schema, &path);
        let unset = properties.into_iter().filter(|key| !keys.contains(key));
        let gap = self.out.ends_with("\n\n");
        if gap {
            self.out.pop();
        }
        for key in unset {
            writeln!(self.out, "# {key} is not set").expect("should write to a string");
        }
        if gap {
            self.out.push('\n');
        }
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Keys of a table that hold plain values, as the schema has them.
fn properties(schema: &Value, path: &str) -> Vec<String> {
    let resolved = |value: &Value| -> Value {
        let reference = value.get("$ref").and_then(Value::as_str);
        let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| schema.pointer(pointer)).unwrap_or(value).clone()
    };
    let mut at = schema.clone();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let name = part.split('[').next().unwrap_or(part);
        let Some(own) = at.pointer(&format!("/properties/{name}")) else { return Vec::new() };
        at = resolved(own.get("items").unwrap_or(own));
    }
    let own = at.get("properties").and_then(Value::as_object);
    let is_plain = |value: &Value| {
        let resolved = resolved(value.get("items").unwrap_or(value));
        resolved.get("properties").is_none() && resolved.get("additionalProperties").is_none()
    };
    let plain = own.into_iter().flatten().filter(|(_, value)| is_plain(value));
    plain.map(|(key, _)| key.clone()).collect()
}
