//! What became of a merged pull request: the comment that told what it would do goes on telling, and where a person has to do
//! something, there is a new one. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::moment::to_the_second;
use naksha_environments::status::{EnvironmentStatus, State};
use naksha_environments::wire::PlanDocument;
use naksha_renderer::present::{COMMENT_BUDGET, code, markdown};

use super::report::MARKER;
use super::words::{listed, outgoing, said};

/// Bytes of the list of environments, and of the reasons of a call, as they are written out.
const LISTED: usize = 20_000;
/// Bytes of what stands around the plans.
const FOLD: usize = 200;
/// Reasons that are told of one environment.
const MAX_REASONS: usize = 10;
/// Bytes of one reason.
const MAX_WORDS: usize = 1_000;

/// What a plan is that waits for a person.
pub const HELD: &str = "held";

/// What became of it in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The environment is as Git wants it, at this commit or a later one.
    Done(String),
    /// On its way.
    Going(String),
    /// A person has to do something.
    Stuck { what: &'static str, why: Vec<String>, since: Timestamp },
}

/// `has`: whether a revision contains the merge.
pub fn fate(status: Option<&EnvironmentStatus>, has: impl Fn(&Revision) -> bool) -> Fate {
    let Some(status) = status else { return Fate::Going("not looked at yet".to_owned()) };
    let EnvironmentStatus { environment, state, why, control, applied, applied_control, since, .. } = status;
    // By its rules, or, where it follows a branch of its own, by its content.
    if let Some(at) = applied_control.iter().chain(applied).find(|revision| has(revision)) {
        // A lock brings the content of another commit than its own.
        let content =
            applied.iter().find(|content| *content != at).filter(|_| applied_control.as_ref() == Some(at));
        let content = content.map(|content| format!(", with the content of {}", content.short()));
        return Fate::Done(format!("in sync at {}{}", at.short(), content.unwrap_or_default()));
    }
    if !control.iter().chain(&status.content).any(has) {
        return Fate::Going("not looked at yet".to_owned());
    }
    let stuck = |what| Fate::Stuck { what, why: why.clone(), since: *since };
    match state {
        State::Held { .. } => stuck(HELD),
        State::Degraded => stuck("not applied"),
        State::Broken => stuck("broken"),
        State::Waiting { until: Some(until), reason } => {
            Fate::Going(format!("waits until {}: {reason}", to_the_second(*until)))
        }
        State::Waiting { until: None, reason } => Fate::Going(format!("waits: {reason}")),
        State::Suspended { by, reason } => Fate::Going(format!(
            "suspended by {by}: {reason}; it goes ahead after `naksha resume {environment}`"
        )),
        State::Synced | State::Progressing => Fate::Going("being applied".to_owned()),
        State::Unknown { reason } => Fate::Going(format!("unknown: {reason}")),
        State::NotPromoted | State::Orphaned | State::Destroyed | State::Disowned => {
            Fate::Done(state.word().to_owned())
        }
    }
}

/// The comment, as it goes on. `shown`: what was shown before the merge.
pub fn sequel(commit: &Revision, fates: &BTreeMap<EnvironmentName, Fate>, shown: &[PlanDocument]) -> String {
    let mut text = format!("{MARKER}\n### naksha: merged as {}\n\n", commit.short());
    let line = |(environment, fate): (&EnvironmentName, &Fate)| {
        let (rank, sign, words) = match fate {
            Fate::Stuck { what, why, .. } => {
                (0, ":x:", why.first().map_or((*what).to_owned(), |why| format!("{what}: {why}")))
            }
            Fate::Going(words) => (1, ":hourglass:", words.clone()),
            Fate::Done(words) => (2, ":white_check_mark:", words.clone()),
        };
        (rank, format!("- {sign} **{environment}**: {}\n", said(&words, MAX_WORDS)))
    };
    text.push_str(&listed(fates.iter().map(line).collect(), LISTED, "environments"));
    if !shown.is_empty() {
        let plans = markdown(shown, COMMENT_BUDGET - text.len() - FOLD);
        text.push_str(&format!(
            "\n<details><summary>What was shown before it was merged</summary>\n\n{plans}\n</details>\n"
        ));
    }
    outgoing(&text)
}

/// By this line a call for one environment is known.
pub fn call_marker(environment: &EnvironmentName) -> String {
    format!("<!-- naksha: call {environment} -->")
}

/// What a person is told, beside the comment that goes on. Nothing where nobody has to do anything.
pub fn call(environment: &EnvironmentName, fate: &Fate) -> Option<String> {
    let Fate::Stuck { what, why, .. } = fate else { return None };
    let mut text = format!("{}\n### naksha: {environment} is {what}\n\n", call_marker(environment));
    text.push_str("This was merged, and it needs a person before it goes on:\n\n");
    let reasons = why.iter().take(MAX_REASONS).map(|reason| (0, format!("- {}\n", said(reason, MAX_WORDS))));
    text.push_str(&listed(reasons.collect(), LISTED, "of these"));
    if why.len() > MAX_REASONS {
        text.push_str(&format!("- and {} more\n", why.len() - MAX_REASONS));
    }
    let (status, ack) = (code(&format!("naksha status {environment}")), code("/naksha ack PLAN REASON"));
    text.push_str(&format!(
        "\nWhere `naksha ack` is named, {ack} as a comment here does the same. {status} tells how it is now.\n"
    ));
    Some(outgoing(&text))
}

