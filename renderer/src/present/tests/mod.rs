//! What people see: snapshots of one rich plan, a canary secret, and laws of the Markdown writer.

mod canary;
mod golden;
mod hostile;
mod looking;
mod sample;
