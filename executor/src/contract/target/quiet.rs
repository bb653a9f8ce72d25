//! What was found in order is asked about only as a whole: the target tells what happened to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::inventory::Owned;
use naksha_environments::object::{Body, KeyMap, Mark, ObjectKey, Observed};
use naksha_environments::quiet::Quiet;
use serde_json::{Value, json};

use super::Fixture;
use super::samples::{PATIENCE, config, create, deployment, edit, key, observe, unit, update};
use crate::port::target::{Question, SharedTarget, Wanted};

/// Three objects of ours that a target was asked about, and said nothing of.
struct Settled {
    target: SharedTarget,
    bodies: BTreeMap<ObjectKey, Value>,
    marks: BTreeMap<ObjectKey, Mark>,
}

impl Settled {
    async fn new(fixture: &impl Fixture) -> Self {
        let target = fixture.target();
        let (mut bodies, mut marks) = (BTreeMap::new(), BTreeMap::new());
        for name in ["one", "two"] {
            let key = key(fixture, "ConfigMap", name);
            bodies.insert(key.clone(), config(&key, &json!({"a": "1"})));
        }
        let web = key(fixture, "Deployment", "web");
        bodies.insert(web.clone(), deployment(&web, "nginx:1", 0));
        for (key, body) in &bodies {
            marks.insert(key.clone(), create(&*target, key, body).await.mark);
        }
        edit(fixture, &web, |object| ready(object, 0)).await;
        let mut settled = Self { target, bodies, marks };
        settled.look().await;
        settled
    }

