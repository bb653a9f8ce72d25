//! Git against real repositories, made with libgit2 in temporary folders, and real servers on loopback.

pub(crate) mod fixture;
mod history;
mod hostile;
mod https;
mod mirror;
mod server;
mod signal;
mod ssh;
mod worktree;
