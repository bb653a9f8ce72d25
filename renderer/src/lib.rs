//! From definitions to a plan: render, normalise, diff, plan, present.
//!
//! Pure: no clock, randomness, file system, network or environment variable. What only the outside knows comes
//! in as values ([`naksha_environments::facts::Facts`], observations, the inventory); what must run elsewhere is
//! behind a port ([`template::TemplateEngine`]).

pub mod locate;
pub mod normalise;
pub mod render;
pub mod template;
pub mod variables;

pub mod diff;
pub mod plan;
pub mod present;
