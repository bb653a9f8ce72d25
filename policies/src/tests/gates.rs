//! What the gates say of a promotion.

use std::collections::BTreeMap;
use std::time::Duration;

use naksha_environments::ids::{EnvironmentName, Revision, WorkflowName};
use naksha_environments::window::{Window, WindowKind};

use crate::gates::{Gate, GateState, Promotion, Upstream, Verification, Wellness, gates};
use crate::testing::{World, now};

fn revision(digit: char) -> Revision {
    Revision::parse(&digit.to_string().repeat(40)).unwrap()
}

fn upstream(name: &str, runs: char, was: Option<(u64, Option<bool>)>) -> Upstream {
    let was = was.map(|(minutes, is_well)| Wellness {
        well: Duration::from_secs(minutes * 60),
        is_well,
        at: now(),
    });
    Upstream { name: EnvironmentName::parse(name).unwrap(), runs: Some(revision(runs)), was, gave_up: None }
}

/// A promotion of `a`: everything is open until the case says otherwise.
struct Case {
    world: World,
    upstreams: Vec<Upstream>,
    verified: BTreeMap<WorkflowName, Verification>,
    change: fn(&mut Promotion<'_>),
}

impl Case {
    fn new(upstreams: Vec<Upstream>) -> Self {
        let mut world = World::new();
        world.environment.name = EnvironmentName::parse("staging").unwrap();
        Self { world, upstreams, verified: BTreeMap::new(), change: |_| {} }
    }

    fn soaking(minutes: u64, upstreams: Vec<Upstream>) -> Self {
        let mut case = Self::new(upstreams);
        case.world.environment.gates.soak = Duration::from_secs(minutes * 60);
        case
    }

