//! Applies over a store and a target with state: order, failures, waiting, and a cut after every single call.

mod crash;
mod ends;
mod failures;
mod fuse;
mod lost;
mod order;
mod planner;
mod recorder;
mod settle;
mod store;
mod target;
mod waiting;
mod world;
