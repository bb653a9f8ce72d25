//! A repository, a store and the loop of one environment.

use std::sync::Arc;
use std::time::Duration;

use naksha_environments::ids::{EnvironmentName, RepositoryName};
use naksha_environments::secret::MarkKey;
use naksha_environments::status::EnvironmentStatus;
use naksha_executor::port::review::SharedReviews;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor::port::store::{Scope, SharedStore, Store as _};
use naksha_executor::port::verify::NoRuns;
use naksha_executor_directory::NoSecrets;
use naksha_executor_store::SqliteStore;
use naksha_renderer::render::RenderCache;
use naksha_renderer::template::{TemplateEngine, TemplateFailure, TemplateJob, TemplateOutput};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, RepositoryConfig};
use crate::forge::Lines;
use crate::git::tests::fixture::Source;
use crate::git::{Mirror, MirrorConfig, RefName, RepositorySignal};
use crate::metrics::Metrics;
use crate::registry::{Handle, Registry};
use crate::task::keep::Tasks;
use crate::task::{EnvironmentTask, Feed, FoundTrunk, Revisions, Shared};

/// Longest wait for one effect; only a failure reaches it.
const PATIENCE: Duration = Duration::from_mins(1);

const ENVIRONMENT: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: dev}
spec:
  target: {directory: out}
  units: [login]
";

const UNIT: &str = "apiVersion: naksha.dev/v1alpha1
kind: Unit
metadata: {name: login}
spec:
  manifests: [login.yaml]
  secrets: {login: {password: \"vault:kv/login#password\"}}
";

const MANIFEST: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: login, namespace: shop}
data: {user: ada}
";

/// No test here has templates.
#[derive(Debug)]
struct NoTemplates;

impl TemplateEngine for NoTemplates {
    fn render(&self, _: &TemplateJob) -> Result<TemplateOutput, TemplateFailure> {
        unreachable!("should have no templates")
    }
}

pub(super) struct World {
    pub(super) shared: Arc<Shared>,
    pub(super) tasks: Tasks,
    pub(super) stop: CancellationToken,
    feed: Feed,
    _source: Source,
    _folder: TempDir,
}

impl World {
    /// Everything but the loop: see [`World::start`].
    pub(super) async fn new(secrets: Arc<dyn SecretSource>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::bare();
        let files = [
            ("environments/dev/environment.yaml", Some(ENVIRONMENT)),
            ("units/login/unit.yaml", Some(UNIT)),
            ("units/login/login.yaml", Some(MANIFEST)),
        ];
        source.commit("main", &files);
        let store = Arc::new(SqliteStore::open(&folder.path().join("naksha.db")).await.unwrap());
        let (stop, metrics) = (CancellationToken::new(), Arc::new(Metrics::new()));
        let tasks = Tasks::new(Arc::clone(&metrics), stop.clone());
        let feed = feed(&source, &folder, &tasks, &stop);
        let key = MarkKey::new(store.mark_key().await.unwrap());
        let shared = Arc::new(Shared {
            config: Config { state: folder.path().to_owned(), ..Config::default() },
            store: Arc::clone(&store) as SharedStore,
            reviews: Arc::clone(&store) as SharedReviews,
            soaks: store,
            soaked: tokio::sync::watch::Sender::default(),
            verifier: Arc::new(NoRuns),
            secrets,
            engine: Arc::new(NoTemplates),
            renders: RenderCache::default(),
            key,
            registry: Arc::new(Registry::default()),
            metrics,
            lines: Lines::default(),
            sinks: Vec::new(),
            spoken: tokio::sync::watch::Sender::default(),
            sayings: Arc::default(),
            outbox: Arc::default(),
            owner: "test".to_owned(),
        });
        Self { shared, tasks, stop, feed, _source: source, _folder: folder }
    }

    /// Starts the loop of `dev`, when the repository was read: no head moves under its first pass.
    pub(super) async fn start(&self) -> Handle {
        let mut state = self.feed.state.clone();
        state.wait_for(|state| state.fetched_at.is_some()).await.unwrap();
        let scope = Scope {
            repository: self.feed.name().clone(),
            environment: EnvironmentName::parse("dev").unwrap(),
        };
        EnvironmentTask::start(&self.tasks, &self.shared, &self.feed, scope.clone(), &self.stop);
        self.shared.registry.get(&scope).unwrap()
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.tasks.ended().await;
    }
}

fn feed(source: &Source, folder: &TempDir, tasks: &Tasks, stop: &CancellationToken) -> Feed {
    let url = source.path().display().to_string();
    let name = RepositoryName::parse("infra").unwrap();
    let config = RepositoryConfig { name: name.clone(), ..RepositoryConfig::from_url(&url).unwrap() };
    let mirror = Mirror::open(&MirrorConfig::new(name, &url).unwrap(), folder.path()).unwrap();
    let (mirror, main) = (Arc::new(mirror), RefName::branch("main").unwrap());
    let (signal, fetcher) = RepositorySignal::new(Arc::clone(&mirror), vec![main], config.poll);
    let stop = stop.clone();
    tasks.spawn("fetch".to_owned(), move || fetcher.clone().run(stop.clone()));
    Feed {
        config: Arc::new(config),
        revisions: Arc::new(Revisions::new(Arc::clone(&mirror))),
        mirror,
        state: signal.subscribe(),
        signal: Arc::new(signal),
        found_trunk: FoundTrunk::open(&folder.path().join("trunk")),
        stirred: tokio::sync::watch::Sender::default(),
        reviewed: None,
        secrets: Arc::new(NoSecrets),
        installation: None,
    }
}

/// Waits until the environment says what fits.
pub(super) async fn said(
    handle: &Handle,
    fits: impl Fn(&EnvironmentStatus) -> bool,
) -> Arc<EnvironmentStatus> {
    let fitting = tokio::time::timeout(PATIENCE, handle.voice.until(fits)).await;
    fitting.unwrap_or_else(|_| panic!("it says: {:?}", handle.status()))
}
