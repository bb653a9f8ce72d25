//! Plans over small worlds: cases, and laws over random ones.

mod cases;
mod laws;
mod managed;
pub(crate) mod world;
