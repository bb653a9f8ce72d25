//! Fetching from a repository on this machine: the objects that the mirror lacks are copied, nothing more.
//!
//! The mirror shares nothing with its source, so a `git gc` or a deleted branch there cannot take away what an
//! environment is pinned to. Copying follows the trees: a folder whose id did not change is not looked at, so an
//! ordinary commit costs a handful of small files and a few milliseconds, whatever the size of the repository.
//!
//! Invariant: what the mirror has, it has with everything that it refers to. Children are written before what
//! names them; a crash in between leaves a few objects that nobody refers to.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use git2::{ObjectType, Odb, OdbLookupFlags, Oid, Repository};

use super::config::MirrorConfig;
use super::error::GitError;
use super::objects::{open_exactly, opening_failed};
use super::refs::RefName;

/// More objects than this are written as one pack. A commit that touches a hundred files stays below it.
const MAX_LOOSE: usize = 500;

/// Up to this many objects are packed as they are. Looking for likenesses among them takes longer than everything else of
/// a fetch, and a compaction does it later; the first copy of a large history is too large without.
const MAX_PLAIN: usize = 20_000;
/// libgit2 takes this key for the size of the largest object that is compared with others.
const NO_LIKENESSES: &str = "[pack]\n\tdeltaCacheSize = 1\n";

/// What a remote has: the tracked refs, and the branch that its HEAD names.
#[derive(Debug, Default)]
pub(super) struct RemoteRefs {
    /// The ids as the remote tells them: of the tag where a ref is an annotated tag.
    pub(super) heads: BTreeMap<RefName, Oid>,
    pub(super) default_branch: Option<RefName>,
}

/// A source repository on this machine.
pub(super) struct LocalSource<'a> {
    config: &'a MirrorConfig,
    repository: Repository,
}

impl<'a> LocalSource<'a> {
    pub(super) fn open(config: &'a MirrorConfig, path: &Path) -> Result<Self, GitError> {
        let repository =
            open_exactly(path).map_err(|error| opening_failed(path, &config.url.to_string(), &error))?;
        Ok(Self { config, repository })
    }

    /// The refs that are asked for, as they are now.
    pub(super) fn refs(&self, wanted: &[RefName]) -> Result<RemoteRefs, GitError> {
        let mut found = RemoteRefs::default();
        for name in wanted {
            match self.repository.find_reference(name.as_str()).and_then(|reference| reference.resolve()) {
                Ok(reference) => {
                    found.heads.extend(reference.target().map(|id| (name.clone(), id)));
                }
                Err(error) if error.code() == git2::ErrorCode::NotFound => {}
                Err(error) => return Err(self.failed("read a ref", &error)),
            }
        }
        found.default_branch = self
            .repository
            .find_reference("HEAD")
            .ok()
            .and_then(|head| RefName::parse(head.symbolic_target().ok().flatten()?).ok());
        Ok(found)
    }

    /// Copies what `tips` need and `mirror` lacks. Returns the bytes (before compression) that were copied.
    pub(super) fn copy(
        &self,
        mirror: &Repository,
        tips: &[Oid],
        is_over: &dyn Fn() -> bool,
    ) -> Result<u64, GitError> {
        let here = self.repository.odb().map_err(|error| self.failed("open the objects", &error))?;
        let there = mirror.odb().map_err(|error| self.failed("open the objects", &error))?;
        there.refresh().map_err(|error| self.failed("open the objects", &error))?;
        let mut copy =
            Copy { source: self, here, there, is_over, wanted: HashSet::new(), order: Vec::new(), bytes: 0 };
        for tip in tips {
            copy.history(*tip)?;
        }
        copy.write(mirror)?;
        Ok(copy.bytes)
    }

    fn failed(&self, doing: &'static str, error: &git2::Error) -> GitError {
        GitError::from_git(&self.config.url.to_string(), doing, error)
    }
}

struct Copy<'a> {
    source: &'a LocalSource<'a>,
    here: Odb<'a>,
    there: Odb<'a>,
    is_over: &'a dyn Fn() -> bool,
    wanted: HashSet<Oid>,
    /// Children before what refers to them.
    order: Vec<Oid>,
    bytes: u64,
}

