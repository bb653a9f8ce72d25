//! Objects: what should be (rendered), what is (observed), and how an object is named.
//!
//! Bodies are kept as canonical JSON text, not as a tree of values: ten thousand of them must fit in little
//! memory, and most are only ever compared by digest.
//!
//! Bodies are *masked*: under `data` of a Secret stand marks, never values (see [`SecretValue`] for the mark's
//! form). The values travel beside the body, in [`DesiredObject::secrets`].

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

use crate::digest::{Digest, canonical_json};
use crate::ids::UnitName;
use crate::plan::{FieldPath, Segment};
use crate::secret::{MarkKey, Secret, SecretMark, SecretRef};
use crate::source::TreePath;

/// Names an object within one target. The API version is no part of it: an object keeps its identity when it is
/// written through another version.
///
/// Cheap to clone, compare and look up: a pass does so several times with every object there is, mostly with clones
/// of one key.
#[derive(Clone)]
pub struct ObjectKey(Arc<Hashed>);

struct Hashed {
    hash: u64,
    parts: KeyParts,
}

/// What an [`ObjectKey`] consists of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyParts {
    /// Empty for the core group.
    pub group: Arc<str>,
    pub kind: Arc<str>,
    /// Absent for cluster-scoped objects.
    pub namespace: Option<Arc<str>>,
    pub name: Arc<str>,
}

impl From<KeyParts> for ObjectKey {
    fn from(parts: KeyParts) -> Self {
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        Self(Arc::new(Hashed { hash: hasher.finish(), parts }))
    }
}

/// Values by object. Its order means nothing: who tells of several objects sorts them first.
pub type KeyMap<V> = HashMap<ObjectKey, V, BuildHasherDefault<KeyHasher>>;

/// Passes on the hash that a key carries.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Keys give one number and never come here; whatever else is hashed is still hashed rightly.
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher.write(bytes);
        self.0 = hasher.finish();
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Deref for ObjectKey {
    type Target = KeyParts;

    fn deref(&self) -> &KeyParts {
        &self.0.parts
    }
}

impl PartialEq for ObjectKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.hash == other.0.hash && self.0.parts == other.0.parts
    }
}

impl Eq for ObjectKey {}

impl Hash for ObjectKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl PartialOrd for ObjectKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ObjectKey {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.parts.cmp(&other.0.parts) }
    }
}

impl ObjectKey {
    pub fn new(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        let namespace = namespace.map(Into::into);
        KeyParts { group: group.into(), kind: kind.into(), namespace, name: name.into() }.into()
    }

    /// The key of another object of the same kind and namespace.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        KeyParts { name: name.into(), ..KeyParts::clone(self) }.into()
    }

    /// `apps/Deployment` or `Service`.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() { self.kind.to_string() } else { format!("{}/{}", self.group, self.kind) }
    }

    /// `Deployment/web` or `Deployment/naksha/web`, for sentences.
    pub fn short(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.group_kind(), self.name),
            None => write!(f, "{} {}", self.group_kind(), self.name),
        }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A masked object as canonical JSON, with its digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Body {
    json: Arc<str>,
    digest: Digest,
}

impl Body {
    /// `value` must be masked already; see the module's head.
    pub fn new(value: &Value) -> Self {
        Self::from_canonical(canonical_json(value).into())
    }

    /// For text that this type wrote before (the store gives it back).
    pub fn from_canonical(json: Arc<str>) -> Self {
        let digest = Digest::of_bytes(json.as_bytes());
        Self { json, digest }
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn as_json(&self) -> &str {
        &self.json
    }

    pub fn value(&self) -> Value {
        serde_json::from_str(&self.json).expect("should parse what canonical_json wrote")
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?}, {} bytes)", self.digest, self.json.len())
    }
}

/// The value of one key of a Secret, before it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretValue {
    /// Written in clear in the repository (base64 decoded). Judged by policy `cleartext-secret`.
    Inline(Secret),
    /// Read when it is applied.
    Reference(SecretRef),
}

impl SecretValue {
    /// What stands in the masked body: `ref:vault:…#…` or `mark:<keyed hash>`.
    pub fn placeholder(&self, key: &MarkKey) -> String {
        match self {
            Self::Inline(secret) => mark_placeholder(&key.mark(secret.expose().as_bytes())),
            Self::Reference(reference) => format!("ref:{reference}"),
        }
    }
}

