//! How fast a forge is written to, and by one at a time.
//!
//! GitHub refuses more than 80 requests a minute and 500 an hour that make something, and asks for a second between them and for none
//! beside another. A burst is let through, so that one report is there at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

/// Writes without a pause, after a quiet half minute.
const BURST: u32 = 30;
/// Then one in so long.
const PAUSE: Duration = Duration::from_secs(1);
/// At most so many in so long, with some room below what is refused: others use the same account.
const LIMITS: [(usize, Duration); 2] = [(70, Duration::from_secs(60)), (450, Duration::from_secs(3600))];

/// The line in which requests wait that write to a forge as one identity, whichever repository they are about. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Mutex<(Instant, Pace)>>);

/// Nobody else writes while this is there.
#[derive(Debug)]
pub(crate) struct Turn<'a>(MutexGuard<'a, (Instant, Pace)>);

impl Turn<'_> {
    /// The forge has enough for so long: nobody writes until then.
    pub(crate) fn rest(&mut self, after: Duration) {
        let (since, pace) = &mut *self.0;
        pace.rest(since.elapsed() + after);
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), Pace::default()))))
    }
}

impl Turns {
    /// Waits until the forge may be written to. First come, first served.
    pub(crate) async fn take(&self) -> Turn<'_> {
        let mut line = self.0.lock().await;
        let (since, pace) = &mut *line;
        let wait = pace.turn(since.elapsed());
        tokio::time::sleep(wait).await;
        Turn(line)
    }
}

/// When was written, on a clock of the caller's. Pure.
#[derive(Debug, Default)]
struct Pace {
    written: VecDeque<Duration>,
    /// When the burst is whole again.
    whole: Duration,
    /// Nothing before.
    from: Duration,
}

impl Pace {
    /// Takes a turn; how long to wait for it.
    fn turn(&mut self, now: Duration) -> Duration {
        let (most, longest) = LIMITS[LIMITS.len() - 1];
        while self.written.len() > most || self.written.front().is_some_and(|at| now > *at + longest) {
            self.written.pop_front();
        }
        let burst = self.whole.saturating_sub(PAUSE * (BURST - 1));
        let allowed = LIMITS.into_iter().filter_map(|(most, within)| {
            // The one that is to be long enough ago.
            let at = self.written.len().checked_sub(most)?;
            Some(*self.written.get(at)? + within)
        });
        let at = allowed.fold(now.max(burst).max(self.from), Duration::max);
        self.whole = self.whole.max(at) + PAUSE;
        self.written.push_back(at);
        at.saturating_sub(now)
    }

    /// Takes no turn before.
    fn rest(&mut self, until: Duration) {
        self.from = self.from.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(pace: &mut Pace, count: usize, mut now: Duration) -> Vec<Duration> {
        let turn = |_| {
            now += pace.turn(now);
            now
        };
        (0..count).map(turn).collect()
    }

    #[test]
    fn a_burst_goes_through_and_the_rest_one_a_second() {
        let all = turns(&mut Pace::default(), 60, Duration::ZERO);
        assert_eq!(all[BURST as usize - 1], Duration::ZERO);
        assert_eq!(all[BURST as usize], PAUSE);
        assert_eq!(all[59], PAUSE * 30);
    }

    #[test]
    fn no_minute_and_no_hour_has_too_many() {
        let all = turns(&mut Pace::default(), 1000, Duration::from_secs(5));
        for (most, within) in LIMITS {
            for window in all.windows(most + 1) {
                assert!(window[most] >= window[0] + within, "{most} within {within:?}");
            }
        }
    }

    #[test]
    fn quiet_time_brings_the_burst_back() {
        let mut pace = Pace::default();
        let last = turns(&mut pace, 40, Duration::ZERO).pop().unwrap();
        let later = turns(&mut pace, 30, last + Duration::from_secs(600));
        assert!(later.iter().all(|at| *at == later[0]));
    }

    #[test]
    fn who_has_enough_is_left_alone() {
        let mut pace = Pace::default();
        pace.rest(Duration::from_secs(60));
        pace.rest(Duration::from_secs(5));
        let all = turns(&mut pace, 3, Duration::from_secs(1));
        assert_eq!(all, [Duration::from_secs(60); 3]);
    }

    #[tokio::test]
    async fn one_writes_at_a_time() {
        let turns = Turns::default();
        let (first, other) = (turns.take().await, turns.clone());
        let soon = Duration::from_millis(1);
        assert!(tokio::time::timeout(soon, other.take()).await.is_err());
        drop(first);
        other.take().await;
    }
}
