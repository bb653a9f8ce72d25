//! How many requests may be in flight to a cluster. Pure: what happened, when, and how long it took comes in.
//!
//! ```text
//! a round in which all places were taken, with fewer than the usual ones  ─> an eighth more
//! the same, with the usual ones or more   ─> a quarter more, and back again unless more was answered per second
//! a round of which most answers were slow ─> an eighth less
//! 429, or no answer within its time       ─> half, once per round trip
//! ```
//!
//! There is no rate: a server that answers more when it is asked more gets more, one that does not gets no more.

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
/// Answers of a round, at least: of fewer the rate says little.
const ROUND: usize = 64;
/// More in flight is worth it where so much more is answered per second. A quarter more could give a quarter more.
const WORTH: f64 = 1.1;
/// After more was of no use, so many rounds go by before it is tried again.
const REST: u32 = 8;
/// Slow is what takes this many times as long as the quickest answer of its kind lately. On a busy server time grows with what
/// is in flight although nothing is wrong, so that the factor is large.
const SLOW_FACTOR: u32 = 10;
/// And nothing below this is slow, however quick the quickest was.
const SLOW: Duration = Duration::from_millis(250);
/// The quickest answer is forgotten after one or two times as many: a server may become slower for good.
const REMEMBERED: usize = 500;
/// What is waited for where the server names no time: what an API server names.
const USUAL_PAUSE: Duration = Duration::from_secs(1);

/// When a request was sent, counted in halvings: a refusal of what was sent before the last one is no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent(u64);

/// Answers to reads come sooner than those to writes: they are measured by their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
}

/// An answer, whatever it says but that the server has enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) kind: Kind,
    /// Whether what was asked for was done. What is refused is refused quickly, and says nothing about the others.
    pub(super) done: bool,
    pub(super) took: Duration,
    /// On a clock of the caller's.
    pub(super) at: Duration,
}

#[derive(Debug)]
pub(super) struct Limit {
    allowed: usize,
    halvings: u64,
    round: Round,
    trial: Trial,
    /// Of reads, and of writes.
    fastest: [Fastest; 2],
}

#[derive(Debug, Default)]
struct Round {
    began: Option<Duration>,
    answers: usize,
    slow: usize,
    /// Whether somebody had to wait: what is not used says nothing about what would be too much.
    full: bool,
}

/// Whether more in flight is worth it.
#[derive(Debug)]
enum Trial {
    /// Not now; rounds until it is tried.
    Resting(u32),
    /// More is in flight than `before`, with which so many were answered per second.
    Running { before: usize, rate: f64 },
}

/// The quickest answers of this while and of the one before.
#[derive(Debug)]
struct Fastest {
    now: Duration,
    before: Duration,
    answers: usize,
}

impl Default for Fastest {
    fn default() -> Self {
        Self { now: Duration::MAX, before: Duration::MAX, answers: 0 }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            allowed: START,
            halvings: 0,
            round: Round::default(),
            trial: Trial::Resting(0),
            fastest: Default::default(),
        }
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

    pub(super) fn answered(&mut self, answer: Answered) {
        let Answered { kind, done, took, at } = answer;
        let usual = self.fastest[kind as usize].note(took, done);
        self.round.began.get_or_insert(at.saturating_sub(took));
        self.round.answers += 1;
        if took > SLOW && took > usual.saturating_mul(SLOW_FACTOR) {
            self.round.slow += 1;
        }
        if self.round.answers < self.allowed.max(ROUND) {
            return;
        }
        let Round { began, answers, slow, full } = std::mem::take(&mut self.round);
        if full {
            let took = at.saturating_sub(began.unwrap_or(at));
            #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
            let rate = answers as f64 / took.as_secs_f64().max(0.001);
            self.conclude(slow * 2 > answers, rate);
        }
    }

    /// What a round in which all places were taken means.
    fn conclude(&mut self, is_slow: bool, rate: f64) {
        let eighth = self.allowed.div_ceil(8);
        if is_slow && self.allowed > CALM {
            self.allowed = (self.allowed - eighth).max(CALM);
            self.trial = Trial::Resting(REST);
            return;
        }
        if self.allowed < START {
            self.allowed = (self.allowed + eighth).min(START);
            return;
        }
        self.trial = match self.trial {
            Trial::Resting(0) => self.more(rate),
            Trial::Resting(rounds) => Trial::Resting(rounds - 1),
            // It was of use, and more may be as well.
            Trial::Running { before: _, rate: before } if rate >= before * WORTH => self.more(rate),
            Trial::Running { before, rate: _ } => {
                self.allowed = before;
                Trial::Resting(REST)
            }
        };
    }

    /// Tries more than is known to be of use.
    fn more(&mut self, rate: f64) -> Trial {
        let before = self.allowed;
        self.allowed = (before + before.div_ceil(4)).min(MOST);
        if self.allowed == before { Trial::Resting(REST) } else { Trial::Running { before, rate } }
    }

