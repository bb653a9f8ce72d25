//! Records steps together: one write to the store costs about as much for twenty of them as for one.
//!
//! A step that is done waits a moment for those that are still at work; the first in line then records all that wait.
//! Nothing depends on that moment: until it is recorded, a step is one that may have happened, and what it was about to do
//! stands in the inventory.
//!
//! ```text
//! step ─┐                   ┌ first in line: gather, store.record(all) ─┐
//! step ─┼─ done, waiting ───┤                                           ├─ recorded, or not
//! step ─┘                   └ the others: told ─────────────────────────┘
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::run::{Run, stored};
use crate::port::store::StepRecord;

/// How long a step waits for others. An API server answers one of ours every few milliseconds, so that this gathers ten or
/// more; who waits holds up nobody, but for the next wave of its own unit.
const GATHER: Duration = Duration::from_millis(50);

/// Steps in one write: more would share hardly less of it each.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Recorder {
    state: Mutex<State>,
    /// Held by the one who gathers and records.
    line: tokio::sync::Mutex<()>,
    /// There is nothing more to wait for.
    complete: Notify,
}

#[derive(Debug, Default)]
struct State {
    at_work: usize,
    waiting: Vec<Waiting>,
}

/// A step, and who is told when it is recorded.
type Waiting = (StepRecord, oneshot::Sender<StepRecord>);

impl State {
    /// Nobody else comes, or enough are there.
    fn is_complete(&self) -> bool {
        self.at_work == 0 || self.waiting.len() >= MOST
    }
}

/// A step from its start until it has something to record, or has not.
#[derive(Debug)]
pub(super) struct AtWork<'r>(&'r Recorder);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.at_work -= 1;
        if state.is_complete() {
            self.0.complete.notify_one();
        }
    }
}

impl Recorder {
    pub(super) fn begins(&self) -> AtWork<'_> {
        self.state().at_work += 1;
        AtWork(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that waited longest; who is left over is recorded by the next in line.
    fn take(&self) -> Vec<Waiting> {
        let waiting = &mut self.state().waiting;
        let count = waiting.len().min(MOST);
        waiting.drain(..count).collect()
    }

    /// Waits for the others, not for long.
    async fn gather(&self) {
        let all = async {
            while !self.state().is_complete() {
                self.complete.notified().await;
            }
        };
        // Late is as good.
        drop(tokio::time::timeout(GATHER, all).await);
    }
}

/// Records a step, with its effect on the inventory in the same transaction, and gives it back. `None`: the store could
/// not be written, and the apply ends here.
pub(super) async fn record(run: &Run<'_>, work: AtWork<'_>, step: StepRecord) -> Option<StepRecord> {
    let recorder = &run.recorder;
    let (told, mut answer) = oneshot::channel();
    recorder.state().waiting.push((step, told));
    drop(work);
    let _first = tokio::select! {
        biased;
        back = &mut answer => return back.ok(),
        first = recorder.line.lock() => first,
    };
    if let Ok(back) = answer.try_recv() {
        return Some(back);
    }
    recorder.gather().await;
    let (steps, told): (Vec<_>, Vec<_>) = recorder.take().into_iter().unzip();
    let (scope, generation) = (run.input.scope, run.input.generation);
    let write = || run.input.store.record(scope, generation, run.apply, &steps);
    if let Err(error) = stored("record what was done", write).await {
        run.fail(error);
        return None;
    }
    for (step, told) in steps.into_iter().zip(told) {
        // Who waits for it is part of the same apply.
        drop(told.send(step));
    }
    answer.await.ok()
}
