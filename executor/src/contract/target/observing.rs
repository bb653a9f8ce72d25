//! Three answers: it is there, it is not, it cannot be told.

use naksha_environments::object::Observed;
use serde_json::json;

use super::Fixture;
use super::samples::{config, create, deployment, edit, key, observe, observe_until, update};
use crate::port::target::{Question, Wanted, WriteError, WriteMode};

pub async fn everything_asked_for_is_answered(fixture: &impl Fixture) {
    let target = fixture.target();
    let (one, two) = (key(fixture, "ConfigMap", "one"), key(fixture, "ConfigMap", "two"));
    let other = key(fixture, "Deployment", "one");
    create(&*target, &one, &config(&one, &json!({}))).await;
    let wanted = [&one, &two, &other].map(|key| Wanted { key: key.clone(), mark: None });
    let observation = target.observe(wanted.to_vec().into()).await.expect("should observe");
    assert_eq!(observation.objects.len(), 3);
    assert!(matches!(observation.of(&one, None), Observed::Live(_)));
    assert_eq!(observation.of(&two, None), Observed::Absent);
    assert_eq!(observation.of(&other, None), Observed::Absent);
    assert!(target.observe(Question::default()).await.expect("should observe nothing").objects.is_empty());
}

pub async fn our_own_write_is_in_sync(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let written = create(&*target, &key, &config(&key, &json!({"a": "1"}))).await;
    let Observed::InSync { mark, .. } = observe(&*target, &key, Some(&written.mark)).await else {
        unreachable!("nothing happened since our write");
    };
    assert_eq!((&mark.uid, mark.fingerprint), (&written.mark.uid, written.mark.fingerprint));
    // The new mark is as good as the first.
    assert!(matches!(observe(&*target, &key, Some(&mark)).await, Observed::InSync { .. }));
    let Observed::Live(live) = observe(&*target, &key, None).await else {
        unreachable!("without a mark the object itself is wanted");
    };
    assert_eq!(live.mark.fingerprint, written.mark.fingerprint);
}

pub async fn a_status_is_no_drift(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Deployment", "web");
    let before = deployment(&key, "nginx:1", 2);
    let written = create(&*target, &key, &before).await;
    edit(fixture, &key, |object| object["status"] = json!({"replicas": 2, "readyReplicas": 1})).await;
    let observed = observe(&*target, &key, Some(&written.mark)).await;
    assert!(matches!(observed, Observed::InSync { .. }), "{observed:?}");
    let after = deployment(&key, "nginx:2", 2);
    update(&*target, &key, &written.mark, &before, &after).await.expect("a status moves nothing");
    let there = fixture.peek(&key).await.expect("should exist");
    assert_eq!(there["status"]["readyReplicas"], 1, "the status is its controller's");
}

pub async fn health_is_judged(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "Deployment", "web");
    let mut mark = create(&*target, &key, &deployment(&key, "nginx:1", 2)).await.mark;
    for (ready, healthy) in [(1, false), (1, false), (2, true), (2, true), (0, false)] {
        edit(fixture, &key, |object| {
            let generation = object["metadata"]["generation"].clone();
            object["status"] = json!({"observedGeneration": generation, "replicas": 2, "updatedReplicas": 2,
                "readyReplicas": ready, "availableReplicas": ready});
        })
        .await;
        // Twice: what was seen once must not be answered from memory.
        for _ in 0..2 {
            let judged = |observed: &Observed| matches!(observed, Observed::InSync { health, .. } if health.is_healthy() == healthy);
            let seen = observe_until(fixture, &*target, (&key, &mark), judged).await;
            let Observed::InSync { mark: now, health } = seen else {
                unreachable!("a status is no drift");
            };
            assert_eq!(health.is_healthy(), healthy, "{ready} of 2: {health:?}");
            mark = now;
        }
    }
}

pub async fn unknown_is_not_absent(fixture: &impl Fixture) {
    let target = fixture.target();
    let (one, two) = (key(fixture, "ConfigMap", "one"), key(fixture, "ConfigMap", "two"));
    let written = create(&*target, &one, &config(&one, &json!({"a": "1"}))).await;
    create(&*target, &two, &config(&two, &json!({"a": "1"}))).await;
    if !fixture.garble(&one).await {
        return;
    }
    for mark in [None, Some(&written.mark)] {
        let observed = observe(&*target, &one, mark).await;
        assert!(matches!(observed, Observed::Unknown { .. }), "{observed:?}");
    }
    assert!(matches!(observe(&*target, &two, None).await, Observed::Live(_)), "others are not affected");
}

pub async fn the_unreadable_is_not_overwritten(fixture: &impl Fixture) {
    let target = fixture.target();
    let key = key(fixture, "ConfigMap", "one");
    let body = config(&key, &json!({"a": "1"}));
    let written = create(&*target, &key, &body).await;
    if !fixture.garble(&key).await {
        return;
    }
    let create = super::samples::write(&key, WriteMode::Create, None, &body);
    let update = super::samples::write(&key, WriteMode::Update { expect: written.mark.clone() }, None, &body);
    for write in [create, update] {
        let result = target.write(&write).await;
        assert!(matches!(result, Err(WriteError::Moved { .. } | WriteError::Blocked { .. })), "{result:?}");
    }
    let result = super::samples::remove(&*target, &key, &written.mark).await;
    assert!(result.is_err(), "what cannot be read cannot be proven to be ours");
    assert!(matches!(observe(&*target, &key, None).await, Observed::Unknown { .. }), "it is still there");
}
