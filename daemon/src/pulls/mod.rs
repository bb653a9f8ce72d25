//! Pull requests: what merging one would do to each environment, and how that is told on its forge.
//!
//! ```text
//! base, head ── merge in memory ──> Proposal ── render, observe, plan, judge ──> Outlook ── report ──> checks, one comment
//! ```
//!
//! Rules, waivers, guards, windows and targets are those of the base: a change never judges itself. Nothing is written to a
//! target, and nothing of a fork is compared with one.

mod approval;
mod command;
mod flood;
mod names;
mod outlook;
mod proposal;
mod report;
mod rules;
mod sequel;
mod words;

pub use approval::{Lacking, Matter, about, asks, closed_to, is_about, unread, waits_for};
pub use command::{Command, parse as parse_command};
pub use flood::Flood;
pub use names::{AGGREGATE, Meant, meant};
pub use outlook::{Outlook, Prospect, outlook, shown};
pub use proposal::{Base, Change, Proposal, Proposed, bases, head_of, promotions, propose};
pub use report::{Gates, MARKER, Report, Seen, Subject, begun, conflict, is_said, report};
pub use rules::{Rules, changed_rules};
pub use sequel::{Fate, HELD, call, call_is_over, call_marker, fate, sequel};
#[cfg(test)]
pub(crate) use words::outside_code;
pub use words::{cut, listed, outgoing, plain, said};
