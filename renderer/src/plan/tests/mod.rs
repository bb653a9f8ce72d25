//! Plans over small worlds: cases, and laws over random ones.

mod cases;
mod laws;
mod left;
mod managed;
pub(crate) mod world;
