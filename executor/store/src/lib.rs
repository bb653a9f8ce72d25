//! The store on SQLite: one file, one process, every write durable before it is answered.
//!
//! It implements [`naksha_executor::port::store::Store`] and passes its contract suite. docs/state.md tells
//! operators what is in the file and what happens to it.

mod failure;
mod lock;
mod sqlite;

pub use sqlite::SqliteStore;
