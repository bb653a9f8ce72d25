//! What somebody does at the very moment when the App asks for something: it is done before that is answered.

use super::routes::Incoming;
use super::server::GitHub;
use super::state::State;

/// As whom.
const WHO: &str = "wanda";

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meanwhile {
    /// A branch moves to a commit that is there already.
    Push { branch: String, commit: String },
    /// A pull request is to be merged into another branch.
    Retarget { number: u64, base: String },
}

/// A moment that was not there yet.
#[derive(Debug)]
pub(super) struct Moment {
    method: String,
    /// How the path ends.
    end: String,
    does: Meanwhile,
}

impl GitHub {
    /// When the App asks by this method for what ends like this, something else is done first: once.
    pub fn meanwhile(&self, method: &str, end: &str, does: Meanwhile) {
        let (method, end) = (method.to_owned(), end.to_owned());
        self.state().moment = Some(Moment { method, end, does });
    }

    /// Whether what was to be done meanwhile is still to be done.
    pub fn waits_for_moment(&self) -> bool {
        self.state().moment.is_some()
    }
}

impl State {
    pub(super) fn do_meanwhile(&mut self, incoming: &Incoming) {
        let is_it =
            |moment: &Moment| incoming.method == moment.method && incoming.target.ends_with(&moment.end);
        let is_now = self.moment.as_ref().is_some_and(is_it);
        if !is_now || self.asker(incoming) != self.app.login() {
            return;
        }
        let Some(Moment { does, .. }) = self.moment.take() else { return };
        match does {
            Meanwhile::Push { branch, commit } => {
                self.bare.set_ref(&format!("refs/heads/{branch}"), &commit).expect("should move");
                self.settle(WHO).expect("should be looked at");
            }
            Meanwhile::Retarget { number, base } => {
                let now = self.now();
                let pull = self.pull_mut(number).expect("should be there");
                (pull.base_branch, pull.outlook, pull.changed) = (base, None, now);
                self.tell_pull("edited", number, WHO);
            }
        }
    }
}
