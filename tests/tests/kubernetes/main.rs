//! The control plane that other tests stand on: it starts, its users may do what they may, pods live and fail as
//! asked, and nothing of it is left.

mod contract;
mod daemon;
mod looking;
mod pods;
mod remains;
mod users;
mod why;
