//! The shipped rules, one file per rule or small family. Those about one object are run once per object.

mod cleartext;
mod dangling;
mod fields;
mod graph;
mod guard;
mod image;
mod network;
mod object;
mod pod_quality;
mod pod_security;
mod rbac;
mod reference;
mod shape;

pub(crate) use cleartext::{InVariables, in_values_files, in_variables};
pub(crate) use dangling::{Dangling, dangling};
pub(crate) use graph::graphs;
pub(crate) use guard::guards;
pub(crate) use object::{Examined, examine};

#[cfg(test)]
mod tests;