/// What stands in a masked body for a value of which only the mark is known.
pub fn mark_placeholder(mark: &SecretMark) -> String {
    format!("mark:{}", mark.as_str())
}

/// Where an object was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Provenance {
    pub path: TreePath,
    /// First line of its document: in the file for manifests, in the rendered text for templates.
    pub line: usize,
    /// True when `path` is a template, and `line` counts lines of what it rendered.
    pub rendered: bool,
}

/// An object as Git wants it, normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredObject {
    pub key: ObjectKey,
    pub api_version: Arc<str>,
    pub body: Body,
    /// Values of a Secret's `data`, by key. Empty for everything else.
    pub secrets: BTreeMap<String, SecretValue>,
    /// Order within the unit: lower goes first. From the kind, or the annotation `naksha.dev/wave`.
    pub wave: i32,
    pub provenance: Provenance,
}

impl DesiredObject {
    /// Identity of the desired state: equal digests need no comparing.
    pub fn digest(&self) -> Digest {
        self.body.digest()
    }
}

/// The objects of a unit. Of the same pointer: the same.
pub type SharedObjects = Arc<[Arc<DesiredObject>]>;

/// Identity that the target gives an object; another uid is another object, whatever its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub Arc<str>);

/// What tells "nothing moved since" without reading the object: recorded from the answer to our own write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub uid: Option<Uid>,
    /// The target's version of the object (a resourceVersion, a file's size and times). Precondition of a write.
    pub version: Arc<str>,
    /// Digest of the live object without its status.
    pub fingerprint: Digest,
}

/// An object as the target has it, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub mark: Mark,
    pub body: Body,
    pub health: Health,
    /// Absent: the target does not keep track of who set what.
    pub managed: Option<Arc<Managed>>,
}

impl Live {
    /// What a write expects that was planned with the whole object in sight.
    pub fn expected(&self) -> Mark {
        let version = self.managed.as_ref().map_or(&self.mark.version, |managed| &managed.in_sight);
        Mark { version: Arc::clone(version), ..self.mark.clone() }
    }

    pub fn owners(&self) -> Option<&FieldOwners> {
        self.managed.as_ref().map(|managed| &managed.owners)
    }
}

/// What a target tells besides that keeps track of who set which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// Who else owns which field.
    pub owners: FieldOwners,
    /// Whether it says that we applied the object.
    pub by_us: bool,
    /// Whether the marks are on it by which the target finds our objects. Without them it must be written again.
    pub signed: bool,
    /// The version that a write expects which was planned with the whole object in sight: it may take fields of others,
    /// while the object is just that.
    pub in_sight: Arc<str>,
    /// What was tried with the object and cannot be done in place.
    pub refused: Option<RefusedInPlace>,
    /// What was set by those whose work is taken over when the object is adopted: earlier tools, or ourselves. It is what
    /// was applied before. Absent: there is nobody.
    pub inherited: Option<Body>,
}

/// A desired object that the target refuses as a change, and would take as a new object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedInPlace {
    /// [`DesiredObject::digest`].
    pub desired: Digest,
    /// Which field cannot be changed, as far as the target said it.
    pub field: Option<Arc<str>>,
}

/// Who else owns which field of an object, as far as its target says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldOwners(BTreeMap<FieldPath, Arc<str>>);

impl FieldOwners {
    /// How Kubernetes' own autoscaler is called as owner of `spec.replicas`.
    pub const AUTOSCALER: &str = "kube-controller-manager (scale)";

    /// Of several owners of a field the first is told.
    pub fn add(&mut self, path: FieldPath, manager: Arc<str>) {
        self.0.entry(path).or_insert(manager);
    }

    /// Nobody owns this very field any more.
    pub fn release(&mut self, path: &FieldPath) {
        self.0.remove(path);
    }

