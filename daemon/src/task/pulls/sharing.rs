//! Several pull requests with one head: a commit has one set of checks. Pure.

use std::collections::{BTreeMap, BTreeSet};

use naksha_executor::port::forge::{Check, CheckState, Pull, PullNumber};

use crate::pulls::{AGGREGATE, Base};

/// Other open pull requests into what environments follow, with the very same head. A stranger can propose anybody's commit once more,
/// and makes nothing worse for whoever is none.
pub(super) fn beside(pull: &Pull, all: &[Pull], bases: &BTreeMap<String, Base>) -> BTreeSet<PullNumber> {
    let is_beside = |other: &&Pull| {
        other.number != pull.number
            && other.head == pull.head
            && bases.contains_key(&other.base)
            && (pull.is_fork || !other.is_fork)
    };
    all.iter().filter(is_beside).map(|other| other.number).collect()
}

/// Whether the checks of its commit are about somebody else: of a stranger who proposes what is proposed from within, too. What is merged is
/// bound to what was shown of it, whatever is green.
pub(super) fn is_mute(pull: &Pull, all: &[Pull], bases: &BTreeMap<String, Base>) -> bool {
    let is_from_within =
        |other: &Pull| other.head == pull.head && !other.is_fork && bases.contains_key(&other.base);
    pull.is_fork && all.iter().any(is_from_within)
}

/// Checks of one head that several pull requests share: the worst of each name, and of whom that is. Nobody makes a check better that is
/// about somebody else too. What is not known yet of one keeps them all from being merged.
pub(super) fn worst_of(own: &[Check], others: &[(PullNumber, Option<&[Check]>)]) -> Vec<Check> {
    let rank = |state: CheckState| match state {
        CheckState::Passed => 0,
        CheckState::Running => 1,
        CheckState::Waits => 2,
        CheckState::Failed => 3,
    };
    let unknown = others.iter().find(|(_, checks)| checks.is_none());
    let worst = |check: &Check| {
        let same = others.iter().flat_map(|(number, checks)| {
            checks
                .iter()
                .copied()
                .flatten()
                .filter(|other| other.name == check.name)
                .map(move |other| (number, other))
        });
        let worse = same.filter(|(_, other)| rank(other.state) > rank(check.state));
        match worse.max_by_key(|(_, other)| rank(other.state)) {
            Some((number, other)) => {
                Check { summary: format!("{number}: {}", other.summary), ..other.clone() }
            }
            None => match unknown {
                Some((number, _)) if check.name == AGGREGATE && check.state == CheckState::Passed => {
                    let summary = format!("{number} proposes this commit, too, and is not looked at yet");
                    Check { state: CheckState::Running, summary, ..check.clone() }
                }
                _ => check.clone(),
            },
        }
    };
    own.iter().map(worst).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_with_one_head_the_worse_is_said() {
        let check = |name: &str, state, summary: &str| Check {
            name: name.to_owned(),
            state,
            summary: summary.to_owned(),
            text: None,
            annotations: Vec::new(),
        };
        let own = [check("naksha", CheckState::Passed, "fine"), check("order", CheckState::Failed, "mine")];
        let theirs = [
            check("naksha", CheckState::Waits, "soaks"),
            check("order", CheckState::Waits, "theirs"),
            check("naksha/plan: dev", CheckState::Failed, "not of this one"),
        ];
        let told = worst_of(&own, &[(PullNumber(7), Some(&theirs))]);
        let told: Vec<_> = told.iter().map(|check| (check.state, check.summary.as_str())).collect();
        assert_eq!(told, [(CheckState::Waits, "#7: soaks"), (CheckState::Failed, "mine")]);
    }
}
