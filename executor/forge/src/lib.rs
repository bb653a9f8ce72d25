//! Forges over their REST APIs: Gitea and Forgejo, GitHub.
//!
//! octocrab carries the requests; what is sent and what is read of an answer is ours, because a forge adds and drops fields
//! and naksha needs few of them. Tokens are read for each request, so that rotation needs no restart, and stand in no
//! address, log or error.
//!
//! ```text
//! Gitea, GitHub ── path, body ──> Rest ── octocrab ──> the forge
//!                                  └── what came of it, in the port's words
//! ```

mod gitea;
mod rest;
mod token;
mod wire;

pub use gitea::Gitea;
pub use rest::{Address, AddressError};
pub use token::{Place, TokenError};
