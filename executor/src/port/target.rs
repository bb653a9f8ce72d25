//! A target: where objects live. A directory, a cluster.
//!
//! An adapter tries once, within a timeout of its own; retrying is the driver's business. It masks what it reads
//! (`data` of Secrets becomes marks) before anything leaves it. "Could not be read" is never "is not there".
//!
//! Every adapter runs the suite in [`crate::contract`]: it says in code what these comments say in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::codes::{Code, apply as codes};
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::ids::UnitName;
use naksha_environments::kubernetes;
use naksha_environments::object::{Body, Health, Mark, ObjectKey, Observation};
use naksha_environments::plan::FieldPath;
use naksha_environments::quiet::Quiet;
use naksha_environments::secret::{Secret, SecretMark};
use tokio::sync::watch;

use super::look::{Events, Family};
use super::recovery::{Recovery, Search};
use super::store::Scope;

/// The annotation that says which unit of which environment wrote an object, and which object that was:
/// `<repository>/<environment>/<unit> <group>/<Kind> <namespace>/<name>`. Adapters set it with every write. Because it names its own
/// object, a copy of the object does not carry a signature of its own. It is read by people, after a crash, and when the
/// database was lost; what is owned says the inventory.
pub const OWNER_ANNOTATION: &str = "naksha.dev/owner";

/// The value of [`OWNER_ANNOTATION`].
pub fn owner_of(scope: &Scope, unit: &UnitName, key: &ObjectKey) -> String {
    format!("{scope}/{unit} {key}")
}

/// Who signed the object `key` by this value of [`OWNER_ANNOTATION`]. `None`: it is no signature of this very object: it
/// was copied from another one, or is older than signatures that name their object.
pub fn signer_of(annotation: &str, key: &ObjectKey) -> Option<(Scope, UnitName)> {
    let (owner, object) = annotation.split_once(' ')?;
    let (scope, unit) = owner.rsplit_once('/')?;
    let signer = (scope.parse().ok()?, UnitName::parse(unit).ok()?);
    (object == key.to_string()).then_some(signer)
}

/// A kind, whatever its version: group and kind.
pub type GroupKind = (Arc<str>, Arc<str>);

/// One place to apply to, as one environment sees it. Cheap to share.
#[async_trait]
pub trait Target: Send + Sync + fmt::Debug {
    /// Observes the objects asked for. What is not as its mark says, or not healthy, is in the answer, and so is
    /// everything that was asked about without a mark; what could not be read is `Observed::Unknown`. An object that is
    /// left out is as its mark says: in a quiet environment the answer is empty. An error means that nothing could be
    /// observed at all.
    async fn observe(&self, question: Question) -> Result<Observation, TargetError>;

    /// Which of these custom kinds (group, kind) lie in no namespace, and which in one. What is not in the answer is not
    /// known: it may come to be served. A target that knows no kinds knows none.
    async fn scopes(
        &self,
        kinds: &BTreeSet<GroupKind>,
    ) -> Result<BTreeMap<GroupKind, kubernetes::Scope>, TargetError> {
        let _ = kinds;
        Ok(BTreeMap::new())
    }

    /// Somebody insists: the next observation takes nothing for granted that an earlier one found.
    fn doubt(&self);

    /// Writes one object: creates, updates or adopts it, as `write.mode` says.
    async fn write(&self, write: &Write) -> Result<Written, WriteError>;

    /// Whether the target would take this write: what only it can refuse (a quota, a webhook, its own rules). Nothing is
    /// changed. A target that refuses nothing takes everything.
    async fn try_out(&self, write: &Write) -> Result<(), WriteError> {
        let _ = write;
        Ok(())
    }

    /// Deletes one object that is ours, and returns when it is gone. Deleting what is gone already is success;
    /// what does not go within the adapter's timeout is [`WriteError::Transient`] and says what holds it.
    async fn remove(&self, removal: &Removal) -> Result<(), WriteError>;

