//! One request, as far as it is understood: what is asked, by whom, with what.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answer::{Answer, refusal};
use super::caller::Caller;
use super::openapi::Parts;

/// The largest page that GitHub gives, and its usual one.
const MAX_PAGE: usize = 100;
const USUAL_PAGE: usize = 30;

pub(super) struct Call {
    /// The scheme, host and port that it came to.
    pub(super) base: String,
    /// With no query.
    pub(super) path: String,
    pub(super) parts: Parts,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Value,
    pub(super) caller: Caller,
}

impl Call {
    pub(super) fn part(&self, name: &str) -> &str {
        self.parts.get(name).map_or("", String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.part(name).parse().unwrap_or_default()
    }

    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A text of the body.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    /// The page that is asked for, with links to the others.
    pub(super) fn page(&self, items: Vec<Value>) -> Answer {
        self.page_in(items, |items, _| Value::Array(items))
    }

    /// The same, in an object that counts them all.
    pub(super) fn counted_page(&self, name: &str, items: Vec<Value>) -> Answer {
        self.page_in(items, |items, total| json!({"total_count": total, name: items}))
    }

    fn page_in(&self, items: Vec<Value>, shape: impl Fn(Vec<Value>, usize) -> Value) -> Answer {
        let number = |name, usual| self.asked(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
        let (size, page) = (number("per_page", USUAL_PAGE).clamp(1, MAX_PAGE), number("page", 1).max(1));
        let (total, last) = (items.len(), items.len().div_ceil(size).max(1));
        let shown = items.into_iter().skip((page - 1) * size).take(size).collect();
        let mut links = Vec::new();
        if page > 1 {
            links.push(self.link(1, "first"));
            links.push(self.link(page.min(last + 1) - 1, "prev"));
        }
        if page < last {
            links.push(self.link(page + 1, "next"));
            links.push(self.link(last, "last"));
        }
        let answer = Answer::ok(shape(shown, total));
        if links.is_empty() { answer } else { answer.with("link", &links.join(", ")) }
    }

    fn link(&self, page: usize, relation: &str) -> String {
        let mut query = self.query.clone();
        query.insert("page".to_owned(), page.to_string());
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("<{}{}?{}>; rel=\"{relation}\"", self.base, self.path, query.join("&"))
    }

    /// What a name in the body must hold at most.
    pub(super) fn at_most(
        &self,
        name: &str,
        most: usize,
        words: impl Fn(usize) -> Answer,
    ) -> Result<(), Answer> {
        let length = self.text(name).map_or(0, |text| text.chars().count());
        if length > most { Err(words(length)) } else { Ok(()) }
    }

    /// As GitHub says it of checks.
    pub(super) fn too_many_characters(most: usize, supplied: usize) -> Answer {
        refusal(
            422,
            format!("Invalid request.\n\nOnly {most} characters are allowed; {supplied} were supplied."),
        )
    }
}
