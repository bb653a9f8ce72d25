//! Rules as they are judged by: what `read` makes of a file.

use std::sync::Arc;

use naksha_environments::expression::Expression;
use naksha_environments::object::Health;
use serde_json::Value;

use crate::comparison::Comparison;
use crate::message::Message;
use crate::path::Path;

/// The rule of one kind.
#[derive(Debug, Clone)]
pub(crate) struct KindRule {
    /// `apps/Deployment`, `Pod`: the beginning of what a judgement names.
    pub(crate) label: Arc<str>,
    pub(crate) form: Form,
}

#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// No controller reports on it: it does its work by being there.
    Data,
    /// Known, and judged by the API conventions like any other.
    Conventions,
    Judged(Box<Judging>),
    /// Something is wrong with it, and this says where: nothing is known of what the kind's statuses mean.
    Broken(Arc<str>),
}

/// Looked at in this order; what decides first, decides.
#[derive(Debug, Clone)]
pub(crate) struct Judging {
    pub(crate) suspended: Option<Test>,
    pub(crate) generation: Generation,
    pub(crate) states: Vec<State>,
    pub(crate) phase: Option<Phase>,
    pub(crate) ready: Option<Ready>,
    /// What an object is that nothing was said of.
    pub(crate) otherwise: Option<Word>,
}

/// How a controller says which generation its status is about.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    /// Where it stands beside `status.observedGeneration`.
    pub(crate) at: Option<Path>,
    pub(crate) required: bool,
    pub(crate) ignored: bool,
}

/// What a rule may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Healthy,
    Progressing,
    Degraded,
    Suspended,
    Unknown,
}

impl Word {
    pub(crate) const ALL: [Self; 5] =
        [Self::Healthy, Self::Progressing, Self::Degraded, Self::Suspended, Self::Unknown];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::Degraded => "Degraded",
            Self::Suspended => "Suspended",
            Self::Unknown => "Unknown",
        }
    }

    /// The health, with words where they have a place.
    pub(crate) fn health(self, message: impl FnOnce() -> String) -> Health {
        match self {
            Self::Healthy => Health::Healthy,
            Self::Suspended => Health::Suspended,
            Self::Progressing => Health::Progressing(message()),
            Self::Degraded => Health::Degraded(message()),
            Self::Unknown => Health::Unknown(message()),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) test: Test,
    pub(crate) word: Word,
    pub(crate) message: Option<Message>,
}

/// What must hold for a state.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Condition(ConditionTest),
    Field(FieldTest),
    Compare(Comparison),
    /// At least one item of the lists.
    Some {
        of: Vec<Path>,
        test: Box<Test>,
    },
    /// Every item of the lists, and at least one.
    Every {
        of: Vec<Path>,
        test: Box<Test>,
    },
    Expression(Expression),
}

/// A condition of one of these types with one of these statuses and reasons. Empty lists ask nothing.
#[derive(Debug, Clone)]
pub(crate) struct ConditionTest {
    /// The lists that it stands in.
    pub(crate) at: Option<Path>,
    pub(crate) types: Vec<String>,
    pub(crate) statuses: Vec<String>,
    pub(crate) reasons: Vec<Pattern>,
    pub(crate) not_reasons: Vec<Pattern>,
}

#[derive(Debug, Clone)]
pub(crate) struct FieldTest {
    pub(crate) path: Path,
    pub(crate) expected: Expected,
}

#[derive(Debug, Clone)]
pub(crate) enum Expected {
    OneOf(Vec<Literal>),
    /// It is there, and is none of these.
    NoneOf(Vec<Literal>),
    /// Null, and an empty text, list or map, are absent.
    Present(bool),
}

#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Text(Pattern),
    Value(Value),
}

impl Literal {
    pub(crate) fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(pattern), Value::String(text)) => pattern.fits(text),
            (Self::Text(_), _) => false,
            (Self::Value(own), value) => own == value,
        }
    }
}

/// A text; `*` at its ends stands for anything.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    Exactly(String),
    Start(String),
    End(String),
    Middle(String),
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Self {
        if let Some(middle) = text.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')) {
            return Self::Middle(middle.to_owned());
        }
        match (text.strip_suffix('*'), text.strip_prefix('*')) {
            (Some(start), _) => Self::Start(start.to_owned()),
            (None, Some(end)) => Self::End(end.to_owned()),
            (None, None) => Self::Exactly(text.to_owned()),
        }
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exactly(own) => own == text,
            Self::Start(start) => text.starts_with(start.as_str()),
            Self::End(end) => text.ends_with(end.as_str()),
            Self::Middle(middle) => text.contains(middle.as_str()),
        }
    }
}

/// A word in the status, and what each word means. Other words are unknown.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) at: Path,
    pub(crate) words: Vec<(Pattern, Word)>,
    /// Where the words behind it stand; the first that is there.
    pub(crate) messages: Vec<Path>,
}

/// Conditions that must all be true.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ready {
    pub(crate) conditions: Vec<String>,
    /// Conditions that must not be true.
    pub(crate) failed: Vec<String>,
    /// Conditions that are true while the controller works.
    pub(crate) working: Vec<String>,
    /// A false one means that it is broken, not that it is not done.
    pub(crate) false_is_degraded: bool,
    /// Reasons that mean broken, where a false one means not done.
    pub(crate) broken: Vec<Pattern>,
    /// Reasons that mean not done, where a false one means broken, or where they look final.
    pub(crate) waiting: Vec<Pattern>,
}
