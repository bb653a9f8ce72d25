//! Where the values of secret references come from, at apply time only.

use std::fmt;

use async_trait::async_trait;
use naksha_environments::codes::{Code, apply as codes};
use naksha_environments::secret::{Secret, SecretRef};

/// Resolves references. Values live in memory, in [`Secret`], for the length of one write.
#[async_trait]
pub trait SecretSource: Send + Sync + fmt::Debug {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Blocked until somebody writes it. `place`: where it was looked for, in the words of the source.
    #[error("secret {reference} does not exist: write it to {place}, or correct the reference")]
    NotFound { reference: SecretRef, place: String },
    /// Blocked until somebody allows it.
    #[error("secret {reference} may not be read: {reason}")]
    Denied { reference: SecretRef, reason: String },
    /// Transient.
    #[error("secret {reference} cannot be read now: {reason}")]
    Unavailable { reference: SecretRef, reason: String },
}

impl SecretError {
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => codes::SECRET_MISSING,
            Self::Denied { .. } => codes::SECRET_DENIED,
            Self::Unavailable { .. } => codes::SECRET_UNAVAILABLE,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "write the value where the reference points, or correct the reference",
            Self::Denied { .. } => "allow the daemon to read it",
            Self::Unavailable { .. } => "it is read again with the next reconcile",
        }
    }
}
