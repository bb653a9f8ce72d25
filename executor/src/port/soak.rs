//! How environments were with the sources that they ran: what a promotion to the next one goes by.
//!
//! Kept with everything else that must not be forgotten; the suite is part of [`crate::contract::store`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::digest::Digest;
use naksha_environments::ids::Revision;

use super::store::{AuditEntry, Scope, StoreError};

#[async_trait]
pub trait Soaks: Send + Sync + fmt::Debug {
    /// Sources that an environment ran, newest first.
    async fn soaks(&self, scope: &Scope) -> Result<Vec<Soak>, StoreError>;
    /// Replaces what is known of a source. One that the environment never ran is left out.
    async fn soak(&self, scope: &Scope, soak: &Soak) -> Result<(), StoreError>;
    /// Somebody lets an environment have a source before those before it were well with it.
    async fn skip(
        &self,
        scope: &Scope,
        source: &Revision,
        who: &str,
        audit: &AuditEntry,
    ) -> Result<(), StoreError>;
    /// Who did.
    async fn skipped(&self, scope: &Scope, source: &Revision) -> Result<Option<String>, StoreError>;
}

pub type SharedSoaks = Arc<dyn Soaks>;

/// How an environment was with a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soak {
    pub source: Revision,
    /// For how long it was seen to be well, without a break by anything worse. To the millisecond.
    pub well: Duration,
    /// How it was last: `false` is what ends a soak. Absent: nobody could tell.
    pub is_well: Option<bool>,
    /// When it was looked at.
    pub at: Timestamp,
    /// Of what the source rendered there: sources that render alike are as one.
    pub render: Option<Digest>,
}

impl Soak {
    /// A source of which nothing is known yet.
    pub fn new(source: Revision) -> Self {
        Self { source, well: Duration::ZERO, is_well: None, at: Timestamp::UNIX_EPOCH, render: None }
    }

    /// Whether it was seen to be well with the source, and not worse since. That nobody can tell is not well.
    pub fn ran_well(&self) -> bool {
        match self.is_well {
            Some(is_well) => is_well,
            None => !self.well.is_zero(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_saw_was_not_well() {
        let source = Revision::parse(&"a".repeat(40)).unwrap();
        let soak = |is_well, seconds| Soak {
            is_well,
            well: Duration::from_secs(seconds),
            ..Soak::new(source.clone())
        };
        assert!(!soak(None, 0).ran_well());
        assert!(soak(None, 60).ran_well(), "it was well before nobody could tell");
        assert!(soak(Some(true), 0).ran_well());
        assert!(!soak(Some(false), 60).ran_well());
    }
}
