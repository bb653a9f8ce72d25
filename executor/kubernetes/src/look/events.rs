//! What happened to our objects and to what was made for them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use naksha_executor::port::look::{Event, Events};
use naksha_executor::port::target::{TargetError, Wanted};

use super::ask::{DEFAULT, End, MAX_LISTED, catalogue, events as list};
use super::happening::Happening;
use super::kin::kin;
use super::words::words;
use crate::target::Inner;

/// All lists of events. Whoever asked waits for ten seconds at most, and what was made for our objects is listed beside.
const WITHIN: Duration = Duration::from_secs(7);
/// Namespaces that are looked at.
const MAX_NAMESPACES: usize = 20;

/// Every event about these objects, and about what was made for them, since a moment.
pub(crate) async fn events(inner: &Inner, of: &[Wanted], since: Timestamp) -> Result<Events, TargetError> {
    let catalogue = catalogue(inner).await?;
    let default: Arc<str> = DEFAULT.into();
    let namespaces: BTreeSet<&Arc<str>> =
        of.iter().map(|one| one.key.namespace.as_ref().unwrap_or(&default)).collect();
    let left_out = namespaces.len().saturating_sub(MAX_NAMESPACES);
    let looks = namespaces.iter().take(MAX_NAMESPACES).map(|namespace| {
        let catalogue = &catalogue;
        async move {
            let listed = tokio::time::timeout(WITHIN, list(inner, catalogue, namespace, "")).await;
            (*namespace, listed)
        }
    });
    let (kin, looks) = tokio::join!(kin(inner, of), join_all(looks));
    let kin = kin?;
    let belonging = kin.belonging(of);
    let mut found = Events { events: Vec::new(), gaps: kin.gaps };
    if left_out > 0 {
        found.gaps.push(format!("events of {left_out} more namespaces are not looked at"));
    }
    for (namespace, listed) in looks {
        let gap = |why: &str| format!("events of namespace {namespace}: {why}");
        match listed {
            Ok(Ok((events, end))) => {
                if end == End::Cut {
                    found.gaps.push(gap(&format!("there are more than {MAX_LISTED}")));
                }
                let told = events.into_iter().filter(|event| event.at >= since);
                found.events.extend(told.filter_map(|event| {
                    let of = belonging.get(&event.uid)?.clone();
                    let Happening { about, uid: _, at, is_warning, reason, message, count } = event;
                    Some(Event { about, of, at, is_warning, reason, message, count })
                }));
            }
            Ok(Err(error)) => found.gaps.push(gap(&words(&error.to_string()))),
            Err(_) => found.gaps.push(gap(&format!("no answer within {} s", WITHIN.as_secs()))),
        }
    }
    Ok(found)
}
