//! Apply, hold or wait.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use naksha_environments::ids::RuleName;
use naksha_environments::plan::{Action, ApprovedPlan, Cause, Conflict, FieldPath, Resolution, Verb};
use naksha_environments::repository::Unreviewed;
use naksha_environments::verdict::{Admission, HoldKind, HoldReason, Shown};
use naksha_environments::window::{Window, WindowKind};

use crate::admit::{AdmitInput, admit};
use crate::gates::{Gate, GateState, GateVerdict};
use crate::testing::{World, acknowledged, action};

const CLAIM: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: naksha}
";

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: naksha}}\n")
}

fn change(name: &str) -> Action {
    action("app", &config(name), Verb::Update, Cause::Change)
}

fn drift(name: &str) -> Action {
    action("app", &config(name), Verb::Update, Cause::Drift)
}

/// A case of admission: everything is allowed until the case says otherwise.
struct Case {
    world: World,
    shown: Shown,
    unreviewed: Unreviewed,
    history: Option<HoldReason>,
    unreadable: BTreeSet<RuleName>,
    ignored: Vec<String>,
    windows: Vec<Window>,
    gates: Vec<GateVerdict>,
    rollback: bool,
}

impl Case {
    fn of(actions: Vec<Action>) -> Self {
        Self {
            world: World::new().planning(actions),
            shown: Shown::default(),
            unreviewed: Unreviewed::Apply,
            history: None,
            unreadable: BTreeSet::new(),
            ignored: Vec::new(),
            windows: Vec::new(),
            gates: Vec::new(),
            rollback: false,
        }
    }

    fn admit(&self) -> Admission {
        let verdict = self.world.check();
        let input = AdmitInput {
            plan: Arc::new(self.world.plan.clone()),
            verdict: &verdict,
            shown: &self.shown,
            unreviewed: self.unreviewed,
            acknowledgements: &self.world.acknowledgements,
            history: self.history.as_ref(),
            unreadable: &self.unreadable,
            ignored: &self.ignored,
            windows: &self.windows,
            gates: &self.gates,
            rollback: self.rollback,
            now: self.world.now,
        };
        // What is planned from what was applied last: here, whatever heals.
        admit(input, || self.world.plan.subset(|action| action.cause == Cause::Drift))
    }

    /// In words, one line each.
    fn words(&self) -> String {
        let healed = |heal: &Option<ApprovedPlan>| {
            heal.as_ref().map_or(String::new(), |heal| {
                let names: Vec<_> = heal.plan().actions.iter().map(|one| one.subject.to_string()).collect();
                format!("\nheals {}", names.join(", "))
            })
        };
        match self.admit() {
            Admission::Nothing => "nothing".to_owned(),
            Admission::Apply(plan) => format!("apply {}", plan.plan().actions.len()),
            Admission::Wait { until, reason, lifts: _, heal } => {
                let until = until.map_or_else(|| "?".to_owned(), |until| until.to_string());
                format!("wait until {until}: {reason}{}", healed(&heal))
            }
            Admission::Hold { reasons, heal } => {
                let id = self.world.plan.id.clone();
                let line = |kind: HoldKind, message: &str, lift: &str| {
                    let lift = lift.replace(id.as_str(), "PLAN").replace(id.short(), "PLAN");
                    format!("{kind:?}: {message}\n  {lift}")
                };
                let lines: Vec<_> =
                    reasons.iter().map(|reason| line(reason.kind, &reason.message, &reason.lift)).collect();
                format!("hold\n{}{}", lines.join("\n"), healed(&heal))
            }
        }
    }
}

fn nights() -> Vec<Window> {
    let duration = Duration::from_hours(1);
    vec![Window::parse(WindowKind::Allow, "0 2 * * *", duration, "UTC").unwrap()]
}

#[test]
fn nothing_and_everything() {
    assert_eq!(Case::of(Vec::new()).words(), "nothing");
    assert_eq!(Case::of(vec![change("a"), drift("b")]).words(), "apply 2");
}

