//! What happened: to objects, as the target tells it, and by the daemon, as its history has it.

use jiff::Timestamp;
use naksha_environments::wire::{EVENTS_VERSION, EventDocument, EventsDocument, SubjectDocument};
use naksha_executor::port::look::Event;
use naksha_executor::port::store::{AuditEntry, Scope, Store};

use super::tree::unit_of;
use super::{LookError, objects};
use crate::history::{self, HEAL};
use crate::http::api::HistoryEntry;
use crate::scene::Scene;

/// Entries of history that are looked through: more than an environment makes in the hours that clusters keep events.
const MAX_HISTORY: u32 = 200;
/// Most events that are told at once; the newest.
const MAX_EVENTS: usize = 1000;
/// Digits of a plan id or a commit.
const SHORT: usize = 12;

/// What one environment has to tell.
#[derive(Debug, Default)]
pub struct Told {
    /// With their times, in no particular order.
    pub events: Vec<(Timestamp, EventDocument)>,
    pub gaps: Vec<String>,
}

/// What happened in an environment since a moment. Without a scene: what the daemon did.
pub async fn events(
    scope: &Scope,
    scene: Option<&Scene>,
    store: &dyn Store,
    since: Timestamp,
) -> Result<Told, LookError> {
    let entries = history::entries(store, scope, MAX_HISTORY).await.map_err(LookError::Store)?;
    let audit = store.audit(Some(scope), MAX_HISTORY).await.map_err(LookError::Store)?;
    let mut told = Told::default();
    let decided = audit.iter().filter_map(|record| decided(scope, &record.entry));
    told.events
        .extend(entries.iter().map(|entry| done(scope, entry)).chain(decided).filter(|(at, _)| *at >= since));
    let Some(scene) = scene else { return Ok(told) };
    let inventory = store.inventory(scope).await.map_err(LookError::Store)?;
    let found = scene.target.events(&objects(scene, &inventory), since).await.map_err(LookError::Target)?;
    told.gaps = found.gaps;
    told.events.extend(found.events.into_iter().map(|event| {
        let unit = unit_of(scene, &inventory, &event.of).map(ToString::to_string);
        happened(scope, unit, event)
    }));
    Ok(told)
}

/// What all of them have to tell, as one document.
pub fn events_of_all(told: Vec<Told>, since: Timestamp) -> EventsDocument {
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    for Told { events: its, gaps: missing } in told {
        events.extend(its);
        gaps.extend(missing);
    }
    // Events of one second come in any order, and are told in the same one each time.
    events.sort_by_cached_key(|(at, event)| {
        let subject = event.subject.as_ref().map(ToString::to_string);
        (*at, event.repository.clone(), event.environment.clone(), subject, event.message.clone())
    });
    let more = events.len().saturating_sub(MAX_EVENTS);
    let events = events.into_iter().skip(more).map(|(_, event)| event).collect();
    EventsDocument { version: EVENTS_VERSION, since: EventDocument::time(since), events, more, gaps }
}

fn happened(scope: &Scope, unit: Option<String>, event: Event) -> (Timestamp, EventDocument) {
    let Event { about, of, at, is_warning, reason, message, count } = event;
    let document = EventDocument {
        at: EventDocument::time(at),
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        source: "target".to_owned(),
        of: (of != about).then(|| SubjectDocument::of_key(&of)),
        subject: Some(SubjectDocument::of_key(&about)),
        unit,
        warning: is_warning,
        reason: EventDocument::text(&reason),
        message: EventDocument::text(&message),
        count,
    };
    (at, document)
}

/// Pure. What the daemon did, or what it waits for.
fn done(scope: &Scope, entry: &HistoryEntry) -> (Timestamp, EventDocument) {
    let at = entry.ended.unwrap_or(entry.at);
    let (reason, is_warning) = match (entry.outcome.as_deref(), entry.decision.as_str()) {
        (Some("succeeded"), HEAL) => ("Healed", false),
        (Some("succeeded"), _) => ("Applied", false),
        (Some("failed"), _) => ("ApplyFailed", true),
        (Some("superseded"), _) => ("ApplySuperseded", false),
        (Some("interrupted"), _) => ("ApplyInterrupted", true),
        (Some(_), _) => ("Applying", false),
        (None, "hold") => ("Held", true),
        (None, "wait") => ("Waiting", false),
        (None, _) => ("Planned", false),
    };
    let mut message = format!("plan {}", short(&entry.plan));
    if let Some(revision) = &entry.revision {
        message.push_str(&format!(" of {}", short(revision)));
    }
    if entry.outcome.is_some() {
        let noun = if entry.steps == 1 { "step" } else { "steps" };
        message.push_str(&format!(", {} {noun}", entry.steps));
    }
    if entry.failed > 0 {
        message.push_str(&format!(", {} failed", entry.failed));
    }
    if let Some(why) = entry.detail.as_ref().or_else(|| entry.reasons.first()) {
        message.push_str(": ");
        message.push_str(why);
    }
    (at, own(scope, (reason, is_warning), at, &message))
}

/// Pure. What somebody decided, or the daemon about what is promoted. Applies are told by their history.
fn decided(scope: &Scope, entry: &AuditEntry) -> Option<(Timestamp, EventDocument)> {
    let AuditEntry { at, who, what, revision, plan, result } = entry;
    let (reason, is_warning) = match what.as_str() {
        "ack" => ("Acknowledged", false),
        "suspend" => ("Suspended", true),
        "resume" => ("Resumed", false),
        "merge" => ("Merged", false),
        "bar" => ("Barred", true),
        "promote" => ("Unbarred", false),
        "skip" => ("Skipped", true),
        _ => return None,
    };
    let about = match (plan, revision) {
        (Some(plan), _) => format!("plan {} ", plan.short()),
        (None, Some(revision)) => format!("{} ", revision.short()),
        (None, None) => String::new(),
    };
    let result = if result.is_empty() { String::new() } else { format!(": {result}") };
    let message = format!("{about}by {who}{result}");
    Some((*at, own(scope, (reason, is_warning), *at, &message)))
}

/// One of the daemon's own.
fn own(scope: &Scope, (reason, warning): (&str, bool), at: Timestamp, message: &str) -> EventDocument {
    EventDocument {
        at: EventDocument::time(at),
        repository: scope.repository.to_string(),
        environment: scope.environment.to_string(),
        source: "naksha".to_owned(),
        subject: None,
        of: None,
        unit: None,
        warning,
        reason: reason.to_owned(),
        message: EventDocument::text(message),
        count: 1,
    }
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}
