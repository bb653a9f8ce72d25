//! What a pass finds to be right already: what of it is worth a write.

use std::sync::Arc;

use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::object::{Body, DesiredObject, Health, Live, Mark, Observation, Observed, Uid};
use naksha_environments::plan::Plan;
use naksha_environments::run_once::RunEnd;
use serde_json::json;

use super::world::{Desired, config, object, unit};
use crate::realise::{settle, step};

fn job(run: &str) -> DesiredObject {
    object("Job", "migrate", 0, &json!({"spec": {"ttlSecondsAfterFinished": 60, "run": run}}))
}

fn mark(uid: &str, version: &str) -> Mark {
    let fingerprint = Body::new(&json!({})).digest();
    Mark { uid: Some(Uid(uid.into())), version: version.into(), fingerprint }
}

/// The entry of an object that was written like this.
fn owned(object: &DesiredObject) -> Owned {
    Owned { mark: Some(mark("uid-1", "1")), ..step::intent(&unit("web"), object, &[], false) }
}

/// What is written when `wanted` is wanted, `owned` is known, and this is seen.
fn written(wanted: &DesiredObject, owned: &Owned, seen: Option<Observed>) -> Option<Owned> {
    let desired = Desired::new().unit("web", &[], vec![wanted.clone()]);
    let rendered = desired.rendered();
    let inventory = Inventory::from_iter([(wanted.key.clone(), Arc::new(owned.clone()))]);
    let objects = seen.into_iter().map(|seen| (wanted.key.clone(), seen)).collect();
    let plan = Plan::empty(&rendered.environment);
    let settled = settle(&plan, rendered, &Observation { objects }, &inventory);
    settled.get(&wanted.key).map(|owned| Owned::clone(owned))
}

fn live(mark: Mark, body: &Body, health: Health) -> Observed {
    Observed::Live(Live { mark, body: body.clone(), health, managed: None })
}

#[test]
fn what_was_read_and_is_as_it_is_known_writes_nothing() {
    let page = config("page", 0, "1");
    let known = owned(&page);
    let seen = |mark: Mark| Some(live(mark, &page.body, Health::Healthy));
    assert_eq!(written(&page, &known, seen(mark("uid-1", "1"))), None);
    let moved = written(&page, &known, seen(mark("uid-1", "2"))).expect("should be renewed");
    assert_eq!(moved, Owned { mark: Some(mark("uid-1", "2")), ..known.clone() });
    assert_eq!(written(&page, &moved, seen(mark("uid-1", "2"))), None);
    let in_sync = |mark: Mark| Some(Observed::InSync { mark, health: Health::Healthy });
    assert_eq!(written(&page, &known, in_sync(mark("uid-1", "1"))), None);
    assert_eq!(written(&page, &known, None), None);
}

#[test]
fn an_end_is_written_once_and_of_the_very_object() {
    let job = job("1");
    let known = owned(&job);
    let failed = || Health::Degraded("it failed".to_owned());
    let seen = |uid: &str, health: Health| Some(live(mark(uid, "1"), &job.body, health));
    assert_eq!(written(&job, &known, seen("uid-1", Health::Progressing("it runs".to_owned()))), None);
    assert_eq!(written(&job, &known, seen("uid-2", failed())), None, "somebody else's");
    assert_eq!(written(&job, &known, Some(Observed::Absent)), None);
    let ended = written(&job, &known, seen("uid-1", failed())).expect("should be written");
    assert_eq!(ended, Owned { end: Some(RunEnd::Failed("it failed".to_owned())), ..known.clone() });
    assert_eq!(written(&job, &ended, seen("uid-1", failed())), None);
    assert_eq!(written(&job, &ended, Some(Observed::Absent)), None, "it stays what it was");
    let page = config("page", 0, "1");
    assert_eq!(written(&page, &owned(&page), Some(live(mark("uid-1", "1"), &page.body, failed()))), None);
}

#[test]
fn what_nothing_is_answered_of_is_healthy_where_it_was_asked_about_as_it_is() {
    let known = owned(&job("1"));
    let ended = written(&job("1"), &known, None).expect("should be written");
    assert_eq!(ended, Owned { end: Some(RunEnd::Succeeded), ..known.clone() });
    assert_eq!(written(&job("1"), &ended, None), None);
    let failed = Owned { end: Some(RunEnd::Failed("for now".to_owned())), ..known.clone() };
    assert_eq!(written(&job("1"), &failed, None), Some(ended), "it went well after all");
    assert_eq!(written(&job("2"), &known, None), None, "Git wants another one");
}
