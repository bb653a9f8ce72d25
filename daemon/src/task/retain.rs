//! Drops history that is older than the configuration keeps, once a day and at start.

use std::time::Duration;

use jiff::Timestamp;
use naksha_executor::port::store::SharedStore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const EVERY: Duration = Duration::from_secs(24 * 3600);

pub async fn run(store: SharedStore, keep: Duration, stop: CancellationToken) {
    loop {
        match store.retain(keep, Timestamp::now()).await {
            Ok(0) => {}
            Ok(dropped) => info!(dropped, "old history dropped"),
            Err(error) => warn!(%error, "old history could not be dropped"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}
