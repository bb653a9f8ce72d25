//! Why objects are not healthy, outside of an apply: looked up for what stays unwell, rarely, and kept in between.
//!
//! In an environment in which all is well nothing is asked. A look costs the target requests; the longer an object says the
//! same of itself, the rarer it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use naksha_environments::object::{Health, ObjectKey, Observation, Observed};
use naksha_executor::port::target::Target;
use tokio_util::sync::CancellationToken;

/// What is on its way gets so long before it is asked about.
const MOMENT: Duration = Duration::from_secs(3);
/// First and longest pause between two looks at one object.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// Objects that are asked about in one pass.
const MAX_ASKED: usize = 8;
/// Objects that are asked about at all: a status tells of no more units, and a broken cluster has other worries.
const MAX_KNOWN: usize = 20;
/// What was not asked about yet makes the loop look again no sooner than after this.
const SOON: Duration = Duration::from_secs(1);

/// What is known of why objects are unwell.
#[derive(Debug, Default)]
pub(super) struct Whys(BTreeMap<ObjectKey, Why>);

#[derive(Debug)]
struct Why {
    health: Health,
    /// When it may be asked next.
    next: Instant,
    pause: Duration,
    asked: bool,
    words: Option<String>,
}

impl Whys {
    /// Forgets what is well again, and asks about what stays unwell, where it is time.
    pub(super) async fn look_up(
        &mut self,
        target: &dyn Target,
        observation: &Observation,
        cancel: &CancellationToken,
    ) {
        let due = self.due(observation, Instant::now());
        if due.is_empty() {
            return;
        }
        let look = join_all(due.iter().map(|key| target.explain(key)));
        tokio::select! {
            words = look => self.learn(due, words, Instant::now()),
            () = cancel.cancelled() => {}
        }
    }

    /// Takes in what was observed. What is to be asked about now: what is broken before what is on its way.
    fn due(&mut self, observation: &Observation, now: Instant) -> Vec<ObjectKey> {
        let mut unwell: Vec<(&ObjectKey, &Health)> =
            observation.objects.iter().filter_map(|(key, observed)| Some((key, unwell(observed)?))).collect();
        unwell.sort_by_key(|(key, health)| (!matches!(health, Health::Degraded(_)), *key));
        let unwell: BTreeMap<&ObjectKey, &Health> = unwell.into_iter().take(MAX_KNOWN).collect();
        self.0.retain(|key, _| unwell.contains_key(key));
        for (key, health) in unwell {
            let is_broken = matches!(health, Health::Degraded(_));
            let next = if is_broken { now } else { now + MOMENT };
            let new = || Why { health: health.clone(), next, pause: PAUSE.0, asked: false, words: None };
            let why = self.0.entry(key.clone()).or_insert_with(new);
            if why.health != *health {
                // Something moved: what was found before may not hold any more, and is soon looked up again.
                why.health = health.clone();
                why.pause = PAUSE.0;
                let soon = if is_broken && !why.asked { now } else { now + PAUSE.0 };
                why.next = why.next.min(soon);
            }
        }
        let mut due: Vec<_> = self.0.iter().filter(|(_, why)| why.next <= now).collect();
        due.sort_by_key(|(key, why)| (!matches!(why.health, Health::Degraded(_)), why.next, (*key).clone()));
        due.into_iter().take(MAX_ASKED).map(|(key, _)| key.clone()).collect()
    }

    fn learn(&mut self, asked: Vec<ObjectKey>, words: Vec<Option<String>>, now: Instant) {
        for (key, words) in asked.into_iter().zip(words) {
            if let Some(why) = self.0.get_mut(&key) {
                why.asked = true;
                why.next = now + why.pause;
                why.pause = (why.pause * 2).min(PAUSE.1);
                why.words = words;
            }
        }
    }

    /// When something is to be asked about that was not asked about yet.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        let open = self.0.values().filter(|why| !why.asked).map(|why| why.next);
        open.min().map(|next| next.saturating_duration_since(now).max(SOON))
    }

    /// Why an object is unwell, as far as it was looked up.
    pub(super) fn of(&self, key: &ObjectKey) -> Option<&str> {
        self.0.get(key)?.words.as_deref()
    }
}