    /// Everything in the target that is signed as this environment's. Asked only when the database was lost: what is found
    /// says who wrote it, and that is all that is left to know it by.
    async fn recover(&self, search: &Search) -> Result<Recovery, TargetError>;

    /// The environment is given up: whatever keeps others from it is taken away. What cannot be taken away runs out.
    async fn leave(&self) {}

    /// Counts up whenever something under the target may have changed without us: the reconciler wakes on it.
    /// A hint only; observation decides.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Why an object is not healthy, where more can be said than its own status does: which pod, and what keeps it from
    /// its work. Looked up each time, so that it is only for who waits, or found something unwell. On one line, and
    /// nothing of it is secret.
    async fn explain(&self, _key: &ObjectKey) -> Option<String> {
        None
    }

    /// What was made in the target for these objects of ours; proven by their identities in the marks, so that one
    /// without a mark has nothing.
    async fn family(&self, _of: &[Wanted]) -> Result<Family, TargetError> {
        Ok(Family::default())
    }

    /// What happened to these objects of ours, and to what was made for them, since a moment.
    async fn events(&self, _of: &[Wanted], _since: Timestamp) -> Result<Events, TargetError> {
        Ok(Events::default())
    }
}

/// What is to be observed.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// One by one.
    pub wanted: Vec<Wanted>,
    /// Objects that this very target was asked about before, with the same marks (or wrote since, and the marks are
    /// what it answered), and said nothing of: a target that remembers looks only at those that something happened to.
    /// Where there are any, the question is about everything that the environment owns.
    pub quiet: Quiet,
}

impl From<Vec<Wanted>> for Question {
    fn from(wanted: Vec<Wanted>) -> Self {
        Self { wanted, quiet: Quiet::default() }
    }
}

impl Question {
    /// For a target that does not remember: everything one by one.
    pub fn all(self) -> Vec<Wanted> {
        let Self { mut wanted, quiet } = self;
        wanted.extend(quiet.objects().map(Wanted::quiet));
        wanted
    }
}

/// An object to observe, with what we know of it.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub key: ObjectKey,
    /// From the inventory: when the object still is what this says, `Observed::InSync` may be answered without
    /// reading it.
    pub mark: Option<Mark>,
}

impl Wanted {
    /// One that is quiet, with its mark.
    pub fn quiet((key, mark): (&ObjectKey, &Mark)) -> Self {
        Self { key: key.clone(), mark: Some(mark.clone()) }
    }
}

/// One write. Everything is decided; the target only carries it out.
#[derive(Debug, Clone)]
pub struct Write {
    pub key: ObjectKey,
    /// Whose it is.
    pub scope: Scope,
    pub unit: UnitName,
    pub mode: WriteMode,
    /// What we applied last (masked), so that fields dropped since are removed. Absent on first contact.
    pub previous: Option<Body>,
    /// What to send, masked; the values below go where its marks stand.
    pub body: Body,
    /// Base64 is the target's business: these are the plain values of a Secret's `data`.
    pub secrets: BTreeMap<String, Secret>,
    /// Fields of `body` that are not sent: somebody else keeps them.
    pub leave: Vec<FieldPath>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteMode {
    /// It must not be there.
    Create,
    /// It must still be what was observed.
    Update { expect: Mark },
    /// As update; fields of other owners stay unless `body` sets them.
    Adopt { expect: Mark },
}

/// What the target answered to our own write: recorded, and compared with later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub mark: Mark,
    pub secrets: BTreeMap<String, SecretMark>,
    pub health: Health,
}

#[derive(Debug, Clone)]
pub struct Removal {
    pub key: ObjectKey,
    /// Its uid must be this one: what was made under the same name since is not ours.
    pub expect: Mark,
}

