//! Promotions: which source goes on to an environment, whether its gates are open, and how that is proposed.
//!
//! ```text
//! status ─ watch ─> soak in the store ─ facts ─> gates (policies, pure) ─┬─> the pull request's checks
//!                                    └ candidate ─> lock ─> pull request └─> the plan at the merge commit
//! ```

mod ahead;
mod brought;
mod candidate;
mod facts;
mod lock;
mod proposal;
mod watched;

pub use ahead::ahead;
pub use brought::{Brought, brought};
pub use candidate::{Choice, Ran, Standing, candidate, choose};
pub use facts::{FactsError, Promoted, judge_gates, judge_proposal};
pub use lock::{BRANCHES, Record, branch_of, lock_path, lock_text};
pub use proposal::{CLOSED_MARKER, Contents, promotion_text, promotion_title};
pub use watched::{Seen, Watched};
