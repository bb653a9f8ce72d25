//! Giving up an environment whose definition is gone: everything that is remembered of it goes, its objects stay.

use naksha_environments::object::ObjectKey;
use naksha_executor::port::store::{AuditEntry, NewMessage};
use serde_json::json;
use tracing::{info, warn};

use super::{PassError, Reconciler};
use crate::task::publish::{EVENTS, NOTHING, STATUS_FILE};

impl Reconciler {
    /// Forgets the environment. What it answers is not owned by anybody any more, and left as it is.
    pub async fn forget(&mut self, audit: &AuditEntry) -> Result<Vec<ObjectKey>, PassError> {
        let generation = self.own().await?;
        let inventory = self.inventory().await?;
        let mut left: Vec<_> =
            inventory.iter().filter(|(_, owned)| owned.mark.is_some()).map(|(key, _)| key.clone()).collect();
        left.sort();
        let messages = self.farewell(audit, left.len());
        let store = &self.shared.store;
        store.forget(&self.scope, generation, audit, &messages).await.map_err(PassError::Store)?;
        if let Some(target) = &self.target {
            target.target().leave().await;
        }
        self.shared.sayings.forget(&self.scope);
        self.shared.outbox.notify_one();
        info!(by = audit.who, reason = audit.result, objects = left.len(), "environment is forgotten");
        // The commit that it was locked to need not be kept for it.
        let (mirror, name) = (self.feed.mirror.clone(), self.scope.environment.clone());
        match tokio::task::spawn_blocking(move || mirror.unpin(&name)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, code = %error.code(), "the pin of the environment stays"),
            Err(error) => warn!(%error, "the pin of the environment stays"),
        }
        Ok(left)
    }

    /// An event that says so, and the end of its entry in the status file.
    fn farewell(&self, audit: &AuditEntry, left: usize) -> Vec<NewMessage> {
        let scope = self.scope.to_string();
        let message = |sink: &str| {
            let (topic, body) = match sink {
                EVENTS => {
                    let body = json!({
                        "event": "forget",
                        "scope": scope,
                        "by": audit.who,
                        "reason": audit.result,
                        "left": left,
                    })
                    .to_string();
                    (format!("forget/{scope}/{}", audit.at.as_nanosecond()), body)
                }
                STATUS_FILE => (scope.clone(), NOTHING.to_owned()),
                _ => return None,
            };
            Some(NewMessage { sink: sink.to_owned(), topic, body, at: audit.at })
        };
        self.shared.sinks.iter().filter_map(|sink| message(sink)).collect()
    }
}