fn unwell(observed: &Observed) -> Option<&Health> {
    let health = match observed {
        Observed::InSync { health, .. } => health,
        Observed::Live(live) => &live.health,
        Observed::Absent | Observed::Unknown { .. } => return None,
    };
    matches!(health, Health::Progressing(_) | Health::Degraded(_)).then_some(health)
}

#[cfg(test)]
mod tests {
    use naksha_environments::digest::Digest;
    use naksha_environments::object::Mark;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("apps", "Deployment", Some("shop"), name)
    }

    fn seen(objects: &[(&str, Health)]) -> Observation {
        let mark = Mark { uid: None, version: "1".into(), fingerprint: Digest::of_bytes(b"") };
        let observed = |health: &Health| Observed::InSync { mark: mark.clone(), health: health.clone() };
        let objects = objects.iter().map(|(name, health)| (key(name), observed(health)));
        Observation { objects: objects.collect() }
    }

    fn progressing(ready: u32) -> Health {
        Health::Progressing(format!("{ready} of 2 replicas ready"))
    }

    fn told(whys: &mut Whys, due: Vec<ObjectKey>, now: Instant) {
        let words = due.iter().map(|key| Some(format!("why of {}", key.name))).collect();
        whys.learn(due, words, now);
    }

    #[test]
    fn what_is_well_or_well_soon_is_not_asked_about() {
        let (mut whys, now) = (Whys::default(), Instant::now());
        assert!(whys.due(&seen(&[("a", Health::Healthy), ("b", Health::Suspended)]), now).is_empty());
        assert!(whys.due(&seen(&[("a", progressing(0))]), now).is_empty(), "it has just begun");
        assert!(whys.due(&seen(&[]), now + MOMENT).is_empty(), "it is well");
        assert!(
            whys.due(&seen(&[("a", progressing(0))]), now + MOMENT).is_empty(),
            "it has just begun again"
        );
    }

    #[test]
    fn what_stays_unwell_is_asked_about_ever_more_rarely() {
        let (mut whys, mut now) = (Whys::default(), Instant::now());
        let ill = seen(&[("a", progressing(0))]);
        whys.due(&ill, now);
        now += MOMENT;
        for pause in [5, 10, 20, 40, 60, 60] {
            let due = whys.due(&ill, now);
            assert_eq!(due, [key("a")]);
            told(&mut whys, due, now);
            assert_eq!(whys.of(&key("a")), Some("why of a"));
            now += Duration::from_secs(pause - 1);
            assert!(whys.due(&ill, now).is_empty());
            now += Duration::from_secs(1);
        }
        // What says something new of itself is asked soon.
        let due = whys.due(&ill, now);
        told(&mut whys, due, now);
        let better = seen(&[("a", progressing(1))]);
        assert!(whys.due(&better, now).is_empty());
        assert_eq!(whys.due(&better, now + PAUSE.0), [key("a")]);
        whys.due(&seen(&[]), now);
        assert_eq!(whys.of(&key("a")), None, "it is well");
    }

    #[test]
    fn what_breaks_on_its_way_is_asked_about_at_once() {
        let (mut whys, now) = (Whys::default(), Instant::now());
        assert!(whys.due(&seen(&[("a", progressing(0))]), now).is_empty());
        assert_eq!(whys.due_in(now), Some(MOMENT), "nobody else may wake the loop");
        let broken = seen(&[("a", Health::Degraded("it failed".to_owned()))]);
        let due = whys.due(&broken, now);
        assert_eq!(due, [key("a")]);
        told(&mut whys, due, now);
        assert_eq!(whys.due_in(now), None);
    }

    #[test]
    fn what_is_broken_goes_first_and_few_are_asked_about() {
        let (mut whys, now) = (Whys::default(), Instant::now());
        let names: Vec<String> = (0..50).map(|number| format!("p{number:02}")).collect();
        let mut objects: Vec<(&str, Health)> = names.iter().map(|name| (&**name, progressing(0))).collect();
        objects.push(("z", Health::Degraded("it failed".to_owned())));
        assert_eq!(whys.due(&seen(&objects), now), [key("z")], "at once");
        let due = whys.due(&seen(&objects), now + MOMENT);
        assert_eq!((due.len(), &due[0], &due[1]), (MAX_ASKED, &key("z"), &key("p00")));
        assert_eq!(whys.0.len(), MAX_KNOWN);
        told(&mut whys, due, now + MOMENT);
        assert_eq!(whys.due_in(now + MOMENT), Some(SOON), "the others go next");
    }
}
