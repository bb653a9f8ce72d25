//! A working copy on a laptop: its files as they are on disk, its branch, and what to compare with.

mod disk;
mod files;
mod trunk;

pub use files::WorkTree;
pub use trunk::Trunk;
