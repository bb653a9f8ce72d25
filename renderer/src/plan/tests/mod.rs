//! Plans over small worlds: cases, and laws over random ones.

mod cases;
mod laws;
pub(crate) mod world;
