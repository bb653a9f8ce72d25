//! What policies say of a plan, and whether it may be applied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::diagnostic::{Place, Severity};
use crate::digest::Digest;
use crate::ids::{RuleName, UnitName};
use crate::plan::{ApprovedPlan, Plan, Subject};

/// One finding of one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub severity: Severity,
    pub rule: RuleName,
    pub unit: Option<UnitName>,
    pub subject: Option<Subject>,
    /// Path of the field inside the subject: `spec.template.spec.containers[name=app].image`.
    pub field: Option<String>,
    pub place: Option<Place>,
    /// One sentence.
    pub message: String,
    /// What makes it go away.
    pub fix: Option<String>,
    pub standing: Standing,
}

impl Finding {
    /// Whether it stops the plan by itself.
    pub fn blocks(&self) -> bool {
        let counts = matches!(self.standing, Standing::New | Standing::NeedsAcknowledgement);
        self.severity == Severity::Error && counts
    }
}

/// Whether a finding counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    New,
    Waived {
        reason: String,
    },
    /// A guard: it blocks until the plan is acknowledged.
    NeedsAcknowledgement,
    Acknowledged {
        by: String,
        reason: String,
    },
}

/// Everything that was found about a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Worst first.
    pub findings: Vec<Finding>,
    /// How often each rule found what was there before the change: counted, never in the way, and not worth carrying
    /// along one by one.
    pub known: BTreeMap<RuleName, usize>,
    /// Digest of the rules that judged.
    pub policies: Digest,
}

impl Verdict {
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.blocks())
    }
}

/// A person's word that a plan may be applied although a guard objects. Bound to the plan: it dies with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    pub plan: crate::plan::PlanId,
    pub by: String,
    pub reason: String,
    /// When it was given; a file does not say.
    pub at: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    /// The file that it stands in, or [`SOCKET`].
    pub source: String,
}

/// The door of acknowledgements that stand in no file.
pub const SOCKET: &str = "socket";

impl Acknowledgement {
    /// Whether it is about this plan and did not run out.
    pub fn counts(&self, plan: &crate::plan::PlanId, now: Timestamp) -> bool {
        self.plan == *plan && self.expires.is_none_or(|expires| expires > now)
    }
}

/// What may happen to a plan now.
#[derive(Debug, Clone)]
pub enum Admission {
    Apply(ApprovedPlan),
    /// It waits for a person; the last applied state is still healed. `heal`: the part that may go ahead.
    Hold {
        reasons: Vec<HoldReason>,
        heal: Option<ApprovedPlan>,
    },
    /// It waits for time; heal goes ahead as above. `until`: absent where that is not known, or nothing opens again. `lifts`:
    /// what a person's word could lift of it; empty for windows.
    Wait {
        until: Option<Timestamp>,
        reason: String,
        lifts: Vec<HoldReason>,
        heal: Option<ApprovedPlan>,
    },
    Nothing,
}

impl Admission {
    /// The one door to [`ApprovedPlan`]: `decide` gives reasons against; none means apply.
    pub fn of(plan: Arc<Plan>, reasons: Vec<HoldReason>, heal: Option<Arc<Plan>>) -> Self {
        let heal = heal.filter(|plan| !plan.is_empty()).map(ApprovedPlan::new);
        if plan.is_empty() {
            Self::Nothing
        } else if reasons.is_empty() {
            Self::Apply(ApprovedPlan::new(plan))
        } else {
            Self::Hold { reasons, heal }
        }
    }

    /// As [`Admission::wait`], for what a person's word could lift.
    pub fn wait_or_lift(until: Option<Timestamp>, lifts: Vec<HoldReason>, heal: Option<Arc<Plan>>) -> Self {
        let words: Vec<&str> = lifts.iter().map(|reason| reason.message.as_str()).collect();
        let heal = heal.filter(|plan| !plan.is_empty()).map(ApprovedPlan::new);
        Self::Wait { until, reason: words.join("; "), lifts, heal }
    }

    /// As [`Admission::of`], for a plan that nothing but the clock holds back.
    pub fn wait(until: Option<Timestamp>, reason: String, heal: Option<Arc<Plan>>) -> Self {
        let heal = heal.filter(|plan| !plan.is_empty()).map(ApprovedPlan::new);
        Self::Wait { until, reason, lifts: Vec::new(), heal }
    }
}

/// Why a plan is held, in words a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldReason {
    pub kind: HoldKind,
    pub message: String,
    /// What lifts it: a command, a file, a commit.
    pub lift: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoldKind {
    /// A guard needs an acknowledgement.
    Guard,
    /// A rule says error.
    Policy,
    /// No pull request showed these actions.
    Unreviewed,
    /// The tracked branch was rewritten or is gone.
    History,
    /// A first plan onto objects that exist.
    Adoption,
    /// Somebody else set fields that we never owned.
    Conflict,
    /// A gate of a promotion is not open.
    Gate,
}

impl HoldKind {
    pub const ALL: [HoldKind; 7] = [
        Self::Guard,
        Self::Policy,
        Self::Unreviewed,
        Self::History,
        Self::Adoption,
        Self::Conflict,
        Self::Gate,
    ];

    /// As documents write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Policy => "policy",
            Self::Unreviewed => "unreviewed",
            Self::History => "history",
            Self::Adoption => "adoption",
            Self::Conflict => "conflict",
            Self::Gate => "gate",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether a person's word lifts it. The others are lifted by a commit, or by `naksha resume`.
    pub fn takes_acknowledgement(self) -> bool {
        matches!(self, Self::Guard | Self::Adoption | Self::Unreviewed | Self::Gate)
    }
}

/// The actions that people have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Their digests, from the final reports of merged pull requests.
    pub actions: BTreeSet<Digest>,
    /// Why there may be more of them: nobody has asked the forge yet what was merged.
    pub pending: Option<String>,
    /// Actions that were seen, and that nobody approved of who had to: whom they lack.
    pub unapproved: BTreeMap<Digest, String>,
}
