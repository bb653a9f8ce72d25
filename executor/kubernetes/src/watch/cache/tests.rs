//! Answers to our writes and what the watch tells, in every order.

use naksha_environments::digest::Digest;
use naksha_environments::object::Uid;

use super::*;

fn key() -> ObjectKey {
    ObjectKey::new("apps", "Deployment", Some("ns"), "web")
}

fn seen(version: &str, generation: i64, entry: u64) -> Seen {
    let whole = Whole { fingerprint: Digest::of_bytes(&entry.to_be_bytes()), health: Health::Healthy };
    Seen {
        uid: "uid".into(),
        resource_version: version.into(),
        generation: Some(generation),
        entry: Some(entry),
        deleting: false,
        whole: Some(whole),
    }
}

fn mark(version: &str, generation: i64, entry: u64) -> Mark {
    let fingerprint = Digest::of_bytes(&entry.to_be_bytes());
    let version = format!("rv={version};gen={generation};entry={entry:016x}");
    Mark { uid: Some(Uid("uid".into())), version: version.into(), fingerprint }
}

fn in_sync() -> Judged {
    Judged::InSync(Health::Healthy)
}

#[test]
fn our_own_write_is_no_news() {
    let cache = Arc::new(Cache::default());
    let mut changes = cache.changes();
    let write = cache.begin_write(&key());
    assert!(cache.defer(&key(), &seen("5", 1, 1), "what we wrote"));
    assert_eq!(write.end(Some(seen("5", 1, 1))), None);
    assert!(cache.is_known(&key(), &seen("5", 1, 1)), "nor when it is told after the answer");
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), in_sync());
    assert!(!changes.has_changed().unwrap());
    // Somebody else writes right after us, and is told before our answer is there.
    let write = cache.begin_write(&key());
    assert!(cache.defer(&key(), &seen("7", 3, 2), "what somebody wrote"));
    assert_eq!(write.end(Some(seen("6", 2, 1))).as_deref(), Some("what somebody wrote"));
    cache.told(key(), seen("7", 3, 2));
    assert!(changes.has_changed().unwrap());
    changes.borrow_and_update();
    assert_eq!(cache.judge(&key(), &mark("6", 2, 1)), Judged::Suspect);
}

#[test]
fn a_write_that_is_refused_wakes_nobody_by_itself() {
    let cache = Arc::new(Cache::default());
    cache.told(key(), seen("5", 1, 1));
    let mut changes = cache.changes();
    changes.borrow_and_update();
    // It is drifted, and healing it is refused: whoever plans tries again with backoff.
    assert_eq!(cache.begin_write(&key()).end(None), None);
    assert!(!changes.has_changed().unwrap());
    // It moved: planning anew is worth something at once.
    let write = cache.begin_write(&key());
    cache.suspect(&key());
    write.end(None);
    assert!(changes.has_changed().unwrap());
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), Judged::Suspect);
    cache.trust(&key());
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), in_sync(), "once it was read");
}

#[test]
fn an_answer_does_not_bring_back_what_is_gone() {
    let cache = Arc::new(Cache::default());
    let changes = cache.changes();
    let write = cache.begin_write(&key());
    cache.defer(&key(), &seen("5", 1, 1), "what we wrote");
    cache.gone(&key(), &"6".into());
    assert_eq!(write.end(Some(seen("5", 1, 1))), None);
    assert!(changes.has_changed().unwrap());
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), Judged::Suspect, "it is read before it is called gone");
    // Made again by us.
    let write = cache.begin_write(&key());
    cache.gone(&key(), &"6".into());
    write.end(Some(seen("7", 1, 1)));
    assert_eq!(cache.judge(&key(), &mark("7", 1, 1)), in_sync());
}

#[test]
fn a_status_that_moves_wakes_nobody_and_health_that_moves_does() {
    let cache = Arc::new(Cache::default());
    cache.told(key(), seen("5", 1, 1));
    let changes = cache.changes();
    cache.told(key(), seen("6", 1, 1));
    cache.told(key(), seen("4", 1, 9));
    assert!(!changes.has_changed().unwrap(), "only the status moved, and what is older is not heard");
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), in_sync());
    let mut sick = seen("7", 1, 1);
    sick.whole = sick.whole.map(|whole| Whole { health: Health::Degraded("no image".to_owned()), ..whole });
    cache.told(key(), sick);
    assert!(changes.has_changed().unwrap());
}

#[test]
fn a_watch_that_begins_anew_knows_what_is_gone() {
    let cache = Arc::new(Cache::default());
    cache.told(key(), seen("5", 1, 1));
    let changes = cache.changes();
    let scope: Scope = (("apps".into(), "Deployment".into()), None);
    let elsewhere: Scope = (("apps".into(), "Deployment".into()), Some("other".into()));
    cache.told_all(&elsewhere, &HashSet::new());
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), in_sync());
    cache.told_all(&scope, &HashSet::new());
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), Judged::Suspect);
    assert!(changes.has_changed().unwrap());
}

#[test]
fn a_write_that_is_broken_off_leaves_nothing_unheard() {
    let cache = Arc::new(Cache::default());
    cache.told(key(), seen("5", 1, 1));
    let changes = cache.changes();
    drop(cache.begin_write(&key()));
    assert!(changes.has_changed().unwrap());
    assert_eq!(cache.judge(&key(), &mark("5", 1, 1)), Judged::Suspect, "it is read first");
    assert!(!cache.defer(&key(), &seen("6", 2, 2), "what somebody wrote"), "it is not in flight any more");
}

#[test]
fn a_kind_that_may_not_be_watched_any_more_is_not_in_order() {
    let cache = Cache::default();
    let scope = |namespace: Option<&str>| -> Scope {
        (("apps".into(), "Deployment".into()), namespace.map(Into::into))
    };
    cache.set_state(&scope(None), State::Synced);
    assert!(!cache.states().borrow().any_silent());
    cache.set_state(&scope(None), State::Forbidden("no".to_owned()));
    let states = cache.states().borrow().clone();
    assert!(states.any_silent() && states.silent(&key()).is_some());
    cache.set_state(&scope(Some("ns")), State::Synced);
    assert_eq!(cache.states().borrow().silent(&key()), None);
}
