//! What the story plays on: a repository on the forge with the reference product, and a scratch installation that watches it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use naksha_environments::ids::Revision;
use naksha_executor_forge::{Address, Gitea, Place};
use tokio::runtime::{Builder, Runtime};

use super::Asked;
use crate::demo::program;
use crate::scratch::{DaemonProcess, Repository, Scratch};
use crate::setup::Site;
use crate::starter;

/// What the installation calls it.
const REPOSITORY: &str = "naksha-infra";
/// Of dev and staging, as the product's naksha.yaml names them.
const APPROVERS: [&str; 2] =
    ["\"@naksha-cloud/developers\", \"@naksha-cloud/platform\"", "\"@naksha-cloud/platform\""];
/// No webhook reaches a daemon on a laptop: it asks.
const POLL: &str = "2s";
const STAGING: &str = "environments/staging/environment.yaml";

/// A scratch folder, removed in the end unless it is kept, and a repository, which somebody deletes.
pub(super) struct Ground {
    pub(super) scratch: Scratch,
    repository: Repository,
    pub(super) forge: Gitea,
    /// The connection lives in it.
    runtime: Runtime,
    page: String,
    keep: bool,
}

impl Drop for Ground {
    fn drop(&mut self) {
        if !self.keep {
            // A leftover in the temporary folder harms nobody, and there is nobody left to tell.
            let _ = fs::remove_dir_all(self.scratch.root());
        }
    }
}

impl Ground {
    /// A private repository that is empty, and a daemon's configuration for it.
    pub(super) fn create(asked: &Asked) -> anyhow::Result<Self> {
        let Asked { url, token_file, owner, folder, keep } = asked;
        let site = Site::gitea(url)?;
        let token = token_file.canonicalize();
        let token = token.with_context(|| format!("cannot find {}", token_file.display()))?;
        let root = match folder {
            Some(folder) if folder.exists() => bail!("{} exists already", folder.display()),
            Some(folder) => folder.clone(),
            None => std::env::temp_dir().join(format!("naksha-demo-{}", std::process::id())),
        };
        let name = format!("naksha-demo-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let address = Address::parse(&site.api())?;
        let made = Gitea::create(&address, Place::File(token.clone()), owner.as_deref(), &name);
        let (forge, full_name) =
            runtime.block_on(made).with_context(|| format!("no repository could be made on {url}"))?;
        let page = format!("{}/{full_name}", site.pages());
        let laid_out = lay_out(&root, &site, &full_name, &token);
        match laid_out {
            Ok((scratch, repository)) => Ok(Self { scratch, repository, forge, runtime, page, keep: *keep }),
            Err(error) => {
                let left = runtime.block_on(forge.delete());
                left.with_context(|| format!("{page} could not be deleted, and stays"))?;
                Err(error)
            }
        }
    }

    pub(super) fn page(&self) -> &str {
        &self.page
    }

    /// The reference product becomes the first commit; that, and the number of its files.
    pub(super) fn upload(&self) -> anyhow::Result<(Revision, usize)> {
        let files = files(self.repository.folder())?;
        let commit = self.ask(self.forge.upload("main", &files, "the reference product"))?;
        Ok((commit, files.len()))
    }

    pub(super) fn delete(&self) -> anyhow::Result<()> {
        self.ask(self.forge.delete())
    }

    /// What comes of something that is asked of the forge.
    pub(super) fn ask<T, E>(&self, asked: impl Future<Output = Result<T, E>>) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        Ok(self.runtime.block_on(asked)?)
    }

    /// The daemon ends with the demo, however that ends.
    pub(super) fn start_daemon(&self) -> anyhow::Result<DaemonProcess> {
        program::start_daemon(&self.scratch)
    }

    /// Runs this program as a user would; returns what it printed.
    pub(super) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        program::run(&self.scratch, &self.repository, arguments)
    }
}

/// The files of the product, gates that somebody can watch, and a configuration.
fn lay_out(root: &Path, site: &Site, full_name: &str, token: &Path) -> anyhow::Result<(Scratch, Repository)> {
    let scratch = Scratch::create(root, REPOSITORY)?;
    let repository = Repository::init(&scratch.repository())?;
    starter::write_reference(repository.folder())?;
    // Nobody waits for half an hour here, and this version runs no workflows.
    repository.edit(STAGING, "soak: 30m", "soak: 5s")?;
    repository.edit(STAGING, "verify: [smoke]", "verify: []")?;
    // Whoever plays it is alone, and nobody approves of what he proposes himself.
    for approvers in APPROVERS {
        repository.edit("naksha.yaml", &format!("approve: [{approvers}]\n      "), "")?;
    }
    for reference in starter::reference_secrets() {
        let value = format!("demo-{}\n", uuid::Uuid::new_v4().simple());
        scratch.write_secret(&format!("{}/{}", reference.path, reference.field), &value)?;
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let token = quoted(&token.display().to_string());
    let local = format!("url = \"{}\"", scratch.repository().display());
    let remote = format!(
        "url = {}\npoll = \"{POLL}\"\ncredentials = {{token_file = {token}}}\n\
         forge = {{kind = \"gitea\", api = {}, repository = {}, token_file = {token}, poll = \"{POLL}\"}}",
        quoted(&format!("{}/{full_name}.git", site.pages())),
        quoted(&site.api()),
        quoted(full_name),
    );
    let text = fs::read_to_string(scratch.config())?;
    ensure!(text.contains(&local), "the configuration has another address");
    fs::write(scratch.config(), text.replace(&local, &remote))?;
    Ok((scratch, repository))
}

/// Every file below a folder but Git's own, by its path there.
fn files(root: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path: PathBuf = entry?.path();
            if path.is_dir() {
                if !path.ends_with(".git") {
                    open.push(path);
                }
                continue;
            }
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            found.push((path.strip_prefix(root)?.display().to_string(), text));
        }
    }
    found.sort();
    Ok(found)
}