    /// The server has enough, or did not answer in time. What was sent before that was known changes nothing.
    pub(super) fn refused(&mut self, sent: Sent) {
        if sent == Sent(self.halvings) {
            self.halvings += 1;
            self.allowed = (self.allowed / 2).max(LEAST);
            self.round = Round::default();
            self.trial = Trial::Resting(REST);
        }
    }
}

impl Fastest {
    /// Takes a time in, of what was done; the quickest one lately.
    fn note(&mut self, took: Duration, done: bool) -> Duration {
        if done {
            if self.answers == REMEMBERED {
                (self.before, self.now, self.answers) = (self.now, Duration::MAX, 0);
            }
            self.answers += 1;
            self.now = self.now.min(took);
        }
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

    const MS: Duration = Duration::from_millis(1);

    /// A server that answers each request after a time of its own and of its place in the queue, whoever asks having always
    /// more to ask.
    struct Server {
        limit: Limit,
        now: Duration,
        /// Which requests are reads, one in so many; 0: none.
        reads: usize,
        asked: usize,
    }

    impl Server {
        fn new() -> Self {
            Self { limit: Limit::default(), now: Duration::ZERO, reads: 0, asked: 0 }
        }

        fn with_reads(reads: usize) -> Self {
            Self { reads, ..Self::new() }
        }

        /// So many answers of `takes`, of which `cores` are worked on at a time (none: all of them).
        fn answers(&mut self, count: usize, takes: Duration, cores: Option<u32>) -> usize {
            for _ in 0..count {
                let in_flight = self.limit.allowed();
                self.limit.sent(in_flight);
                self.asked += 1;
                let is_read = self.reads > 0 && self.asked.is_multiple_of(self.reads);
                let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
                // All places are always taken: one is answered when one of those that are worked on is.
                let between = takes / cores.map_or(in_flight, |cores| cores.min(in_flight));
                self.now += between;
                let took = between * in_flight;
                let (kind, took) = if is_read { (Kind::Read, took.min(3 * MS)) } else { (Kind::Write, took) };
                self.limit.answered(Answered { kind, done: true, took, at: self.now });
            }
            self.limit.allowed()
        }

        fn refuse(&mut self) {
            let sent = self.limit.sent(1);
            self.limit.refused(sent);
        }
    }

    #[test]
    fn who_answers_more_when_asked_more_is_asked_more() {
        for reads in [0, 100, 20] {
            let mut server = Server::with_reads(reads);
            let allowed = server.answers(3000, 50 * MS, None);
            assert_eq!(allowed, MOST, "one read in {reads}");
        }
    }

    #[test]
    fn who_answers_no_more_is_not_asked_more_however_long_it_goes() {
        for takes in [MS, 3 * MS, 20 * MS] {
            let mut server = Server::new();
            for _ in 0..50 {
                let allowed = server.answers(200, takes, Some(2));
                assert!(allowed <= START + START / 4, "{allowed} with {takes:?}");
            }
        }
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let mut limit = Limit::default();
        for at in 0..100 * ROUND {
            limit.sent(3);
            let at = u32::try_from(at).unwrap() * MS;
            limit.answered(Answered { kind: Kind::Write, done: true, took: 5 * MS, at });
        }
        assert_eq!(limit.allowed(), START);
    }

    #[test]
    fn a_refusal_halves_once_per_round_trip_and_leaves_one() {
        let mut server = Server::new();
        let burst: Vec<Sent> = (1..=START).map(|in_flight| server.limit.sent(in_flight)).collect();
        for sent in burst {
            server.limit.refused(sent);
        }
        assert_eq!(server.limit.allowed(), START / 2);
        for _ in 0..10 {
            server.refuse();
        }
        assert_eq!(server.limit.allowed(), LEAST);
        assert!(server.answers(40 * ROUND, 5 * MS, Some(2)) >= START, "and it recovers, also where all wait");
    }

    #[test]
    fn a_server_that_became_slow_gets_less_but_not_nothing() {
        let mut server = Server::new();
        server.answers(10, 5 * MS, None);
        assert!(server.answers(2 * ROUND, 2000 * MS, None) < START);
        assert_eq!(server.answers(6 * ROUND, 2000 * MS, None), CALM);
    }

    #[test]
    fn one_that_is_slow_for_good_is_as_it_is() {
        let mut server = Server::with_reads(100);
        server.answers(10, 5 * MS, None);
        assert!(server.answers(4 * ROUND, 1000 * MS, None) < START);
        assert_eq!(server.answers(6000, 1000 * MS, None), MOST, "what was quick once is forgotten");
        // And from where refusals left it, it comes back.
        for _ in 0..5 {
            server.refuse();
        }
        assert!(server.answers(6000, 1000 * MS, None) >= START);
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