/// Nothing could be observed or reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Transient.
    #[error("target {target} is unreachable: {reason}")]
    Unreachable { target: String, reason: String },
    /// Blocked until somebody changes a right or the configuration.
    #[error("target {target} refuses us: {reason}")]
    Denied { target: String, reason: String },
    /// Another installation applies the environment there: blocked until one of the two gives way.
    #[error("another installation applies this environment to target {target}: {owner}")]
    Taken { target: String, owner: String },
}

/// Why one write did not happen. The variants decide what the driver does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Try again, with backoff; `after` is what the target itself asked for (Retry-After). The write may or may
    /// not have happened.
    #[error("{key} was not written: {reason}")]
    Transient { key: ObjectKey, reason: String, after: Option<Duration> },
    /// It moved since it was observed: observe and plan again.
    #[error("{key} changed since it was planned: {reason}")]
    Moved { key: ObjectKey, reason: String },
    /// Somebody has to act: a right, a quota, a missing namespace.
    #[error("{key} is blocked: {reason}")]
    Blocked { key: ObjectKey, reason: String },
    /// The object itself is wrong; trying again is pointless until Git changes.
    #[error("{key} is invalid: {reason}")]
    Invalid { key: ObjectKey, field: Option<String>, reason: String },
}

impl TargetError {
    pub fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } => codes::TARGET_UNREACHABLE,
            Self::Denied { .. } => codes::TARGET_DENIED,
            Self::Taken { .. } => codes::TARGET_TAKEN,
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "nothing is written or deleted until it is back; it is looked for again"
            }
            Self::Denied { .. } => "give the daemon the right to use it, or correct its configuration",
            Self::Taken { .. } => {
                "let one of the two go, or name their environments differently; one that is silent for a minute is replaced"
            }
        }
    }

    /// As it is told to people.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(self.code(), self.to_string()).hint(self.hint())
    }
}

impl WriteError {
    pub fn code(&self) -> Code {
        match self {
            Self::Transient { .. } => codes::WRITE_GAVE_UP,
            Self::Moved { .. } => codes::OBJECT_MOVED,
            Self::Blocked { .. } => codes::WRITE_BLOCKED,
            Self::Invalid { .. } => codes::OBJECT_INVALID,
        }
    }

    /// What somebody can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "it is tried again with the next reconcile",
            Self::Moved { .. } => "nothing to do: the next reconcile plans with what is there now",
            Self::Blocked { .. } => "remove what blocks it; the next reconcile tries again",
            Self::Invalid { .. } => "correct the object in the repository",
        }
    }
}

/// A target shared between tasks.
pub type SharedTarget = Arc<dyn Target>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_object() {
        let (scope, unit): (Scope, _) = ("infra/dev".parse().unwrap(), UnitName::parse("web").unwrap());
        let deployment = ObjectKey::new("apps", "Deployment", Some("shop"), "web");
        let namespace = ObjectKey::new("", "Namespace", None, "shop");
        for key in [&deployment, &namespace] {
            let signed = owner_of(&scope, &unit, key);
            assert_eq!(signer_of(&signed, key), Some((scope.clone(), unit.clone())), "{signed}");
        }
        let signed = owner_of(&scope, &unit, &deployment);
        assert_eq!(signed, "infra/dev/web apps/Deployment shop/web");
        for other in [
            ObjectKey::new("apps", "Deployment", Some("shop"), "copy"),
            ObjectKey::new("apps", "Deployment", Some("other"), "web"),
            ObjectKey::new("apps", "StatefulSet", Some("shop"), "web"),
            ObjectKey::new("example.com", "Deployment", Some("shop"), "web"),
            namespace,
        ] {
            assert_eq!(signer_of(&signed, &other), None, "{other}");
        }
        let old = [
            "dev/web",
            "",
            "dev",
            "a/dev/web ",
            "a/Dev/web apps/Deployment shop/web",
            "dev/web apps/Deployment shop/web",
        ];
        for old in old {
            assert_eq!(signer_of(old, &deployment), None, "{old}");
        }
    }
}
