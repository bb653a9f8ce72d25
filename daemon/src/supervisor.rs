//! Assembles the daemon, starts its tasks, and stops them in order.
//!
//! SIGTERM or SIGINT: no new passes, running applies stop before their next step, all within ten seconds. A second
//! signal ends the process at once; everything it was doing is safe to be killed. Tasks that panic are started again
//! (see [`crate::task::keep`]); when a listener ends, the process does, with an error.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::codes::{Code, daemon as codes};
use naksha_environments::environment::Follows;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::secret::MarkKey;
use naksha_executor::port::review::SharedReviews;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor::port::soak::SharedSoaks;
use naksha_executor::port::store::{Scope, SharedStore, Store as _, StoreError};
use naksha_executor::port::verify::NoRuns;
use naksha_executor_directory::NoSecrets;
use naksha_executor_store::SqliteStore;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{Config, RepositoryConfig};
use crate::forge::Lines;
use crate::git::{Driver, GitError, Mirror, MirrorConfig, RefName, RepositorySignal};
use crate::http::{ApiState, ServeError};
use crate::metrics::Metrics;
use crate::registry::Registry;
use crate::secrets::SecretsError;
use crate::task::commands::CommandsTask;
use crate::task::groups::GroupsTask;
use crate::task::hosting::Hosting;
use crate::task::keep::Tasks;
use crate::task::merges::MergesTask;
use crate::task::promotions::PromotionsTask;
use crate::task::publish::{Publisher, StatusFile};
use crate::task::pulls::PullsTask;
use crate::task::sequel::SequelTask;
use crate::task::soaks::SoaksTask;
use crate::task::{EnvironmentTask, Feed, FoundTrunk, Heads, RefState, Reviewed, Revisions, Shared, retain};