    /// As passes do that record what they find.
    async fn look(&mut self) {
        loop {
            let wanted = self.marks.iter();
            let wanted = wanted.map(|(key, mark)| Wanted { key: key.clone(), mark: Some(mark.clone()) });
            let question = Question::from(wanted.collect::<Vec<_>>());
            let observation = self.target.observe(question).await.expect("should observe");
            let mut moved = false;
            for (key, mark) in &mut self.marks {
                if let Observed::InSync { mark: now, health } = observation.of(key, Some(mark)) {
                    moved |= std::mem::replace(mark, now.clone()) != now || !health.is_healthy();
                }
            }
            if !moved {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    fn question(&self) -> Question {
        let owned = |(key, mark): (&ObjectKey, &Mark)| {
            let applied = Body::new(&self.bodies[key]);
            let owned = Owned {
                unit: unit(),
                api_version: "v1".into(),
                desired: applied.digest(),
                applied,
                mark: Some(mark.clone()),
                secrets: BTreeMap::new(),
                stateful: false,
                end: None,
            };
            (key.clone(), Arc::new(owned))
        };
        Question { wanted: Vec::new(), quiet: Quiet::all(Arc::new(self.marks.iter().map(owned).collect())) }
    }

    async fn told(&self) -> KeyMap<Observed> {
        self.target.observe(self.question()).await.expect("should observe").objects
    }

    /// What is told besides that it is in order.
    async fn news(&self) -> BTreeSet<ObjectKey> {
        let told = self.told().await.into_iter();
        let is_fine = |it: &Observed| matches!(it, Observed::InSync { health, .. } if health.is_healthy());
        told.filter(|(_, observed)| !is_fine(observed)).map(|(key, _)| key).collect()
    }
}

impl Settled {
    /// Waits until the target says that something happened, and tells this. What it says is a hint: it may come of what was before.
    async fn hear(&self, changes: &mut tokio::sync::watch::Receiver<u64>, news: &[&ObjectKey]) {
        let news: BTreeSet<ObjectKey> = news.iter().map(|key| (*key).clone()).collect();
        loop {
            seen(changes).await;
            if self.news().await == news {
                return;
            }
        }
    }
}

fn ready(object: &mut Value, replicas: u32) {
    let generation = object["metadata"]["generation"].clone();
    object["status"] = json!({"observedGeneration": generation, "replicas": 0, "updatedReplicas": 0,
        "readyReplicas": replicas, "availableReplicas": replicas});
}

/// Waits until the target saw that something happened.
async fn seen(changes: &mut tokio::sync::watch::Receiver<u64>) {
    tokio::time::timeout(PATIENCE, changes.changed()).await.expect("should be woken").expect("should watch");
}

pub async fn nothing_is_told_of_what_is_quiet(fixture: &impl Fixture) {
    let settled = Settled::new(fixture).await;
    for _ in 0..3 {
        assert_eq!(settled.news().await, BTreeSet::new());
    }
}

pub async fn what_happens_to_the_quiet_is_told(fixture: &impl Fixture) {
    let mut settled = Settled::new(fixture).await;
    let (one, two) = (key(fixture, "ConfigMap", "one"), key(fixture, "ConfigMap", "two"));
    assert_eq!(settled.news().await, BTreeSet::new());
    let mut changes = settled.target.changes();
    edit(fixture, &one, |object| object["data"]["a"] = json!("2")).await;
    settled.hear(&mut changes, &[&one]).await;
    // Not only once: it is so until somebody changes it.
    for _ in 0..3 {
        assert_eq!(settled.news().await, BTreeSet::from([one.clone()]));
    }
    fixture.erase(&two).await;
    settled.hear(&mut changes, &[&one, &two]).await;
    let told = settled.told().await;
    assert!(matches!(told[&one], Observed::Live(_)), "{told:?}");
    assert_eq!(told[&two], Observed::Absent);
    // Our own write puts one of them in order.
    let Observed::Live(live) = observe(&*settled.target, &one, None).await else {
        unreachable!("it is there")
    };
    let body = &settled.bodies[&one];
    let written = update(&*settled.target, &one, &live.expected(), body, body).await.expect("should update");
    settled.marks.insert(one.clone(), written.mark);
    settled.look().await;
    assert_eq!(settled.news().await, BTreeSet::from([two]));
}

pub async fn health_of_the_quiet_is_told(fixture: &impl Fixture) {
    let settled = Settled::new(fixture).await;
    let web = key(fixture, "Deployment", "web");
    assert_eq!(settled.news().await, BTreeSet::new());
    let mut changes = settled.target.changes();
    edit(fixture, &web, |object| object["status"]["observedGeneration"] = json!(0)).await;
    edit(fixture, &web, |object| object["metadata"]["generation"] = json!(7)).await;
    settled.hear(&mut changes, &[&web]).await;
    let told = settled.told().await;
    let health = match &told[&web] {
        Observed::InSync { health, .. } => health,
        Observed::Live(live) => &live.health,
        other => unreachable!("it is there: {other:?}"),
    };
    assert!(!health.is_healthy());
}

pub async fn other_questions_between_hide_nothing(fixture: &impl Fixture) {
    let settled = Settled::new(fixture).await;
    let (one, two) = (key(fixture, "ConfigMap", "one"), key(fixture, "ConfigMap", "two"));
    assert_eq!(settled.news().await, BTreeSet::new());
    let mut changes = settled.target.changes();
    edit(fixture, &two, |object| object["data"]["a"] = json!("2")).await;
    settled.hear(&mut changes, &[&two]).await;
    settled.target.doubt();
    for mark in [None, Some(&settled.marks[&one])] {
        observe(&*settled.target, &one, mark).await;
    }
    assert_eq!(settled.news().await, BTreeSet::from([two]));
}

pub async fn a_target_that_begins_anew_looks_at_everything(fixture: &impl Fixture) {
    let mut settled = Settled::new(fixture).await;
    let one = key(fixture, "ConfigMap", "one");
    edit(fixture, &one, |object| object["data"]["a"] = json!("2")).await;
    settled.target = fixture.reopen().await;
    for _ in 0..2 {
        assert_eq!(settled.news().await, BTreeSet::from([one.clone()]));
    }
}
