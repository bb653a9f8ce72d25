//! Part of naksha.

pub mod git;
