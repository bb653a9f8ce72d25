//! Which revisions rule an environment (control) and fill it (content), and when there are none.
//!
//! Control is read at the trunk's head; content at the head of what the environment follows, or at its lock's source.
//! A ref that was rewritten or is gone freezes the environment at what was applied last: it is healed, not changed.

use std::sync::Arc;

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::Revision;
use naksha_environments::repository::Definitions;
use naksha_environments::status::State;
use naksha_environments::verdict::{HoldKind, HoldReason};
use naksha_executor::port::store::{EnvironmentRecord, Revisions};

use super::{PassError, Reconciler};
use crate::git::RefName;
use crate::task::heads::seen_name;
use crate::task::{LoadedRevision, RefState};

/// What a pass reads.
pub(super) enum Sources {
    Ready(Box<Ready>),
    /// There is nothing to reconcile.
    Nothing(Idle),
}

/// Why there is nothing to reconcile.
pub(super) struct Idle {
    pub(super) state: State,
    pub(super) why: Vec<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Where the rules were read, when they were.
    pub(super) control: Option<Revision>,
}

pub(super) struct Ready {
    pub(super) environment: Arc<Environment>,
    pub(super) control: Arc<LoadedRevision>,
    pub(super) content: Arc<LoadedRevision>,
    /// Set when a ref was rewritten or is gone: only what was applied is kept.
    pub(super) frozen: Option<HoldReason>,
    /// The ref and head to remember once this pass saw them as good.
    pub(super) seen: Option<(RefName, Revision)>,
    /// The lock went back to a source that ran before; this is the one that it left.
    pub(super) rolled_back_from: Option<Revision>,
}

impl Ready {
    pub(super) fn revisions(&self) -> Revisions {
        Revisions { control: self.control.revision.clone(), content: self.content.revision.clone() }
    }
}

fn nothing(state: State, why: impl Into<String>) -> Sources {
    idle(state, vec![why.into()], Vec::new())
}

fn idle(state: State, why: Vec<String>, diagnostics: Vec<Diagnostic>) -> Sources {
    Sources::Nothing(Idle { state, why, diagnostics, control: None })
}

/// Reads control, finds the environment in it, and reads its content.
pub(super) async fn read(this: &Reconciler, record: &EnvironmentRecord) -> Result<Sources, PassError> {
    let Some(trunk) = this.feed.trunk() else {
        let reason = this.feed.trouble().unwrap_or_else(|| "the repository was not read yet".to_owned());
        return Ok(nothing(State::Unknown { reason: reason.clone() }, reason));
    };
    // I/O: the trunk, unless it was rewritten since this environment accepted it
    let head = match accepted(this, &trunk).await? {
        Accepted::Head { revision, new } => (revision, new.then(|| trunk.clone()), None),
        Accepted::Missing(why) => return Ok(nothing(State::Unknown { reason: why.clone() }, why)),
        Accepted::Frozen(reason) => match &record.applied {
            Some(applied) => (applied.control.clone(), None, Some(reason)),
            None => return Ok(held(reason)),
        },
    };
    let (revision, new_trunk, frozen) = head;
    let control = load(this, &revision).await?;
    let sources = read_by(this, record, Ruled { control, new_trunk, frozen }).await?;
    Ok(match sources {
        Sources::Nothing(idle) => Sources::Nothing(Idle { control: Some(revision), ..idle }),
        ready @ Sources::Ready(_) => ready,
    })
}

/// The revision that rules, and how it came to.
struct Ruled {
    control: Arc<LoadedRevision>,
    /// The trunk, when this is the first pass that sees its head.
    new_trunk: Option<RefName>,
    /// Why what was applied last rules, when it does.
    frozen: Option<HoldReason>,
}

