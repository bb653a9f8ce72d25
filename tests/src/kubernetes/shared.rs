//! One control plane for all tests of a binary, and what a test does where there are no programs.

use std::sync::OnceLock;

use super::{ControlPlane, Parts};
use crate::{must, programs};

/// One for each of [`Parts`]; an error is kept too, so that not every test waits for the same one.
static SHARED: [OnceLock<Result<ControlPlane, String>>; 3] = [const { OnceLock::new() }; 3];

impl ControlPlane {
    /// The control plane that all tests of this process share, started by the first that asks. Its keeper stops it
    /// when the process ends. Nothing when there are no programs for it: the test is skipped and says so.
    ///
    /// # Panics
    /// When it does not start, or when programs that are demanded are missing.
    pub fn shared(parts: Parts) -> Option<&'static Self> {
        if !can_start(parts) {
            return None;
        }
        let started = SHARED[parts as usize]
            .get_or_init(|| Self::start(parts).map_err(|error| format!("{error:#}")))
            .as_ref();
        Some(must(started.map_err(|error| anyhow::anyhow!("{error}"))))
    }
}

/// Whether the programs are there; the test that asks is skipped otherwise, and says so.
///
/// # Panics
/// When programs that are demanded are missing.
pub fn can_start(parts: Parts) -> bool {
    programs::are_there(&parts.programs())
}
