//! Listening to the kernel: which events are news, and what each of them makes unsure.
//!
//! The kernel watches folders one by one. `notify` adds those that are made later, a moment after it handed on their
//! event, and of what can go wrong with that it tells one thing only, that no watches are left. So whenever a folder
//! may have moved, it must go through the whole directory again. That call is answered by the very thread that hands
//! on events, once it is done with those it has read: what it adds and removes because of them is then in place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::own::OwnWrites;
use super::place::Identity;
use super::proven::{About, Proven};

/// Watches one directory with all that is in it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The directory that was at the path when watching began.
    pub root: Identity,
    path: PathBuf,
    watcher: RecommendedWatcher,
}

impl Kernel {
    /// Watches nothing yet.
    pub(crate) fn new(path: &Path, root: Identity, ear: Ear) -> notify::Result<Self> {
        // A root that is a symbolic link would not be watched itself, only what is in it.
        let path = path.canonicalize().map_err(notify::Error::io)?;
        let told = path.clone();
        let on_event = move |event| ear.hear(&told, event);
        let watcher = RecommendedWatcher::new(on_event, Config::default().with_follow_symlinks(false))?;
        Ok(Self { root, path, watcher })
    }

    /// Watches every folder that is there now. False: something vanished on the way, and the rest was left out.
    pub(crate) fn go_through(&mut self) -> notify::Result<bool> {
        match self.watcher.watch(&self.path, RecursiveMode::Recursive) {
            Ok(()) => Ok(true),
            Err(error) => match &error.kind {
                ErrorKind::PathNotFound => Ok(false),
                ErrorKind::Io(io) if io.kind() == io::ErrorKind::NotFound => Ok(false),
                _ => Err(error),
            },
        }
    }
}

/// Where events go: to what is no longer sure, and, if they are news, to whoever waits for some.
#[derive(Debug, Clone)]
pub(crate) struct Ear {
    pub own: Arc<OwnWrites>,
    pub proven: Arc<Proven>,
    pub wake: SyncSender<()>,
}

impl Ear {
    /// Forgets before it wakes, so that whoever is woken looks.
    fn hear(&self, root: &Path, event: notify::Result<Event>) {
        let is_news = match event {
            Ok(event) if !changes_something(event.kind) => false,
            Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
                let news = event.paths.iter().filter(|path| self.hear_of(root, path, event.kind));
                // All of them: each may end a proof.
                news.count() > 0
            }
            // An error, or an event that names nothing, may mean that events were lost.
            Ok(_) | Err(_) => {
                self.proven.doubt();
                true
            }
        };
        if is_news {
            // Full: it is awake already.
            let _ = self.wake.try_send(());
        }
    }

    /// Whether what happened at `path` is news.
    fn hear_of(&self, root: &Path, path: &Path, kind: EventKind) -> bool {
        let path = path.strip_prefix(root).unwrap_or(path);
        let is_removal = matches!(kind, EventKind::Remove(_));
        let own = self.own.left(root, path) || is_removal && self.own.removed(root, path);
        self.proven
            .heard(path.as_os_str().as_encoded_bytes(), if own { About::OurWrite } else { about(kind) });
        !own
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

/// A folder that becomes readable can be watched from then on: modes are told without saying of what.
fn about(kind: EventKind) -> About {
    match kind {
        EventKind::Create(CreateKind::File)
        | EventKind::Remove(RemoveKind::File)
        | EventKind::Modify(ModifyKind::Data(_))
        | EventKind::Access(_) => About::File,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => About::Anything,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use notify::event::{DataChange, Flag, MetadataKind, RenameMode};

    use super::*;
    use crate::place::identity;

    #[test]
    fn only_what_may_be_about_a_folder_ends_trust() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (wake, woken) = sync_channel(1);
        let ear = Ear { own: Arc::default(), proven: Arc::default(), wake };
        let event = |kind| Event::new(kind).add_path(root.join("thing"));
        let renamed = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        let cases = [
            (Ok(event(EventKind::Access(AccessKind::Open(AccessMode::Any)))), false, true),
            (Ok(event(EventKind::Access(AccessKind::Close(AccessMode::Write)))), true, true),
            (Ok(event(EventKind::Modify(ModifyKind::Data(DataChange::Any)))), true, true),
            (Ok(event(EventKind::Create(CreateKind::File))), true, true),
            (Ok(event(EventKind::Remove(RemoveKind::File))), true, true),
            (Ok(event(EventKind::Create(CreateKind::Folder))), true, false),
            (Ok(event(EventKind::Remove(RemoveKind::Folder))), true, false),
            (Ok(event(EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)))), true, false),
            (Ok(event(renamed(RenameMode::From))), true, false),
            (Ok(event(renamed(RenameMode::To)).add_path(root.join("second"))), true, false),
            (Ok(lost), true, false),
            (Ok(Event::new(EventKind::Modify(ModifyKind::Any))), true, false),
            (Err(notify::Error::new(ErrorKind::MaxFilesWatch)), true, false),
        ];
        for (event, news, trusted) in cases {
            let what = format!("{event:?}");
            ear.proven.trust(identity(root).unwrap(), ear.proven.doubt());
            ear.hear(root, event);
            assert_eq!((woken.try_recv().is_ok(), ear.proven.is_trusted()), (news, trusted), "{what}");
        }
        let temporary = root.join(".naksha-tmp-0198c0de-0000-7000-8000-000000000000");
        ear.proven.trust(identity(root).unwrap(), ear.proven.doubt());
        ear.hear(root, Ok(Event::new(renamed(RenameMode::From)).add_path(temporary)));
        assert!(woken.try_recv().is_err() && ear.proven.is_trusted(), "our own files on their way");
        ear.own.announce_removal("thing".into());
        for kind in [RemoveKind::File, RemoveKind::Folder, RemoveKind::Any] {
            ear.hear(root, Ok(event(EventKind::Remove(kind))));
        }
        assert!(woken.try_recv().is_err() && ear.proven.is_trusted(), "what we removed");
        ear.hear(root, Ok(event(renamed(RenameMode::From))));
        assert!(woken.try_recv().is_ok() && !ear.proven.is_trusted(), "what somebody moved away");
    }

    #[test]
    fn a_root_that_is_a_link_is_watched_itself() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let (wake, woken) = sync_channel(1);
        let ear = Ear { own: Arc::default(), proven: Arc::default(), wake };
        let mut kernel = Kernel::new(&link, identity(&link).unwrap(), ear).unwrap();
        assert!(kernel.go_through().unwrap());
        std::fs::write(real.join("file"), "").unwrap();
        woken.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    }
}
