//! Where the programs are that `./tests/run` builds.
//!
//! `NAKSHA_TEST_PROGRAMS` names a folder and demands: what is missing there is a failure. Without it a program is
//! looked for in the cache of `./tests/run`, then in `KUBEBUILDER_ASSETS`; what is missing is no failure, and the
//! test that needs it says that it was skipped. `NAKSHA_TEST_PROGRAMS=none` leaves these tests out, as
//! `./tests/run --quick` does.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{Parts, Server};

const VARIABLE: &str = "NAKSHA_TEST_PROGRAMS";

/// The programs of a control plane.
#[derive(Debug, Clone)]
pub struct Programs(BTreeMap<Server, PathBuf>);

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// Nobody wants them.
    LeftOut,
    /// Nobody said that they must be there.
    Missing { program: &'static str, looked_in: Vec<PathBuf> },
    /// Somebody said where it must be.
    Demanded { program: &'static str, folder: PathBuf },
}

impl std::error::Error for Absent {}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut => write!(f, "{VARIABLE} leaves it out"),
            Self::Missing { program, looked_in } => {
                let folders: Vec<_> = looked_in.iter().map(|folder| folder.display().to_string()).collect();
                write!(f, "there is no {program} in {}", folders.join(" or "))
            }
            Self::Demanded { program, folder } => {
                write!(f, "there is no {program} in {}, which {VARIABLE} names", folder.display())
            }
        }
    }
}

impl Programs {
    /// All that these parts need.
    pub fn find(parts: Parts) -> Result<Self, Absent> {
        Self::find_with(parts, |name| env::var_os(name))
    }

    fn find_with(parts: Parts, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Absent> {
        // An empty variable is one that is not set.
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let demanded = folder(VARIABLE);
        if demanded.as_deref() == Some(Path::new("none")) {
            return Err(Absent::LeftOut);
        }
        let looked_in = match &demanded {
            Some(demanded) => vec![demanded.clone()],
            None => cache(folder).into_iter().chain(folder("KUBEBUILDER_ASSETS")).collect(),
        };
        let mut found = BTreeMap::new();
        for server in parts.servers() {
            let program = server.name();
            let file = looked_in.iter().map(|folder| folder.join(program)).find(|file| file.is_file());
            let Some(file) = file else {
                return Err(match demanded {
                    Some(folder) => Absent::Demanded { program, folder },
                    None => Absent::Missing { program, looked_in },
                });
            };
            found.insert(*server, file);
        }
        Ok(Self(found))
    }

    pub(super) fn path(&self, server: Server) -> &Path {
        self.0.get(&server).expect("should have been found with its parts")
    }
}

/// Where `./tests/run` keeps what it builds, by the same rule.
pub fn cached() -> Option<PathBuf> {
    cache(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn cache(folder: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let cache = folder("NAKSHA_TEST_CACHE").or_else(|| {
        let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
        Some(caches.join("naksha-tests"))
    });
    Some(cache?.join("bin"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn find(parts: Parts, variables: &[(&str, &Path)]) -> Result<Programs, Absent> {
        Programs::find_with(parts, |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| value.as_os_str().to_owned())
        })
    }

    #[test]
    fn a_demanded_folder_is_the_only_one() {
        let folder = tempfile::tempdir().expect("should make a folder");
        let home = folder.path().join("home");
        let cached = home.join(".cache/naksha-tests/bin");
        fs::create_dir_all(&cached).expect("should make folders");
        for server in Parts::Api.servers() {
            fs::write(cached.join(server.name()), "").expect("should write");
        }
        let found = find(Parts::Api, &[("HOME", &home)]).expect("should be in the cache");
        assert_eq!(found.path(Server::Etcd), cached.join("etcd"));

        let missing = Absent::Missing { program: "kube-controller-manager", looked_in: vec![cached] };
        assert_eq!(find(Parts::Nodes, &[("HOME", &home)]).err(), Some(missing));
        let elsewhere = folder.path().join("elsewhere");
        let demanded = Absent::Demanded { program: "etcd", folder: elsewhere.clone() };
        assert_eq!(find(Parts::Api, &[("HOME", &home), (VARIABLE, &elsewhere)]).err(), Some(demanded));
        let none = Path::new("none");
        assert_eq!(find(Parts::Api, &[("HOME", &home), (VARIABLE, none)]).err(), Some(Absent::LeftOut));
    }

    #[test]
    fn the_cache_is_where_the_test_command_has_it() {
        let cached_with = |variables: &[(&str, &str)]| {
            cache(|name| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| PathBuf::from(value))
            })
        };
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(cached_with(&[("HOME", "/h")]), path("/h/.cache/naksha-tests/bin"));
        assert_eq!(cached_with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), path("/x/naksha-tests/bin"));
        assert_eq!(cached_with(&[("HOME", "/h"), ("NAKSHA_TEST_CACHE", "/c")]), path("/c/bin"));
        assert_eq!(cached_with(&[]), None);
    }
}
