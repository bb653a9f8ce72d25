//! Reading beneath one folder of the disk and never outside of it.
//!
//! A path is opened relative to the folder's handle, and the kernel is told to follow no link on the way
//! (openat2 on Linux; elsewhere the last part only). Links are read as data. What is neither file, folder nor
//! link is never opened: a read of a pipe would wait for ever.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::{ObjectType, Oid};
use naksha_environments::source::{BlobError, Blobs, ContentId, TreePath};
use rustix::fs::{Mode, OFlags};

use crate::git::error::GitError;
use crate::git::objects::GitBlobs;

/// What the system says of a path, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskKind {
    Folder,
    File { executable: bool },
    Link,
    Other,
}

impl DiskKind {
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        let kind = metadata.file_type();
        if kind.is_dir() {
            Self::Folder
        } else if kind.is_symlink() {
            Self::Link
        } else if kind.is_file() {
            Self::File { executable: metadata.mode() & 0o100 != 0 }
        } else {
            Self::Other
        }
    }
}

/// The id that git gives to what is at `path` now: a file's bytes or a link's target.
pub(super) fn hash(root: &Path, path: &TreePath, kind: DiskKind) -> Result<Oid, GitError> {
    let full = root.join(path.as_str());
    let failed =
        |reason: String| GitError::Storage { url: full.display().to_string(), doing: "read a file", reason };
    if kind == DiskKind::Link {
        let target = fs::read_link(&full).map_err(|error| failed(error.to_string()))?;
        return Oid::hash_object(ObjectType::Blob, target.as_os_str().as_bytes())
            .map_err(|error| failed(error.message().to_owned()));
    }
    // libgit2 reads the file in pieces; a huge one does not land in memory.
    Oid::hash_file(ObjectType::Blob, &full).map_err(|error| failed(error.message().to_owned()))
}

/// Bytes of a working copy: from the disk where they still are what was listed, else from the repository.
#[derive(Debug)]
pub(super) struct DiskBlobs {
    pub(super) root: PathBuf,
    /// Where an id was found when the files were listed.
    pub(super) places: BTreeMap<ContentId, TreePath>,
    pub(super) repository: Option<GitBlobs>,
}

impl Blobs for DiskBlobs {
    fn read(&self, id: &ContentId, limit: u64) -> Result<Arc<[u8]>, BlobError> {
        let path = self.places.get(id).ok_or(BlobError::Missing)?;
        let from_disk = read_beneath(&self.root, path, limit);
        match from_disk {
            Ok(bytes)
                if Oid::hash_object(ObjectType::Blob, &bytes)
                    .is_ok_and(|found| found.to_string() == id.as_str()) =>
            {
                Ok(bytes)
            }
            Err(BlobError::TooLarge { size, limit }) => Err(BlobError::TooLarge { size, limit }),
            // Saved again since it was listed, or git stores it with other line ends: the listed bytes may be in
            // the repository. If not, the reader must hear of it; other bytes under this id would poison caches.
            Ok(_) | Err(_) => match self.repository.as_ref().map(|repository| repository.read(id, limit)) {
                Some(Ok(bytes)) => Ok(bytes),
                _ => from_disk.and(Err(BlobError::Unreadable {
                    reason: "it changed while it was being read".to_owned(),
                })),
            },
        }
    }
}

fn read_beneath(root: &Path, path: &TreePath, limit: u64) -> Result<Arc<[u8]>, BlobError> {
    let unreadable = |error: io::Error| BlobError::Unreadable { reason: error.to_string() };
    let full = root.join(path.as_str());
    if fs::symlink_metadata(&full).map_err(unreadable)?.is_symlink() {
        return Ok(Arc::from(fs::read_link(&full).map_err(unreadable)?.as_os_str().as_bytes()));
    }
    let file = open_beneath(root, path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(BlobError::Unreadable { reason: "it is not a file any more".to_owned() });
    }
    let too_large = |size| BlobError::TooLarge { size, limit };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes.into())
}

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

#[cfg(target_os = "linux")]
fn open_beneath(root: &Path, path: &TreePath) -> io::Result<File> {
    use rustix::fs::ResolveFlags;
    let folder = rustix::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(&folder, path.as_str(), OPEN, Mode::empty(), beneath) {
        // A kernel before 5.6, or a sandbox that does not know the call.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => open_last(root, path),
        opened => Ok(File::from(opened?)),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(root: &Path, path: &TreePath) -> io::Result<File> {
    open_last(root, path)
}

fn open_last(root: &Path, path: &TreePath) -> io::Result<File> {
    Ok(File::from(rustix::fs::open(root.join(path.as_str()), OPEN, Mode::empty())?))
}
