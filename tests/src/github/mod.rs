//! A GitHub that keeps what it is told, and refuses what GitHub refuses.
//!
//! There is no GitHub to test on, so that this is the evidence for the adapter: each request and each answer is checked against
//! GitHub's published description, and a test that breaks it fails. What the description does not say (who may do what, limits,
//! what a merge needs) is written down here, with its source.
//!
//! ```text
//!   Forged ──► GitHub ──► server ──► routes ──► pulls, merge, checks, … ──► State, and a bare repository (git itself)
//!   people, App   │                     └── openapi: GitHub's description
//!                 └── controls: what a test changes, what it breaks, what was asked
//! ```
//!
//! It is one repository of an organisation, private, with forks; several tests never share one.

mod answer;
mod app;
mod bare;
mod call;
mod caller;
mod checks;
mod comments;
mod contents;
mod controls;
mod deployments;
mod events;
mod forged;
mod hold;
mod limits;
mod meanwhile;
mod merge;
mod openapi;
mod people;
mod protection;
mod pulls;
mod queue;
mod refs;
mod repository_hooks;
mod reviews;
mod routes;
mod schema;
mod server;
mod shapes;
mod smart_http;
mod state;
mod statuses;
mod trouble;
mod webhooks;

pub use app::AppKey;
pub use caller::Role;
pub use forged::Forged;
pub use meanwhile::Meanwhile;
pub use queue::Queued;
pub use server::GitHub;
pub use state::Asked;
pub use trouble::Failure;