    /// Who owns the field, something that it lies in, or something that lies in it.
    pub fn of(&self, path: &FieldPath) -> Option<&str> {
        let above = (1..=path.0.len()).rev().find_map(|length| self.0.get(&path.0[..length]));
        let beneath = || {
            let (found, manager) =
                self.0.range::<[Segment], _>((Bound::Included(&*path.0), Bound::Unbounded)).next()?;
            found.0.starts_with(&path.0).then_some(manager)
        };
        above.or_else(beneath).or_else(|| self.of_other_keys(path)).map(AsRef::as_ref)
    }

    /// Who owns something in the list that the path goes through, where the list's items are told apart by other fields
    /// than the path says: which of them is meant is not known, and somebody's it may be.
    fn of_other_keys(&self, path: &FieldPath) -> Option<&Arc<str>> {
        let at = path.0.iter().position(|segment| matches!(segment, Segment::Item(_)))?;
        let (list, names) = (&path.0[..at], key_names(&path.0[at]));
        let owned = self.0.range::<[Segment], _>((Bound::Excluded(list), Bound::Unbounded));
        let mut in_list = owned.take_while(|(owned, _)| owned.0.starts_with(list));
        in_list.find(|(owned, _)| key_names(&owned.0[at]) != names).map(|(_, manager)| manager)
    }
}

/// The fields by which an item is told apart.
fn key_names(segment: &Segment) -> Option<Vec<&str>> {
    let Segment::Item(fields) = segment else { return None };
    Some(fields.iter().map(|(name, _)| name.as_str()).collect())
}

/// One object, as far as it could be observed. Not observed is not absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    Absent,
    /// It is what our last write left; there is nothing to compare.
    InSync {
        mark: Mark,
        health: Health,
    },
    Live(Live),
    Unknown {
        reason: String,
    },
}

/// Everything observed in one pass. What was asked about with its mark, and is not here, is in sync and healthy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    pub objects: KeyMap<Observed>,
}

impl Observation {
    /// Who set what in an object, where it was read and the target keeps track of that.
    pub fn owners(&self, key: &ObjectKey) -> Option<&FieldOwners> {
        match self.objects.get(key)? {
            Observed::Live(live) => live.owners(),
            Observed::Absent | Observed::InSync { .. } | Observed::Unknown { .. } => None,
        }
    }

    /// What is known of `key`, which was asked about with this mark. What was asked about without one, and is not
    /// answered, is unknown: never absent.
    pub fn of(&self, key: &ObjectKey, asked: Option<&Mark>) -> Observed {
        let unasked = || Observed::Unknown { reason: "it was not observed".to_owned() };
        let in_sync = |mark: &Mark| Observed::InSync { mark: mark.clone(), health: Health::Healthy };
        let unanswered = || asked.map_or_else(unasked, in_sync);
        self.objects.get(key).cloned().unwrap_or_else(unanswered)
    }
}

/// Whether an object does its work. The vocabulary is Argo CD's, which users know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// On its way; the words say how far: "1 of 2 replicas ready".
    Progressing(String),
    Degraded(String),
    Suspended,
    Missing,
    Unknown(String),
}

impl Health {
    pub fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy)
    }

    pub fn word(&self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Progressing(_) => "Progressing",
            Self::Degraded(_) => "Degraded",
            Self::Suspended => "Suspended",
            Self::Missing => "Missing",
            Self::Unknown(_) => "Unknown",
        }
    }

    /// The same, with what keeps it from being healthy where that is known.
    pub fn because(self, why: Option<&str>) -> Self {
        let Some(why) = why else { return self };
        // What a status says itself need not be said twice.
        let said = why.split_once(": ").map_or(why, |(_, said)| said);
        if self.message().is_some_and(|message| message.contains(said)) {
            return self;
        }
        match self {
            Self::Progressing(message) => Self::Progressing(format!("{message}; {why}")),
            Self::Degraded(message) => Self::Degraded(format!("{message}; {why}")),
            Self::Healthy | Self::Suspended | Self::Missing | Self::Unknown(_) => self,
        }
    }

    /// The words behind the word, where there are any.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Progressing(message) | Self::Degraded(message) | Self::Unknown(message) => Some(message),
            Self::Healthy | Self::Suspended | Self::Missing => None,
        }
    }
}

/// An object and the unit it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitObject {
    pub unit: UnitName,
    pub key: ObjectKey,
}
