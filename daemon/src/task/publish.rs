//! Delivers what happened to the configured sinks: a status file, a JSON-lines event log, Git notes.
//!
//! Messages wait in the store's outbox until a sink took them, so a crash delays a report and loses none. Delivery is
//! at least once; an event carries its outbox id, by which a reader can drop a repetition.

mod events;
mod note;
mod sayings;
mod status_file;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use naksha_environments::ids::Revision;
use naksha_executor::port::store::{OutboxMessage, SharedStore, StoreError};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

pub use note::NotedStatus;
pub use sayings::Sayings;
pub use status_file::StatusFile;

use super::Heads;
use crate::metrics::Metrics;

/// Messages taken from the outbox at once.
const BATCH: u32 = 100;
/// Without a nudge the outbox is looked at this often: what an earlier process left, and retries.
const IDLE: Duration = Duration::from_secs(5);
/// First and longest pause before a failed delivery is tried again; doubles in between.
const RETRY: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(1), SignedDuration::from_secs(300));

pub const STATUS_FILE: &str = "status-file";
pub const EVENTS: &str = "events";
pub const NOTES: &str = "notes";

/// The status of an environment that was forgotten.
pub const NOTHING: &str = "null";
/// The status of an environment, as it says it when the message is delivered.
pub const SAID: &str = "";

/// The configured sinks and what they need.
#[derive(Debug, Clone)]
pub struct Publisher {
    pub store: SharedStore,
    pub metrics: Arc<Metrics>,
    pub nudge: Arc<Notify>,
    pub heads: Heads,
    pub status_file: Option<Arc<StatusFile>>,
    pub sayings: Arc<Sayings>,
    pub events: PathBuf,
    pub notes: bool,
}

impl Publisher {
    /// The sinks that a message must reach.
    pub fn sinks(&self) -> Vec<&'static str> {
        let file = self.status_file.is_some().then_some(STATUS_FILE);
        let notes = self.notes.then_some(NOTES);
        [Some(EVENTS), file, notes].into_iter().flatten().collect()
    }

    /// Runs until stopped; what is pending then stays in the outbox.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            for sink in self.sinks() {
                if let Err(error) = self.drain(sink).await {
                    warn!(sink, %error, "the outbox cannot be read");
                }
            }
            tokio::select! {
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(IDLE) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn drain(&self, sink: &'static str) -> Result<(), StoreError> {
        loop {
            let messages = self.store.pending(sink, Timestamp::now(), BATCH).await?;
            self.metrics.outbox_pending.set(i64::try_from(messages.len()).unwrap_or(i64::MAX));
            if messages.is_empty() {
                return Ok(());
            }
            let messages: Arc<[_]> = messages.into();
            let results = self.deliver(sink, &messages).await;
            let all = || messages.iter().zip(&results);
            let delivered: Vec<_> =
                all().filter(|(_, result)| result.is_ok()).map(|(message, _)| message.id).collect();
            self.store.delivered(&delivered).await?;
            for (message, result) in all() {
                let Err(reason) = result else { continue };
                debug!(sink, %reason, "not delivered");
                self.store.undelivered(message.id, reason, retry_at(message.attempts)).await?;
            }
        }
    }

    /// What became of each message. Files take them all at once: one wait for the disk.
    async fn deliver(&self, sink: &str, messages: &Arc<[OutboxMessage]>) -> Vec<Result<(), String>> {
        if sink == NOTES {
            let mut results = Vec::with_capacity(messages.len());
            for message in messages.iter() {
                results.push(self.write_note(message).await);
            }
            return results;
        }
        let count = messages.len();
        let (messages, publisher, is_status) = (Arc::clone(messages), self.clone(), sink == STATUS_FILE);
        let written = spawn_blocking(move || match &publisher.status_file {
            Some(file) if is_status => file.write(&messages, &publisher.sayings),
            _ if is_status => Ok(vec![true; count]),
            _ => events::append(&publisher.events, &messages).map(|()| vec![true; count]),
        });
        let unsaid = || Err("its environment has said nothing yet".to_owned());
        match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(said) => said.into_iter().map(|said| if said { Ok(()) } else { unsaid() }).collect(),
            Err(error) => vec![Err(error.to_string()); count],
        }
    }

    async fn write_note(&self, message: &OutboxMessage) -> Result<(), String> {
        let status: NotedStatus = serde_json::from_str(&message.body).map_err(|error| error.to_string())?;
        let Some(applied) = &status.applied else { return Ok(()) };
        let revision = Revision::parse(applied).map_err(|error| error.to_string())?;
        self.heads.write_note(&status.repository, revision, status.note()).await
    }
}

fn retry_at(attempts: u32) -> Timestamp {
    let (first, longest) = RETRY;
    let pause = first.saturating_mul(1_i32 << attempts.min(16)).min(longest);
    Timestamp::now().saturating_add(pause).unwrap_or(Timestamp::MAX)
}
