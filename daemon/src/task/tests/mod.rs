//! Loops as they run in the daemon, in this process: what cannot be brought about from outside.

mod panics;
mod world;
