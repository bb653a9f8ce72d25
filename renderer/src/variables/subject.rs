//! Units as evaluation sees them: with their variables, and with the trouble that those can be in.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::ids::UnitName;
use naksha_environments::unit::Unit;
use naksha_environments::variables::Variables;
use serde_json::Value;

/// A unit of the environment.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) unit: Arc<Unit>,
    pub(crate) variables: Written,
}

/// A unit's variables: as written, or evaluated before.
#[derive(Debug)]
pub(crate) enum Written {
    Layered(Variables),
    Known(Arc<Values>),
}

/// A unit's values, evaluated.
#[derive(Debug)]
pub(crate) struct Values {
    /// With their origins.
    pub(crate) variables: Arc<Variables>,
    /// The values alone, as templates see them.
    pub(crate) map: Arc<Value>,
    /// Of `map`.
    pub(crate) digest: Digest,
    /// The outputs that have a value.
    pub(crate) outputs: BTreeMap<String, Arc<Value>>,
}

impl Subject {
    pub(super) fn variables(&self) -> &Variables {
        match &self.variables {
            Written::Layered(variables) => variables,
            Written::Known(values) => &values.variables,
        }
    }
}

/// Why a value is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It will be, once that unit has run.
    Waits { unit: UnitName, output: String },
    /// There is no such output. The reader reports it, at its own place.
    Undefined { message: String, hint: String },
    /// It was reported.
    Failed,
}

impl Trouble {
    /// What the reader of an output says about it; nothing when it only waits.
    pub(crate) fn finding(&self, reader: &UnitName, unit: &str, output: &str) -> Option<Diagnostic> {
        let finding = |message: String| Diagnostic::new(codes::OUTPUT_NOT_DEFINED, message).unit(reader);
        match self {
            Self::Waits { .. } => None,
            Self::Undefined { message, hint } => Some(finding(message.clone()).hint(hint)),
            Self::Failed if reader.as_str() == unit => None,
            Self::Failed => Some(finding(format!(
                "output `{output}` of unit `{unit}` cannot be read, because that unit has errors"
            ))),
        }
    }
}
