//! The `naksha` program.
fn main() {}
