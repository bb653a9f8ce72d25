//! What a person's `resume` lifts: a suspension, a bar, and the hold after a rewritten history.

use naksha_environments::ids::Revision;
use naksha_executor::port::store::{AuditEntry, Scope, Store, StoreError, Suspension};

use crate::git::RefName;
use crate::task::Heads;

/// One thing that was lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifted {
    Suspension(Suspension),
    /// Sources that may be proposed again.
    Bar(Vec<Revision>),
    /// Refs whose rewritten history is accepted.
    History(Vec<RefName>),
}

/// Lifts a suspension and a bar, and accepts the heads as they are now. Nothing to lift is no error.
pub async fn resume(
    store: &dyn Store,
    scope: &Scope,
    heads: &Heads,
    audit: &AuditEntry,
) -> Result<Vec<Lifted>, StoreError> {
    let record = store.environment(scope).await?;
    let mut lifted = Vec::new();
    if let Some(suspension) = record.suspension {
        store.suspend(scope, None, audit).await?;
        lifted.push(Lifted::Suspension(suspension));
    }
    if !record.barred.is_empty() {
        store.unbar(scope, audit).await?;
        lifted.push(Lifted::Bar(record.barred.into_keys().collect()));
    }
    let rewritten = heads.accept(store, scope).await?;
    if !rewritten.is_empty() {
        lifted.push(Lifted::History(rewritten));
    }
    Ok(lifted)
}

impl Lifted {
    /// As documents write it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Suspension(_) => "suspension",
            Self::Bar(_) => "bar",
            Self::History(_) => "history",
        }
    }
}

impl std::fmt::Display for Lifted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Suspension(Suspension { by, reason, since: _ }) => {
                write!(f, "the suspension by {by} is lifted ({reason})")
            }
            Self::Bar(sources) => {
                let sources: Vec<_> = sources.iter().map(|source| source.short().to_string()).collect();
                write!(f, "{} may be promoted again", sources.join(", "))
            }
            Self::History(refs) => {
                let refs = refs.iter().map(|name| name.branch_name().unwrap_or(name.as_str()));
                let refs: Vec<_> = refs.map(|name| format!("`{name}`")).collect();
                write!(f, "the rewritten history of {} is accepted", refs.join(", "))
            }
        }
    }
}