/// What a call becomes when nobody has to do anything any more.
pub fn call_is_over(environment: &EnvironmentName) -> String {
    format!(
        "{}\n### naksha: {environment} goes on\n\nNobody is waited for on this pull request any more.\n",
        call_marker(environment)
    )
}

#[cfg(test)]
mod tests {
    use naksha_environments::plan::Plan;

    use super::*;

    fn revision(digit: char) -> Revision {
        Revision::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn name() -> EnvironmentName {
        EnvironmentName::parse("dev").unwrap()
    }

    /// What is told of a merge as `c` by an environment that applied `a` and looks at `control`.
    fn check(state: State, control: char, applied: char) -> Fate {
        let status = EnvironmentStatus {
            why: vec!["because".to_owned()],
            control: Some(revision(control)),
            applied_control: Some(revision(applied)),
            ..EnvironmentStatus::bare(name(), state, Timestamp::UNIX_EPOCH)
        };
        // History is the alphabet.
        fate(Some(&status), |revision| revision.as_str() >= "c")
    }

    #[test]
    fn it_is_done_when_it_is_applied_and_not_before() {
        let going = |words: &str| Fate::Going(words.to_owned());
        let stuck =
            |what| Fate::Stuck { what, why: vec!["because".to_owned()], since: Timestamp::UNIX_EPOCH };
        let held = || State::Held { reasons: Vec::new() };
        assert_eq!(fate(None, |_| true), going("not looked at yet"));
        assert_eq!(check(State::Synced, 'a', 'a'), going("not looked at yet"));
        assert_eq!(check(held(), 'b', 'a'), going("not looked at yet"), "it is held for what came before");
        assert_eq!(check(State::Progressing, 'd', 'a'), going("being applied"));
        assert_eq!(check(held(), 'd', 'a'), stuck("held"));
        assert_eq!(check(State::Degraded, 'c', 'a'), stuck("not applied"));
        assert_eq!(check(State::Broken, 'c', 'a'), stuck("broken"));
        let waiting = State::Waiting { until: None, reason: "nobody knows".to_owned() };
        assert_eq!(check(waiting, 'c', 'a'), going("waits: nobody knows"));
        let done = Fate::Done(format!("in sync at {}", revision('d').short()));
        assert_eq!(check(State::Synced, 'd', 'd'), done);
        assert_eq!(check(held(), 'e', 'd'), done, "it is held for what came later");
    }

    #[test]
    fn a_call_names_every_reason_and_calls_nobody_by_name() {
        let why: Vec<String> = (0..12).map(|at| format!("reason {at} of @everybody <b>")).collect();
        let stuck = Fate::Stuck { what: "held", why, since: Timestamp::UNIX_EPOCH };
        let told = call(&name(), &stuck).unwrap();
        assert!(told.starts_with(&call_marker(&name())) && told.contains("and 2 more"), "{told}");
        assert!(!told.contains("@everybody") && !told.contains("<b>"), "{told}");
        assert_eq!(call(&name(), &Fate::Going("on its way".to_owned())), None);
        let whole = sequel(&revision('c'), &BTreeMap::from([(name(), stuck)]), &[]);
        assert!(whole.starts_with(MARKER) && whole.contains("**dev**: held: reason 0 of"), "{whole}");
    }

    #[test]
    fn nothing_is_too_long_to_be_said_and_no_secret_is() {
        let why = || vec!["&<@".repeat(500), "it failed: password=hunter2".to_owned()];
        let stuck = |_| Fate::Stuck { what: "held", why: why(), since: Timestamp::UNIX_EPOCH };
        let name = |at| EnvironmentName::parse(&format!("env-{at}")).unwrap();
        let mut fates: BTreeMap<_, _> = (0..200).map(|at| (name(at), stuck(at))).collect();
        fates.extend((200..300).map(|at| (name(at), Fate::Done("in sync".to_owned()))));
        let plan = PlanDocument::of(&Plan::empty(&name(0)));
        let whole = sequel(&revision('c'), &fates, &vec![plan; 300]);
        assert!(whole.len() <= COMMENT_BUDGET && whole.contains("more environments\n"), "{}", whole.len());
        let told = call(
            &name(0),
            &Fate::Stuck {
                what: "held",
                why: std::iter::repeat_n(why(), 20).flatten().collect(),
                since: Timestamp::UNIX_EPOCH,
            },
        );
        let told = told.unwrap();
        assert!(told.len() <= COMMENT_BUDGET && told.contains("password=(secret)"), "{told}");
        assert!(!told.contains("hunter2") && !whole.contains("hunter2"));
    }
}
