//! The target port over a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use naksha_environments::kubernetes;
use naksha_environments::object::{ObjectKey, Observation};
use naksha_environments::secret::MarkKey;
use naksha_executor::port::look::{Events, Family};
use naksha_executor::port::recovery::{Recovery, Search};
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{
    GroupKind, Question, Removal, Target, TargetError, Wanted, Write, WriteError, Written,
};
use naksha_kubernetes_health::RuleSet;
use tokio::sync::watch;
use tracing::debug;

use crate::claim::{Claim, NotOurs};
use crate::connect::{Access, AccessError, Api};
use crate::discovery::Discovery;
use crate::live::Reader;
use crate::lookout::Lookout;
use crate::tried::Tried;
use crate::watch::{Cache, Watchers};
use crate::{look, observe, recover, remove, write};

/// A cluster, as one environment uses it.
pub struct ClusterTarget {
    inner: Inner,
}

/// What the work on objects needs.
pub(crate) struct Inner {
    pub(crate) api: Api,
    /// Marks the values of Secrets, and judges health.
    pub(crate) marks: Reader,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) watchers: Arc<Watchers>,
    /// Absent: nobody else applies this environment, or who opened it does not mind.
    claim: Option<Claim>,
    pub(crate) lookout: Lookout,
    pub(crate) tried: Tried,
}

impl Inner {
    /// Whether no other installation applies the environment.
    async fn hold(&self) -> Result<(), NotOurs> {
        match &self.claim {
            Some(claim) => claim.hold().await,
            None => Ok(()),
        }
    }
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
    pub async fn open(access: &Access, scope: &Scope, marks: MarkKey) -> Result<Self, OpenError> {
        Self::open_judging_by(access, scope, marks, RuleSet::bundled().clone()).await
    }

    /// As [`Self::open`], with other rules. They hold for as long as the target is open: what was judged is remembered.
    pub async fn open_judging_by(
        access: &Access,
        scope: &Scope,
        marks: MarkKey,
        rules: RuleSet,
    ) -> Result<Self, OpenError> {
        let marks = Reader::new(marks, rules, scope);
        let cluster = || Arc::clone(&access.cluster);
        let api = Api::connect(access).await;
        let api = api.map_err(|source| OpenError::Access { cluster: cluster(), source })?;
        let cache = Arc::new(Cache::default());
        let watchers = Arc::new(Watchers::new(api.clone(), Arc::clone(&cache), scope, marks.clone()));
        let discovery = Arc::default();
        let (lookout, tried) = (Lookout::default(), Tried::default());
        Ok(Self { inner: Inner { api, marks, discovery, cache, watchers, claim: None, lookout, tried } })
    }

    /// Claims the environment for this installation, in the namespace that it is applied to: while another one holds it,
    /// nothing is observed and nothing written.
    pub fn claiming(mut self, namespace: &str, scope: &Scope) -> Self {
        let Inner { api, marks, .. } = &self.inner;
        self.inner.claim = Some(Claim::new(api.clone(), namespace, scope, marks));
        self
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
        let inner = &self.inner;
        let observation = match inner.hold().await {
            Ok(()) => observe::observe(inner, question).await,
            Err(error) => Err(error.to_target_error(inner.api.cluster.to_string())),
        };
        match &observation {
            Ok(observation) => {
                debug!(cluster = %inner.api.cluster, answers = observation.objects.len(), "observed");
            }
            Err(TargetError::Unreachable { .. } | TargetError::Denied { .. }) => {
                inner.lookout.for_server(&inner.cache, &inner.api);
            }
            Err(TargetError::Taken { .. }) => {}
        }
        observation
    }

    async fn scopes(
        &self,
        kinds: &BTreeSet<GroupKind>,
    ) -> Result<BTreeMap<GroupKind, kubernetes::Scope>, TargetError> {
        observe::scopes(&self.inner, kinds).await
    }

    fn doubt(&self) {
        self.inner.cache.doubt();
    }

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        self.inner.hold().await.map_err(|error| error.to_write_error(&write.key))?;
        write::write(&self.inner, write).await
    }

    async fn try_out(&self, write: &Write) -> Result<(), WriteError> {
        write::try_out(&self.inner, write).await
    }

    async fn remove(&self, removal: &Removal) -> Result<(), WriteError> {
        self.inner.hold().await.map_err(|error| error.to_write_error(&removal.key))?;
        remove::remove(&self.inner, removal).await
    }

    async fn recover(&self, search: &Search) -> Result<Recovery, TargetError> {
        recover::recover(&self.inner, search).await
    }

    async fn leave(&self) {
        if let Some(claim) = &self.inner.claim {
            claim.give_up().await;
        }
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
