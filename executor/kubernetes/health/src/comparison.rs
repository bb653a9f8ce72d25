//! Comparisons of fields: `status.updatedReplicas ?? 0 < spec.replicas ?? 1`.
//!
//! Not CEL: most objects of a cluster are judged by a few of these, and one takes a fraction of a microsecond.
//!
//! ```text
//! comparison: sum op sum          op: < <= > >= == !=
//! sum:        term (+|- term)*    term: item (?? item)*    item: number, 'text', path, size(path)
//! ```

use serde_json::Value;

use crate::path::Path;

/// Two sides and what is asked of them.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    left: Sum,
    operator: Operator,
    right: Sum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
}

/// Something that has a value: the first item, and what is added to it or taken away.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    first: Vec<Item>,
    rest: Vec<(Sign, Vec<Item>)>,
}

#[derive(Debug, Clone, Copy)]
enum Sign {
    Plus,
    Minus,
}

#[derive(Debug, Clone)]
enum Item {
    Number(f64),
    Text(String),
    Path(Path),
    Inside(Path),
    Size(Path),
}

/// What a sum is in one object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got<'v> {
    Number(f64),
    Text(&'v str),
    Bool(bool),
}

/// What the paths are looked up in; `item` where a test looks at the items of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roots<'v> {
    pub(crate) object: &'v Value,
    pub(crate) item: Option<&'v Value>,
}

impl Comparison {
    /// Absent: it is no comparison.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words = words(text)?;
        let at = words.iter().position(|word| operator(word).is_some())?;
        let operator = operator(&words[at])?;
        let (left, right) = (Sum::of(&words[..at])?, Sum::of(&words[at + 1..])?);
        Some(Self { left, operator, right })
    }

    /// Absent: one of the sides is missing, or they cannot be compared.
    pub(crate) fn holds(&self, roots: Roots<'_>) -> Option<bool> {
        let (left, right) = (self.left.value(roots)?, self.right.value(roots)?);
        match self.operator {
            Operator::Equal => return Some(left == right),
            Operator::Unequal => return Some(left != right),
            _ => {}
        }
        let (Got::Number(left), Got::Number(right)) = (left, right) else { return None };
        Some(match self.operator {
            Operator::Less => left < right,
            Operator::AtMost => left <= right,
            Operator::More => left > right,
            _ => left >= right,
        })
    }
}

fn operator(word: &str) -> Option<Operator> {
    Some(match word {
        "<" => Operator::Less,
        "<=" => Operator::AtMost,
        ">" => Operator::More,
        ">=" => Operator::AtLeast,
        "==" => Operator::Equal,
        "!=" => Operator::Unequal,
        _ => return None,
    })
}

impl Sum {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::of(&words(text)?)
    }

    fn of(words: &[String]) -> Option<Self> {
        let mut terms: Vec<(Sign, Vec<Item>)> = Vec::new();
        let mut sign = Sign::Plus;
        let mut open = true;
        for word in words {
            match (word.as_str(), open) {
                ("+" | "-" | "??", true) => return None,
                ("+", false) => (sign, open) = (Sign::Plus, true),
                ("-", false) => (sign, open) = (Sign::Minus, true),
                ("??", false) => open = true,
                (_, false) => return None,
                (_, true) => {
                    let item = Item::parse(word)?;
                    // Behind `??` it belongs to the term before.
                    let continues = terms.last().is_some() && previous_is_default(words, word);
                    match terms.last_mut().filter(|_| continues) {
                        Some((_, items)) => items.push(item),
                        None => terms.push((sign, vec![item])),
                    }
                    open = false;
                }
            }
        }
        if open || terms.is_empty() {
            return None;
        }
        let (_, first) = terms.remove(0);
        Some(Self { first, rest: terms })
    }

    pub(crate) fn value<'v>(&'v self, roots: Roots<'v>) -> Option<Got<'v>> {
        let first = first_of(&self.first, roots)?;
        if self.rest.is_empty() {
            return Some(first);
        }
        let Got::Number(mut sum) = first else { return None };
        for (sign, items) in &self.rest {
            let Got::Number(number) = first_of(items, roots)? else { return None };
            match sign {
                Sign::Plus => sum += number,
                Sign::Minus => sum -= number,
            }
        }
        Some(Got::Number(sum))
    }

    /// As it stands in a message.
    pub(crate) fn shown(&self, roots: Roots<'_>) -> Option<String> {
        Some(match self.value(roots)? {
            Got::Number(number) => format!("{number}"),
            Got::Text(text) => text.to_owned(),
            Got::Bool(value) => value.to_string(),
        })
    }
}

