//! Several pull requests with one head: a commit has one set of checks. Pure.

use std::collections::{BTreeMap, BTreeSet};

use naksha_executor::port::forge::{Check, CheckState, Pull, PullNumber};

use crate::pulls::Base;

/// Other open pull requests into what environments follow, with the very same head.
pub(super) fn beside(pull: &Pull, all: &[Pull], bases: &BTreeMap<String, Base>) -> BTreeSet<PullNumber> {
    let is_beside = |other: &&Pull| {
        other.number != pull.number && other.head == pull.head && bases.contains_key(&other.base)
    };
    all.iter().filter(is_beside).map(|other| other.number).collect()
}

/// Checks of one head that several pull requests share: the worst of each name, and of whom that is. Nobody makes a check better that is
/// about somebody else too.
pub(super) fn worst_of(own: &[Check], others: &[(PullNumber, &[Check])]) -> Vec<Check> {
    let rank = |state: CheckState| match state {
        CheckState::Passed => 0,
        CheckState::Running => 1,
        CheckState::Waits => 2,
        CheckState::Failed => 3,
    };
    let worst = |check: &Check| {
        let same = others.iter().flat_map(|(number, checks)| {
            checks.iter().filter(|other| other.name == check.name).map(move |other| (number, other))
        });
        let worse = same.filter(|(_, other)| rank(other.state) > rank(check.state));
        match worse.max_by_key(|(_, other)| rank(other.state)) {
            Some((number, other)) => {
                Check { summary: format!("{number}: {}", other.summary), ..other.clone() }
            }
            None => check.clone(),
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
        let told = worst_of(&own, &[(PullNumber(7), &theirs)]);
        let told: Vec<_> = told.iter().map(|check| (check.state, check.summary.as_str())).collect();
        assert_eq!(told, [(CheckState::Waits, "#7: soaks"), (CheckState::Failed, "mine")]);
    }
}
