//! What was read beside the rendered objects: definitions and files.

use naksha_environments::repository::Definitions;
use naksha_environments::source::SourceTree;

/// The content that an environment was rendered from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    pub definitions: &'a Definitions,
    pub tree: &'a SourceTree,
}
