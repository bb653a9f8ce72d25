//! What goes wrong because a test wants it to.

use super::state::State;

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It is refused with this status before anything was done.
    Refused(u16),
    /// The connection ends before anything was done.
    Dropped,
    /// It is done, and the connection ends before the answer.
    AnswerLost,
}

/// Requests that are going to fail.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) method: String,
    /// Anything that their path with its query holds.
    pub(super) part: String,
    pub(super) times: usize,
    pub(super) failure: Failure,
}

impl State {
    /// What is to go wrong with this request.
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Option<Failure> {
        let fits = |trouble: &&mut Trouble| trouble.method == method && path.contains(&trouble.part);
        let trouble = self.troubles.iter_mut().find(fits)?;
        trouble.times -= 1;
        let failure = trouble.failure;
        self.troubles.retain(|trouble| trouble.times > 0);
        Some(failure)
    }
}