#[test]
fn a_guard_holds_and_healing_goes_on() {
    let mut case = Case::of(vec![action("app", CLAIM, Verb::Delete, Cause::Change), drift("b")]);
    insta::assert_snapshot!(case.words());
    case.world.acknowledgements = vec![acknowledged(&case.world.plan, Some("2030-05-31T00:00:00Z"))];
    assert!(case.words().contains("; the acknowledgement of @sam ended at 2030-05-31T00:00:00Z"));
    case.world.acknowledgements = vec![acknowledged(&case.world.plan, None)];
    assert_eq!(case.words(), "apply 2");
    // The word is for that plan; another one needs its own.
    let mut other = Case::of(vec![action("app", CLAIM, Verb::Delete, Cause::Change)]);
    other.world.acknowledgements = case.world.acknowledgements;
    assert!(other.words().starts_with("hold"));
}

#[test]
fn a_policy_error_holds_and_is_not_lifted_by_an_acknowledgement() {
    let service = "
apiVersion: v1
kind: Service
metadata: {name: db, namespace: naksha}
spec: {type: NodePort, ports: [{port: 5432}]}
";
    let mut case = Case::of(vec![action("app", service, Verb::Create, Cause::Change)]);
    case.world = case.world.rendering(&[("app", service)]);
    case.world.acknowledgements = vec![acknowledged(&case.world.plan, None)];
    insta::assert_snapshot!(case.words());
}

#[test]
fn conflicts_name_field_and_manager() {
    let mut conflicting = change("a");
    conflicting.conflicts = vec![
        Conflict {
            path: FieldPath::default().key("data").key("mode"),
            manager: Some("kubectl-edit".to_owned()),
            resolution: Resolution::Refuse,
        },
        Conflict { path: FieldPath::default().key("data"), manager: None, resolution: Resolution::Take },
    ];
    insta::assert_snapshot!(Case::of(vec![conflicting]).words());
}

#[test]
fn every_adoption_needs_a_word() {
    let mut case = Case::of(vec![action("app", &config("a"), Verb::Adopt, Cause::Change), change("b")]);
    insta::assert_snapshot!(case.words());
    case.world.acknowledgements = vec![acknowledged(&case.world.plan, None)];
    assert_eq!(case.words(), "apply 2");
}

#[test]
fn only_what_nobody_saw_is_listed() {
    let (seen, unseen) = (change("seen"), change("unseen"));
    let mut case = Case::of(vec![seen.clone(), unseen, drift("c")]);
    case.unreviewed = Unreviewed::Hold;
    case.shown = Shown { actions: [seen.digest].into(), ..Shown::default() };
    insta::assert_snapshot!(case.words());
    let mut all_seen = Case::of(vec![seen.clone(), drift("c")]);
    all_seen.unreviewed = Unreviewed::Hold;
    all_seen.shown = Shown { actions: [seen.digest].into(), ..Shown::default() };
    assert_eq!(all_seen.words(), "apply 2");
    let many: Vec<_> = (0..13).map(|at| change(&format!("m{at}"))).collect();
    let mut many = Case::of(many);
    many.unreviewed = Unreviewed::Hold;
    assert!(many.words().contains("and 3 more"));
}

#[test]
fn what_nobody_approved_of_who_had_to_is_listed_by_itself() {
    let (unapproved, unseen) = (change("unapproved"), change("unseen"));
    let mut case = Case::of(vec![unapproved.clone(), unseen]);
    case.unreviewed = Unreviewed::Hold;
    let lack = "#7 was merged without an approval by @org/platform".to_owned();
    case.shown.unapproved = [(unapproved.digest, lack.clone())].into();
    let words = case.words();
    assert!(words.contains(&format!("{lack}: update ConfigMap naksha/unapproved")), "{words}");
    assert!(words.contains("no pull request showed this: update ConfigMap naksha/unseen"), "{words}");
    // Another pull request showed it, and was approved.
    case.shown.actions.insert(unapproved.digest);
    assert!(!case.words().contains(&lack));
}

