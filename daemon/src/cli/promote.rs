//! `naksha promote ENV [--source REV]`

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use naksha_environments::environment::{Environment, Follows};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::wire::StatusDocument;
use naksha_environments::yaml;
use serde_json::{Map, Value, json};

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::laptop::{Laptop, Side};

/// Writes an environment's lock into the working tree. Committing and merging it is the promotion.
#[derive(Debug, Args)]
pub(super) struct Promote {
    /// The environment to promote to
    environment: EnvironmentName,
    /// The commit to promote [default: what its upstream runs, as the daemon says; else the upstream's own source]
    #[arg(long, value_name = "REV")]
    source: Option<String>,
    /// The repository, or a folder in it
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl Promote {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { environment, source, folder } = self;
        let laptop = Laptop::open(&folder)?;
        let side = laptop.on_disk()?;
        let selected = laptop.select(&side, std::slice::from_ref(&environment))?;
        let environment = selected.first().context("one environment is selected")?;
        let Follows::Promotion { from } = &environment.follows else {
            bail!(
                "{} follows a branch; only an environment with `promotesFrom` has a lock",
                environment.name
            );
        };
        let source = match source {
            Some(source) => source,
            None => candidate(context, &laptop, &side, from)?,
        };
        let source = laptop.at(&source)?;
        let revision = source.revision.clone().context("a commit has an id")?;
        check_on_trunk(&laptop, &side, &revision)?;
        let rendered = laptop.render(&side, &source, environment);
        let errors = rendered.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        if errors > 0 {
            bail!(
                "{} has {errors} errors at {}; `naksha check --revision {}` shows them",
                environment.name,
                revision.short(),
                revision.short()
            );
        }
        let path = write_lock(&laptop, environment, &revision, &rendered)?;
        if context.terminal.is_json() {
            context.terminal.json(&json!({"environment": environment.name, "source": revision, "lock": path, "render": rendered.digest().to_string()}));
        } else {
            let name = &environment.name;
            context.terminal.print(&format!(
                "{name} is locked to {revision} in {}\nnext: commit it; the merge is the promotion",
                path.display()
            ));
        }
        Ok(Outcome::Fine)
    }
}

/// What upstream runs now: asked from the daemon, else read from the working tree.
fn candidate(
    context: &Context,
    laptop: &Laptop,
    side: &Side,
    from: &[EnvironmentName],
) -> anyhow::Result<String> {
    let mut sources = Vec::new();
    for upstream in from {
        let running = running(context, upstream);
        let source = match running {
            Some(source) => source,
            None => declared(laptop, side, upstream)?,
        };
        sources.push((upstream, source));
    }
    let objects = laptop.work.objects().context("promoting needs a Git repository")?;
    // Several upstreams: the newest that all of them have run is the oldest of what they run.
    let mut oldest: Option<Revision> = None;
    for (upstream, source) in sources {
        let revision = objects
            .resolve(&source)
            .with_context(|| format!("{upstream} runs {source}, which is not here; fetch first"))?;
        oldest = match oldest {
            Some(current) if objects.is_ancestor(&current, &revision)? => Some(current),
            _ => Some(revision),
        };
    }
    oldest.map(|revision| revision.to_string()).context("it has no upstream")
}

fn running(context: &Context, upstream: &EnvironmentName) -> Option<String> {
    let client = context.client().ok()?;
    let path = path_for("/api/v1/status", Some(upstream.as_str()));
    let documents: Vec<StatusDocument> = block_on(client.get(&path)).ok()?.ok()?;
    documents.into_iter().next()?.applied
}

fn declared(laptop: &Laptop, side: &Side, upstream: &EnvironmentName) -> anyhow::Result<String> {
    if let Some(lock) = side.loaded.definitions.locks.get(upstream) {
        return Ok(lock.source.to_string());
    }
    let follows = side.loaded.definitions.environments.get(upstream).map(|upstream| &upstream.follows);
    if matches!(follows, Some(Follows::Promotion { .. })) {
        bail!("{upstream} was not promoted to itself yet; promote it first, or name a commit with --source");
    }
    let head =
        laptop.work.head()?.context("there is no commit yet; commit first, or name one with --source")?;
    Ok(head.to_string())
}

fn check_on_trunk(laptop: &Laptop, side: &Side, revision: &Revision) -> anyhow::Result<()> {
    let (Some(trunk), Some(objects)) = (laptop.trunk(side)?, laptop.work.objects()) else { return Ok(()) };
    if !objects.is_ancestor(revision, &trunk.revision)? {
        bail!("{} is not on the trunk `{}`: only merged commits are promoted", revision.short(), trunk.name);
    }
    Ok(())
}

fn write_lock(
    laptop: &Laptop,
    environment: &Environment,
    source: &Revision,
    rendered: &Rendered,
) -> anyhow::Result<PathBuf> {
    let folder = environment.place.path.parent().map(|folder| folder.to_string()).unwrap_or_default();
    let path = laptop.work.root().join(folder).join("lock.yaml");
    let workflows: BTreeMap<_, _> = rendered
        .workflows
        .iter()
        .map(|(name, graph)| (name.to_string(), graph.digest().to_string()))
        .collect();
    let mut spec = Map::new();
    spec.insert("source".to_owned(), json!(source));
    spec.insert("render".to_owned(), json!(rendered.digest().to_string()));
    spec.insert("images".to_owned(), json!(images(rendered)));
    spec.insert("workflows".to_owned(), json!(workflows));
    let lock = json!({
        "apiVersion": "naksha.dev/v1alpha1",
        "kind": "Lock",
        "spec": Value::Object(spec),
    });
    let text = format!(
        "# Written by `naksha promote`. Only `source` decides; the rest is a record of it.\n{}",
        yaml::emit(&lock)
    );
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Every image of the environment: name → tag or digest, as far as it is written that way.
fn images(rendered: &Rendered) -> BTreeMap<String, String> {
    let mut images = BTreeMap::new();
    for object in rendered.units.values().flat_map(RenderedUnit::objects) {
        collect_images(&object.body.value(), &mut images);
    }
    images
}

fn collect_images(value: &Value, images: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            if let (Some(Value::String(image)), true) = (map.get("image"), map.contains_key("name")) {
                let (name, version) = split_image(image);
                images.insert(name.to_owned(), version.to_owned());
            }
            map.values().for_each(|value| collect_images(value, images));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_images(item, images)),
        _ => {}
    }
}

/// `registry:5000/name:tag@sha256:…` → name and what pins it.
fn split_image(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, digest);
    }
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    match image[slash..].find(':') {
        Some(colon) => (&image[..slash + colon], &image[slash + colon + 1..]),
        None => (image, "latest"),
    }
}
