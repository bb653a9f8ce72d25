//! When an environment is looked at again.

use naksha_environments::ids::EnvironmentName;

use super::*;

const INTERVAL: Duration = Duration::from_secs(300);

/// The pause after a pass that found this state, and a unit of this health.
fn pause(state: State, health: Health) -> Duration {
    let environment = EnvironmentName::parse("dev").unwrap();
    let mut status = EnvironmentStatus::bare(environment, state, Timestamp::UNIX_EPOCH);
    let unit = UnitStatus { state: UnitSync::Synced, health, objects: 1 };
    status.units.insert(UnitName::parse("web").unwrap(), unit);
    next(INTERVAL, &status)
}

#[test]
fn what_is_on_its_way_is_looked_at_often_and_nothing_else() {
    let on_its_way = || Health::Progressing("1 of 2 replicas ready".to_owned());
    let failed = || Health::Degraded("crash loop".to_owned());
    assert_eq!(pause(State::Progressing, on_its_way()), ON_ITS_WAY);
    assert_eq!(pause(State::Degraded, on_its_way()), ON_ITS_WAY);
    assert_eq!(pause(State::Degraded, failed()), INTERVAL);
    assert_eq!(pause(State::Degraded, Health::Healthy), INTERVAL);
    assert_eq!(pause(State::Synced, Health::Healthy), INTERVAL);
}

#[test]
fn a_window_is_waited_for() {
    let waiting = |seconds: i64| State::Waiting {
        until: Some(Timestamp::now() + jiff::SignedDuration::from_secs(seconds)),
        reason: "a window".to_owned(),
    };
    let soon = pause(waiting(20), Health::Healthy);
    assert!(soon > Duration::from_secs(10) && soon <= Duration::from_secs(21), "{soon:?}");
    assert_eq!(pause(waiting(3600), Health::Healthy), INTERVAL);
    assert!(pause(waiting(-5), Health::Healthy) < Duration::from_secs(1));
    let endless = State::Waiting { until: None, reason: "a window".to_owned() };
    assert_eq!(pause(endless, Health::Healthy), INTERVAL);
}
