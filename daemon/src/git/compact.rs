//! Keeping a mirror small: many loose objects and packs become one pack.
//!
//! libgit2 never does that by itself: a year of commits would leave tens of thousands of small files. Nothing is
//! dropped, only moved together. Readers go on meanwhile: a loose object is removed after its pack is readable, a
//! pack that was taken up is removed one compaction later, when no handle can be about to open it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use git2::Oid;
use tracing::{info, warn};

use super::error::GitError;
use super::mirror::Mirror;
use super::objects::lock;

/// Git's own bound (`gc.auto` is 6700).
const MAX_LOOSE: usize = 6_000;
/// Git's own bound (`gc.autoPackLimit`): every lookup of an object that is absent asks every pack.
const MAX_PACKS: usize = 50;
/// A pack larger than all others together by this factor is left alone: packing it again would cost more than it
/// gives.
const LARGE: u64 = 2;
/// Objects spread evenly over 256 folders; one of them tells how many there are.
const FOLDERS: usize = 256;

impl Mirror {
    /// Packs what lies loose, when there is much of it. Cheap when there is not. Waits for a fetch under way.
    pub fn tidy(&self) {
        let objects = self.folder().join("objects");
        if estimated_loose(&objects) <= MAX_LOOSE && packs(&objects.join("pack")).len() <= MAX_PACKS {
            return;
        }
        if let Err(error) = self.compact() {
            // It is a matter of comfort; the next fetch tries again.
            warn!(repository = %self.config().name, %error, "mirror cannot be compacted");
        }
    }

    pub(super) fn compact(&self) -> Result<(), GitError> {
        let objects = self.folder().join("objects");
        let _one_at_a_time = self.lock_fetching();
        // Taken up by the compaction before this one.
        for path in lock(&self.superseded).drain(..) {
            remove_pack(&path);
        }
        let packs = small_ones(packs(&objects.join("pack")));
        let loose = loose(&objects);
        let mut ids: BTreeSet<Oid> = loose.iter().map(|(id, _)| *id).collect();
        for pack in &packs {
            let index = pack.path.with_extension("idx");
            let bytes = fs::read(&index).map_err(|error| GitError::from_io(&index, "read a pack", &error))?;
            ids.extend(ids_of(&bytes).ok_or_else(|| self.bad_index(&index))?);
        }
        let failed = |error: git2::Error| self.objects().failed("compact the mirror", &error);
        let handle = self.objects().handle()?;
        let mut builder = handle.packbuilder().map_err(failed)?;
        for id in &ids {
            builder.insert_object(*id, None).map_err(failed)?;
        }
        builder.write(&objects.join("pack"), 0).map_err(failed)?;
        let made = builder.name().map_err(failed)?.map(|name| format!("pack-{name}.pack"));
        drop(builder);
        // From here on the objects are in the new pack as well.
        handle.odb().and_then(|odb| odb.refresh()).map_err(failed)?;
        for (_, path) in &loose {
            // Left behind it is a duplicate, no harm.
            let _ = fs::remove_file(path);
        }
        let is_new = |pack: &Pack| made.as_deref() == pack.path.file_name().and_then(|name| name.to_str());
        let old = packs.iter().filter(|pack| !is_new(pack)).map(|pack| pack.path.clone());
        lock(&self.superseded).extend(old);
        info!(repository = %self.config().name, objects = ids.len(), loose = loose.len(), packs = packs.len(), "mirror compacted");
        Ok(())
    }

    fn bad_index(&self, path: &Path) -> GitError {
        GitError::Corrupt {
            url: self.url().to_owned(),
            reason: format!("`{}` is no index of a pack", path.display()),
        }
    }
}

struct Pack {
    path: PathBuf,
    size: u64,
}

fn packs(folder: &Path) -> Vec<Pack> {
    let Ok(children) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<Pack> = children
        .flatten()
        .map(|child| child.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .filter_map(|path| Some(Pack { size: fs::metadata(&path).ok()?.len(), path }))
        .collect();
    found.sort_by(|one, two| (one.size, &one.path).cmp(&(two.size, &two.path)));
    found
}

/// All packs but the largest, when that one is larger than the rest by far. `packs` are in order of size.
fn small_ones(mut packs: Vec<Pack>) -> Vec<Pack> {
    let rest: u64 = packs.iter().rev().skip(1).map(|pack| pack.size).sum();
    if packs.last().is_some_and(|largest| largest.size > rest * LARGE) {
        packs.pop();
    }
    packs
}

fn estimated_loose(objects: &Path) -> usize {
    // Any folder would do; git looks at the same one.
    fs::read_dir(objects.join("17")).map_or(0, |children| children.count() * FOLDERS)
}

fn loose(objects: &Path) -> Vec<(Oid, PathBuf)> {
    let mut found = Vec::new();
    for folder in (0..FOLDERS).map(|number| format!("{number:02x}")) {
        let Ok(children) = fs::read_dir(objects.join(&folder)) else { continue };
        for child in children.flatten() {
            let name = format!("{folder}{}", child.file_name().to_string_lossy());
            if let (40, Ok(id)) = (name.len(), Oid::from_str(&name)) {
                found.push((id, child.path()));
            }
        }
    }
    found
}

/// The ids in a pack's index, version 2 (gitformat-pack): magic, version, 256 counts, ids.
fn ids_of(index: &[u8]) -> Option<Vec<Oid>> {
    const HEAD: usize = 8;
    const IDS: usize = HEAD + 256 * 4;
    if index.get(..HEAD)? != b"\xfftOc\0\0\0\x02" {
        return None;
    }
    let count = u32::from_be_bytes(index.get(IDS - 4..IDS)?.try_into().ok()?) as usize;
    let ids = index.get(IDS..IDS + count.checked_mul(20)?)?;
    ids.chunks_exact(20).map(|id| Oid::from_bytes(id).ok()).collect()
}

fn remove_pack(path: &Path) {
    for extension in ["idx", "pack"] {
        // Left behind it is a duplicate, no harm. Without its index a pack is not looked at.
        let _ = fs::remove_file(path.with_extension(extension));
    }
}
