//! Where the programs are that `./tests/run` builds.
//!
//! `NAKSHA_TEST_PROGRAMS` names a folder and demands: what is missing there is a failure. Without it a program is
//! looked for in the cache of `./tests/run`, then in `KUBEBUILDER_ASSETS`; what is missing is no failure, and the
//! test that needs it says that it was skipped. `NAKSHA_TEST_PROGRAMS=none` leaves these tests out, as
//! `./tests/run --quick` does; `NAKSHA_TEST_WITHOUT` names programs that could not be built, whose tests `./tests/run` has
//! said to be skipped.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::must;

const VARIABLE: &str = "NAKSHA_TEST_PROGRAMS";
/// Programs that could not be built, by their names.
const WITHOUT: &str = "NAKSHA_TEST_WITHOUT";

/// Programs by their names.
#[derive(Debug, Clone)]
pub struct Programs(BTreeMap<&'static str, PathBuf>);

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
    /// All of them.
    pub fn find(names: &[&'static str]) -> Result<Self, Absent> {
        Self::find_with(names, |name| env::var_os(name))
    }

    fn find_with(
        names: &[&'static str],
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Absent> {
        // An empty variable is one that is not set.
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let demanded = folder(VARIABLE);
        let without = variable(WITHOUT).unwrap_or_default();
        let is_without = without.to_string_lossy().split_whitespace().any(|name| names.contains(&name));
        if is_without || demanded.as_deref() == Some(Path::new("none")) {
            return Err(Absent::LeftOut);
        }
        let looked_in = match &demanded {
            Some(demanded) => vec![demanded.clone()],
            None => cache(folder).into_iter().chain(folder("KUBEBUILDER_ASSETS")).collect(),
        };
        let mut found = BTreeMap::new();
        for program in names.iter().copied() {
            let file = looked_in.iter().map(|folder| folder.join(program)).find(|file| file.is_file());
            let Some(file) = file else {
                return Err(match demanded {
                    Some(folder) => Absent::Demanded { program, folder },
                    None => Absent::Missing { program, looked_in },
                });
            };
            found.insert(program, file);
        }
        Ok(Self(found))
    }

    pub(crate) fn path(&self, program: &str) -> &Path {
        self.0.get(program).expect("should have been found with the others")
    }
}

/// Whether the programs are there; the test that asks is skipped otherwise, and says so.
///
/// # Panics
/// When programs that are demanded are missing.
pub fn are_there(names: &[&'static str]) -> bool {
    match Programs::find(names) {
        Ok(_) => true,
        Err(absent @ Absent::Demanded { .. }) => must(Err(absent.into())),
        Err(absent @ Absent::Missing { .. }) => {
            say_skipped(&absent);
            false
        }
        Err(Absent::LeftOut) => false,
    }
}

/// Past the test harness, which keeps what a passing test prints to itself.
fn say_skipped(why: &Absent) {
    let thread = std::thread::current();
    // On a line of its own: the harness may have begun one.
    let line = format!("\nSKIPPED {}: {why}: run ./tests/run\n", thread.name().unwrap_or("a test"));
    // A closed standard error is no reason to fail.
    let _ = std::io::stderr().write_all(line.as_bytes());
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

    fn find(names: &[&'static str], variables: &[(&str, &Path)]) -> Result<Programs, Absent> {
        Programs::find_with(names, |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| value.as_os_str().to_owned())
        })
    }

    const API: [&str; 2] = ["etcd", "kube-apiserver"];

    #[test]
    fn a_demanded_folder_is_the_only_one() {
        let folder = tempfile::tempdir().expect("should make a folder");
        let home = folder.path().join("home");
        let cached = home.join(".cache/naksha-tests/bin");
        fs::create_dir_all(&cached).expect("should make folders");
        for program in API {
            fs::write(cached.join(program), "").expect("should write");
        }
        let found = find(&API, &[("HOME", &home)]).expect("should be in the cache");
        assert_eq!(found.path("etcd"), cached.join("etcd"));

        let missing = Absent::Missing { program: "kube-controller-manager", looked_in: vec![cached] };
        assert_eq!(find(&[API[0], "kube-controller-manager"], &[("HOME", &home)]).err(), Some(missing));
        let elsewhere = folder.path().join("elsewhere");
        let demanded = Absent::Demanded { program: "etcd", folder: elsewhere.clone() };
        assert_eq!(find(&API, &[("HOME", &home), (VARIABLE, &elsewhere)]).err(), Some(demanded));
        let none = Path::new("none");
        assert_eq!(find(&API, &[("HOME", &home), (VARIABLE, none)]).err(), Some(Absent::LeftOut));
        let without = Path::new("gitea etcd");
        assert_eq!(find(&API, &[("HOME", &home), (WITHOUT, without)]).err(), Some(Absent::LeftOut));
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
