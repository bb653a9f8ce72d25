//! Diagnostics as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shown::text_document;
use crate::diagnostic::{Diagnostic, Place};

/// One finding about the repository's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosticDocument {
    /// Stable code: `NK0101`. `naksha explain` prints its page.
    pub code: String,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// One sentence.
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceDocument>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Further places that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteDocument>,
    /// The unit that cannot be rendered because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// Where something stands. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceDocument {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// How many characters are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// The line itself; absent where it may hold a secret or is too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoteDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceDocument>,
    pub message: String,
}

impl DiagnosticDocument {
    pub fn of(diagnostic: &Diagnostic) -> Self {
        let Diagnostic { place, code, severity, message, hint, notes, unit } = diagnostic;
        let note = |note: &crate::diagnostic::Note| NoteDocument {
            place: note.place.as_ref().map(PlaceDocument::of),
            message: text_document(&note.message),
        };
        Self {
            code: code.id().to_owned(),
            severity: severity.as_str().to_owned(),
            message: text_document(message),
            place: place.as_ref().map(PlaceDocument::of),
            hint: hint.as_deref().map(text_document),
            notes: notes.iter().map(note).collect(),
            unit: unit.as_ref().map(ToString::to_string),
        }
    }

    /// One document per diagnostic, in the same order.
    pub fn all(diagnostics: &[Diagnostic]) -> Vec<Self> {
        diagnostics.iter().map(Self::of).collect()
    }

    pub fn is_error(&self) -> bool {
        self.severity == "error"
    }
}

impl PlaceDocument {
    pub fn of(place: &Place) -> Self {
        let Place { path, line } = place;
        Self {
            path: path.to_string(),
            line: line.as_ref().map(|line| line.number),
            column: line.as_ref().map(|line| line.column),
            width: line.as_ref().map(|line| line.width),
            text: line.as_ref().and_then(|line| line.text.as_deref()).map(text_document),
        }
    }
}

impl std::fmt::Display for PlaceDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        let Some(line) = self.line else { return Ok(()) };
        write!(f, ":{line}")?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}
