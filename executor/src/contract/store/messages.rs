//! Outbox, acknowledgements and audit.

use naksha_environments::verdict::Acknowledgement;

use super::samples::{at, audit, message, plan_id, scope};
use crate::port::store::{NewMessage, OutboxMessage, SharedStore};

async fn pending(store: &SharedStore, seconds: i64) -> Vec<OutboxMessage> {
    store.pending("log", at(seconds), 9).await.expect("should read")
}

fn topics(messages: &[OutboxMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.topic.as_str()).collect()
}

pub async fn messages_wait_in_order(store: SharedStore) {
    let elsewhere = NewMessage { sink: "notes".to_owned(), ..message("a", "other sink") };
    store.enqueue(&[message("c", "c"), elsewhere, message("a", "a")]).await.expect("should queue");
    store.enqueue(&[]).await.expect("should have nothing to queue");
    store.enqueue(&[message("b", "b")]).await.expect("should queue");
    let waiting = pending(&store, 60).await;
    assert_eq!(topics(&waiting), ["c", "a", "b"]);
    assert_eq!(
        (waiting[0].body.clone(), waiting[0].at, waiting[0].attempts),
        (message("c", "c").body, at(6), 0)
    );
    assert_eq!(store.pending("log", at(60), 2).await.expect("should read").len(), 2);
    store.delivered(&[waiting[0].id]).await.expect("should drop it");
    store.delivered(&[waiting[0].id]).await.expect("should not mind");
    assert_eq!(topics(&pending(&store, 60).await), ["a", "b"]);
    let both: Vec<_> = pending(&store, 60).await.into_iter().map(|message| message.id).collect();
    store.delivered(&[]).await.expect("should have nothing to drop");
    store.delivered(&[both[1], waiting[0].id, both[0]]).await.expect("should drop both");
    assert!(pending(&store, 60).await.is_empty());
    assert_eq!(store.pending("notes", at(60), 9).await.expect("should read").len(), 1);
}

/// The store looks into no body: each comes back as it is.
pub async fn bodies_are_only_carried(store: SharedStore) {
    let bodies = [r#"{"b": 1,  "a": [1.0, 1e3], "b": "twice"}"#, "null", r#""\u00e9 é""#];
    let messages = bodies.map(|body| NewMessage { body: body.to_owned(), ..message(body, "") });
    store.enqueue(&messages).await.expect("should queue");
    let waiting = pending(&store, 60).await;
    assert_eq!(waiting.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), bodies);
}

pub async fn a_later_message_replaces(store: SharedStore) {
    store.enqueue(&[message("a", "one"), message("b", "one")]).await.expect("should queue");
    store.enqueue(&[message("a", "between"), message("a", "two")]).await.expect("should queue");
    let waiting = pending(&store, 60).await;
    assert_eq!(topics(&waiting), ["b", "a"]);
    assert_eq!(waiting[1].body, message("a", "two").body);
}

pub async fn a_replaced_message_is_not_delivered_by_mistake(store: SharedStore) {
    store.enqueue(&[message("a", "one")]).await.expect("should queue");
    let sending = pending(&store, 60).await.remove(0);
    store.enqueue(&[message("a", "two")]).await.expect("should queue");
    store.delivered(&[sending.id]).await.expect("should not mind");
    store.undelivered(sending.id, "too late", at(900)).await.expect("should not mind");
    let waiting = pending(&store, 60).await;
    assert_eq!((waiting.len(), &waiting[0].body), (1, &message("a", "two").body));
    assert_ne!(waiting[0].id, sending.id);
}

pub async fn retries_wait(store: SharedStore) {
    store.enqueue(&[message("a", "one")]).await.expect("should queue");
    let id = pending(&store, 60).await[0].id;
    store.undelivered(id, "connection refused", at(100)).await.expect("should be noted");
    assert!(pending(&store, 99).await.is_empty());
    let again = pending(&store, 100).await;
    assert_eq!((again.len(), again[0].attempts), (1, 1));
    store.undelivered(id, "connection refused", at(200)).await.expect("should be noted");
    store.enqueue(&[message("a", "two")]).await.expect("should queue");
    assert_eq!(pending(&store, 60).await[0].attempts, 0, "a new message waits for nothing");
}

pub async fn acknowledgements_are_kept(store: SharedStore) {
    let dev = scope("dev");
    let ack = |plan: char, reason: &str| Acknowledgement {
        plan: plan_id(plan),
        by: "ada".to_owned(),
        reason: reason.to_owned(),
        at: Some(at(7)),
        expires: Some(at(500)),
        source: "naksha ack".to_owned(),
    };
    let bare = Acknowledgement { expires: None, by: "bob".to_owned(), ..ack('b', "fine") };
    for ack in [&ack('b', "typo"), &bare, &ack('a', "reviewed"), &ack('b', "really")] {
        store.acknowledge(&dev, ack, &audit("ack")).await.expect("should be kept");
    }
    let kept = store.acknowledgements(&dev).await.expect("should read");
    assert_eq!(kept, [ack('b', "really"), bare, ack('a', "reviewed")]);
    assert!(store.acknowledgements(&scope("prod")).await.expect("should read").is_empty());
    assert_eq!(store.audit(Some(&dev), 9).await.expect("should read").len(), 4);
}

pub async fn the_audit_tells_who(store: SharedStore) {
    let (dev, prod) = (scope("dev"), scope("prod"));
    store.unbar(&dev, &audit("one")).await.expect("should write");
    store.unbar(&prod, &audit("two")).await.expect("should write");
    let bare = crate::port::store::AuditEntry { revision: None, plan: None, ..audit("three") };
    store.unbar(&dev, &bare).await.expect("should write");
    let all = store.audit(None, 9).await.expect("should read");
    assert_eq!(all.iter().map(|row| row.entry.what.as_str()).collect::<Vec<_>>(), ["three", "two", "one"]);
    assert_eq!((&all[0].entry, &all[2].entry), (&bare, &audit("one")));
    assert_eq!(all[1].scope.as_ref(), Some(&prod));
    assert!(all[0].id > all[1].id);
    let dev_only = store.audit(Some(&dev), 1).await.expect("should read");
    assert_eq!((dev_only.len(), dev_only[0].entry.what.as_str()), (1, "three"));
}
