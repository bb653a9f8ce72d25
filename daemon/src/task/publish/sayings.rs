//! What every environment says of itself now, for sinks that show the whole of it.
//!
//! In memory only: the outbox says that there is something to tell, and a process that starts says everything anew. The
//! whole status of a thousand units is long, and would be written to the disk with every pass that moved one of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_environments::status::EnvironmentStatus;
use naksha_environments::wire::StatusDocument;
use naksha_executor::port::store::Scope;

/// By scope, as messages name it.
#[derive(Debug, Default)]
pub struct Sayings(Mutex<BTreeMap<String, (Scope, Arc<EnvironmentStatus>)>>);

impl Sayings {
    /// Before the outbox has a message about it.
    pub fn say(&self, scope: &Scope, status: &Arc<EnvironmentStatus>) {
        let mut sayings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sayings.insert(scope.to_string(), (scope.clone(), Arc::clone(status)));
    }

    pub fn forget(&self, scope: &Scope) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&scope.to_string());
    }

    /// What the environment of this topic says, as JSON. Absent: it said nothing yet.
    pub(super) fn of(&self, topic: &str) -> Option<String> {
        let sayings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (scope, status) = sayings.get(topic)?.clone();
        drop(sayings);
        let document = StatusDocument::of(scope.repository.as_str(), &status);
        Some(serde_json::to_string(&document).expect("should write a document of texts and numbers"))
    }
}
