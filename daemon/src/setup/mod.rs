//! What a repository needs to begin with its forge: said in steps that can be copied, and performed where a token may.
//!
//! ```text
//! Place (which forge, which repository) ──> steps: identity, configuration, webhook, check, first pull request   pure
//!                                      └──> perform: webhook, branch protection                                 I/O
//! ```

mod gitea;
mod github;
mod manifest;
mod perform;
mod place;
mod steps;

pub use manifest::manifest;
pub use perform::{PerformError, Performed, perform};
pub use place::{Place, PlaceError, Site};
pub use steps::{Step, configuration, steps};
