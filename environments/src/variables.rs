//! Variables: layers of values, the last one wins, and each value knows where it came from.

use indexmap::IndexMap;
use serde_json::Value;

use crate::diagnostic::Place;

/// Which layer set a value. Later layers win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    Unit,
    Repository,
    Environment,
    /// The environment's entry for this one unit.
    EnvironmentUnit,
}

impl Layer {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unit => "unit defaults",
            Self::Repository => "repository",
            Self::Environment => "environment",
            Self::EnvironmentUnit => "environment's entry for the unit",
        }
    }
}

/// One value and the layers that set it; the last of `origins` is the one that won.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// As written; `${{ }}` in it is not evaluated yet.
    pub value: Value,
    pub origins: Vec<(Layer, Option<Place>)>,
}

/// Values by name, in the order in which they were first written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variables(pub IndexMap<String, Variable>);

impl Variables {
    pub fn insert(&mut self, layer: Layer, name: &str, value: Value, place: Option<Place>) {
        let variable = Variable { value, origins: vec![(layer, place)] };
        self.0.insert(name.to_owned(), variable);
    }

    /// Puts `later` over `self`. A value replaces the whole value; maps are not merged.
    #[must_use]
    pub fn layered(&self, later: &Variables) -> Variables {
        let mut merged = self.clone();
        for (name, variable) in &later.0 {
            let mut origins = merged.0.get(name).map(|lower| lower.origins.clone()).unwrap_or_default();
            origins.extend(variable.origins.iter().cloned());
            merged.0.insert(name.clone(), Variable { value: variable.value.clone(), origins });
        }
        merged
    }
}