/// Time for a graceful end: ten seconds are promised, and what is cut off then still has to be let go. It is less than
/// a request may take, so that a client that hangs is named here. Kubernetes and systemd give thirty seconds or more.
const GRACE: Duration = Duration::from_secs(8);
/// When the environments of a repository could not be listed, they are listed again after this, unless its heads
/// move before.
const LIST_AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error("no repository is configured; name one with --repository or in the configuration file")]
    NoRepository,
    #[error("state folder {} cannot be used", path.display())]
    State {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the database cannot be opened")]
    Store(#[source] StoreError),
    #[error("repository `{name}` cannot be mirrored")]
    Repository {
        name: String,
        #[source]
        source: GitError,
    },
    #[error("secrets cannot be read")]
    Secrets(#[source] SecretsError),
    #[error("template workers cannot be started")]
    Workers(#[source] naksha_renderer_sandbox::Error),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    #[error("the {task} ended, and cannot be started again in this process")]
    Ended { task: String },
}

impl DaemonError {
    /// The code of what has no code of its own beneath it.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::NoRepository => Some(codes::CONFIG_REFUSED),
            Self::State { .. } => Some(codes::STATE_UNUSABLE),
            Self::Store(_) | Self::Repository { .. } => None,
            Self::Secrets(_) => Some(codes::SECRETS_UNUSABLE),
            Self::Workers(_) | Self::Signals(_) => Some(codes::SYSTEM_REFUSES),
            Self::Serve(error) => Some(error.code()),
            Self::Ended { .. } => Some(codes::TASK_ENDED),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoRepository => "`naksha daemon --repository URL`, or [[repository]] in the file",
            Self::State { .. } => "give the daemon's user the folder, or name another one: --state DIR",
            Self::Store(_) | Self::Repository { .. } => "",
            Self::Secrets(_) => "correct `[secrets]`: `naksha daemon --check-config` names the line",
            Self::Workers(_) | Self::Signals(_) => "look at the limits of the daemon's processes and files",
            Self::Serve(error) => error.hint(),
            Self::Ended { .. } => "start the daemon again; a supervisor such as systemd does it by itself",
        }
    }
}

/// What can be known to be wrong before anything is started.
pub fn check(config: &Config) -> Result<(), DaemonError> {
    if config.repository.is_empty() {
        return Err(DaemonError::NoRepository);
    }
    let none: Arc<dyn SecretSource> = Arc::new(NoSecrets);
    for repository in &config.repository {
        let refuse = |source| DaemonError::Repository { name: repository.name.to_string(), source };
        mirror_config(repository, &none).map_err(refuse)?;
        repository.trunk.as_deref().map(RefName::branch).transpose().map_err(refuse)?;
    }
    Ok(())
}

/// Runs the daemon until it is told to stop.
pub async fn run(config: Config) -> Result<(), DaemonError> {
    check(&config)?;
    prepare_state(&config)?;
    let database = Arc::new(SqliteStore::open(&config.database()).await.map_err(DaemonError::Store)?);
    let store: SharedStore = Arc::clone(&database) as SharedStore;
    let stop = CancellationToken::new();
    let secrets = crate::secrets::open(&config.secrets).map_err(DaemonError::Secrets)?;
    let (feeds, fetchers): (Vec<_>, Vec<_>) = feeds(&config, &secrets)?.into_iter().unzip();
    let heads = Heads::new(feeds);
    let metrics = Arc::new(Metrics::new());
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double for 285,000 years")]
    metrics.start_seconds.set(Timestamp::now().as_millisecond() as f64 / 1000.0);
    let registry = Arc::new(Registry::default());
    let publisher = publisher(&config, &store, &metrics, &heads);
    let known = (config.clone(), secrets);
    let shared = Arc::new(shared(known, &database, &registry, &metrics, &publisher).await?);
    let tasks = Tasks::new(Arc::clone(&metrics), stop.clone());
    let stuck_after = config.limits.stuck_after;
    let api = ApiState { registry, store: Arc::clone(&store), metrics, heads: heads.clone(), stuck_after };
    let mut signals = Signals::listen()?;
    crate::http::start(&config, api, &tasks, &stop).await?;
    spawn(&tasks, "publisher", &stop, move |stop| publisher.clone().run(stop));
    let keep = config.limits.history;
    spawn(&tasks, "retention", &stop, move |stop| retain::run(Arc::clone(&store), keep, stop));
    for (feed, fetcher) in heads.feeds().iter().cloned().zip(fetchers) {
        spawn(&tasks, &format!("fetch {}", feed.name()), &stop, move |stop| fetcher.clone().run(stop));
        let soaks = SoaksTask { shared: Arc::clone(&shared), feed: feed.clone() };
        spawn(&tasks, &format!("soaks {}", feed.name()), &stop, move |stop| soaks.clone().run(stop));
        if let Some(hosting) = Hosting::of(&shared, &feed) {
            start_hosting(&tasks, &hosting, &stop);
        }
        let (shared, tasks_of) = (Arc::clone(&shared), tasks.clone());
        spawn(&tasks, &format!("environments {}", feed.name()), &stop, move |stop| {
            discover(tasks_of.clone(), Arc::clone(&shared), feed.clone(), stop)
        });
    }
    info!(repositories = heads.feeds().len(), state = %config.state.display(), "started");
    let ended = tokio::select! {
        () = signals.next() => Ok(()),
        task = tasks.dead() => Err(DaemonError::Ended { task }),
    };
    info!("stopping");
    stop.cancel();
    match shut_down(tasks.ended(), signals.next()).await {
        End::Graceful => info!("stopped"),
        End::Late => warn!(
            tasks = tasks.running().join(", "),
            "not everything ended in time; what was cut off is safe to be repeated"
        ),
        End::AtOnce => warn!("second signal: ending at once"),
    }
    ended
}

/// Everything that speaks with the forge of one repository.
fn start_hosting(tasks: &Tasks, hosting: &Hosting, stop: &CancellationToken) {
    let named = |what: &str| format!("{what} {}", hosting.feed.name());
    let (merges, pulls) = (MergesTask(hosting.clone()), PullsTask(hosting.clone()));
    let (sequel, promotions) = (SequelTask(hosting.clone()), PromotionsTask(hosting.clone()));
    let (commands, groups) = (CommandsTask(hosting.clone()), GroupsTask(hosting.clone()));
    let missed = hosting.clone();
    spawn(tasks, &named("missed webhooks"), stop, move |stop| missed.clone().ask_again(stop));
    spawn(tasks, &named("merges"), stop, move |stop| merges.clone().run(stop));
    spawn(tasks, &named("pull requests"), stop, move |stop| pulls.clone().run(stop));
    spawn(tasks, &named("sequels"), stop, move |stop| sequel.clone().run(stop));
    spawn(tasks, &named("promotions"), stop, move |stop| promotions.clone().run(stop));
    spawn(tasks, &named("commands"), stop, move |stop| commands.clone().run(stop));
    spawn(tasks, &named("merge queues"), stop, move |stop| groups.clone().run(stop));
}

fn spawn<F>(
    tasks: &Tasks,
    name: &str,
    stop: &CancellationToken,
    mut make: impl FnMut(CancellationToken) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let stop = stop.clone();
    tasks.spawn(name.to_owned(), move || make(stop.clone()));
}

/// How the end went.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Graceful,
    Late,
    AtOnce,
}

