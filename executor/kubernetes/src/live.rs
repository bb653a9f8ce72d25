//! An object as the server told it: what is remembered of it, and what may leave this crate.

use std::sync::Arc;

use naksha_environments::digest::Digest;
use naksha_environments::object::{Body, Health, Live, Managed, Mark, ObjectKey, Uid};
use naksha_environments::secret::{MarkKey, SecretMark};
use naksha_executor::live::masked_value_of;
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{OWNER_ANNOTATION, signer_of};
use naksha_kubernetes_health::RuleSet;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fields::{Entry, entry_hash, fingerprint, owners};
use crate::managers::inherited;
use crate::send::{ENVIRONMENT_LABEL, label};
use crate::version::Version;

/// How objects are read: marks for the values of Secrets, rules for what their statuses say, and how ours are signed.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    marks: MarkKey,
    rules: RuleSet,
    scope: Arc<Scope>,
    label: Arc<str>,
}

impl Reader {
    pub(crate) fn new(marks: MarkKey, rules: RuleSet, scope: &Scope) -> Self {
        Self { marks, rules, scope: Arc::new(scope.clone()), label: label(scope).into() }
    }

    pub(crate) fn mark(&self, value: &[u8]) -> SecretMark {
        self.marks.mark(value)
    }

    /// Whether an object has the marks by which it is found: those of this very environment, in their present form.
    fn has_signed(&self, key: &ObjectKey, metadata: &Metadata<'_>) -> bool {
        let text = |value: Option<&'_ Value>| value.and_then(Value::as_str).map(str::to_owned);
        let signature = text(metadata.annotations.get(OWNER_ANNOTATION));
        let signer = signature.and_then(|signature| signer_of(&signature, key));
        text(metadata.labels.get(ENVIRONMENT_LABEL)).as_deref() == Some(&*self.label)
            && signer.is_some_and(|(scope, _)| scope == *self.scope)
    }

    pub(crate) fn rules(&self) -> &RuleSet {
        &self.rules
    }
}

/// What is remembered of an object: some 150 bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) uid: Arc<str>,
    pub(crate) resource_version: Arc<str>,
    pub(crate) generation: Option<i64>,
    /// See [`Version::entry`].
    pub(crate) entry: Option<u64>,
    pub(crate) deleting: bool,
    /// What reading the whole object told; lasts as long as nothing but the status moves.
    pub(crate) whole: Option<Whole>,
}

/// What only the whole object tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Whole {
    /// Of the values that we own.
    pub(crate) fingerprint: Digest,
    pub(crate) health: Health,
}

/// An object that was read as a whole.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) seen: Seen,
    pub(crate) live: Live,
    /// Of everything but the status; see [`Version::whole`].
    pub(crate) whole: u64,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
    generation: Option<i64>,
    deletion_timestamp: Option<String>,
    #[serde(default)]
    labels: Map<String, Value>,
    #[serde(default)]
    annotations: Map<String, Value>,
    #[serde(borrow, default)]
    managed_fields: Vec<Entry<'a>>,
}

/// Name and namespace of an object, and what is remembered of it. `None`: it is no object.
pub(crate) fn head(text: &str) -> Option<(Option<String>, String, Seen)> {
    let Head { metadata } = serde_json::from_str(text).ok()?;
    let seen = seen_of(&metadata);
    Some((metadata.namespace, metadata.name, seen))
}

/// The resource version of an object: all that a bookmark has.
pub(crate) fn resource_version(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Bare {
        resource_version: String,
    }
    #[derive(Deserialize)]
    struct Object {
        metadata: Bare,
    }
    serde_json::from_str::<Object>(text).ok().map(|object| object.metadata.resource_version)
}

/// What is read of every object that is read as a whole.
struct Read<'a> {
    metadata: Metadata<'a>,
    seen: Seen,
    health: Health,
    /// What may be compared and shown.
    masked: Value,
    fingerprint: Digest,
}

