//! How many requests may be in flight to a cluster. Pure: what happened and how long it took comes in.
//!
//! ```text
//! a round (as many answers as are allowed) without queueing, all places taken  ─> an eighth more
//! a round of which most answers were slow                                        ─> an eighth less
//! 429, or no answer within its time                                              ─> half, once per round trip
//! ```
//!
//! There is no rate: a server that is quick gets more because it answers, one that is not gets less because it does not.

use std::time::Duration;

/// Where it begins: with about this many writes an API server of two cores is fastest. A larger one shows within some
/// rounds that it takes more.
const START: usize = 16;
/// A connection takes 100 streams. The rest is for those who ask for no place, watches that begin.
pub(super) const MOST: usize = 96;
/// What nobody answers is still asked one by one.
const LEAST: usize = 1;
/// Slowness alone goes no lower: a webhook may be what is slow, and it is not helped by waiting.
const CALM: usize = 8;
/// Slow is what takes this many times as long as the quickest answer lately. On a busy server time grows with what is in
/// flight although nothing is wrong, so that the factor is large.
const SLOW_FACTOR: u32 = 10;
/// And nothing below this is slow, however quick the quickest was.
const SLOW: Duration = Duration::from_millis(250);
/// What takes this many times as long as the quickest answer lately waited for others: more in flight would wait as well.
const QUEUED_FACTOR: u32 = 4;
/// And nothing below this waited long enough to matter.
const QUEUED: Duration = Duration::from_millis(20);
/// The quickest answer is forgotten after one or two times as many: a server may become slower for good.
const REMEMBERED: usize = 500;
/// What is waited for where the server names no time: what an API server names.
const USUAL_PAUSE: Duration = Duration::from_secs(1);

/// When a request was sent, counted in halvings: a refusal of what was sent before the last one is no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent(u64);

#[derive(Debug)]
pub(super) struct Limit {
    allowed: usize,
    halvings: u64,
    round: Round,
    fastest: Fastest,
}

#[derive(Debug, Default)]
struct Round {
    answers: usize,
    slow: usize,
    queued: usize,
    /// Whether somebody had to wait: what is not used says nothing about what would be too much.
    full: bool,
}

/// The quickest answers of this while and of the one before.
#[derive(Debug)]
struct Fastest {
    now: Duration,
    before: Duration,
    answers: usize,
}

impl Default for Limit {
    fn default() -> Self {
        let fastest = Fastest { now: Duration::MAX, before: Duration::MAX, answers: 0 };
        Self { allowed: START, halvings: 0, round: Round::default(), fastest }
    }
}

impl Limit {
    pub(super) fn allowed(&self) -> usize {
        self.allowed
    }

    /// A request is sent; `in_flight`: how many are, this one included.
    pub(super) fn sent(&mut self, in_flight: usize) -> Sent {
        self.round.full |= in_flight >= self.allowed;
        Sent(self.halvings)
    }

    /// The server answered, whatever it said, but that it has enough.
    pub(super) fn answered(&mut self, took: Duration) {
        let usual = self.fastest.note(took);
        self.round.answers += 1;
        if took > SLOW && took > usual.saturating_mul(SLOW_FACTOR) {
            self.round.slow += 1;
        }
        if took > QUEUED && took > usual.saturating_mul(QUEUED_FACTOR) {
            self.round.queued += 1;
        }
        if self.round.answers < self.allowed {
            return;
        }
        let Round { answers, slow, queued, full } = std::mem::take(&mut self.round);
        let (most, step) = (|some: usize| some * 2 > answers, self.allowed.div_ceil(8));
        if !full {
            return;
        }
        if most(slow) && self.allowed > CALM {
            self.allowed = (self.allowed - step).max(CALM);
        } else if !most(slow) && (!most(queued) || self.allowed < START) {
            self.allowed = (self.allowed + step).min(MOST);
        }
    }

    /// The server has enough, or did not answer in time. What was sent before that was known changes nothing.
    pub(super) fn refused(&mut self, sent: Sent) {
        if sent == Sent(self.halvings) {
            self.halvings += 1;
            self.allowed = (self.allowed / 2).max(LEAST);
            self.round = Round::default();
        }
    }
}