impl Copy<'_> {
    /// A tip with all its history, oldest commits first.
    fn history(&mut self, tip: Oid) -> Result<(), GitError> {
        let (tip, tag) = self.peel(tip)?;
        // (commit, whether its parents were visited)
        let mut stack = vec![(tip, false)];
        while let Some((id, ready)) = stack.pop() {
            if self.knows(id) {
                continue;
            }
            let commit = self.source.repository.find_commit(id).map_err(|error| self.failed(&error))?;
            if !ready {
                stack.push((id, true));
                stack.extend(
                    commit.parent_ids().filter(|parent| !self.knows(*parent)).map(|parent| (parent, false)),
                );
                continue;
            }
            let before = commit.parents().next().map(|parent| parent.tree_id());
            self.tree(commit.tree_id(), before)?;
            self.want(id)?;
        }
        match tag {
            Some(tag) => self.want(tag),
            None => Ok(()),
        }
    }

    /// An annotated tag is an object of its own.
    fn peel(&self, tip: Oid) -> Result<(Oid, Option<Oid>), GitError> {
        let object = self.source.repository.find_object(tip, None).map_err(|error| self.failed(&error))?;
        let commit = object.peel_to_commit().map_err(|error| self.failed(&error))?;
        Ok((commit.id(), Some(tip).filter(|tip| *tip != commit.id())))
    }

    /// A tree, without what `before` (which the mirror has, or will have) holds under the same id.
    fn tree(&mut self, id: Oid, before: Option<Oid>) -> Result<(), GitError> {
        if before == Some(id) || self.knows(id) {
            return Ok(());
        }
        let repository = &self.source.repository;
        let tree = repository.find_tree(id).map_err(|error| self.failed(&error))?;
        let before = before.and_then(|before| repository.find_tree(before).ok());
        for entry in &tree {
            let old = before.as_ref().and_then(|before| before.get_name_bytes(entry.name_bytes()));
            let old = old.map(|old| (old.id(), old.kind()));
            if old.is_some_and(|(old, _)| old == entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let old = old.and_then(|(old, kind)| (kind == Some(ObjectType::Tree)).then_some(old));
                    self.tree(entry.id(), old)?;
                }
                Some(ObjectType::Blob) if !self.knows(entry.id()) => self.want(entry.id())?,
                // Submodules: commits of another repository.
                _ => {}
            }
        }
        self.want(id)
    }

    fn knows(&self, id: Oid) -> bool {
        self.wanted.contains(&id) || self.there.exists_ext(id, OdbLookupFlags::NO_REFRESH)
    }

    fn want(&mut self, id: Oid) -> Result<(), GitError> {
        let (size, _) = self.here.read_header(id).map_err(|error| self.failed(&error))?;
        self.bytes += size as u64;
        let config = self.source.config;
        if self.bytes > config.limits.max_fetch_bytes {
            return Err(GitError::TooLarge {
                url: config.url.to_string(),
                what: "bytes in one fetch",
                limit: config.limits.max_fetch_bytes,
            });
        }
        if (self.is_over)() {
            return Err(GitError::Timeout {
                url: config.url.to_string(),
                seconds: config.fetch_timeout.as_secs(),
            });
        }
        if self.wanted.insert(id) {
            self.order.push(id);
        }
        Ok(())
    }

    fn write(&self, mirror: &Repository) -> Result<(), GitError> {
        if self.order.len() <= MAX_LOOSE {
            for id in &self.order {
                let object = self.here.read(*id).map_err(|error| self.failed(&error))?;
                self.there.write(object.kind(), object.data()).map_err(|error| self.failed(&error))?;
            }
            return Ok(());
        }
        if self.order.len() <= MAX_PLAIN {
            self.pack_plainly(mirror)?;
        }
        let mut pack = self.source.repository.packbuilder().map_err(|error| self.failed(&error))?;
        for id in &self.order {
            pack.insert_object(*id, None).map_err(|error| self.failed(&error))?;
        }
        // The mirror's objects become readable by all at once, when the pack's index is renamed into place.
        pack.write(&mirror.path().join("objects/pack"), 0).map_err(|error| self.failed(&error))
    }

    /// A setting of this handle, not of the source: it is read from a file of the mirror's.
    fn pack_plainly(&self, mirror: &Repository) -> Result<(), GitError> {
        let setting = mirror.path().join("naksha-pack.config");
        std::fs::write(&setting, NO_LIKENESSES)
            .map_err(|error| GitError::from_io(&setting, "write a setting of the mirror", &error))?;
        let config = self.source.repository.config();
        let added = config.and_then(|mut config| config.add_file(&setting, git2::ConfigLevel::App, true));
        added.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &git2::Error) -> GitError {
        self.source.failed("copy objects", error)
    }
}
