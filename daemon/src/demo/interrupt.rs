//! Ctrl-C, so that what was made on a cluster or a forge is removed before the demo ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use anyhow::bail;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::block_on;

/// What a shell says of a program that ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Whether somebody wants the demo to end. A second signal ends it at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Signals from now on are heard.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let (tell, told) = channel();
        let heard = interrupt.clone();
        let listening = move || block_on(heard.hear(tell));
        std::thread::Builder::new().name("signals".to_owned()).spawn(listening)?;
        // Where it cannot listen, the channel ends, and the demo goes on without.
        let _ = told.recv();
        Ok(interrupt)
    }

    async fn hear(self, tell: Sender<()>) -> io::Result<()> {
        let (mut ctrl_c, mut end) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Who waits for it waits no longer than for this.
        let _ = tell.send(());
        loop {
            tokio::select! {
                _ = ctrl_c.recv() => {}
                _ = end.recv() => {}
            }
            if self.0.swap(true, Ordering::Relaxed) {
                std::process::exit(INTERRUPTED);
            }
        }
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("it was interrupted");
        }
        Ok(())
    }
}
