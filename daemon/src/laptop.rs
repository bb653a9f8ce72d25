//! A working copy on a laptop: the functions that the daemon runs, without a daemon, cluster, token or network.
//!
//! A *side* is one state of the repository: the files on disk, or a revision. Commands compare sides.

mod planned;
mod told;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use naksha_environments::codes::git::LOCK_OFF_TRUNK;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::facts::Facts;
use naksha_environments::ids::{EnvironmentName, Revision, UnitName};
use naksha_environments::load::{Loaded, Loader, told_once};
use naksha_environments::rendered::Rendered;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::SourceTree;
use naksha_renderer::render::{RenderCache, RenderInput, render};
use naksha_renderer::variables::{Explained, explain_values};
use naksha_renderer_sandbox::{Workers, WorkersConfig};
use rayon::prelude::*;

use crate::git::{GitError, Trunk, WorkTree};
use crate::rules::loader;

pub use planned::{Base, Planned};
pub use told::Told;

const NEVER_PROMOTED: &str = "not promoted yet, shown as if this were promoted to it";
const PIN_MISSING: &str = "the commit of its lock is not in this clone, shown as if this were promoted to it";

/// Why a working copy cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LaptopError {
    #[error("the working copy cannot be read")]
    Git(#[from] GitError),
    #[error("`{revision}` needs a Git repository, and {folder} is none")]
    NoRepository { revision: String, folder: String },
    #[error("there is no folder `{folder}`")]
    NoFolder { folder: String },
    #[error("template workers cannot be started")]
    Workers(#[from] naksha_renderer_sandbox::Error),
    #[error("{folder} holds no definition; write some with `naksha init`, or name the repository's folder")]
    Nothing { folder: String },
    #[error("there is no environment `{name}`; there are: {known}")]
    NoEnvironment { name: String, known: String },
}

/// One state of the repository, read and parsed.
#[derive(Debug)]
pub struct Side {
    /// Absent: the files on disk.
    pub revision: Option<Revision>,
    pub tree: SourceTree,
    pub loaded: Loaded,
}

/// What an environment is on one side.
#[derive(Debug)]
pub struct EnvironmentView {
    pub environment: Arc<Environment>,
    pub rendered: Rendered,
    /// Where its content came from: the side itself, or the source that its lock names.
    pub content: Arc<Side>,
    /// Set when this side stands in for the content, and why.
    pub preview: Option<&'static str>,
}

/// A working copy and what is needed to render it.
#[derive(Debug)]
pub struct Laptop {
    pub work: WorkTree,
    loader: Loader,
    engine: Workers,
    renders: RenderCache,
    /// Revisions that were read: a base and a lock's source are asked for once per environment.
    read: Mutex<BTreeMap<Revision, Arc<Side>>>,
    /// Marks are compared within one run only.
    key: MarkKey,
}

impl Laptop {
    pub fn open(folder: &Path) -> Result<Self, LaptopError> {
        if !folder.exists() {
            return Err(LaptopError::NoFolder { folder: folder.display().to_string() });
        }
        let work = WorkTree::open(folder)?;
        let (one, two) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
        let mut key = [0; 32];
        key[..16].copy_from_slice(one.as_bytes());
        key[16..].copy_from_slice(two.as_bytes());
        Ok(Self {
            work,
            loader: loader(),
            engine: workers()?,
            renders: RenderCache::default(),
            read: Mutex::default(),
            key: MarkKey::new(key),
        })
    }

    /// The files as they are on disk.
    pub fn on_disk(&self) -> Result<Arc<Side>, LaptopError> {
        let tree = self.work.tree()?;
        let loaded = self.loader.load(&tree);
        Ok(Arc::new(Side { revision: None, tree, loaded }))
    }

    /// What a command looks at: the revision that it names, else the files on disk.
    pub fn side(&self, revision: Option<&str>) -> Result<Arc<Side>, LaptopError> {
        revision.map_or_else(|| self.on_disk(), |revision| self.at(revision))
    }

    /// A revision, by any name that Git knows it by.
    pub fn at(&self, name: &str) -> Result<Arc<Side>, LaptopError> {
        let Some(objects) = self.work.objects() else {
            let folder = self.work.root().display().to_string();
            return Err(LaptopError::NoRepository { revision: name.to_owned(), folder });
        };
        let revision = objects.resolve(name)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(side) = read.get(&revision) {
            return Ok(Arc::clone(side));
        }
        let tree = objects.snapshot(&revision)?;
        let loaded = self.loader.load(&tree);
        let side = Arc::new(Side { revision: Some(revision.clone()), tree, loaded });
        read.insert(revision, Arc::clone(&side));
        Ok(side)
    }

    /// The trunk, as the side's `naksha.yaml` or Git names it.
    pub fn trunk(&self, side: &Side) -> Result<Option<Trunk>, LaptopError> {
        let configured =
            side.loaded.definitions.repository.as_ref().and_then(|repository| repository.trunk.as_ref());
        Ok(self.work.trunk(configured.map(|(name, _)| name.as_str()))?)
    }

    /// Everything that is wrong with a side and with what was rendered of it, each thing once.
    pub fn diagnostics<'a>(
        &self,
        side: &Side,
        views: impl IntoIterator<Item = &'a EnvironmentView>,
    ) -> Result<Vec<Diagnostic>, LaptopError> {
        let mut loaded = side.loaded.diagnostics.clone();
        loaded.extend(self.trunk_differs(side)?);
        let views: Vec<&EnvironmentView> = views.into_iter().collect();
        for view in &views {
            loaded.extend(self.off_trunk(side, view)?);
            loaded.extend(pinned_errors(side, view));
        }
        Ok(told_once(loaded, views.iter().map(|view| &view.rendered)))
    }

    /// Whether `naksha.yaml` and the remote disagree about the trunk.
    fn trunk_differs(&self, side: &Side) -> Result<Option<Diagnostic>, LaptopError> {
        let (Some(repository), Some(named)) = (&side.loaded.definitions.repository, self.work.remote_head()?)
        else {
            return Ok(None);
        };
        Ok(repository.trunk_differs(&named, "the remote's HEAD"))
    }

    /// Whether the commit that an environment is locked to was never merged: the daemon would hold it. Nothing is said
    /// where this clone cannot know.
    fn off_trunk(&self, side: &Side, view: &EnvironmentView) -> Result<Option<Diagnostic>, LaptopError> {
        let name = &view.environment.name;
        let is_locked = matches!(view.environment.follows, Follows::Promotion { .. });
        let lock = side.loaded.definitions.locks.get(name).filter(|_| is_locked);
        let (Some(lock), Some(objects), Some(trunk)) = (lock, self.work.objects(), self.trunk(side)?) else {
            return Ok(None);
        };
        let source = &lock.source;
        if objects.is_shallow()? || !objects.has(source)? || objects.is_ancestor(source, &trunk.revision)? {
            return Ok(None);
        }
        let (at, trunk) = (source.short(), trunk.name);
        let message =
            format!("the lock's source {at} is not on the trunk `{trunk}`, and `{name}` would be held");
        let hint = format!("promote a commit of the trunk: `naksha promote {name}`");
        Ok(Some(Diagnostic::new(LOCK_OFF_TRUNK, message).at(lock.place.clone()).hint(hint)))
    }

    /// The environments asked for, in the order of promotion; all of them when none is named.
    pub fn select(
        &self,
        side: &Side,
        asked: &[EnvironmentName],
    ) -> Result<Vec<Arc<Environment>>, LaptopError> {
        let environments = &side.loaded.definitions.environments;
        let definitions = &side.loaded.definitions;
        let nothing =
            environments.is_empty() && definitions.units.is_empty() && definitions.repository.is_none();
        if nothing && !side.loaded.has_errors() {
            return Err(LaptopError::Nothing { folder: self.work.root().display().to_string() });
        }
        if let Some(name) = asked.iter().find(|name| !environments.contains_key(*name)) {
            let known: Vec<_> = environments.keys().map(ToString::to_string).collect();
            return Err(LaptopError::NoEnvironment { name: name.to_string(), known: known.join(", ") });
        }
        let mut selected: Vec<_> = environments
            .values()
            .filter(|environment| asked.is_empty() || asked.contains(&environment.name))
            .cloned()
            .collect();
        selected.sort_by_cached_key(|environment| {
            (depth(environments, environment, 0), environment.name.clone())
        });
        Ok(selected)
    }

    /// Renders one environment as this side would have it.
    pub fn view(&self, side: &Arc<Side>, environment: &Arc<Environment>) -> EnvironmentView {
        let (content, preview) = self.content(side, environment);
        let rendered = self.render(side, &content, environment);
        EnvironmentView { environment: Arc::clone(environment), rendered, content, preview }
    }

    /// Renders an environment from a side that rules it and one that fills it.
    pub fn render(&self, control: &Side, content: &Side, environment: &Environment) -> Rendered {
        self.with_input(control, content, environment, render)
    }

    /// Where each value of a unit came from.
    pub fn explain(&self, control: &Side, view: &EnvironmentView, unit: &UnitName) -> Vec<Explained> {
        self.with_input(control, &view.content, &view.environment, |input| explain_values(input, unit))
            .unwrap_or_default()
    }

    fn with_input<T>(
        &self,
        control: &Side,
        content: &Side,
        environment: &Environment,
        with: impl FnOnce(&RenderInput<'_>) -> T,
    ) -> T {
        let facts = Facts::default();
        with(&RenderInput {
            control: &control.loaded.definitions,
            content: &content.loaded.definitions,
            tree: &content.tree,
            environment: &environment.name,
            facts: &facts,
            engine: &self.engine,
            cache: &self.renders,
            key: &self.key,
        })
    }

    /// Renders several environments, in their order.
    pub fn views(&self, side: &Arc<Side>, environments: &[Arc<Environment>]) -> Vec<EnvironmentView> {
        environments.par_iter().map(|environment| self.view(side, environment)).collect()
    }

    /// Where an environment's content is read: at its lock's source, when it has one and Git has the commit.
    fn content(&self, side: &Arc<Side>, environment: &Environment) -> (Arc<Side>, Option<&'static str>) {
        if !matches!(environment.follows, Follows::Promotion { .. }) {
            return (Arc::clone(side), None);
        }
        let Some(lock) = side.loaded.definitions.locks.get(&environment.name) else {
            return (Arc::clone(side), Some(NEVER_PROMOTED));
        };
        match self.at(lock.source.as_str()) {
            Ok(locked) => (locked, None),
            Err(_) => (Arc::clone(side), Some(PIN_MISSING)),
        }
    }
}

/// Errors of the commit that an environment is locked to: they are not in the files that one looks at.
fn pinned_errors(side: &Side, view: &EnvironmentView) -> Vec<Diagnostic> {
    let Some(pinned) = view.content.revision.as_ref().filter(|pinned| side.revision.as_ref() != Some(pinned))
    else {
        return Vec::new();
    };
    let known = &side.loaded.diagnostics;
    let errors =
        view.content.loaded.diagnostics.iter().filter(|found| found.is_error() && !known.contains(found));
    let note = format!("in {}, which environment `{}` is locked to", pinned.short(), view.environment.name);
    errors.map(|found| found.clone().note(None, note.clone())).collect()
}

/// Address space is what limits a worker's memory, and the allocator reserves it ahead: 16 MiB (in KiB) at a time
/// instead of 1 GiB.
const ALLOCATOR_RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "16384");

/// Template workers: this very program, started again with nothing but its standard streams.
pub fn workers() -> Result<Workers, naksha_renderer_sandbox::Error> {
    let program = std::env::current_exe().unwrap_or_else(|_| "naksha".into());
    let mut config = WorkersConfig::new(program, vec!["render-worker".into()]);
    config.variables.push((ALLOCATOR_RESERVE.0.into(), ALLOCATOR_RESERVE.1.into()));
    Workers::start(config)
}

/// How many promotions an environment is away from the trunk. Circles are findings; here they only end.
fn depth(
    environments: &BTreeMap<EnvironmentName, Arc<Environment>>,
    environment: &Environment,
    seen: usize,
) -> usize {
    let Follows::Promotion { from } = &environment.follows else { return 0 };
    if seen > environments.len() {
        return seen;
    }
    let upstream = from.iter().filter_map(|name| environments.get(name));
    1 + upstream.map(|upstream| depth(environments, upstream, seen + 1)).max().unwrap_or(0)
}
