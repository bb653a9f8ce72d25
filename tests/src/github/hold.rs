//! Writes of the App that are kept waiting, so that it can be killed between any two of them.

use tokio::sync::watch;

use super::routes::Incoming;
use super::smart_http::is_git;
use super::state::State;

/// So many writes of the App are still answered; the next ones wait for as long as this is there.
#[derive(Debug)]
pub(super) struct Hold {
    left: usize,
    is_reached: bool,
    over: watch::Sender<()>,
}

impl Hold {
    pub(super) fn after(writes: usize) -> Self {
        Self { left: writes, is_reached: false, over: watch::Sender::default() }
    }

    /// Whether anything waits.
    pub(super) fn is_reached(&self) -> bool {
        self.is_reached
    }
}

impl State {
    /// Nothing: it goes on. Else it waits until this ends.
    pub(super) fn held_back(&mut self, incoming: &Incoming) -> Option<watch::Receiver<()>> {
        self.hold.as_ref()?;
        // Git fetches by what looks like a write.
        let is_write = incoming.method != "GET" && !is_git(&incoming.target);
        let is_ours = is_write && self.asker(incoming) == self.app.login();
        let hold = self.hold.as_mut().filter(|_| is_ours)?;
        if hold.left > 0 {
            hold.left -= 1;
            return None;
        }
        hold.is_reached = true;
        Some(hold.over.subscribe())
    }
}
