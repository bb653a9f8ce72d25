//! What a rule found, before it is known whether it counts.

use naksha_environments::diagnostic::Place;
use naksha_environments::ids::{RuleName, UnitName};
use naksha_environments::plan::{FieldPath, Segment, Subject};

/// One thing that one rule found about one object, graph or file.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) rule: RuleName,
    pub(crate) field: FieldPath,
    /// One sentence, lower-case. Never holds a value that may be a secret.
    pub(crate) message: String,
    /// Absent: the rule's own.
    pub(crate) fix: Option<String>,
    /// The rule could not be evaluated. It blocks as if it had found something.
    pub(crate) unjudged: bool,
    /// What it points at may hold a secret: the source line is not shown.
    pub(crate) secret: bool,
    /// Where the rule cannot be more than a warning, because something is not known.
    pub(crate) at_most_warning: bool,
}

/// A finding and what it is about.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) unit: Option<UnitName>,
    pub(crate) subject: Option<Subject>,
    /// Where it is not an object: the place is known already.
    pub(crate) place: Option<Place>,
    pub(crate) found: Found,
}

/// What makes two findings the same one, before and after a change. The message is no part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    rule: RuleName,
    unit: Option<UnitName>,
    subject: Option<Subject>,
    field: FieldPath,
    file: Option<String>,
}

impl Identity {
    /// Findings about objects follow the object when it moves to another unit or file.
    pub(crate) fn new(
        unit: Option<UnitName>,
        subject: Option<Subject>,
        file: Option<String>,
        found: &Found,
    ) -> Self {
        Self { rule: found.rule.clone(), unit, subject, field: found.field.clone(), file }
    }
}

impl Located {
    pub(crate) fn identity(&self) -> Identity {
        if let Some(subject) = &self.subject {
            return Identity::new(None, Some(subject.clone()), None, &self.found);
        }
        let file = self.place.as_ref().map(|place| place.path.as_str().to_owned());
        Identity::new(self.unit.clone(), None, file, &self.found)
    }
}

impl Found {
    /// `rule` is one of the shipped names.
    pub(crate) fn new(rule: &str, field: FieldPath, message: impl Into<String>) -> Self {
        Self {
            rule: RuleName::parse(rule).expect("should be the name of a shipped rule"),
            field,
            message: message.into(),
            fix: None,
            unjudged: false,
            secret: false,
            at_most_warning: false,
        }
    }

    pub(crate) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A path of plain keys.
pub(crate) fn path(keys: &[&str]) -> FieldPath {
    FieldPath(keys.iter().map(|key| Segment::Key((*key).to_owned())).collect())
}

/// An item of a list map, by its `name`; by position when it has none.
pub(crate) fn named(list: &FieldPath, name: Option<&str>, index: usize) -> FieldPath {
    match name {
        Some(name) => list.with(Segment::Item(vec![("name".to_owned(), name.to_owned())])),
        None => list.with(Segment::Index(index)),
    }
}
