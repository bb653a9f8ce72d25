//! Values to YAML that every reader takes for the same values.
//!
//! Strings that some version of YAML would read as something else are quoted. Keys keep their order, except that
//! a Kubernetes object starts with `apiVersion`, `kind`, `metadata`, as people write it.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};

/// First keys of an object, and of its metadata.
const OBJECT_KEYS: [&str; 3] = ["apiVersion", "kind", "metadata"];
const METADATA_KEYS: [&str; 4] = ["name", "namespace", "labels", "annotations"];

/// One YAML document, without `---`, ending in a line break.
pub fn emit(value: &Value) -> String {
    // Folded lines are hard to read back by eye; a long line stays one line.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(&Ordered { value, first: &OBJECT_KEYS }, options)
        .expect("should write a JSON value to a string")
}

/// A value whose map starts with some keys.
struct Ordered<'a> {
    value: &'a Value,
    first: &'static [&'static str],
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(map) if is_object(map) || self.first == METADATA_KEYS => {
                self.write(map, serializer)
            }
            other => other.serialize(serializer),
        }
    }
}

impl Ordered<'_> {
    fn write<S: Serializer>(&self, map: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        let first = self.first.iter().filter_map(|key| map.get_key_value(*key));
        let rest = map.iter().filter(|(key, _)| !self.first.contains(&key.as_str()));
        let mut out = serializer.serialize_map(Some(map.len()))?;
        for (key, value) in first.chain(rest) {
            match (key.as_str(), self.first == OBJECT_KEYS) {
                ("metadata", true) => out.serialize_entry(key, &Ordered { value, first: &METADATA_KEYS })?,
                _ => out.serialize_entry(key, value)?,
            }
        }
        out.end()
    }
}

fn is_object(map: &Map<String, Value>) -> bool {
    map.contains_key("apiVersion") && map.contains_key("kind")
}
