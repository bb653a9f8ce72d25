//! Executes: the realisation of an approved plan over ports, and the ports that adapters implement.
//!
//! Executing makes no choices; what is chosen at apply time is a planner bug.

pub mod contract;
pub mod live;
pub mod port;
pub mod realise;
pub mod retry;
