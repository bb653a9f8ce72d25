//! Why what is waited for is not healthy: looked up now and then, and kept in between.
//!
//! A look costs the target requests, so that it is taken only once the wait has lasted for a moment, and then rarely.

use std::time::Duration;

use naksha_environments::object::{Health, ObjectKey};
use tokio::time::Instant;

use super::run::Run;

/// What becomes healthy within this time is never asked about.
const MOMENT: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Of several objects that are not healthy, so many are asked about until one has something to say.
const MAX_ASKED: usize = 3;

/// What is known of why one wait lasts.
pub(super) struct Whys {
    next: Instant,
    known: Option<(ObjectKey, String)>,
}

impl Whys {
    pub(super) fn new() -> Self {
        Self { next: Instant::now() + MOMENT, known: None }
    }

    /// Why, as it was found last; looked up anew when it is time. `sick`: what is not healthy, worst first.
    pub(super) async fn of(&mut self, run: &Run<'_>, sick: &[(ObjectKey, Health)]) -> Option<String> {
        if self.known.as_ref().is_some_and(|(key, _)| !sick.iter().any(|(other, _)| other == key)) {
            self.known = None;
        }
        if Instant::now() >= self.next {
            self.look_up(run, sick).await;
        }
        self.known.as_ref().map(|(_, words)| words.clone())
    }

    /// Why, as it is now.
    pub(super) async fn now(&mut self, run: &Run<'_>, sick: &[(ObjectKey, Health)]) -> Option<String> {
        self.look_up(run, sick).await;
        self.known.as_ref().map(|(_, words)| words.clone())
    }

    async fn look_up(&mut self, run: &Run<'_>, sick: &[(ObjectKey, Health)]) {
        let look = async {
            for (key, _) in sick.iter().filter(|(_, health)| says_so_itself(health)).take(MAX_ASKED) {
                if let Some(words) = run.input.target.explain(key).await {
                    return Some((key.clone(), words));
                }
            }
            None
        };
        tokio::select! {
            known = look => self.known = known,
            // A newer revision waits for nobody.
            () = run.halt.cancelled() => {}
        }
        self.next = Instant::now() + PAUSE;
    }
}

/// What is missing, or could not be looked at, has nothing to say.
fn says_so_itself(health: &Health) -> bool {
    matches!(health, Health::Progressing(_) | Health::Degraded(_))
}
