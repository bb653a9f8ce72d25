//! The store as its callers see it: through the port and the file.

mod backup;
mod contract;
mod crash;
mod folder;
mod refusals;
mod secrets;
