//! Realises an approved plan: ordered steps over ports, each with an outcome. Impure, but only through ports.
//!
//! Order of operations, one file each:
//!
//! ```text
//! schedule   pure  who waits for whom; which waves; what is deleted, in which order
//! run        I/O   fence, begin with intents (a superset of what will be owned), ..., finish
//! units      I/O   every unit as soon as what it depends on is applied and healthy; waves ascending
//! health     I/O   waits for a unit's objects before its dependents start
//! disturbance I/O what others do meanwhile ends the wait
//! ends       I/O   records how ended what runs once, before it is gone
//! why        I/O   what keeps them from being healthy, looked up now and then
//! workflows  I/O   retire and register, after the units
//! deletions  I/O   last, in reverse order, with proof of ownership
//! step       I/O   one action, carried out and recorded
//! recorder   I/O   what ends close together is recorded together
//! write      I/O   fence, secrets, write or remove, with retries
//! try_out    I/O   instead of all that: what the target would say
//! ```
//!
//! # Why a kill at any point is harmless
//!
//! 1. Before `begin` nothing happened. `begin` is one transaction: the inventory then has an entry, without a
//!    mark, for everything that may be created.
//! 2. A step first writes to the target, then records. Killed before the write: the next plan sees the old
//!    state. Killed between write and record, the target is ahead of the inventory:
//!    - a created or adopted object has its intent in the inventory and our owner annotation and content in the
//!      target; [`confirm`] turns the two into proof, and the next plan finds it in sync;
//!    - an updated object has its old uid, so it is still ours, and fields that joined it were noted in the
//!      inventory before; the next plan compares with what is there: it records what is right already, and a
//!      revert removes what it should;
//!    - an object that somebody deleted and that is made again became an intent before, as if it were new;
//!    - a deleted object is absent; the next plan forgets it, or deletes again, which succeeds;
//!    - a replacement is recorded as two steps: deleted (its entry becomes an intent), then created. Each is a
//!      case of the above.
//! 3. A step is recorded in one transaction with its effect on the inventory, so both or neither are there.
//! 4. Killed after the last step and before `finish`, the next plan is empty.
//!
//! Nothing is written twice with different results, nothing that is not proven ours is deleted, and nothing that
//! was created is forgotten. `tests::crash` cuts store and target off after every single call.

mod deletions;
mod disturbance;
mod ends;
mod health;
mod outcome;
mod progress;
mod recorder;
mod run;
mod schedule;
mod settle;
mod step;
mod try_out;
mod units;
mod why;
mod workflows;
mod write;

#[cfg(test)]
mod tests;

pub use self::outcome::{RealiseError, RealiseOutcome, UnitEnd, Waiting};
pub use self::progress::Progress;
pub use self::run::{Conclusion, Input, MAX_WRITES_IN_FLIGHT, Timeouts, Waits, realise};
pub use self::settle::{confirm, settle};
pub use self::try_out::try_out;
