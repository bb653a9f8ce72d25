//! Twins to domain types, one file per kind. Everything that is wrong is reported; a definition with an error
//! gives no value.

mod environment;
mod health;
mod lock;
mod policy;
mod repository;
mod unit;
mod workflow;
mod workflow_graph;
mod workflow_input;

pub(super) use environment::environment;
pub(super) use health::health_rules;
pub(super) use lock::{approval, lock};
pub(super) use policy::policy;
pub(super) use repository::repository;
pub(super) use unit::unit;
pub(super) use workflow::{context, workflow};
