//! A real Kubernetes control plane for tests and benchmarks: etcd, kube-apiserver and, when asked for, the
//! controllers, the scheduler and nodes that kwok plays.
//!
//! ```text
//!   Setup ──► ControlPlane ──► Servers (one process group)  etcd ◄ kube-apiserver ◄ the others
//!    parts        │                 ▲
//!    users        │ Api, kubeconfig └── keeper: waits for the owner's end on a pipe, then kills and removes
//! ```
//!
//! Invariants: everything listens on loopback and lives in one folder that only its owner may read. A control
//! plane does not outlive the process that started it, however that ends: a dropped one is stopped by its owner,
//! any other (a shared one in a static, a killed test) by its keeper (`servers`). Only processes that were
//! started here are signalled.
//!
//! [`ControlPlane::shared`] is what tests use: one for all tests of a binary, a namespace of its own for each. It is a
//! static, which Rust never drops; the keeper makes that sound. The signal that Linux sends at a parent's death would
//! not: it is sent when the *thread* that started a child ends, and each test has a thread of its own.
//!
//! A test that wants trouble has a control plane of its own and stops its API server, or puts something in between: a
//! [`Wire`] carries bytes until it is cut or freezes, a [`Gate`] sees each request and may hold it or answer itself.
//!
//! Everything blocks, in plain threads and within an async test alike. What is applied and how is left to the tests;
//! [`Api`] is only JSON over HTTP.

mod commands;
mod control_plane;
mod credentials;
mod gate;
mod proxy;
mod setup;
mod shared;
mod wire;

pub use crate::api::{Answer, Api};
pub use control_plane::{ControlPlane, NODE};
pub use credentials::User;
pub use gate::{Asked, Gate, Verdict};
pub use proxy::Proxy;
pub use setup::{Parts, Server, Setup, Tuning};
pub use shared::can_start;
pub use wire::{Weather, Wire};
