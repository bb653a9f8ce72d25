//! What a daemon says of an environment, as far as it is about the repository that one stands in.
//!
//! A daemon may watch several repositories with an environment of one name, and calls them by names of its own. Which of
//! them is this one, commits say: what is about this repository has its commits.

use naksha_environments::wire::StatusDocument;

use super::Laptop;

/// The daemon's word.
#[derive(Debug)]
pub enum Told {
    About(Box<StatusDocument>),
    /// There is an environment of this name, and no commit of it is known: nothing was looked at yet.
    NotYet,
    /// No word that could be believed, and why.
    Nothing(String),
}

impl Laptop {
    /// What of the answers about one environment's name is about this repository.
    pub fn told(&self, answers: Vec<StatusDocument>) -> Told {
        let (looked, silent): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| commits(answer).next().is_some());
        let none_is_known = looked.is_empty() && !silent.is_empty();
        let mut ours: Vec<_> = looked.into_iter().filter(|answer| self.has_commits_of(answer)).collect();
        match ours.len() {
            0 if none_is_known => Told::NotYet,
            0 => Told::Nothing("what the daemon says is about commits that are not in this clone".to_owned()),
            1 => Told::About(Box::new(ours.remove(0))),
            _ => {
                let scopes: Vec<_> = ours
                    .iter()
                    .map(|answer| format!("{}/{}", answer.repository, answer.environment))
                    .collect();
                Told::Nothing(format!(
                    "the daemon says it of several that could be it: {}",
                    scopes.join(", ")
                ))
            }
        }
    }

    fn has_commits_of(&self, answer: &StatusDocument) -> bool {
        let Some(objects) = self.work.objects() else { return false };
        commits(answer).all(|commit| objects.resolve(commit).is_ok())
    }
}

fn commits(answer: &StatusDocument) -> impl Iterator<Item = &str> {
    [&answer.control, &answer.content, &answer.applied, &answer.applied_control]
        .into_iter()
        .filter_map(|commit| commit.as_deref())
}
