//! The control plane that other tests stand on: it starts, its users may do what they may, pods live and fail as
//! asked, and nothing of it is left.

mod adoption;
mod contract;
mod daemon;
mod immutable;
mod looking;
mod pods;
mod remains;
mod scaling;
mod shop;
mod users;
mod why;
