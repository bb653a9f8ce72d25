//! The gates of a promotion: whether a source may go on to an environment. Pure, and judged twice: on the pull request that
//! proposes it, and again at the merge commit.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use naksha_environments::definition::format_duration;
use naksha_environments::environment::Environment;
use naksha_environments::ids::{EnvironmentName, Revision, WorkflowName};
use naksha_environments::window::{Opening, opening};

/// Everything that the gates are judged by.
#[derive(Debug, Clone)]
pub struct Promotion<'a> {
    /// As the base has it: a promotion does not change its own gates.
    pub environment: &'a Environment,
    /// What is to be promoted.
    pub source: &'a Revision,
    /// The environment ran it before, and did not go back from it.
    pub is_rollback: bool,
    /// Why it is not to be promoted again.
    pub barred: Option<&'a str>,
    /// Whether the trunk contains it.
    pub is_on_trunk: bool,
    /// Why the environment takes nothing now.
    pub blocked: Option<&'a str>,
    /// In the order in which the environment names them.
    pub upstreams: &'a [Upstream],
    /// How the workflows that have to succeed ended upstream.
    pub verified: &'a BTreeMap<WorkflowName, Verification>,
    /// Somebody who may skip an environment wants that.
    pub skipped_by: Option<&'a str>,
    pub now: Timestamp,
}

/// An environment that has to have run the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub name: EnvironmentName,
    /// What it runs now.
    pub runs: Option<Revision>,
    /// How it was with the source; absent where it never ran it.
    pub was: Option<Wellness>,
    /// Why it does not run it again: it was rolled back from it.
    pub gave_up: Option<String>,
}

/// How an environment was with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wellness {
    /// For how long it was well without a break.
    pub well: Duration,
    /// How it is, or was last; absent where nobody can tell.
    pub is_well: Option<bool>,
    /// When that was looked at.
    pub at: Timestamp,
}

/// How a workflow that has to succeed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    Succeeded,
    Running,
    Failed(String),
    /// It was not run, and why.
    Missing(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Whatever comes before has it, and is well with it.
    Order,
    /// For long enough.
    Soak,
    /// And workflows there succeeded with it.
    Verify,
    /// And it is the time for it.
    Window,
}

impl Gate {
    pub const ALL: [Gate; 4] = [Self::Order, Self::Soak, Self::Verify, Self::Window];

    /// As names of checks write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Soak => "soak",
            Self::Verify => "verify",
            Self::Window => "window",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    Open,
    /// It opens by itself, at that time where one is known.
    Waits {
        until: Option<Timestamp>,
    },
    /// Somebody has to do something.
    Shut,
}

/// What one gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateVerdict {
    pub gate: Gate,
    pub state: GateState,
    /// One clause, which stays the same while nothing happens.
    pub words: String,
}

/// Every gate, in order.
pub fn gates(promotion: &Promotion<'_>) -> [GateVerdict; 4] {
    Gate::ALL.map(|gate| {
        let judge = match gate {
            Gate::Order => order,
            Gate::Soak => soak,
            Gate::Verify => verify,
            Gate::Window => window,
        };
        let (state, words) = judge(promotion);
        GateVerdict { gate, state, words }
    })
}

/// What a gate found, before it has its name.
type Found = (GateState, String);

fn open(words: impl Into<String>) -> Found {
    (GateState::Open, words.into())
}

fn shut(words: impl Into<String>) -> Found {
    (GateState::Shut, words.into())
}

/// The first that is not open decides; shut comes before waiting.
fn worst(found: Vec<Found>) -> Option<Found> {
    let rank = |(state, _): &Found| match state {
        GateState::Open => 0,
        GateState::Waits { .. } => 1,
        GateState::Shut => 2,
    };
    found.into_iter().rev().max_by_key(rank)
}

fn rolls_back(environment: &Environment) -> Found {
    open(format!("rollback: {} ran it before", environment.name))
}

/// Why the gates upstream have nothing to say.
fn passes_by(promotion: &Promotion<'_>) -> Option<Found> {
    if promotion.is_rollback {
        return Some(rolls_back(promotion.environment));
    }
    promotion.skipped_by.map(|who| open(format!("skipped by {who}")))
}

fn order(promotion: &Promotion<'_>) -> Found {
    let Promotion { environment, source, barred, is_on_trunk, blocked, upstreams, .. } = promotion;
    let (name, at) = (&environment.name, source.short());
    if let Some(why) = barred {
        return shut(format!("{at} is barred: {why}; `naksha resume {name}` lifts that"));
    }
    if promotion.is_rollback {
        // The way out of whatever is wrong must not be shut by what is wrong.
        return rolls_back(environment);
    }
    if !is_on_trunk {
        return shut(format!("{at} is not on the trunk: only merged commits are promoted"));
    }
    if let Some(why) = blocked {
        return shut((*why).to_owned());
    }
    if let Some(found) = passes_by(promotion) {
        return found;
    }
    let found = upstreams.iter().map(|upstream| upstream_order(upstream, source));
    worst(found.collect()).unwrap_or_else(|| open("nothing comes before it"))
}

