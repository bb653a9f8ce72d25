//! The target port over a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::kubernetes::Scope;
use naksha_environments::object::Observation;
use naksha_environments::secret::MarkKey;
use naksha_executor::port::recovery::{Recovery, Search};
use naksha_executor::port::target::{
    GroupKind, Question, Removal, Target, TargetError, Write, WriteError, Written,
};
use naksha_kubernetes_health::RuleSet;
use tokio::sync::watch;
use tracing::debug;

use crate::connect::{Access, AccessError, Api};
use crate::discovery::Discovery;
use crate::live::Reader;
use crate::watch::{Cache, Watchers};
use crate::{observe, recover, remove, write};

/// A cluster, as one environment uses it.
pub struct ClusterTarget {
    inner: Inner,
}

/// What the work on objects needs.
pub(crate) struct Inner {
    pub(crate) api: Api,
    /// Marks the values of Secrets, and judges health.
    pub(crate) marks: Reader,
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
    /// Makes ready to use a cluster, and judges health by the shipped rules. Nothing is asked of it before something is
    /// observed or written. `marks` is the installation's key for values of Secrets.
    pub async fn open(
        access: &Access,
        environment: &EnvironmentName,
        marks: MarkKey,
    ) -> Result<Self, OpenError> {
        Self::open_judging_by(access, environment, marks, RuleSet::bundled().clone()).await
    }

    /// As [`Self::open`], with other rules. They hold for as long as the target is open: what was judged is remembered.
    pub async fn open_judging_by(
        access: &Access,
        environment: &EnvironmentName,
        marks: MarkKey,
        rules: RuleSet,
    ) -> Result<Self, OpenError> {
        let marks = Reader::new(marks, rules);
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

    async fn recover(&self, search: &Search) -> Result<Recovery, TargetError> {
        recover::recover(&self.inner, search).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.cache.changes()
    }
}
