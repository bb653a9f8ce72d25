//! The filters that the template language gets from us, for writing YAML, and the one of its own that we replace.
//!
//! None of them reads a clock, a file or anything else outside of its arguments.

#![allow(clippy::needless_pass_by_value, reason = "the language fixes the signature of a filter")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use naksha_environments::digest::Digest;
use tera::value::{Key, ValueKind};
use tera::{Error, Kwargs, Map, State, Tera, TeraResult, Value};

/// Filters that the language brings along and that templates may use.
pub const BUILT_IN_FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "default",
    "escape",
    "escape_html",
    "escape_xml",
    "first",
    "float",
    "get",
    "group_by",
    "indent",
    "int",
    "join",
    "keys",
    "last",
    "length",
    "lower",
    "newlines_to_br",
    "nth",
    "pairs",
    "pluralize",
    "replace",
    "reverse",
    "round",
    "safe",
    "sort",
    "split",
    "str",
    "title",
    "trim",
    "trim_end",
    "trim_start",
    "truncate",
    "unique",
    "upper",
    "values",
    "wordcount",
];
/// Filters that we add.
pub const OWN_FILTERS: &[&str] =
    &["b64decode", "b64encode", "nindent", "quote", "sha256", "to_json", "to_yaml"];

/// Spaces that `nindent` writes unless told.
const DEFAULT_WIDTH: usize = 4;
/// More than this is a mistake: YAML is not read deeper.
const MAX_WIDTH: usize = 200;

pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("nindent", nindent);
    tera.register_filter("quote", quote);
    tera.register_filter("to_json", to_json);
    tera.register_filter("to_yaml", to_yaml);
    tera.register_filter("b64encode", b64encode);
    tera.register_filter("b64decode", b64decode);
    tera.register_filter("sha256", sha256);
    tera.register_filter("group_by", group_by);
}

/// A line break, then every line moved to the right: for a block of YAML under a key.
fn nindent(value: &Value, arguments: Kwargs, _: &State) -> TeraResult<String> {
    let width = arguments.get::<usize>("width")?.unwrap_or(DEFAULT_WIDTH);
    if width > MAX_WIDTH {
        return Err(Error::message(format!("`nindent` moves by at most {MAX_WIDTH} spaces")));
    }
    let text = text_of(value)?;
    let pad = " ".repeat(width);
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.trim_end_matches('\n').split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&pad);
            out.push_str(line);
        }
    }
    Ok(out)
}

/// A double-quoted scalar that YAML and JSON read as the same string, whatever is in it.
fn quote(value: &Value, _: Kwargs, _: &State) -> TeraResult<String> {
    serde_json::to_string(&text_of(value)?).map_err(Error::message)
}

fn to_json(value: &Value, _: Kwargs, _: &State) -> TeraResult<String> {
    serde_json::to_string(defined(value)?).map_err(Error::message)
}

/// Block style, without a line break at the end.
fn to_yaml(value: &Value, _: Kwargs, _: &State) -> TeraResult<String> {
    let json = serde_json::to_value(defined(value)?).map_err(Error::message)?;
    let text = naksha_environments::yaml::emit(&json);
    Ok(text.trim_end_matches('\n').to_owned())
}

fn b64encode(value: &Value, _: Kwargs, _: &State) -> TeraResult<String> {
    Ok(STANDARD.encode(text_of(value)?))
}

fn b64decode(value: &str, _: Kwargs, _: &State) -> TeraResult<String> {
    let bytes = STANDARD
        .decode(value.trim())
        .map_err(|_| Error::message("`b64decode` got text that is not base64"))?;
    String::from_utf8(bytes).map_err(|_| Error::message("`b64decode` got bytes that are not UTF-8 text"))
}

/// 64 lower-case hex digits: for annotations that restart a workload when its configuration changes.
fn sha256(value: &Value, _: Kwargs, _: &State) -> TeraResult<String> {
    Ok(Digest::of_bytes(text_of(value)?.as_bytes()).hex())
}

/// Groups keep the order in which they first occur; the language's own filter gives them in no fixed order.
fn group_by(value: &[Value], arguments: Kwargs, _: &State) -> TeraResult<Map> {
    let attribute = arguments.must_get::<&str>("attribute")?;
    let mut groups = Map::new();
    for (index, item) in value.iter().enumerate() {
        let found = attribute
            .split('.')
            .try_fold(item, |at, part| at.as_map().and_then(|map| map.get(&Key::Str(part))));
        let Some(found) = found else {
            return Err(Error::message(format!("item {index} has no attribute `{attribute}`")));
        };
        if found.is_none() {
            continue;
        }
        let group = groups
            .entry(Key::String(text_of(found)?.into()))
            .or_insert_with(|| Value::from(Vec::<Value>::new()));
        let mut items = group.as_array().unwrap_or_default().to_vec();
        items.push(item.clone());
        *group = Value::from(items);
    }
    Ok(groups)
}

fn defined(value: &Value) -> TeraResult<&Value> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::message("the value is undefined")),
        _ => Ok(value),
    }
}

/// The text of a scalar. A map or a list has none: writing one where text is meant is a mistake.
fn text_of(value: &Value) -> TeraResult<String> {
    match defined(value)?.kind() {
        ValueKind::Map | ValueKind::Array => {
            Err(Error::message(format!("a {} is not text: use `to_json` or `to_yaml` first", value.name())))
        }
        ValueKind::None => Ok(String::new()),
        _ => Ok(value.to_string()),
    }
}