    fn but(mut self, change: fn(&mut Promotion<'_>)) -> Self {
        self.change = change;
        self
    }

    /// What one gate says: `open`, `waits` or `shut`, and the words.
    fn says(&self, gate: Gate) -> String {
        let source = revision('a');
        let mut promotion = Promotion {
            environment: &self.world.environment,
            source: &source,
            is_rollback: false,
            barred: None,
            is_on_trunk: true,
            blocked: None,
            upstreams: &self.upstreams,
            verified: &self.verified,
            skipped_by: None,
            now: now(),
        };
        (self.change)(&mut promotion);
        let said = gates(&promotion);
        assert_eq!(said.each_ref().map(|one| one.gate), Gate::ALL);
        let one = said.into_iter().find(|one| one.gate == gate).unwrap();
        let state = match one.state {
            GateState::Open => "open".to_owned(),
            GateState::Waits { until: None } => "waits".to_owned(),
            GateState::Waits { until: Some(until) } => format!("waits until {until}"),
            GateState::Shut => "shut".to_owned(),
        };
        format!("{state}: {}", one.words)
    }
}

const WELL: Option<bool> = Some(true);
const UNWELL: Option<bool> = Some(false);

#[test]
fn order_asks_whether_upstream_has_it_and_is_well() {
    let says = |upstreams| Case::new(upstreams).says(Gate::Order);
    assert_eq!(says(vec![upstream("dev", 'a', Some((0, WELL)))]), "open: dev runs it and is well");
    assert_eq!(says(vec![upstream("dev", 'b', Some((9, WELL)))]), "open: dev ran it and was well");
    assert_eq!(says(vec![upstream("dev", 'a', Some((9, UNWELL)))]), "shut: dev is not well with it");
    assert_eq!(says(vec![upstream("dev", 'b', Some((9, UNWELL)))]), "shut: dev was not well with it");
    let unknown = "waits: dev runs it, and it is not known yet whether it is well";
    assert_eq!(says(vec![upstream("dev", 'a', Some((0, None)))]), unknown);
    assert!(
        says(vec![upstream("dev", 'b', Some((0, None)))]).starts_with("open: dev ran it"),
        "its apply ended well"
    );
    let never = "shut: dev has not run aaaaaaaaaa; it runs bbbbbbbbbb";
    assert_eq!(says(vec![upstream("dev", 'b', None)]), never);
    let nothing = Upstream { runs: None, ..upstream("dev", 'b', None) };
    assert_eq!(says(vec![nothing]), "waits: dev runs nothing yet; aaaaaaaaaa has to run there first");
    let gave_up = Some("rolled back to c".to_owned());
    let gave_up = Upstream { gave_up, ..upstream("dev", 'b', Some((9, WELL))) };
    assert_eq!(says(vec![gave_up]), "shut: dev gave it up: rolled back to c");
    // The worst of several decides, and of equals the first.
    let waits = || upstream("eu", 'a', Some((0, None)));
    let well = || upstream("dev", 'a', Some((1, WELL)));
    assert!(says(vec![well(), waits()]).starts_with("waits: eu"));
    assert!(says(vec![waits(), well(), upstream("us", 'b', None)]).starts_with("shut: us"));
    assert!(says(vec![upstream("us", 'b', None), upstream("dev", 'b', None)]).starts_with("shut: us"));
}

#[test]
fn what_the_environment_does_not_take_is_out_of_order() {
    let well = || Case::new(vec![upstream("dev", 'a', Some((1, WELL)))]);
    let says = |change: fn(&mut Promotion<'_>)| well().but(change).says(Gate::Order);
    let barred = "shut: aaaaaaaaaa is barred: rolled back to b; `naksha resume staging` lifts that";
    assert_eq!(says(|it| it.barred = Some("rolled back to b")), barred);
    let words = "shut: aaaaaaaaaa is not on the trunk: only merged commits are promoted";
    assert_eq!(says(|it| it.is_on_trunk = false), words);
    assert_eq!(
        says(|it| it.blocked = Some("staging is suspended: a look")),
        "shut: staging is suspended: a look"
    );
    let never = Case::new(vec![upstream("dev", 'b', None)]);
    assert_eq!(never.but(|it| it.skipped_by = Some("@ann")).says(Gate::Order), "open: skipped by @ann");
}

#[test]
fn a_soak_is_time_without_a_break_and_is_kept_once_it_is_over() {
    let says = |upstreams| Case::soaking(30, upstreams).says(Gate::Soak);
    let left = "waits until 2030-06-01T12:12:00Z: 30m are over at 2030-06-01 12:13Z, if dev stays well";
    assert_eq!(says(vec![upstream("dev", 'a', Some((18, WELL)))]), left);
    assert_eq!(says(vec![upstream("dev", 'a', Some((30, WELL)))]), "open: dev was well with it for 30m");
    assert_eq!(says(vec![upstream("dev", 'b', Some((31, WELL)))]), "open: dev was well with it for 30m");
    let away = "waits: the 30m go on when it is known that dev is well";
    assert_eq!(says(vec![upstream("dev", 'a', Some((18, None)))]), away);
    let gone = "shut: dev ran it for less than 30m, and runs something else now";
    assert_eq!(says(vec![upstream("dev", 'b', Some((29, WELL)))]), gone);
    assert_eq!(says(vec![upstream("dev", 'a', Some((0, UNWELL)))]), "waits: the 30m begin when dev is well");
    assert_eq!(says(vec![upstream("dev", 'b', None)]), "waits: dev has not run it; 30m are asked for");
    let two = vec![upstream("eu", 'a', Some((30, WELL))), upstream("us", 'a', Some((29, WELL)))];
    assert!(says(two).ends_with("if us stays well"));
    assert_eq!(Case::new(vec![upstream("dev", 'b', None)]).says(Gate::Soak), "open: none is asked for");
}

#[test]
fn every_named_workflow_has_to_succeed() {
    let says = |found: Option<Verification>| {
        let mut case = Case::new(vec![upstream("dev", 'a', Some((1, WELL)))]);
        let name = |text| WorkflowName::parse(text).unwrap();
        case.world.environment.gates.verify = vec![name("smoke"), name("load")];
        case.verified = BTreeMap::from([(name("load"), Verification::Succeeded)]);
        case.verified.extend(found.map(|found| (name("smoke"), found)));
        case.says(Gate::Verify)
    };
    assert_eq!(says(None), "waits: smoke did not run yet");
    assert_eq!(says(Some(Verification::Running)), "waits: smoke runs");
    assert_eq!(says(Some(Verification::Failed("exit 1".to_owned()))), "shut: smoke failed: exit 1");
    assert_eq!(says(Some(Verification::Missing("nobody".to_owned()))), "shut: smoke did not run: nobody");
    assert!(says(Some(Verification::Succeeded)).starts_with("open: "));
}

#[test]
fn a_rollback_passes_everything() {
    let mut case = Case::soaking(30, vec![upstream("dev", 'b', None)]);
    case.world.environment.gates.verify = vec![WorkflowName::parse("smoke").unwrap()];
    let duration = Duration::from_hours(1);
    case.world.environment.windows =
        vec![Window::parse(WindowKind::Allow, "0 2 * * *", duration, "UTC").unwrap()];
    assert!(
        case.says(Gate::Window)
            .starts_with("waits until 2030-06-02T02:00:00Z: closed until 2030-06-02 02:00Z: ")
    );
    let case = case.but(|it| it.is_rollback = true);
    for gate in Gate::ALL {
        assert_eq!(case.says(gate), "open: rollback: staging ran it before", "{gate:?}");
    }
    let case = case.but(|it| {
        it.is_rollback = true;
        it.blocked = Some("staging is held");
    });
    assert_eq!(case.says(Gate::Order), "open: rollback: staging ran it before", "it is the way out");
    let case = case.but(|it| {
        it.is_rollback = true;
        it.barred = Some("it burnt");
    });
    assert!(
        case.says(Gate::Order).starts_with("shut: aaaaaaaaaa is barred: it burnt"),
        "nobody goes back to what burnt"
    );
}
