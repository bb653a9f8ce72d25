//! Where the values of secret references come from, at apply time only.

use std::fmt;

use async_trait::async_trait;
use naksha_environments::secret::{Secret, SecretRef};

/// Resolves references. Values live in memory, in [`Secret`], for the length of one write.
#[async_trait]
pub trait SecretSource: Send + Sync + fmt::Debug {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Blocked until somebody writes it.
    #[error("secret {reference} does not exist")]
    NotFound { reference: SecretRef },
    /// Blocked until somebody allows it.
    #[error("secret {reference} may not be read: {reason}")]
    Denied { reference: SecretRef, reason: String },
    /// Transient.
    #[error("secret {reference} cannot be read now: {reason}")]
    Unavailable { reference: SecretRef, reason: String },
}
