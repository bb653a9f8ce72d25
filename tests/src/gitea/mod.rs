//! A real Gitea: git over HTTP, pull requests, statuses, comments and webhooks.
//!
//! ```text
//!   Gitea ──► Servers (one process, and its keeper)
//!     └── repository(…) ──► Forged: a repository, a bot that serves it, people with their rights
//! ```
//!
//! One for all tests of a binary; each test has an owner and people of its own. It refuses to run as root: then it runs as
//! nobody, in a folder that belongs to nobody.

mod forged;
mod server;

pub use forged::Forged;
pub use server::Gitea;
