//! Why a directory cannot be used at all.

use std::path::PathBuf;

use rustix::io::Errno;

#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("{} is not a directory", path.display())]
    NotADirectory { path: PathBuf },
    #[error("cannot open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: Errno,
    },
    #[error("cannot remove what a killed write left in {}", path.display())]
    Clean {
        path: PathBuf,
        #[source]
        source: Errno,
    },
    #[error("cannot start the thread that watches {}", path.display())]
    Watch {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}
