//! A Kubernetes cluster as target. The only crate that names kube.
//!
//! ```text
//! Access ── connect ──> Api ──┬── discovery ─> Catalogue      which kinds there are, and where they lie
//!                             ├── watch ─────> Cache          one watch per kind: what is there, a few numbers per object
//!                             ├── observe: Cache + marks      no call for what is as our last write left it
//!                             ├── write, remove               server-side apply; deletion by uid
//!                             └── claim                       a Lease: no second installation applies the same environment
//!                             └── look                        what became of our objects, for those who ask or wait
//! ```
//!
//! Invariants: what is not known is never absent; an object is compared with what the server answered to our own
//! write, never with the manifest; nothing of a Secret's data is kept or leaves this crate in clear.

mod anew;
mod autoscaler;
mod claim;
mod connect;
mod discovery;
mod fields;
mod hand;
mod list;
mod live;
mod look;
mod lookout;
mod managers;
mod observe;
mod owned_part;
mod recover;
mod refusal;
mod remove;
mod resource;
mod send;
mod target;
mod tried;
mod version;
mod watch;
mod write;

pub use connect::{Access, AccessError, Identity, Pressure, Source, pressures};
pub use hand::{Hand, HandError};
pub use target::{ClusterTarget, OpenError};