/// Waits for the end of everything, but not for longer than the grace period, nor when a person insists.
async fn shut_down(ended: impl Future<Output = ()>, insisted: impl Future<Output = ()>) -> End {
    tokio::select! {
        () = ended => End::Graceful,
        () = tokio::time::sleep(GRACE) => End::Late,
        () = insisted => End::AtOnce,
    }
}

fn prepare_state(config: &Config) -> Result<(), DaemonError> {
    let refuse = |source| DaemonError::State { path: config.state.clone(), source };
    std::fs::create_dir_all(&config.state).map_err(refuse)?;
    std::fs::set_permissions(&config.state, std::fs::Permissions::from_mode(0o700)).map_err(refuse)
}

fn feeds(config: &Config, secrets: &Arc<dyn SecretSource>) -> Result<Vec<(Feed, Driver)>, DaemonError> {
    config.repository.iter().map(|repository| feed(config, repository, secrets)).collect()
}

/// A repository, and the task that fetches it.
fn feed(
    config: &Config,
    repository: &RepositoryConfig,
    secrets: &Arc<dyn SecretSource>,
) -> Result<(Feed, Driver), DaemonError> {
    let refuse = |source| DaemonError::Repository { name: repository.name.to_string(), source };
    let mut mirror_config = mirror_config(repository, secrets).map_err(refuse)?;
    let installation = repository.forge.as_ref().and_then(|forge| forge.installation(secrets));
    mirror_config.credentials.installation.clone_from(&installation);
    let mirror = Arc::new(Mirror::open(&mirror_config, &config.state).map_err(refuse)?);
    let trunk = repository.trunk.as_deref().map(RefName::branch).transpose().map_err(refuse)?;
    let found_trunk = FoundTrunk::open(&mirror.folder().with_extension("trunk"));
    let refs = trunk.or_else(|| found_trunk.known()).into_iter().collect();
    let (signal, fetcher) = RepositorySignal::new(Arc::clone(&mirror), refs, repository.poll);
    let state = signal.subscribe();
    let revisions = Arc::new(Revisions::new(Arc::clone(&mirror)));
    let feed = Feed {
        config: Arc::new(repository.clone()),
        mirror,
        revisions,
        signal: Arc::new(signal),
        state,
        found_trunk,
        stirred: watch::Sender::default(),
        reviewed: repository.forge.as_ref().map(|_| Reviewed::default()),
        secrets: Arc::clone(secrets),
        installation,
    };
    Ok((feed, fetcher))
}

fn publisher(config: &Config, store: &SharedStore, metrics: &Arc<Metrics>, heads: &Heads) -> Publisher {
    Publisher {
        store: Arc::clone(store),
        metrics: Arc::clone(metrics),
        nudge: Arc::new(Notify::new()),
        heads: heads.clone(),
        status_file: config.status.file.clone().map(|path| Arc::new(StatusFile::new(path))),
        sayings: Arc::default(),
        events: config.events(),
        notes: config.status.notes,
    }
}

async fn shared(
    (config, secrets): (Config, Arc<dyn SecretSource>),
    database: &Arc<SqliteStore>,
    registry: &Arc<Registry>,
    metrics: &Arc<Metrics>,
    publisher: &Publisher,
) -> Result<Shared, DaemonError> {
    let engine = crate::laptop::workers().map_err(DaemonError::Workers)?;
    let key = MarkKey::new(database.mark_key().await.map_err(DaemonError::Store)?);
    Ok(Shared {
        config,
        store: Arc::clone(database) as SharedStore,
        reviews: Arc::clone(database) as SharedReviews,
        secrets,
        engine: Arc::new(engine),
        renders: naksha_renderer::render::RenderCache::default(),
        key,
        registry: Arc::clone(registry),
        metrics: Arc::clone(metrics),
        lines: Lines::default(),
        sinks: publisher.sinks(),
        soaks: Arc::clone(database) as SharedSoaks,
        soaked: watch::Sender::default(),
        verifier: Arc::new(NoRuns),
        spoken: watch::Sender::default(),
        sayings: Arc::clone(&publisher.sayings),
        outbox: Arc::clone(&publisher.nudge),
        owner: host_name(),
    })
}