fn upstream_order(upstream: &Upstream, source: &Revision) -> Found {
    let Upstream { name, runs, was, gave_up } = upstream;
    let runs_it = runs.as_ref() == Some(source);
    if let Some(why) = gave_up {
        return shut(format!("{name} gave it up: {why}"));
    }
    match was {
        None => {
            // Nothing may mean that it is not known: what was lost is no reason to give anything up.
            let Some(runs) = runs else {
                let words = format!("{name} runs nothing yet; {} has to run there first", source.short());
                return (GateState::Waits { until: None }, words);
            };
            shut(format!("{name} has not run {}; it runs {}", source.short(), runs.short()))
        }
        Some(Wellness { is_well: Some(false), .. }) => {
            shut(format!("{name} {} not well with it", if runs_it { "is" } else { "was" }))
        }
        Some(Wellness { is_well: None, .. }) if runs_it => {
            let words = format!("{name} runs it, and it is not known yet whether it is well");
            (GateState::Waits { until: None }, words)
        }
        Some(Wellness { is_well: Some(true), .. }) if runs_it => open(format!("{name} runs it and is well")),
        // It ended its apply well, or it would not have run.
        Some(Wellness { .. }) => open(format!("{name} ran it and was well")),
    }
}

fn soak(promotion: &Promotion<'_>) -> Found {
    let asked = promotion.environment.gates.soak;
    if asked.is_zero() {
        return open("none is asked for");
    }
    if let Some(found) = passes_by(promotion) {
        return found;
    }
    let found = promotion.upstreams.iter().map(|upstream| upstream_soak(upstream, promotion, asked));
    worst(found.collect()).unwrap_or_else(|| open("nothing comes before it"))
}

fn upstream_soak(upstream: &Upstream, promotion: &Promotion<'_>, asked: Duration) -> Found {
    let Upstream { name, runs, was, .. } = upstream;
    let of = format_duration(asked);
    let Some(Wellness { well, is_well, at }) = was else {
        return (GateState::Waits { until: None }, format!("{name} has not run it; {of} are asked for"));
    };
    let Some(left) = asked.checked_sub(*well).filter(|left| !left.is_zero()) else {
        return open(format!("{name} was well with it for {of}"));
    };
    if runs.as_ref() != Some(promotion.source) {
        return shut(format!("{name} ran it for less than {of}, and runs something else now"));
    }
    match is_well {
        Some(true) => {}
        Some(false) => {
            return (GateState::Waits { until: None }, format!("the {of} begin when {name} is well"));
        }
        None => {
            let words = format!("the {of} go on when it is known that {name} is well");
            return (GateState::Waits { until: None }, words);
        }
    }
    // From when it was looked at, so that the end stays the same while nothing happens; and to the minute.
    let left = SignedDuration::try_from(left).unwrap_or(SignedDuration::MAX);
    let until = at.checked_add(left).ok();
    let minute = until.map(|until| until.as_second().div_euclid(60) * 60 + 60);
    let minute = minute.and_then(|second| Timestamp::from_second(second).ok());
    let over = minute.map(|minute| minute.strftime("%Y-%m-%d %H:%MZ").to_string()).unwrap_or_default();
    (GateState::Waits { until }, format!("{of} are over at {over}, if {name} stays well"))
}

fn verify(promotion: &Promotion<'_>) -> Found {
    let asked = &promotion.environment.gates.verify;
    if asked.is_empty() {
        return open("none is asked for");
    }
    if let Some(found) = passes_by(promotion) {
        return found;
    }
    let found = asked.iter().map(|workflow| match promotion.verified.get(workflow) {
        Some(Verification::Succeeded) => open(format!("{workflow} succeeded")),
        Some(Verification::Running) => (GateState::Waits { until: None }, format!("{workflow} runs")),
        Some(Verification::Failed(why)) => shut(format!("{workflow} failed: {why}")),
        Some(Verification::Missing(why)) => shut(format!("{workflow} did not run: {why}")),
        None => (GateState::Waits { until: None }, format!("{workflow} did not run yet")),
    });
    worst(found.collect()).unwrap_or_else(|| open("none is asked for"))
}

fn window(promotion: &Promotion<'_>) -> Found {
    let Promotion { environment, is_rollback, now, .. } = promotion;
    if *is_rollback {
        return rolls_back(environment);
    }
    match opening(&environment.windows, *now) {
        Opening::Open if environment.windows.is_empty() => open("none is set"),
        Opening::Open => open("open"),
        Opening::Closed { until, reason } => {
            let until_words = until.map(|until| format!(" until {}", until.strftime("%Y-%m-%d %H:%MZ")));
            (GateState::Waits { until }, format!("closed{}: {reason}", until_words.unwrap_or_default()))
        }
    }
}