/// Finds the environment in control, and reads its content.
async fn read_by(this: &Reconciler, record: &EnvironmentRecord, ruled: Ruled) -> Result<Sources, PassError> {
    let Ruled { control, new_trunk, mut frozen } = ruled;
    if let Some(refused) = refused(&control) {
        return Ok(refused);
    }
    let definitions = &control.loaded.definitions;
    let Some(environment) = definitions.environments.get(&this.scope.environment).cloned() else {
        return Ok(missing(this, &control));
    };
    // I/O: the content
    let (content_revision, new_branch) = match content_of(this, &environment, definitions, record).await? {
        _ if frozen.is_some() => (record.applied.as_ref().map(|applied| applied.content.clone()), None),
        Content::At { revision, new } => (Some(revision), new),
        Content::Trunk => (Some(control.revision.clone()), None),
        Content::Frozen(reason) => {
            frozen = Some(reason);
            (record.applied.as_ref().map(|applied| applied.content.clone()), None)
        }
        Content::Nothing(nothing) => return Ok(*nothing),
    };
    let Some(content_revision) = content_revision else {
        return Ok(frozen.map_or_else(|| nothing(State::NotPromoted, "nothing was promoted here yet"), held));
    };
    let content = load(this, &content_revision).await?;
    if let Some(refused) = refused(&content) {
        return Ok(refused);
    }
    let promoted = matches!(environment.follows, Follows::Promotion { .. });
    let rolled_back_from =
        if promoted { rolled_back_from(this, record, &content_revision).await? } else { None };
    Ok(Sources::Ready(Box::new(Ready {
        environment,
        seen: new_branch.or_else(|| new_trunk.map(|name| (name, control.revision.clone()))),
        control,
        content,
        frozen,
        rolled_back_from,
    })))
}

fn held(reason: HoldReason) -> Sources {
    let why = vec![format!("{}; {}", reason.message, reason.lift)];
    idle(State::Held { reasons: vec![reason] }, why, Vec::new())
}

/// The source that a lock left for one that ran before: the one applied, or the one whose apply was tried last.
async fn rolled_back_from(
    this: &Reconciler,
    record: &EnvironmentRecord,
    content: &Revision,
) -> Result<Option<Revision>, PassError> {
    // Again to what was gone back from is no way back.
    if !record.ran.contains(content) || record.barred.contains_key(content) {
        return Ok(None);
    }
    let tried = this.shared.store.applies(&this.scope, 1).await.map_err(PassError::Store)?;
    let tried = tried.into_iter().next().and_then(|apply| apply.revisions).map(|revisions| revisions.content);
    let applied = record.applied.as_ref().map(|applied| applied.content.clone());
    Ok([applied, tried].into_iter().flatten().find(|left| left != content))
}

/// Entries that a tree had to leave out (names that are not UTF-8, that differ only in case) look like deleted files.
/// Nothing is concluded from such a tree.
fn refused(revision: &LoadedRevision) -> Option<Sources> {
    let refused = revision.tree.refused();
    let first = refused.iter().find(|diagnostic| diagnostic.is_error())?;
    let why = format!(
        "{}: {} at {}; nothing is applied or pruned",
        first.code,
        first.message,
        revision.revision.short()
    );
    Some(idle(State::Broken, vec![why], refused.to_vec()))
}

/// The environment is not among the definitions: broken, or gone.
fn missing(this: &Reconciler, control: &LoadedRevision) -> Sources {
    let broken = &control.loaded.definitions.broken;
    let name = &this.scope.environment;
    if broken.environments.contains(name) || !broken.nameless.is_empty() {
        let diagnostics = control.loaded.diagnostics.clone();
        let why = format!("the definition of {name} cannot be read; nothing is applied or pruned");
        return idle(State::Broken, vec![why], diagnostics);
    }
    nothing(
        State::Orphaned,
        format!("{name} has no definition any more; it is frozen, and nothing is deleted"),
    )
}

async fn load(this: &Reconciler, revision: &Revision) -> Result<Arc<LoadedRevision>, PassError> {
    let (revisions, revision) = (Arc::clone(&this.feed.revisions), revision.clone());
    tokio::task::spawn_blocking(move || revisions.read(&revision))
        .await
        .map_err(PassError::Computation)?
        .map_err(PassError::Git)
}

enum Accepted {
    Head { revision: Revision, new: bool },
    Frozen(HoldReason),
    Missing(String),
}

