//! Bindings: the values that an expression may read, and the ones that are not known yet.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::Type;
use cel::common::value::{CowVal, StaticVal, Val};
use cel::context::VariableResolver;
use serde_json::Value;

use crate::expression::{convert, meter};

/// Deepest value that is bound: what YAML files may nest.
pub const MAX_VALUE_DEPTH: usize = 100;

/// Named values. Converted once, on first use; many expressions may be evaluated over the same bindings.
#[derive(Default)]
pub struct Bindings {
    values: BTreeMap<String, Arc<Value>>,
    unknown: BTreeSet<Vec<String>>,
    bound: OnceLock<Bound>,
}

/// The bindings as the interpreter takes them.
pub(super) struct Bound {
    pub(super) values: BTreeMap<String, Box<dyn Val>>,
    /// A value was deeper than [`MAX_VALUE_DEPTH`].
    pub(super) too_deep: bool,
}

impl Bindings {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn set(&mut self, name: &str, value: impl Into<Arc<Value>>) {
        self.values.insert(name.to_owned(), value.into());
        self.bound = OnceLock::new();
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Arc<Value>>) -> Self {
        self.set(name, value);
        self
    }

    /// Says that what stands at `path` exists and is not known yet: `units.cluster.outputs.endpoint`. An expression
    /// that touches it gives [`crate::expression::EvaluationError::Unknown`]. Where nothing stands, the path is made.
    pub fn set_unknown<S: AsRef<str>>(&mut self, path: &[S]) {
        self.unknown.insert(path.iter().map(|part| part.as_ref().to_owned()).collect());
        self.bound = OnceLock::new();
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        let unknown = self.unknown.iter().filter_map(|path| path.first()).map(String::as_str);
        let mut names: BTreeSet<&str> = self.values.keys().map(String::as_str).collect();
        names.extend(unknown);
        names.into_iter()
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(AsRef::as_ref)
    }

    pub(super) fn bound(&self) -> &Bound {
        self.bound.get_or_init(|| convert::bound(&self.values, &self.unknown))
    }
}

impl Clone for Bindings {
    fn clone(&self) -> Self {
        Self { values: self.values.clone(), unknown: self.unknown.clone(), bound: OnceLock::new() }
    }
}

/// Names only: values may hold what must not be shown.
impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.values.keys().collect();
        f.debug_struct("Bindings")
            .field("names", &names)
            .field("unknown", &self.unknown)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bound")
    }
}

impl VariableResolver for Bound {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        self.values.get(name).map(|value| CowVal::Borrowed(value.as_ref()))
    }
}

static UNKNOWN: Type = Type::new_unspecified_type("unknown");

/// A value that exists and is not known yet. Whatever looks into it stops the evaluation.
#[derive(Debug, Clone)]
pub(super) struct Unknown {
    pub(super) reference: Arc<str>,
}

impl Val for Unknown {
    fn get_type(&self) -> &Type {
        &UNKNOWN
    }

    fn cel_type() -> &'static Type {
        &UNKNOWN
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Unknown {}

impl Indexer for Unknown {
    fn get<'b, 'v>(&'b self, _: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Err(meter::meet(self))
    }

    fn steal<'v>(self: Box<Self>, _: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Err(meter::meet(&self))
    }
}
