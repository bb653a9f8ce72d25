//! Opens the target that an environment names, where the configuration lets it be.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use naksha_environments::codes::daemon::TASK_PANICKED;
use naksha_environments::codes::definition::INVALID_PATH;
use naksha_environments::codes::{Code, apply as codes};
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::{Environment, TargetRef};
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Inventory;
use naksha_environments::object::Observation;
use naksha_environments::plan::Plan;
use naksha_environments::quiet::Quiet;
use naksha_environments::rendered::Rendered;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::TreePath;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{Question, SharedTarget, TargetError, Wanted};
use naksha_executor::realise;
use naksha_executor_directory::{DirectoryError, DirectoryTarget};
use naksha_executor_kubernetes::{ClusterTarget, OpenError};
use naksha_kubernetes_health::RuleSet;
use naksha_renderer::plan::objects_to_observe;
use tokio::sync::watch;

use crate::config::{Config, NotGiven, RepositoryConfig, access};

/// Longer than this nobody waits for what a target would say of a plan.
const TRY_OUT: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
pub enum TargetOpenError {
    #[error("directory `{name}` is refused: {reason}")]
    Refused { name: String, reason: &'static str },
    #[error("directory {}", path.display())]
    Directory {
        path: PathBuf,
        #[source]
        source: DirectoryError,
    },
    #[error("opening it ended abnormally")]
    Abnormal(#[source] tokio::task::JoinError),
    #[error("this version cannot apply to a cluster made by unit `{unit}`")]
    Unsupported { unit: UnitName },
    #[error("{why}")]
    NotGiven { why: NotGiven, hint: String },
    #[error(transparent)]
    Cluster(OpenError),
}

impl TargetOpenError {
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { .. } => INVALID_PATH,
            Self::Unsupported { .. } => codes::TARGET_UNSUPPORTED,
            Self::Directory { .. } => codes::TARGET_UNREACHABLE,
            Self::NotGiven { .. } => codes::TARGET_NOT_GIVEN,
            Self::Cluster(_) => codes::CLUSTER_ACCESS,
            Self::Abnormal(_) => TASK_PANICKED,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Refused { .. } => {
                "name a folder beneath the environment's own root; the daemon's configuration says where that is"
            }
            Self::Unsupported { .. } => "this version applies to `kubernetes:` and `directory:` targets",
            Self::NotGiven { hint, .. } => hint,
            Self::Cluster(error) => error.hint(),
            Self::Abnormal(_) => "this is a bug; the log has its place",
            Self::Directory { .. } => {
                "nothing is written or deleted until it can be used; it is looked for again"
            }
        }
    }
}

/// A target in use by one environment.
#[derive(Debug, Clone)]
pub struct OpenTarget {
    named: TargetRef,
    target: SharedTarget,
    changes: watch::Receiver<u64>,
}

impl OpenTarget {
    /// Opens the target of `environment`, as far as the configuration lets it. Directories lie beneath a root that
    /// belongs to this environment alone; clusters are given to it by name. `rules` judge health while it is open, `secrets` may
    /// hold kubeconfigs.
    pub async fn open(
        environment: &Environment,
        config: &Config,
        repository: &RepositoryConfig,
        (key, secrets): (MarkKey, &Arc<dyn SecretSource>),
        rules: &RuleSet,
    ) -> Result<Self, TargetOpenError> {
        let target: SharedTarget = match &environment.target {
            TargetRef::Directory { path, namespace: _ } => {
                let path = beneath(&config.directory_root(repository, &environment.name), path)?;
                let (opening, rules) = (path.clone(), rules.clone());
                // A volume that hangs must not hold up a thread that others need.
                let opened = tokio::task::spawn_blocking(move || {
                    DirectoryTarget::open_judging_by(&opening, key, rules)
                })
                .await;
                let opened = opened.map_err(TargetOpenError::Abnormal)?;
                Arc::new(opened.map_err(|source| TargetOpenError::Directory { path, source })?)
            }
            TargetRef::Kubernetes { cluster, namespace } => {
                let (own, name) = (&repository.name, &environment.name);
                let access = access(&config.clusters, cluster, own, name, secrets).map_err(|why| {
                    let hint = why.hint(&config.clusters, own);
                    TargetOpenError::NotGiven { why, hint }
                })?;
                let (repository, environment) = (repository.name.clone(), environment.name.clone());
                let scope = Scope { repository, environment };
                let opened = ClusterTarget::open_judging_by(&access, &scope, key, rules.clone()).await;
                let opened = opened.map_err(TargetOpenError::Cluster)?;
                let namespace = namespace.as_deref().unwrap_or("default");
                Arc::new(opened.claiming(namespace, &scope))
            }
            TargetRef::FromUnit { unit, .. } => {
                return Err(TargetOpenError::Unsupported { unit: unit.clone() });
            }
        };
        let changes = target.changes();
        Ok(Self { named: environment.target.clone(), target, changes })
    }

    pub fn is_for(&self, environment: &Environment) -> bool {
        self.named == environment.target
    }

    pub fn target(&self) -> &SharedTarget {
        &self.target
    }

    /// Changes from now on count as new.
    pub fn mark_observed(&mut self) {
        self.changes.mark_unchanged();
    }

    /// Resolves when something changed since [`OpenTarget::mark_observed`].
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Somebody insists: see [`naksha_executor::port::target::Target::doubt`].
    pub fn doubt(&self) {
        self.target.doubt();
    }

    /// Observes everything that is wanted or owned.
    pub async fn observe(
        &self,
        rendered: &Rendered,
        inventory: &Inventory,
        quiet: &Quiet,
    ) -> Result<Observation, TargetError> {
        let wanted = objects_to_observe(rendered, inventory, quiet);
        let wanted: Vec<Wanted> = wanted.into_iter().map(|(key, mark)| Wanted { key, mark }).collect();
        self.target.observe(Question { wanted, quiet: quiet.clone() }).await
    }
}

/// What a target would refuse of a plan, as far as it says so in time: one that hangs must not keep the plan from being told.
pub async fn try_out(
    plan: &Plan,
    inventory: &Inventory,
    scope: &Scope,
    target: &SharedTarget,
) -> Vec<Diagnostic> {
    let tried = realise::try_out(plan, inventory, scope, target.as_ref());
    tokio::time::timeout(TRY_OUT, tried).await.unwrap_or_default()
}

/// The folder that an environment's `directory:` means. The name cannot leave the root.
fn beneath(root: &Path, name: &str) -> Result<PathBuf, TargetOpenError> {
    let trimmed = name.trim_end_matches('/');
    if matches!(trimmed, "" | ".") {
        return Ok(root.to_owned());
    }
    let path = TreePath::parse(trimmed)
        .map_err(|error| TargetOpenError::Refused { name: name.to_owned(), reason: error.reason })?;
    Ok(root.join(path.as_str()))
}
