//! Variables and outputs: layered, evaluated, explained.
//!
//! Layers are put over each other as written; then the `${{ }}` in what won is evaluated. A variable may read
//! other variables of its unit, the environment, and outputs of other units; an output reads the variables of its
//! own unit. Who reads whom is a graph over all units of the environment; a circle in it is a finding.

mod bindings;
mod evaluate;
mod explain;
mod subject;

pub use explain::{Explained, Overridden, explain_values};

pub(crate) use evaluate::{DEFAULT_NAMESPACE, Evaluation, environment_value, layered};
pub(crate) use subject::{Subject, Trouble, Values, Written};
