//! Syntax errors in words.

use granit_parser::{ErrorKind, ScanError};

/// The parser's words, as one sentence of ours.
pub(super) fn syntax_message(error: &ScanError) -> String {
    let info = error.info();
    let first = info.lines().next().unwrap_or_default().trim_end_matches('.');
    let mut chars = first.chars();
    let lower = chars.next().map(|c| c.to_lowercase().chain(chars).collect::<String>());
    format!("this is not YAML: {}", lower.unwrap_or_default())
}

pub(super) fn syntax_hint(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            Some("indent with spaces")
        }
        ErrorKind::UnknownAnchor => Some("an alias `*name` needs a `&name` before it, in the same document"),
        ErrorKind::UnclosedQuotedScalar => Some("close the quotes"),
        ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            Some("every `[` needs its `]`, every `{` its `}`")
        }
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            Some("line up the keys of one map in one column")
        }
        ErrorKind::InvalidColonPlacement => {
            Some("a bracket or quote above may be open still; quote a value with `: ` in it")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            Some("a key needs `:` and a space behind it; quote a value with `: ` in it")
        }
        _ => None,
    }
}
