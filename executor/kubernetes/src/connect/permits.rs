//! Places for requests in flight: a [`Limit`] and those who wait for it. Shared by all who use one server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limit::{Answered, Kind, Limit, Sent};

/// By the server's address. Environments come and go by themselves, and a server has no more room because many share it.
static SERVERS: Mutex<BTreeMap<String, Weak<Permits>>> = Mutex::new(BTreeMap::new());

/// How much a cluster is asked at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressure {
    pub cluster: Arc<str>,
    /// Requests that may be in flight.
    pub allowed: usize,
    pub in_flight: usize,
    /// Answers that said "too many requests" so far.
    pub throttled: u64,
}

/// How much each cluster that is in use is asked.
pub fn pressures() -> Vec<Pressure> {
    let servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    servers.values().filter_map(Weak::upgrade).map(|permits| permits.pressure()).collect()
}

#[derive(Debug)]
pub(super) struct Permits {
    cluster: Arc<str>,
    /// In the order in which they ask.
    places: Arc<Semaphore>,
    state: Mutex<State>,
    /// When its clock began.
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    limit: Limit,
    in_flight: usize,
    /// Places that are taken and not given on: the limit went down meanwhile.
    owed: usize,
    throttled: u64,
}

impl Permits {
    /// Those of the server at this address.
    pub(super) fn of(cluster: &Arc<str>, address: &str) -> Arc<Self> {
        let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|_, permits| permits.strong_count() > 0);
        if let Some(permits) = servers.get(address).and_then(Weak::upgrade) {
            return permits;
        }
        let state = State::default();
        let places = Arc::new(Semaphore::new(state.limit.allowed()));
        let (state, since) = (Mutex::new(state), Instant::now());
        let permits = Arc::new(Self { cluster: Arc::clone(cluster), places, state, since });
        servers.insert(address.to_owned(), Arc::downgrade(&permits));
        permits
    }

    /// Waits for a place.
    pub(super) async fn place(self: &Arc<Self>) -> Place {
        let permit = Arc::clone(&self.places).acquire_owned().await;
        let permit = permit.expect("should be open: it is never closed");
        let mut state = self.lock();
        state.in_flight += 1;
        let in_flight = state.in_flight;
        let sent = state.limit.sent(in_flight);
        drop(state);
        Place { permits: Arc::clone(self), permit: Some(permit), sent }
    }

    fn pressure(&self) -> Pressure {
        let state = self.lock();
        Pressure {
            cluster: Arc::clone(&self.cluster),
            allowed: state.limit.allowed(),
            in_flight: state.in_flight,
            throttled: state.throttled,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers only; a panic elsewhere leaves them right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the limit learn something, and makes as many places as it allows then.
    fn learn(&self, learn: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let before = state.limit.allowed();
        learn(&mut state);
        let now = state.limit.allowed();
        if now > before {
            let paid = state.owed.min(now - before);
            state.owed -= paid;
            self.places.add_permits(now - before - paid);
        } else {
            let less = before - now;
            state.owed += less - self.places.forget_permits(less);
        }
    }
}

/// The place of one request. Given back when dropped, also by a request that nobody waits for any more.
#[derive(Debug)]
pub(super) struct Place {
    permits: Arc<Permits>,
    permit: Option<OwnedSemaphorePermit>,
    sent: Sent,
}

impl Place {
    pub(super) fn answered(self, kind: Kind, done: bool, took: Duration) {
        let at = self.permits.since.elapsed();
        self.permits.learn(|state| state.limit.answered(Answered { kind, done, took, at }));
    }

    /// 429.
    pub(super) fn throttled(self) {
        self.permits.learn(|state| {
            state.throttled += 1;
            state.limit.refused(self.sent);
        });
    }

    /// No answer in time: as much as "too much".
    pub(super) fn timed_out(self) {
        self.permits.learn(|state| state.limit.refused(self.sent));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.permits.lock();
        state.in_flight -= 1;
        if state.owed > 0
            && let Some(permit) = self.permit.take()
        {
            state.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn there_are_as_many_places_as_the_limit_allows() {
        let permits = Permits::of(&"test".into(), "https://places.test");
        let first = permits.pressure().allowed;
        let mut taken = Vec::new();
        for _ in 0..first {
            taken.push(permits.place().await);
        }
        assert!(permits.place().now_or_never().is_none(), "all are taken");

        // Half of them are gone once they are given back.
        taken.pop().expect("should have one").throttled();
        assert_eq!(permits.pressure().allowed, first / 2);
        for place in taken.drain(first / 2..) {
            drop(place);
        }
        assert!(permits.place().now_or_never().is_none());
        taken.pop();
        assert!(permits.place().now_or_never().is_some());

        let pressure = permits.pressure();
        assert_eq!((pressure.in_flight, pressure.throttled), (first / 2 - 1, 1));
        // Those who ask for the same server share them.
        let same = Permits::of(&"other".into(), "https://places.test");
        assert_eq!(same.pressure(), pressure);
    }

    #[tokio::test]
    async fn a_place_that_nobody_waits_for_is_given_back() {
        let permits = Permits::of(&"test".into(), "https://given-back.test");
        let all = permits.pressure().allowed;
        for _ in 0..3 * all {
            drop(permits.place().await);
        }
        assert_eq!(permits.pressure().in_flight, 0);
    }
}
