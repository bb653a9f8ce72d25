//! Looking into the cluster: what became of our objects, for people who ask and for those who wait.
//!
//! ```text
//! why      I/O   one object that is not healthy ─> a sentence: which pod, and why
//! kin      I/O   our objects ─> what controllers made of them, by owner references
//! events   I/O   our objects and their kin ─> what happened to them
//! ask      I/O   single objects, lists up to a limit
//! pod, happening, selector, words   pure
//! ```
//!
//! Nothing here is asked in a pass in which all is well, and nothing of it is kept. Secrets are never read. What pods,
//! webhooks and events say is passed on as [`words::words`] leaves it.

mod ask;
mod events;
mod happening;
mod kin;
mod pod;
mod selector;
mod why;
mod words;

pub(crate) use events::events;
pub(crate) use kin::family;
pub(crate) use why::explain;
