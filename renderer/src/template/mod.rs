//! Templates: the language, its limits, and the port to where they are run.
//!
//! A template is untrusted: whoever can open a pull request can write one. The language has no step budget, so a
//! template that must be bounded in time and memory runs in another process; [`TemplateEngine`] is the port to
//! it. [`InProcess`] is the language itself: the worker process calls it, and so do tests.
//!
//! A job is one message: all texts and all values that a unit's templates may see. Nothing is fetched later, so
//! an engine needs no file system, no network, no environment and no clock.

pub mod scan;

mod filters;
mod in_process;
mod job;
mod report;

pub use filters::{BUILT_IN_FILTERS, OWN_FILTERS};
pub use in_process::{ENGINE_VERSION, InProcess};
pub use job::{
    Caller, MAX_OUTPUT_BYTES, Problem, ProblemKind, Spot, TemplateEngine, TemplateFailure, TemplateJob,
    TemplateOutput, TemplateSource,
};
