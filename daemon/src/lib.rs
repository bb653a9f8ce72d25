//! The daemon and the command line of naksha: assembles the other crates, and is the only one that does.

pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod failure;
pub mod git;
pub mod history;
pub mod http;
pub mod judgement;
pub mod laptop;
pub mod looking;
mod memory;
pub mod metrics;
pub mod pages;
pub mod registry;
pub mod resume;
pub mod rules;
pub mod scene;
pub mod scratch;
pub mod secret_marks;
pub mod starter;
pub mod stored_plan;
pub mod supervisor;
pub mod target;
pub mod task;
pub mod telemetry;
pub mod terminal;
