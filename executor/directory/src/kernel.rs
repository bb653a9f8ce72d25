//! Listening to the kernel: which events are news.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use notify::event::{AccessKind, AccessMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::own::OwnWrites;
use super::place::Identity;

/// Watches one directory with all that is in it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The directory that was at the path when watching began.
    pub root: Identity,
    _watcher: RecommendedWatcher,
}

impl Kernel {
    pub(crate) fn watch(path: &Path, root: Identity, ear: Ear) -> notify::Result<Self> {
        // A root that is a symbolic link would not be watched itself, only what is in it.
        let path = path.canonicalize().map_err(notify::Error::io)?;
        let told = path.clone();
        let on_event = move |event| ear.hear(&told, event);
        let mut watcher = RecommendedWatcher::new(on_event, Config::default().with_follow_symlinks(false))?;
        watcher.watch(&path, RecursiveMode::Recursive)?;
        Ok(Self { root, _watcher: watcher })
    }
}

/// Where events go: if they are news, to whoever waits for some.
#[derive(Debug, Clone)]
pub(crate) struct Ear {
    pub own: Arc<OwnWrites>,
    pub wake: SyncSender<()>,
}

impl Ear {
    fn hear(&self, root: &Path, event: notify::Result<Event>) {
        // An error, or an event that names nothing, may mean that events were lost.
        let is_no_news = |event: Event| {
            !changes_something(event.kind)
                || !event.need_rescan()
                    && !event.paths.is_empty()
                    && event
                        .paths
                        .iter()
                        .all(|path| self.own.left(root, path.strip_prefix(root).unwrap_or(path)))
        };
        if event.is_ok_and(is_no_news) {
            return;
        }
        // Full: it is awake already.
        let _ = self.wake.try_send(());
    }
}

/// Opening and reading change nothing. Our own observing does both.
fn changes_something(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => matches!(kind, AccessKind::Close(AccessMode::Write)),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::place::identity;

    #[test]
    fn a_root_that_is_a_link_is_watched_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let (wake, woken) = sync_channel(1);
        let ear = Ear { own: Arc::default(), wake };
        let _kernel = Kernel::watch(&link, identity(&link).unwrap(), ear).unwrap();
        std::fs::write(real.join("file"), "").unwrap();
        woken.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    }
}
