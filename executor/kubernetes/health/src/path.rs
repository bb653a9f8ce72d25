//! Paths into an object: `status.conditions`, `status.parents[*].controllerName`, `metadata.annotations["a.b/c"]`.

use std::fmt;

use serde_json::Value;

/// Where a value stands. `[*]` goes through all items of a list, or all values of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Step>,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Each,
}

impl Path {
    /// Absent: it is no path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix("[\"") {
                let (key, after) = inner.split_once("\"]")?;
                steps.push(Step::Key(key.to_owned()));
                rest = after;
            } else if let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']')?;
                let each = index == "*";
                steps.push(if each { Step::Each } else { Step::Index(index.parse().ok()?) });
                rest = after;
            } else {
                let own = if steps.is_empty() { rest } else { rest.strip_prefix('.')? };
                let end = own.find(['.', '[']).unwrap_or(own.len());
                let key = &own[..end];
                let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '$');
                if key.is_empty() || !key.chars().all(plain) {
                    return None;
                }
                steps.push(Step::Key(key.to_owned()));
                rest = &own[end..];
            }
        }
        (!steps.is_empty()).then(|| Self { steps, text: text.to_owned() })
    }

    /// The first value that stands here; null counts as none.
    pub(crate) fn first<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        let mut found = None;
        self.any(root, &mut |value| {
            found = Some(value);
            true
        });
        found
    }

    pub(crate) fn text<'v>(&self, root: &'v Value) -> Option<&'v str> {
        self.first(root)?.as_str()
    }

    /// Whether `test` holds for any value that stands here; goes on until it does.
    pub(crate) fn any<'v>(&self, root: &'v Value, test: &mut dyn FnMut(&'v Value) -> bool) -> bool {
        walk(&self.steps, root, test)
    }

    /// The last name in it: `phase` of `status.phase`.
    pub(crate) fn last_key(&self) -> &str {
        let mut names = self.steps.iter().rev().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) | Step::Each => None,
        });
        names.next().unwrap_or_default()
    }

    /// What is left of `item.…`.
    pub(crate) fn of_item(&self) -> Option<Self> {
        let (first, rest) = self.steps.split_first()?;
        let inside = *first == Step::Key("item".to_owned()) && !rest.is_empty();
        inside.then(|| Self { steps: rest.to_vec(), text: self.text.clone() })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn walk<'v>(steps: &[Step], value: &'v Value, test: &mut dyn FnMut(&'v Value) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return !value.is_null() && test(value);
    };
    match (step, value) {
        (Step::Key(key), Value::Object(map)) => map.get(key).is_some_and(|inner| walk(rest, inner, test)),
        (Step::Index(at), Value::Array(items)) => items.get(*at).is_some_and(|inner| walk(rest, inner, test)),
        (Step::Each, Value::Array(items)) => items.iter().any(|inner| walk(rest, inner, test)),
        (Step::Each, Value::Object(map)) => map.values().any(|inner| walk(rest, inner, test)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_find_what_stands_there() {
        let value = json!({"a": {"b-c": [1, {"x.y/z": "here"}]}, "m": {"p": "one", "q": "two"}, "n": null});
        let find = |text: &str| Path::parse(text).unwrap().first(&value).cloned();
        assert_eq!(find("a.b-c[0]"), Some(json!(1)));
        assert_eq!(find("a.b-c[1][\"x.y/z\"]"), Some(json!("here")));
        assert_eq!(find("m[*]"), Some(json!("one")));
        assert_eq!(find("n"), None, "null is nothing");
        assert_eq!(find("a.b-c.d"), None);
        for wrong in ["", ".", "a..b", "a[", "a[x]", "a b", "a[\"b]"] {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }
}
