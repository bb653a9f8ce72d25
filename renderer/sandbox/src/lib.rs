//! Runs templates in worker processes, so that a hostile one costs its own unit and nothing else.
//!
//! ```text
//!  rayon threads ──job──▶ Workers ──frame──▶ stdin  ┐
//!        ▲                  │  │                    worker process: no environment, no files, limits
//!        └──output/failure──┘  └◀──frame── stdout   ┘
//!                     watchdog ──SIGKILL at the deadline──▶
//! ```
//!
//! What is enforced, by the worker on itself before it reads its first job: no core dump, no new privileges, no
//! further process, no file written, no file or socket opened (the limit of descriptors is what it has open),
//! a bounded address space. What is enforced from outside: an empty environment, an empty working directory that
//! is already deleted, a deadline per job.

mod frame;
mod limits;
mod pool;
mod process;
mod watchdog;
mod worker;

pub use limits::{JOB_DEADLINE, MEMORY_LIMIT_BYTES};
pub use pool::{Error, Workers, WorkersConfig};
pub use worker::worker_main;
