//! Tests of checking, admission and policy cases, over small worlds.

mod admission;
mod cases;
mod checking;
mod gates;
mod sets;
