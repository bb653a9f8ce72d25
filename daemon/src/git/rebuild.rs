//! Making a mirror's folder, and replacing a damaged one.
//!
//! A damaged mirror is moved aside, not removed: the newest one is kept for whoever wants to know why. Our own
//! refs are read from its files, without libgit2, since it is libgit2 that could not read it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository, RepositoryInitOptions};

use super::error::GitError;

/// Refs of a damaged mirror that its successor does not have yet: one file per ref, named by its name in hex.
const LOST_FOLDER: &str = "naksha-lost-refs";

/// Makes an empty mirror, readable by its owner only: a repository may be private.
pub(super) fn create(folder: &Path, url: &str) -> Result<(), GitError> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|error| GitError::from_io(parent, "make the folder", &error))?;
    let mut options = RepositoryInitOptions::new();
    // No template: files of the user (hooks among them) have no place here.
    options.bare(true).no_reinit(true).external_template(false).mkdir(true);
    Repository::init_opts(folder, &options)
        .map_err(|error| GitError::from_git(url, "make the mirror", &error))?;
    private(folder).map_err(|error| GitError::from_io(folder, "protect the folder", &error))
}

#[cfg(unix)]
fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn private(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Moves a damaged mirror aside and makes an empty one, which remembers the damaged one's refs as lost.
pub(super) fn replace(folder: &Path, url: &str) -> Result<(), GitError> {
    let known = refs_of(folder);
    let aside = folder.with_extension("git.damaged");
    let failed = |doing| move |error: io::Error| GitError::from_io(folder, doing, &error);
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(failed("remove an older damaged mirror"))?;
    }
    fs::rename(folder, &aside).map_err(failed("move the damaged mirror aside"))?;
    create(folder, url)?;
    for (name, id) in &known {
        remember_lost(folder, name, *id)?;
    }
    Ok(())
}

/// The refs of a mirror, and those it had lost before. They are always loose files: nothing packs them.
fn refs_of(folder: &Path) -> BTreeMap<String, Oid> {
    let mut found = lost(folder);
    let mut folders = vec![folder.join("refs")];
    while let Some(at) = folders.pop() {
        let Ok(children) = fs::read_dir(&at) else { continue };
        for path in children.flatten().map(|child| child.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(folder)
                && let Some(id) = read_id(&path)
            {
                found.insert(name.to_string_lossy().into_owned(), id);
            }
        }
    }
    found
}

/// The refs of a damaged predecessor that are not restored yet.
pub(super) fn lost(folder: &Path) -> BTreeMap<String, Oid> {
    let Ok(children) = fs::read_dir(folder.join(LOST_FOLDER)) else { return BTreeMap::new() };
    let read = |path: PathBuf| {
        let name = hex::decode(path.file_name()?.to_str()?).ok()?;
        Some((String::from_utf8(name).ok()?, read_id(&path)?))
    };
    children.flatten().filter_map(|child| read(child.path())).collect()
}

fn remember_lost(folder: &Path, name: &str, id: Oid) -> Result<(), GitError> {
    let lost = folder.join(LOST_FOLDER);
    let write = || {
        fs::create_dir_all(&lost)?;
        fs::write(lost.join(hex::encode(name)), format!("{id}\n"))
    };
    write().map_err(|error| GitError::from_io(&lost, "remember a pin", &error))
}

pub(super) fn forget_lost(folder: &Path, name: &str) -> Result<(), GitError> {
    let path = folder.join(LOST_FOLDER).join(hex::encode(name));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(GitError::from_io(&path, "forget a pin", &error))
        }
        _ => Ok(()),
    }
}

fn read_id(path: &Path) -> Option<Oid> {
    Oid::from_str(fs::read_to_string(path).ok()?.trim()).ok()
}

/// Removes what a fetch that was killed left behind: packs that were never finished.
pub(super) fn remove_leftovers(folder: &Path) {
    let Ok(children) = fs::read_dir(folder.join("objects/pack")) else { return };
    for child in children.flatten() {
        if child.file_name().to_string_lossy().starts_with("pack_git2_") {
            // Left behind once more is no harm.
            let _ = fs::remove_file(child.path());
        }
    }
}