/// Names this machine in leases. The database admits one process at a time, so a restarted daemon is its own heir.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "naksha".to_owned() } else { name.to_owned() }
}

/// Starts a loop for every environment that the trunk defines or the store knows, as they appear.
async fn discover(tasks: Tasks, shared: Arc<Shared>, mut feed: Feed, stop: CancellationToken) {
    let mut removals = shared.registry.removals();
    loop {
        feed.state.mark_unchanged();
        removals.mark_unchanged();
        let (environments, all) = environments(&shared, &feed).await;
        for environment in environments {
            let scope = Scope { repository: feed.name().clone(), environment };
            EnvironmentTask::start(&tasks, &shared, &feed, scope, &stop);
        }
        if all && feed.state.borrow().fetched_at.is_some() {
            shared.registry.list(feed.name());
        }
        tokio::select! {
            changed = feed.state.changed() => if changed.is_err() { return },
            _ = removals.changed() => {}
            () = tokio::time::sleep(LIST_AGAIN), if !all => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Every environment of a repository: defined, or known from before; false: some may be missing, because the trunk or
/// the store could not be read. Also tracks the branches that they follow.
async fn environments(shared: &Shared, feed: &Feed) -> (BTreeSet<EnvironmentName>, bool) {
    let known = shared.store.environments(feed.name()).await;
    let mut all = known.is_ok();
    let mut names: BTreeSet<EnvironmentName> = known
        .inspect_err(|error| warn!(%error, "known environments cannot be read"))
        .unwrap_or_default()
        .into_iter()
        .collect();
    let Some(trunk) = feed.trunk() else { return (names, all) };
    let mut refs = vec![trunk.clone()];
    if let RefState::At(head) = feed.at(&trunk) {
        let revisions = Arc::clone(&feed.revisions);
        let read = tokio::task::spawn_blocking(move || revisions.read(&head)).await;
        all &= matches!(read, Ok(Ok(_)));
        match read {
            Ok(Ok(revision)) => {
                for environment in revision.loaded.definitions.environments.values() {
                    names.insert(environment.name.clone());
                    if let Follows::Branch(branch) = &environment.follows {
                        refs.extend(RefName::branch(branch));
                    }
                }
                names.extend(revision.loaded.definitions.broken.environments.iter().cloned());
            }
            Ok(Err(error)) => warn!(%error, code = %error.code(), "the trunk cannot be read"),
            Err(error) => error!(%error, "reading the trunk ended abnormally"),
        }
    }
    feed.signal.track(refs);
    let names = match &feed.config.only {
        Some(only) => names.into_iter().filter(|name| only.contains(name)).collect(),
        None => names,
    };
    (names, all)
}

/// SIGTERM and SIGINT. Listened to from one place for as long as the process lives, so that none is lost in between.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, DaemonError> {
        let on = |kind| signal(kind).map_err(DaemonError::Signals);
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// How a repository is mirrored. `secrets`: where references of the configuration lead.
pub fn mirror_config(
    repository: &RepositoryConfig,
    secrets: &Arc<dyn SecretSource>,
) -> Result<MirrorConfig, GitError> {
    let mut config = MirrorConfig::new(repository.name.clone(), &repository.url)?;
    let token = repository.credentials.token(secrets);
    let token = token.map_err(|(key, reason)| GitError::Credential { place: format!("`{key}`"), reason })?;
    let credentials = repository.credentials.clone();
    config.credentials.username = credentials.username;
    config.credentials.token = token;
    config.credentials.ssh_key_file = credentials.ssh_key_file;
    config.credentials.known_hosts_file = credentials.known_hosts_file;
    config.credentials.ca_file = credentials.ca_file;
    Ok(config)
}
