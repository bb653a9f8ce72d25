//! What is in an object's file: parsed, checked against the object it should be, and masked. Pure.
//!
//! A file may hold a secret, so nothing of its content enters a message: errors give lines and columns.

use naksha_environments::object::{Body, Health, ObjectKey, Uid};
use naksha_environments::secret::{MarkKey, SecretMark};
use naksha_environments::source::TreePath;
use naksha_environments::yaml::{Dialect, parse};
use naksha_executor::live::masked;
use naksha_kubernetes_health::RuleSet;
use serde_json::{Map, Value};

/// How objects are read: marks for the values of Secrets, and rules for what their statuses say.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub marks: MarkKey,
    pub rules: RuleSet,
}

impl Reader {
    pub(crate) fn mark(&self, value: &[u8]) -> SecretMark {
        self.marks.mark(value)
    }
}

/// An object as its file has it, unmasked: it never leaves this crate.
pub(crate) struct Document(pub Map<String, Value>);

impl Document {
    /// Reads the text of `key`'s file.
    pub(crate) fn parse(key: &ObjectKey, text: &[u8]) -> Result<Self, String> {
        let document = Self::parse_any(text)?;
        if document.is(key) { Ok(document) } else { Err("it holds another object".to_owned()) }
    }

    /// Reads the text of some object's file.
    pub(crate) fn parse_any(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let line = text[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            format!("it is not UTF-8 text (line {line})")
        })?;
        let path = TreePath::parse("object.yaml").expect("should be a path");
        let (mut documents, diagnostics) = parse(text, &path, Dialect::Manifest);
        if let Some(problem) = diagnostics.iter().find(|found| found.is_error()) {
            let line = problem.place.as_ref().and_then(|place| place.line.as_ref());
            return Err(match line {
                Some(line) => format!("it is not valid YAML (line {}, column {})", line.number, line.column),
                None => "it is not valid YAML".to_owned(),
            });
        }
        let document = documents.pop().ok_or("it is empty")?;
        if !documents.is_empty() {
            return Err("it holds several documents".to_owned());
        }
        let Value::Object(fields) = document.root.to_json() else {
            return Err("it holds no object".to_owned());
        };
        Ok(Self(fields))
    }

    /// The object that it says it is.
    pub(crate) fn key(&self) -> Option<ObjectKey> {
        let version = self.text(&["apiVersion"])?;
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let (kind, name) = (self.text(&["kind"])?, self.text(&["metadata", "name"])?);
        Some(ObjectKey::new(group, kind, self.text(&["metadata", "namespace"]), name))
    }

    fn is(&self, key: &ObjectKey) -> bool {
        let version = self.text(&["apiVersion"]).unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let namespace = self.text(&["metadata", "namespace"]);
        group == &*key.group
            && self.text(&["kind"]) == Some(&key.kind)
            && self.text(&["metadata", "name"]) == Some(&key.name)
            && namespace.is_none_or(|namespace| Some(namespace) == key.namespace.as_deref())
    }

    pub(crate) fn text(&self, path: &[&str]) -> Option<&str> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(*first)?, |value, key| value.get(key))?.as_str()
    }

    pub(crate) fn uid(&self) -> Option<Uid> {
        self.text(&["metadata", "uid"]).filter(|uid| !uid.is_empty()).map(|uid| Uid(uid.into()))
    }

    pub(crate) fn has_status(&self) -> bool {
        self.0.get("status").and_then(Value::as_object).is_some_and(|status| !status.is_empty())
    }

    /// Nobody runs controllers over a directory: an object without a status is written, and that is all there is
    /// to wait for. With a status it is judged like any other.
    pub(crate) fn health(&self, rules: &RuleSet) -> Health {
        if !self.has_status() {
            return Health::Healthy;
        }
        rules.judge(&Value::Object(self.0.clone())).health
    }

    /// What may be shown and compared.
    pub(crate) fn masked(&self, key: &ObjectKey, marks: &MarkKey) -> Body {
        masked(key, self.0.clone(), marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ObjectKey {
        ObjectKey::new("", "Secret", Some("ns"), "db")
    }

    fn read(text: &str) -> Result<Document, String> {
        Document::parse(&key(), text.as_bytes())
    }

    #[test]
    fn what_is_no_object_of_that_name_is_refused_without_quoting_it() {
        let cases: [(&str, &str); 8] = [
            ("", "it is empty"),
            ("hunter2", "it holds no object"),
            ("- hunter2", "it holds no object"),
            ("a: hunter2\nb: [hunter2", "it is not valid YAML (line 2, column 4)"),
            ("a: 1\na: hunter2", "it is not valid YAML (line 2, column 1)"),
            ("a: 1\n---\nb: 2", "it holds several documents"),
            ("apiVersion: v1\nkind: hunter2\nmetadata: {name: db}", "it holds another object"),
            (
                "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: other}",
                "it holds another object",
            ),
        ];
        for (text, expected) in cases {
            let error = read(text).err().unwrap_or_default();
            assert_eq!(error, expected, "{text}");
        }
        assert_eq!(Document::parse(&key(), b"a: 1\nb: \xff").err().unwrap(), "it is not UTF-8 text (line 2)");
        assert!(
            read("apiVersion: v1\nkind: Secret\nmetadata: {name: db}").is_ok(),
            "a namespace may be left out"
        );
    }

    #[test]
    fn every_value_of_a_secret_is_masked() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  uid: '1'\n  annotations:\n    \
                    kubectl.kubernetes.io/last-applied-configuration: 'hunter2'\ndata:\n  good: aHVudGVyMg==\n  \
                    wrapped: |\n    aHVu\n    dGVyMg==\n  bad: hunter2!\n  number: 12345\nstringData:\n  plain: hunter2\n\
                    status: {a: 1}\n";
        let body = read(text).unwrap().masked(&key(), &MarkKey::new([1; 32]));
        for canary in ["hunter2", "aHVudGVy", "dGVyMg", "12345", "uid", "status"] {
            assert!(!body.as_json().contains(canary), "{canary}: {}", body.as_json());
        }
        let value = body.value();
        assert_eq!(value["data"]["good"], value["data"]["wrapped"]);
        assert_eq!(value["data"]["good"], value["stringData"]["plain"], "one value, one mark");
    }

    #[test]
    fn a_list_where_values_should_be_is_masked_whole() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: [hunter2]\n";
        let body = read(text).unwrap().masked(&key(), &MarkKey::new([1; 32]));
        assert!(!body.as_json().contains("hunter2"));
    }
}
