//! Watching: a count that grows when something in the directory may have changed, and what must be forgotten then.
//!
//! One thread per target. It listens to the kernel where that can be done, looks at the clock where it cannot, and
//! begins anew when the directory is made, unmounted or replaced. A count is a hint; observing decides. What is told
//! by the kernel is first forgotten ([`super::proven`]) and then counted.
//!
//! ```text
//! kernel ──notify──▶ ear ──▶ ┐
//! first write ─────────────▶ ├─ channel of one ──▶ eye: wait for quiet ──▶ count + 1
//! drop ────────────────────▶ ┘
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, warn};

use super::kernel::{Ear, Kernel};
use super::own::OwnWrites;
use super::place::{Identity, identity};
use super::proven::{MAX_AGE, Proven};

/// How long nothing must happen before it counts as one change: an editor's save is several events.
const QUIET: Duration = Duration::from_millis(50);

/// A directory in which something happens all the time still counts this often.
const MAX_DELAY: Duration = Duration::from_millis(500);

/// How often it is checked that the directory is still the one that is watched.
const RECHECK: Duration = Duration::from_secs(5);

/// How long to wait before going through the directory again: that is a `stat` per file too, and folders come in
/// bursts.
const GO_THROUGH: Duration = Duration::from_secs(1);

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// By the kernel; by [`Watching::POLL`] where it has no watches left.
    Kernel,
    /// By looking at the clock: for file systems that tell nothing, such as network ones.
    Every(Duration),
}

impl Watching {
    /// For when the kernel cannot tell: a pass over a directory without changes is a `stat` per file.
    pub const POLL: Duration = Duration::from_secs(15);
}

/// The thread's handle; dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Watch {
    changes: watch::Sender<u64>,
    wake: SyncSender<()>,
    ended: Arc<AtomicBool>,
}

impl Watch {
    /// `own` knows the writes that are no news; `proven` is told what is no longer sure.
    pub(crate) fn start(
        root: &Path,
        watching: Watching,
        own: Arc<OwnWrites>,
        proven: Arc<Proven>,
    ) -> Result<Self, io::Error> {
        // One place: a wake that is not taken yet stands for every further one.
        let (wake, woken) = sync_channel(1);
        let changes = watch::Sender::new(0);
        let ended = Arc::new(AtomicBool::new(false));
        let mut eye = Eye {
            root: root.to_owned(),
            watching,
            ear: Ear { own, proven, wake: wake.clone() },
            changes: changes.clone(),
            kernel: None,
            gone_through: None,
            seen: identity(root),
            warned: false,
        };
        // Before this returns: what changes from now on is noticed.
        eye.look_again();
        let handle = Self { changes, wake, ended: Arc::clone(&ended) };
        thread::Builder::new().name("naksha-watch".to_owned()).spawn(move || eye.run(&woken, &ended))?;
        Ok(handle)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The directory may have been made just now.
    pub(crate) fn poke(&self) {
        // Full: it is awake already.
        let _ = self.wake.try_send(());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.poke();
    }
}

struct Eye {
    root: PathBuf,
    watching: Watching,
    ear: Ear,
    changes: watch::Sender<u64>,
    kernel: Option<Kernel>,
    /// When the kernel was last asked to watch everything.
    gone_through: Option<Instant>,
    seen: Option<Identity>,
    warned: bool,
}

impl Eye {
    fn run(mut self, woken: &Receiver<()>, ended: &AtomicBool) {
        loop {
            let happened = woken.recv_timeout(self.patience());
            if ended.load(Ordering::Acquire) || happened == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            let unwatched = self.look_again();
            if happened.is_ok() {
                wait_for_quiet(woken);
            } else if self.kernel.is_some() && !unwatched {
                continue;
            } else if self.seen.is_none() && !unwatched {
                // Nothing is there, as before.
                continue;
            }
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn patience(&self) -> Duration {
        match self.watching {
            Watching::Every(interval) => interval,
            Watching::Kernel if self.kernel.is_some() && !self.ear.proven.is_trusted() => GO_THROUGH,
            Watching::Kernel if self.kernel.is_some() || self.seen.is_none() => RECHECK,
            Watching::Kernel => Watching::POLL,
        }
    }

    /// Watches the directory that is at the root now. True: something may have happened there that nobody told of,
    /// because it is not the one that was there before, or was not watched.
    fn look_again(&mut self) -> bool {
        let now = identity(&self.root);
        let replaced = now != self.seen;
        self.seen = now;
        if self.watching != Watching::Kernel {
            return replaced;
        }
        let was_watched = self.kernel.is_some();
        if let Some(now) = now {
            self.watch_kernel(now);
        } else {
            self.ear.proven.doubt();
            self.kernel = None;
        }
        replaced || !was_watched && self.kernel.is_some()
    }

    /// Has the kernel watch all of the directory, as far as it does not. Now and then also when it seems to: a volume
    /// that was unmounted and came back the same is watched no more, and nobody tells.
    fn watch_kernel(&mut self, now: Identity) {
        let same = self.kernel.take().filter(|kernel| kernel.root == now);
        let age = self.gone_through.map(|at| at.elapsed());
        let is_sure = self.ear.proven.is_trusted() && age.is_some_and(|age| age < MAX_AGE);
        let just_now = age.is_some_and(|age| age < GO_THROUGH);
        if same.is_some() && (just_now || is_sure) {
            self.kernel = same;
            return;
        }
        // Before it is gone through: what is heard meanwhile may be of a folder that was passed already.
        let doubt = self.ear.proven.doubt();
        let is_new = same.is_none();
        match same.map_or_else(|| Kernel::new(&self.root, now, self.ear.clone()), Ok) {
            Ok(kernel) => self.go_through(kernel, is_new, doubt),
            Err(error) => self.cannot_watch(&error),
        }
        self.gone_through = Some(Instant::now());
    }

    fn go_through(&mut self, mut kernel: Kernel, is_new: bool, doubt: u64) {
        match kernel.go_through() {
            Ok(complete) => {
                if complete {
                    self.ear.proven.trust(kernel.root, doubt);
                }
                self.kernel = Some(kernel);
            }
            // What was watched still is; a folder that cannot be read holds nothing of ours.
            Err(error) if !is_new && !matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                debug!(root = %self.root.display(), %error, "not all of a directory can be watched");
                self.kernel = Some(kernel);
            }
            Err(error) => self.cannot_watch(&error),
        }
    }

    fn cannot_watch(&mut self, error: &notify::Error) {
        if self.warned {
            debug!(root = %self.root.display(), %error, "still cannot watch");
            return;
        }
        self.warned = true;
        let every_s = Watching::POLL.as_secs();
        warn!(root = %self.root.display(), %error, every_s, "cannot watch a directory; looking regularly instead");
    }
}

fn wait_for_quiet(woken: &Receiver<()>) {
    let end = Instant::now() + MAX_DELAY;
    while woken.recv_timeout(QUIET).is_ok() {
        if Instant::now() >= end {
            return;
        }
    }
}