fn read<'a>(key: &ObjectKey, text: &'a str, reader: &Reader) -> Option<Read<'a>> {
    let Head { metadata } = serde_json::from_str(text).ok()?;
    let object: Value = serde_json::from_str(text).ok()?;
    let health = reader.rules.judge(&object).health;
    let Value::Object(fields) = object else { return None };
    let masked = masked_value_of(key, fields, &reader.marks);
    let owned = our_entry(&metadata).map(Entry::tree).unwrap_or_default();
    let fingerprint = fingerprint(&owned, &masked);
    let mut seen = seen_of(&metadata);
    seen.whole = Some(Whole { fingerprint, health: health.clone() });
    Some(Read { metadata, seen, health, masked, fingerprint })
}

impl Read<'_> {
    fn version(&self) -> Version {
        let api_version = our_entry(&self.metadata).map(|entry| entry.api_version.as_str().into());
        Version { api_version, ..self.seen.version() }
    }

    fn mark(&self) -> Mark {
        let uid = Some(Uid(Arc::clone(&self.seen.uid)));
        Mark { uid, version: self.version().to_string().into(), fingerprint: self.fingerprint }
    }
}

/// What is remembered of an object that a watch told as a whole.
pub(crate) fn seen_whole(key: &ObjectKey, text: &str, reader: &Reader) -> Option<Seen> {
    read(key, text, reader).map(|read| read.seen)
}

/// The answer to our own write.
pub(crate) fn answered(key: &ObjectKey, text: &str, reader: &Reader) -> Option<(Seen, Mark)> {
    let read = read(key, text, reader)?;
    let mark = read.mark();
    Some((read.seen, mark))
}

/// Everything that an object tells. `known`: the mark of the object that is ours under this name.
pub(crate) fn told(key: &ObjectKey, text: &str, known: Option<&Mark>, reader: &Reader) -> Option<Told> {
    let read = read(key, text, reader)?;
    let is_ours = known.and_then(|mark| mark.uid.as_ref()).is_some_and(|uid| uid.0 == read.seen.uid);
    // It would be adopted, with what others applied of it.
    let inherited = || inherited(&read.metadata.managed_fields, &read.masked).as_ref().map(Body::new);
    let (mark, version, body) = (read.mark(), read.version(), Body::new(&read.masked));
    let whole = first_half(body.digest());
    let managed = Managed {
        owners: owners(&read.metadata.managed_fields),
        by_us: our_entry(&read.metadata).is_some(),
        signed: reader.has_signed(key, &read.metadata),
        in_sight: Version { whole: Some(whole), ..version }.to_string().into(),
        refused: None,
        inherited: if is_ours { None } else { inherited() },
    };
    let live = Live { mark, body, health: read.health, managed: Some(Arc::new(managed)) };
    Some(Told { seen: read.seen, live, whole })
}

fn our_entry<'m, 'a>(metadata: &'m Metadata<'a>) -> Option<&'m Entry<'a>> {
    metadata.managed_fields.iter().find(|entry| entry.is_ours())
}

fn first_half(digest: Digest) -> u64 {
    let bytes: [u8; 8] = digest.as_bytes()[..8].try_into().expect("should have eight of 32 bytes");
    u64::from_be_bytes(bytes)
}

fn seen_of(metadata: &Metadata<'_>) -> Seen {
    let entry = our_entry(metadata);
    Seen {
        uid: metadata.uid.as_str().into(),
        resource_version: metadata.resource_version.as_str().into(),
        // Some kinds say 0 for "not counted".
        generation: metadata.generation.filter(|generation| *generation > 0),
        entry: entry.map(|entry| entry_hash(entry, &metadata.labels, &metadata.annotations)),
        deleting: metadata.deletion_timestamp.is_some(),
        whole: None,
    }
}

impl Seen {
    fn version(&self) -> Version {
        Version {
            resource_version: Arc::clone(&self.resource_version),
            generation: self.generation,
            entry: self.entry,
            api_version: None,
            whole: None,
        }
    }

    /// Whether nothing but the status can have moved between the two: the same object, the same entry of ours, and a
    /// generation that counts changes and did not move.
    pub(crate) fn is_same_but_status(&self, other: &Self) -> bool {
        self.uid == other.uid
            && self.entry == other.entry
            && self.deleting == other.deleting
            && (self.resource_version == other.resource_version
                || self.generation.is_some() && self.generation == other.generation)
    }
}