/// Whether `word`, which is part of `words`, stands behind a `??`.
fn previous_is_default(words: &[String], word: &String) -> bool {
    let at = words.iter().position(|other| std::ptr::eq(other, word));
    at.and_then(|at| at.checked_sub(1)).is_some_and(|before| words[before] == "??")
}

fn first_of<'v>(items: &'v [Item], roots: Roots<'v>) -> Option<Got<'v>> {
    let mut found = items.iter().filter_map(|item| item.value(roots));
    let first = found.next()?;
    // An empty text says nothing; what stands behind it may.
    if first == Got::Text("") { found.find(|next| *next != first).or(Some(first)) } else { Some(first) }
}

impl Item {
    fn parse(word: &str) -> Option<Self> {
        if let Some(text) = word.strip_prefix('\'') {
            return Some(Self::Text(text.strip_suffix('\'')?.to_owned()));
        }
        if let Some(path) = word.strip_prefix("size(") {
            return Some(Self::Size(Path::parse(path.strip_suffix(')')?)?));
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(Self::Number(word.parse().ok()?));
        }
        let path = Path::parse(word)?;
        Some(match path.of_item() {
            Some(inner) => Self::Inside(inner),
            None => Self::Path(path),
        })
    }

    fn value<'v>(&'v self, roots: Roots<'v>) -> Option<Got<'v>> {
        match self {
            Self::Number(number) => Some(Got::Number(*number)),
            Self::Text(text) => Some(Got::Text(text)),
            Self::Path(path) => got(path.first(roots.object)?),
            Self::Inside(path) => got(path.first(roots.item?)?),
            Self::Size(path) => {
                let size = match path.first(roots.object) {
                    Some(Value::Array(items)) => items.len(),
                    Some(Value::Object(map)) => map.len(),
                    Some(_) => return None,
                    None => 0,
                };
                Some(Got::Number(f64::from(u32::try_from(size).ok()?)))
            }
        }
    }
}

fn got(value: &Value) -> Option<Got<'_>> {
    match value {
        Value::Number(number) => number.as_f64().map(Got::Number),
        Value::String(text) => Some(Got::Text(text)),
        Value::Bool(value) => Some(Got::Bool(*value)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Words between spaces; a text in quotes is one word. Absent: a quote is never closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = if let Some(inner) = rest.strip_prefix('\'') {
            inner.find('\'')? + 2
        } else {
            rest.find(' ').unwrap_or(rest.len())
        };
        words.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comparisons() {
        let object = json!({"spec": {"replicas": 3, "partition": 1}, "status": {"ready": 2, "a": "x", "empty": "", "l": [1, 2]}});
        let roots = Roots { object: &object, item: Some(&object["status"]) };
        let holds = |text: &str| Comparison::parse(text).unwrap().holds(roots);
        assert_eq!(holds("status.ready < spec.replicas"), Some(true));
        assert_eq!(holds("status.ready >= spec.replicas - spec.partition"), Some(true));
        assert_eq!(holds("status.none ?? status.nil ?? 0 < 1"), Some(true));
        assert_eq!(holds("status.none < 1"), None, "what is missing decides nothing");
        assert_eq!(holds("status.a == 'x'"), Some(true));
        assert_eq!(holds("status.a < 1"), None);
        assert_eq!(holds("status.empty ?? status.a == 'x'"), Some(true), "an empty text is no text");
        assert_eq!(holds("status.empty == ''"), Some(true));
        assert_eq!(holds("size(status.l) == 2"), Some(true));
        assert_eq!(holds("size(status.none) == 0"), Some(true));
        assert_eq!(holds("item.ready == 2"), Some(true));
        assert_eq!(holds("2 - 1 + 1 != 2"), Some(false));
        for wrong in ["", "a", "a <", "< a", "a = b", "a ?? < b", "a b < c", "'a < b", "a + + b < c"] {
            assert!(Comparison::parse(wrong).is_none(), "{wrong}");
        }
    }
}