impl Fastest {
    /// Takes a time in; the quickest one lately.
    fn note(&mut self, took: Duration) -> Duration {
        if self.answers == REMEMBERED {
            (self.before, self.now, self.answers) = (self.now, Duration::MAX, 0);
        }
        self.answers += 1;
        self.now = self.now.min(took);
        self.now.min(self.before)
    }
}

/// How long to wait after a 429: what the server asks for, and up to as much again, so that those who were refused together
/// do not come back together. `spread` is in `0.0..1.0`.
pub(super) fn pause(asked: Option<Duration>, spread: f64) -> Duration {
    let asked = asked.unwrap_or(USUAL_PAUSE);
    asked + USUAL_PAUSE.max(asked).mul_f64(spread.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(5);

    /// One round in which all places are taken.
    fn round(limit: &mut Limit, took: Duration) {
        let sent = limit.sent(limit.allowed());
        assert_eq!(sent, Sent(limit.halvings));
        for _ in 0..limit.allowed() {
            limit.answered(took);
        }
    }

    fn rounds(limit: &mut Limit, count: usize, took: Duration) -> usize {
        for _ in 0..count {
            round(limit, took);
        }
        limit.allowed()
    }

    #[test]
    fn it_grows_by_an_eighth_a_round_up_to_what_a_connection_takes() {
        let mut limit = Limit::default();
        assert_eq!(rounds(&mut limit, 1, QUICK), START + START / 8);
        assert_eq!(rounds(&mut limit, 20, QUICK), MOST);
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let mut limit = Limit::default();
        for _ in 0..10 * START {
            limit.sent(3);
            limit.answered(QUICK);
        }
        assert_eq!(limit.allowed(), START);
    }

    #[test]
    fn a_refusal_halves_once_per_round_trip_and_leaves_one() {
        let mut limit = Limit::default();
        let burst: Vec<Sent> = (1..=START).map(|in_flight| limit.sent(in_flight)).collect();
        for sent in burst {
            limit.refused(sent);
        }
        assert_eq!(limit.allowed(), START / 2);
        for _ in 0..10 {
            let sent = limit.sent(1);
            limit.refused(sent);
        }
        assert_eq!(limit.allowed(), LEAST);
        assert!(rounds(&mut limit, 20, QUICK) > START, "and it recovers");
    }

    #[test]
    fn a_busy_server_is_not_a_slow_one_and_gets_no_more() {
        // Two cores: time grows with what is in flight, and so does nothing else.
        let mut limit = Limit::default();
        let allowed = rounds(&mut limit, 1, QUICK);
        assert_eq!(rounds(&mut limit, 10, Duration::from_millis(200)), allowed);
        // What was lost to refusals comes back all the same.
        for _ in 0..3 {
            let sent = limit.sent(1);
            limit.refused(sent);
        }
        assert!(rounds(&mut limit, 30, Duration::from_millis(200)) >= START);
    }

    #[test]
    fn a_far_server_is_not_a_busy_one() {
        let mut limit = Limit::default();
        assert_eq!(rounds(&mut limit, 20, Duration::from_millis(120)), MOST);
    }

    #[test]
    fn a_server_that_became_slow_gets_less_but_not_nothing() {
        let mut limit = Limit::default();
        rounds(&mut limit, 1, QUICK);
        assert!(rounds(&mut limit, 2, Duration::from_secs(2)) < START);
        // Not so many rounds that the quick ones are forgotten.
        assert_eq!(rounds(&mut limit, 30, Duration::from_secs(2)), CALM);
    }

    #[test]
    fn one_that_is_slow_for_good_is_as_it_is() {
        let mut limit = Limit::default();
        let slow = Duration::from_secs(1);
        rounds(&mut limit, 1, QUICK);
        assert!(rounds(&mut limit, 10, slow) < START);
        assert_eq!(rounds(&mut limit, 300, slow), MOST, "what was quick once is forgotten");
    }

    #[test]
    fn pauses_are_what_is_asked_for_and_a_spread() {
        let secs = Duration::from_secs;
        assert_eq!(pause(Some(secs(3)), 0.0), secs(3));
        assert_eq!(pause(Some(secs(3)), 1.0), secs(6));
        assert_eq!(pause(None, 0.5), Duration::from_millis(1500));
        assert_eq!(pause(Some(Duration::ZERO), 0.5), Duration::from_millis(500));
    }
}
