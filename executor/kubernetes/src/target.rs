//! The target port over a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::kubernetes::Scope;
use naksha_environments::object::{ObjectKey, Observation};
use naksha_environments::secret::MarkKey;
use naksha_executor::port::look::{Events, Family};
use naksha_executor::port::target::{
    GroupKind, Question, Removal, Target, TargetError, Wanted, Write, WriteError, Written,
};
use tokio::sync::watch;
use tracing::debug;

use crate::connect::{Access, AccessError, Api};
use crate::discovery::Discovery;
use crate::watch::{Cache, Watchers};
use crate::{look, observe, remove, write};

/// A cluster, as one environment uses it.
pub struct ClusterTarget {
    inner: Inner,
}

/// What the work on objects needs.
pub(crate) struct Inner {
    pub(crate) api: Api,
    pub(crate) marks: MarkKey,
    pub(crate) discovery: Discovery,
    pub(crate) cache: Arc<Cache>,
    pub(crate) watchers: Watchers,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cluster `{cluster}`")]
    Access {
        cluster: Arc<str>,
        #[source]
        source: AccessError,
    },
}

impl OpenError {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Access { source, .. } => source.hint(),
        }
    }
}

impl ClusterTarget {
    /// Makes ready to use a cluster. Nothing is asked of it before something is observed or written. `marks` is the
    /// installation's key for values of Secrets.
    pub async fn open(
        access: &Access,
        environment: &EnvironmentName,
        marks: MarkKey,
    ) -> Result<Self, OpenError> {
        let cluster = || Arc::clone(&access.cluster);
        let api = Api::connect(access).await;
        let api = api.map_err(|source| OpenError::Access { cluster: cluster(), source })?;
        let cache = Arc::new(Cache::default());
        let watchers = Watchers::new(api.clone(), Arc::clone(&cache), environment.clone(), marks.clone());
        Ok(Self { inner: Inner { api, marks, discovery: Discovery::default(), cache, watchers } })
    }
}

impl fmt::Debug for ClusterTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterTarget({})", self.inner.api.cluster)
    }
}

#[async_trait]
impl Target for ClusterTarget {
    async fn observe(&self, question: Question) -> Result<Observation, TargetError> {
        let observation = observe::observe(&self.inner, question).await?;
        debug!(cluster = %self.inner.api.cluster, answers = observation.objects.len(), "observed");
        Ok(observation)
    }

    async fn scopes(&self, kinds: &BTreeSet<GroupKind>) -> Result<BTreeMap<GroupKind, Scope>, TargetError> {
        observe::scopes(&self.inner, kinds).await
    }

    fn doubt(&self) {
        self.inner.cache.doubt();
    }

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        write::write(&self.inner, write).await
    }

    async fn try_out(&self, write: &Write) -> Result<(), WriteError> {
        write::try_out(&self.inner, write).await
    }

    async fn remove(&self, removal: &Removal) -> Result<(), WriteError> {
        remove::remove(&self.inner, removal).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.cache.changes()
    }

    async fn explain(&self, key: &ObjectKey) -> Option<String> {
        look::explain(&self.inner, key).await
    }

    async fn family(&self, of: &[Wanted]) -> Result<Family, TargetError> {
        look::family(&self.inner, of).await
    }

    async fn events(&self, of: &[Wanted], since: Timestamp) -> Result<Events, TargetError> {
        look::events(&self.inner, of, since).await
    }
}
