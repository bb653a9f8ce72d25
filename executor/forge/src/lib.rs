//! Forges over their REST APIs: Gitea and Forgejo, GitHub.
//!
//! octocrab carries the requests; what is sent and what is read of an answer is ours, because a forge adds and drops fields
//! and naksha needs few of them. Who we are is asked for each request, so that rotation needs no restart; a token stands in no
//! address, log or error.
//!
//! ```text
//! Gitea, GitHub ── path, body ──> Rest ── octocrab ──> the forge
//!                     Credential ──┤
//!                                  └── what came of it, in the port's words
//! ```

mod address;
mod answer;
mod credential;
mod gitea;
mod github;
mod pace;
mod remembered;
mod repository;
mod rest;
mod setup;
mod token;
mod wire;

pub use address::{Address, AddressError};
pub use gitea::Gitea;
pub use github::{GitHub, Identity, Installation, app_rights};
pub use pace::Turns;
pub use setup::{Delivery, Done, GITHUB_EVENTS, HOOK_EVENTS, Hook, Lack, NewHook, RequiredCheck, Setup};
pub use token::{Place, TokenError};
