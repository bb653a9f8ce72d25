//! Retrying: how often, and how long to wait in between.
//!
//! The driver retries; adapters try once. Delays grow exponentially and are spread by jitter, so that many
//! writers that failed together do not come back together.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How a kind of call is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Tries in all, the first one included.
    pub attempts: u32,
    pub initial: Duration,
    /// No delay of our own is longer.
    pub max: Duration,
}

/// Writes to a target: about 6 s in all. Longer trouble is the next reconcile's business, which plans anew.
pub const WRITES: Backoff =
    Backoff { attempts: 6, initial: Duration::from_millis(200), max: Duration::from_secs(5) };

/// Writes to the store: it is local or near, and nothing else can go on while it is away.
pub const STORE: Backoff =
    Backoff { attempts: 5, initial: Duration::from_millis(50), max: Duration::from_secs(1) };

/// Longest wait that a target may ask for (Retry-After); more ends the step instead of blocking the apply.
pub const MAX_ASKED: Duration = Duration::from_secs(30);

impl Backoff {
    /// The pause after the failed try number `attempt` (from 1), or `None` when that was the last. `spread` is in
    /// `0.0..1.0`: the pause lies between half of the nominal delay and the whole of it.
    pub fn pause(&self, attempt: u32, spread: f64) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(16);
        let nominal = self.initial.saturating_mul(1 << doublings).min(self.max);
        Some(nominal.mul_f64(0.5 + spread.clamp(0.0, 1.0) / 2.0))
    }
}

/// A number in `0.0..1.0` for [`Backoff::pause`]. Not for anything that must be unguessable.
pub fn spread() -> f64 {
    // Every `RandomState` has fresh keys: the standard library's own source of randomness.
    let bits = RandomState::new().build_hasher().finish() >> 40;
    let bits = u32::try_from(bits).unwrap_or_default();
    f64::from(bits) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_end() {
        let backoff = Backoff { attempts: 5, initial: Duration::from_secs(1), max: Duration::from_secs(3) };
        let pauses: Vec<_> = (1..=5).map(|attempt| backoff.pause(attempt, 1.0)).collect();
        let secs = |secs| Some(Duration::from_secs(secs));
        assert_eq!(pauses, [secs(1), secs(2), secs(3), secs(3), None]);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        assert_eq!(WRITES.pause(1, 0.0), Some(Duration::from_millis(100)));
        for _ in 0..100 {
            let spread = spread();
            assert!((0.0..1.0).contains(&spread), "{spread}");
        }
    }
}
