//! Values of Secrets leave the body: marks stand there instead.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use naksha_environments::object::SecretValue;
use naksha_environments::secret::{MarkKey, Secret};
use serde_json::{Map, Value};

/// As Go decodes `data`: padded, and deaf to line breaks (which are taken out before).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// What is wrong with one value.
pub(super) struct Unreadable {
    /// `data` or `stringData`.
    pub(super) field: &'static str,
    pub(super) key: String,
    pub(super) reason: &'static str,
}

/// Takes the values of a Secret out of its body.
pub(super) fn extract(
    object: &mut Value,
    key: &MarkKey,
) -> Result<BTreeMap<String, SecretValue>, Vec<Unreadable>> {
    let Some(map) = object.as_object_mut() else { return Ok(BTreeMap::new()) };
    let (mut values, mut wrong) = (BTreeMap::new(), Vec::new());
    let mut take = |field: &'static str, read: fn(&str) -> Result<Secret, &'static str>| {
        let Some(Value::Object(entries)) = map.shift_remove(field) else { return };
        for (key, value) in entries {
            let text = match &value {
                Value::Null => continue,
                Value::String(text) => read(text),
                _ => Err("it is not a string"),
            };
            match text {
                Ok(secret) => {
                    values.insert(key, SecretValue::Inline(secret));
                }
                Err(reason) => wrong.push(Unreadable { field, key, reason }),
            }
        }
    };
    take("data", decode);
    // Wins over `data`, as on the server.
    take("stringData", |text| Ok(Secret::new(text)));
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if !values.is_empty() {
        map.insert("data".to_owned(), placeholders(&values, key));
    }
    Ok(values)
}

/// What stands in the body for `values`.
pub(super) fn placeholders(values: &BTreeMap<String, SecretValue>, key: &MarkKey) -> Value {
    let marks = values.iter().map(|(name, value)| (name.clone(), Value::String(value.placeholder(key))));
    Value::Object(marks.collect::<Map<_, _>>())
}

fn decode(text: &str) -> Result<Secret, &'static str> {
    let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = BASE64.decode(compact).map_err(|_| "it is not base64; `stringData` takes plain text")?;
    let text = String::from_utf8(bytes)
        .map_err(|_| "it holds bytes that are not text; keep it in a secret store")?;
    Ok(Secret::new(&text))
}