#[test]
fn what_may_have_been_shown_waits_and_is_not_held() {
    let seen = change("seen");
    let mut case = Case::of(vec![seen.clone(), drift("c")]);
    case.unreviewed = Unreviewed::Hold;
    case.shown.pending = Some("the forge was not asked yet".to_owned());
    assert_eq!(case.words(), "wait until ?: the forge was not asked yet\nheals ConfigMap naksha/c");
    case.shown.actions.insert(seen.digest);
    assert_eq!(case.words(), "apply 2", "it is known already");
    let mut guarded = Case::of(vec![action("app", CLAIM, Verb::Delete, Cause::Change)]);
    guarded.unreviewed = Unreviewed::Hold;
    guarded.shown.pending.clone_from(&case.shown.pending);
    let words = guarded.words();
    assert!(words.starts_with("hold\nGuard") && !words.contains("no pull request"), "{words}");
    guarded.world.acknowledgements = vec![acknowledged(&guarded.world.plan, None)];
    assert_eq!(guarded.words(), "apply 1");
}

#[test]
fn a_gate_that_is_shut_holds_and_one_that_opens_by_itself_waits() {
    let verdict = |gate, state, words: &str| GateVerdict { gate, state, words: words.to_owned() };
    let until = "2030-06-01T12:30:00Z".parse().ok();
    let soak = || verdict(Gate::Soak, GateState::Waits { until }, "30m are over at half past");
    let mut case = Case::of(vec![change("a"), drift("c")]);
    case.gates = vec![
        verdict(Gate::Order, GateState::Open, "dev is well"),
        soak(),
        verdict(Gate::Window, GateState::Shut, "windows speak for themselves"),
    ];
    let waits = "wait until 2030-06-01T12:30:00Z: promotion, soak: 30m are over at half past\nheals ConfigMap naksha/c";
    assert_eq!(case.words(), waits);
    case.gates.push(verdict(Gate::Verify, GateState::Waits { until: None }, "smoke runs"));
    assert!(case.words().starts_with(
        "wait until ?: promotion, soak: 30m are over at half past; promotion, verify: smoke runs"
    ));
    case.gates = vec![verdict(Gate::Order, GateState::Shut, "dev is not well with it"), soak()];
    insta::assert_snapshot!(case.words());
    case.world.acknowledgements = vec![acknowledged(&case.world.plan, None)];
    assert_eq!(case.words(), "apply 2");
    let mut heals = Case::of(vec![drift("c")]);
    heals.gates.clone_from(&case.gates);
    assert_eq!(heals.words(), "apply 1");
    let mut nothing = Case::of(Vec::new());
    nothing.gates.clone_from(&case.gates);
    assert_eq!(nothing.words(), "nothing");
}

#[test]
fn a_rewritten_history_holds() {
    let mut case = Case::of(vec![change("a")]);
    let (message, lift) = ("main was rewritten".to_owned(), "`naksha resume dev` accepts it".to_owned());
    case.history = Some(HoldReason { kind: HoldKind::History, message, lift });
    insta::assert_snapshot!(case.words());
}

#[test]
fn a_rule_that_cannot_be_read_holds() {
    let mut case = Case::of(vec![change("a"), drift("b")]);
    case.unreadable.insert(RuleName::parse("no-node-port").unwrap());
    insta::assert_snapshot!(case.words());
}

#[test]
fn what_deletes_does_not_go_ahead_as_healing() {
    let mut case =
        Case::of(vec![change("a"), drift("b"), action("app", &config("c"), Verb::Replace, Cause::Drift)]);
    case.unreviewed = Unreviewed::Hold;
    assert!(case.words().ends_with("heals ConfigMap naksha/b"), "{}", case.words());
}

#[test]
fn windows_hold_changes_back_and_nothing_else() {
    let mut case = Case::of(vec![change("a"), drift("b")]);
    case.windows = nights();
    assert_eq!(
        case.words(),
        "wait until 2030-06-02T02:00:00Z: no allow window is open; the next one is `0 2 * * *` for 1h (UTC)\nheals ConfigMap naksha/b"
    );
    case.rollback = true;
    assert_eq!(case.words(), "apply 2");
    let mut heals = Case::of(vec![drift("b")]);
    heals.windows = nights();
    heals.unreviewed = Unreviewed::Hold;
    assert_eq!(heals.words(), "apply 1");
    // What waits for a person is said first: time alone would not help.
    let mut both = Case::of(vec![change("a")]);
    both.windows = nights();
    both.unreviewed = Unreviewed::Hold;
    assert!(both.words().starts_with("hold\nUnreviewed"));
}
