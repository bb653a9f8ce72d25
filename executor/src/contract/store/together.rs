//! Many writes at once: each holds by itself, whatever becomes of the others.

use std::collections::BTreeSet;
use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::task::Poll;

use futures::future::{join_all, poll_fn};
use naksha_environments::ids::Generation;
use naksha_environments::inventory::Owned;

use super::samples::{begin, key, lease, owned, scope, step};
use crate::port::store::{ApplyId, Effect, Scope, SharedStore, StepRecord, StoreError};

/// More than an apply has in flight.
const MANY: usize = 100;

/// The apply that a case writes to.
struct Running {
    store: SharedStore,
    scope: Scope,
    generation: Generation,
    apply: ApplyId,
}

async fn running(store: SharedStore, environment: &str) -> Running {
    let scope = scope(environment);
    let generation = lease(&store, &scope).await;
    let apply = begin(&store, &scope, generation, (None, 'a')).await;
    Running { store, scope, generation, apply }
}

impl Running {
    async fn record(&self, step: &StepRecord) -> Result<(), StoreError> {
        self.store.record(&self.scope, self.generation, self.apply, slice::from_ref(step)).await
    }

    /// What is recorded, in its order.
    async fn subjects(&self) -> Vec<String> {
        let steps = self.store.steps(self.apply).await.expect("should read");
        steps.into_iter().map(|step| step.subject).collect()
    }

    /// Names of what is owned.
    async fn objects(&self) -> BTreeSet<String> {
        let inventory = self.store.inventory(&self.scope).await.expect("should read");
        inventory.keys().map(|key| key.name.to_string()).collect()
    }
}

/// A step that owns an object named like it.
fn own(name: &str) -> StepRecord {
    step(name, Effect::Own(key(name), Arc::new(owned(name))))
}

fn names(numbers: impl Iterator<Item = usize>) -> BTreeSet<String> {
    numbers.map(|number| format!("web-{number}")).collect()
}

pub async fn many_writes_at_once_are_all_kept(store: SharedStore) {
    let all = [running(store.clone(), "dev").await, running(store, "prod").await];
    let each = all.iter().map(async |running| {
        let names = names(0..MANY);
        join_all(names.iter().map(async |name| {
            running.record(&own(name)).await.expect("should record");
            // What is answered is there for who reads after that.
            assert!(running.objects().await.contains(name));
        }))
        .await;
    });
    join_all(each).await;
    for running in &all {
        let recorded: BTreeSet<_> = running.subjects().await.into_iter().collect();
        assert_eq!(recorded, names(0..MANY));
        assert_eq!(running.objects().await, names(0..MANY));
    }
}

pub async fn a_refused_write_harms_no_other(store: SharedStore) {
    let running = running(store, "dev").await;
    let calls = (0..MANY).map(async |number| {
        let step = own(&format!("web-{number}"));
        match number % 4 {
            1 => {
                running
                    .store
                    .record(&running.scope, Generation(99), running.apply, slice::from_ref(&step))
                    .await
            }
            3 => {
                running
                    .store
                    .record(&running.scope, running.generation, ApplyId(99), slice::from_ref(&step))
                    .await
            }
            _ => running.record(&step).await,
        }
    });
    for (number, answer) in join_all(calls).await.into_iter().enumerate() {
        let as_it_should = match number % 4 {
            1 => matches!(answer, Err(StoreError::Fenced { .. })),
            3 => matches!(answer, Err(StoreError::NotFound { .. })),
            _ => answer.is_ok(),
        };
        assert!(as_it_should, "{number}: {answer:?}");
    }
    let kept = names((0..MANY).step_by(2));
    assert_eq!(running.subjects().await.into_iter().collect::<BTreeSet<_>>(), kept);
    assert_eq!(running.objects().await, kept);
}

/// Whoever goes away leaves its write whole or leaves nothing; who stays finds its own.
pub async fn a_dropped_caller_harms_no_other(store: SharedStore) {
    let running = running(store, "dev").await;
    for polls in (0..150).step_by(10) {
        let names = ["a", "b", "c", "d"].map(|name| format!("{name}-{polls}"));
        let (first, third) = (own(&names[0]), own(&names[2]));
        let (second, fourth) = (own(&names[1]), own(&names[3]));
        let ((), kept, (), also_kept) = futures::join!(
            dropped_after(polls, running.record(&first)),
            running.record(&second),
            dropped_after(polls, running.record(&third)),
            running.record(&fourth),
        );
        kept.and(also_kept).expect("should record");
        running.record(&own("last")).await.expect("should record after those that are gone");
        let (recorded, objects) = (running.subjects().await, running.objects().await);
        assert!(objects.contains(&names[1]) && objects.contains(&names[3]), "lost after {polls} polls");
        assert_eq!(recorded.into_iter().collect::<BTreeSet<_>>(), objects);
    }
}

/// Drops a call that is not done after so many polls, which follow each other at once.
async fn dropped_after(polls: usize, call: impl Future<Output = Result<(), StoreError>>) {
    let (mut call, mut left) = (pin!(call), polls);
    poll_fn(|context| match left.checked_sub(1) {
        None => Poll::Ready(()),
        Some(fewer) => {
            left = fewer;
            context.waker().wake_by_ref();
            call.as_mut().poll(context).map(|answer| answer.expect("should record"))
        }
    })
    .await;
}

/// The inventory moves in the order of the steps, also for who reads it all the time.
pub async fn the_latest_step_is_in_the_inventory(store: SharedStore) {
    let running = running(store, "dev").await;
    for round in 0..4 {
        let steps: Vec<_> = (0..MANY)
            .map(|number| {
                let version = Owned { stateful: false, ..owned(&format!("{round}-{number}")) };
                step(&format!("{round}-{number}"), Effect::Own(key("web"), Arc::new(version)))
            })
            .collect();
        let calls = steps.iter().map(async |step| {
            running.record(step).await.expect("should record");
            running.objects().await
        });
        join_all(calls).await;
        let latest = running.subjects().await.pop().expect("should have steps");
        let inventory = running.store.inventory(&running.scope).await.expect("should read");
        assert_eq!(inventory[&key("web")].desired, owned(&latest).desired);
    }
}
