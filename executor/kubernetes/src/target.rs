//! The target port over a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use naksha_environments::ids::{EnvironmentName, RepositoryName};
use naksha_environments::kubernetes::Scope;
use naksha_environments::object::Observation;
use naksha_environments::secret::MarkKey;
use naksha_executor::port::target::{
    GroupKind, Question, Removal, Target, TargetError, Write, WriteError, Written,
};
use tokio::sync::watch;
use tracing::debug;

use crate::claim::{Claim, NotOurs};
use crate::connect::{Access, AccessError, Api};
use crate::discovery::Discovery;
use crate::lookout::Lookout;
use crate::watch::{Cache, Watchers};
use crate::{observe, remove, write};

/// A cluster, as one environment uses it.
pub struct ClusterTarget {
    inner: Inner,
}

/// What the work on objects needs.
pub(crate) struct Inner {
    pub(crate) api: Api,
    pub(crate) marks: MarkKey,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) watchers: Watchers,
    /// Absent: nobody else applies this environment, or who opened it does not mind.
    claim: Option<Claim>,
    pub(crate) lookout: Lookout,
}

impl Inner {
    /// Whether no other installation applies the environment.
    async fn hold(&self) -> Result<(), NotOurs> {
        match &self.claim {
            Some(claim) => claim.hold().await,
            None => Ok(()),
        }
    }

    /// What was answered. When nobody did, somebody looks out for the server.
    fn looked_out_for<T>(&self, answer: Result<T, TargetError>) -> Result<T, TargetError> {
        if let Err(TargetError::Unreachable { .. } | TargetError::Denied { .. }) = &answer {
            self.lookout.for_server(&self.cache, &self.api);
        }
        answer
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
        let discovery = Arc::default();
        let lookout = Lookout::default();
        Ok(Self { inner: Inner { api, marks, discovery, cache, watchers, claim: None, lookout } })
    }

    /// Claims the environment for this installation, in the namespace that it is applied to: while another one holds it,
    /// nothing is observed and nothing written.
    pub fn claiming(
        mut self,
        namespace: &str,
        repository: &RepositoryName,
        environment: &EnvironmentName,
    ) -> Self {
        let Inner { api, marks, .. } = &self.inner;
        self.inner.claim = Some(Claim::new(api.clone(), namespace, (repository, environment), marks));
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
        let observation = inner.looked_out_for(observation)?;
        debug!(cluster = %inner.api.cluster, answers = observation.objects.len(), "observed");
        Ok(observation)
    }

    async fn scopes(&self, kinds: &BTreeSet<GroupKind>) -> Result<BTreeMap<GroupKind, Scope>, TargetError> {
        self.inner.looked_out_for(observe::scopes(&self.inner, kinds).await)
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

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.cache.changes()
    }
}
