//! The planner: what would change, from what should be, what is, and what was applied last.
//!
//! Pure and complete: the same inputs give a byte-identical plan whatever the order of maps, and nothing is left
//! to choose when it is executed. What could not be observed is neither changed nor deleted; deleting needs proof
//! of ownership.
//!
//! ```text
//! blocked   which units are planned at all
//! joined    one row per object: wanted, owned, observed, joined by key in one pass over sorted sequences
//! object    the decision for one row
//! existing  the same for a wanted object that is there (immutable: which changes need delete and create)
//! workflow  the same for graphs
//! make      puts the plan together
//! between   the same planner with a base revision in place of a target, for a laptop
//! ```

mod between;
mod blocked;
mod diagnose;
mod existing;
mod immutable;
mod joined;
mod make;
mod object;
mod unknown_kinds;
mod wave;
mod workflow;

pub use between::{Split, inventory_of, plan_between, split};
pub use diagnose::diagnostics;
pub use make::{PlanInput, objects_to_compare, objects_to_observe, plan};
pub use unknown_kinds::unknown_kinds;

#[cfg(test)]
pub(crate) mod tests;