/// Whether the head of a ref continues what this environment saw last.
async fn accepted(this: &Reconciler, name: &RefName) -> Result<Accepted, PassError> {
    let branch = name.branch_name().unwrap_or(name.as_str());
    let lift = format!("`naksha resume {}` accepts it", this.scope.environment);
    let head = match this.feed.at(name) {
        RefState::At(head) => head,
        RefState::Gone { last } => {
            let was = last.map(|last| format!(" (it was at {})", last.short())).unwrap_or_default();
            let message = format!("branch `{branch}` is gone{was}; nothing is pruned");
            return Ok(Accepted::Frozen(HoldReason {
                kind: HoldKind::History,
                message,
                lift: "push it again".to_owned(),
            }));
        }
        RefState::Missing => {
            let unread = || "the repository was not read yet".to_owned();
            let why = || {
                if this.feed.was_asked_for(name) {
                    format!("branch `{branch}` does not exist")
                } else {
                    unread()
                }
            };
            return Ok(Accepted::Missing(this.feed.trouble().unwrap_or_else(why)));
        }
    };
    let key = seen_name(&this.scope.environment, name);
    let seen = this.shared.store.seen_ref(&this.scope.repository, &key).await.map_err(PassError::Store)?;
    let Some(seen) = seen else { return Ok(Accepted::Head { revision: head, new: true }) };
    if seen == head {
        return Ok(Accepted::Head { revision: head, new: false });
    }
    let (feed, from, to) = (this.feed.clone(), seen.clone(), head.clone());
    let continues = tokio::task::spawn_blocking(move || feed.continues(&from, &to));
    let continues = continues.await.map_err(PassError::Computation)?;
    if continues.map_err(PassError::Git)? {
        return Ok(Accepted::Head { revision: head, new: true });
    }
    let message = format!(
        "the history of `{branch}` was rewritten: {} does not continue {}",
        head.short(),
        seen.short()
    );
    Ok(Accepted::Frozen(HoldReason { kind: HoldKind::History, message, lift }))
}

enum Content {
    Trunk,
    At { revision: Revision, new: Option<(RefName, Revision)> },
    Frozen(HoldReason),
    Nothing(Box<Sources>),
}

async fn content_of(
    this: &Reconciler,
    environment: &Environment,
    definitions: &Definitions,
    record: &EnvironmentRecord,
) -> Result<Content, PassError> {
    match &environment.follows {
        Follows::Trunk => Ok(Content::Trunk),
        Follows::Branch(branch) => {
            let name = RefName::branch(branch).map_err(PassError::Git)?;
            Ok(match accepted(this, &name).await? {
                Accepted::Frozen(reason) => Content::Frozen(reason),
                Accepted::Missing(why) => {
                    Content::Nothing(Box::new(nothing(State::Unknown { reason: why.clone() }, why)))
                }
                Accepted::Head { revision, new } => {
                    Content::At { new: new.then(|| (name, revision.clone())), revision }
                }
            })
        }
        Follows::Promotion { .. } => locked(this, environment, definitions, record).await,
    }
}

/// The source that the lock names. It must be on the trunk; it is pinned, so that the mirror keeps it.
async fn locked(
    this: &Reconciler,
    environment: &Environment,
    definitions: &Definitions,
    record: &EnvironmentRecord,
) -> Result<Content, PassError> {
    let name = &environment.name;
    let Some(lock) = definitions.locks.get(name) else {
        let why = if definitions.broken.locks.contains(name) {
            nothing(
                State::Broken,
                format!("environments/{name}/lock.yaml cannot be read; nothing is applied or pruned"),
            )
        } else {
            nothing(
                State::NotPromoted,
                format!("there is no environments/{name}/lock.yaml: nothing was promoted here yet"),
            )
        };
        return Ok(Content::Nothing(Box::new(why)));
    };
    let source = lock.source.clone();
    if record.applied.as_ref().is_some_and(|applied| applied.content == source) {
        return Ok(Content::At { revision: source, new: None });
    }
    let Some(trunk) = this.feed.trunk() else {
        return Ok(Content::Nothing(Box::new(nothing(State::NotPromoted, "the trunk is not known yet"))));
    };
    let (mirror, checked, pin) = (Arc::clone(&this.feed.mirror), source.clone(), name.clone());
    let reachable = tokio::task::spawn_blocking(move || {
        let reachable = mirror.objects().is_reachable_from(&checked, &trunk)?;
        if reachable {
            mirror.pin(&pin, &checked)?;
        }
        Ok::<_, crate::git::GitError>(reachable)
    });
    if reachable.await.map_err(PassError::Computation)?.map_err(PassError::Git)? {
        return Ok(Content::At { revision: source, new: None });
    }
    let message = format!("the lock's source {} is not on the trunk", source.short());
    let lift = format!("promote a commit of the trunk: `naksha promote {name}`");
    Ok(Content::Frozen(HoldReason { kind: HoldKind::History, message, lift }))
}
