//! What the story plays on: a scratch installation with the reference product, for one environment on the cluster.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use naksha_environments::ids::EnvironmentName;
use naksha_executor::port::store::Scope;

use super::Asked;
use super::people::Cast;
use crate::demo::program;
use crate::scratch::{DaemonProcess, Repository, Scratch};
use crate::starter;

const REPOSITORY: &str = "naksha-infra";
/// Of the reference product only units take part.
const LEFT_OUT: [&str; 5] = ["environments", "workflows", "contexts", "prompts", "policies"];
/// Objects without a namespace, which are called after it here.
const OF_THE_CLUSTER: [&str; 2] = ["naksha-data", "naksha-vault-token-review"];

const RULES: &str = "apiVersion: naksha.dev/v1alpha1
kind: HealthRules
metadata: {name: demo}
spec:
  group: autoscaling
  kinds:
    HorizontalPodAutoscaler: {data: true}
";

/// The scratch folder, removed in the end unless it is kept.
pub(super) struct Ground {
    pub(super) scratch: Scratch,
    pub(super) repository: Repository,
    /// Of the environment, and of its namespace.
    pub(super) name: EnvironmentName,
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
    pub(super) fn scope(&self) -> anyhow::Result<Scope> {
        Ok(Scope { repository: REPOSITORY.parse()?, environment: self.name.clone() })
    }

    pub(super) fn create(
        asked: &Asked,
        kubeconfig: &Path,
        name: &EnvironmentName,
        cast: &Cast,
    ) -> anyhow::Result<Self> {
        let root = match &asked.folder {
            Some(folder) if folder.exists() => bail!("{} exists already", folder.display()),
            Some(folder) => folder.clone(),
            None => std::env::temp_dir().join(format!("naksha-demo-{}", std::process::id())),
        };
        let scratch = Scratch::create(&root, REPOSITORY)?;
        let repository = Repository::init(&scratch.repository())?;
        let ground = Self { scratch, repository, name: name.clone(), keep: asked.keep };
        ground.configure(kubeconfig, &asked.context)?;
        ground.write(cast)?;
        ground.repository.commit("the reference product")?;
        for reference in starter::reference_secrets() {
            let value = format!("demo-{}\n", uuid::Uuid::new_v4().simple());
            ground.scratch.write_secret(&format!("{}/{}", reference.path, reference.field), &value)?;
        }
        Ok(ground)
    }

    /// The daemon may use the cluster as the user does.
    fn configure(&self, kubeconfig: &Path, context: &str) -> anyhow::Result<()> {
        let kubeconfig =
            kubeconfig.canonicalize().with_context(|| format!("cannot find {}", kubeconfig.display()))?;
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let mut text = fs::read_to_string(self.scratch.config())?;
        write!(
            text,
            "\n[clusters.demo]\nkubeconfig = {}\ncontext = {}\nexec_plugins = true\n\
             [clusters.demo.environments.\"{REPOSITORY}/{}\"]\nown_rights = true\n",
            quoted(&kubeconfig.display().to_string()),
            quoted(context),
            self.name
        )?;
        Ok(fs::write(self.scratch.config(), text)?)
    }

    fn write(&self, cast: &Cast) -> anyhow::Result<()> {
        starter::write_reference(self.repository.folder())?;
        for folder in LEFT_OUT {
            fs::remove_dir_all(self.repository.folder().join(folder))?;
        }
        for file in files(&self.repository.folder().join("units"))? {
            let text = fs::read_to_string(&file)?;
            let mut named = text.clone();
            for cluster_wide in OF_THE_CLUSTER {
                let own = cluster_wide.replacen("naksha", self.name.as_str(), 1);
                named = named.replace(cluster_wide, &own);
            }
            if named != text {
                fs::write(&file, named)?;
            }
        }
        let name = &self.name;
        self.repository.write(
            "naksha.yaml",
            &format!(
                "apiVersion: naksha.dev/v1alpha1
kind: Repository
metadata: {{name: {REPOSITORY}}}
spec:
  trunk: main
  shared: [partials/*.tera]
  variables:
    clusterDomain: cluster.local
    registry: ghcr.io/naksha-cloud
    owner: platform
    ingressClass: traefik
    ingressNamespace: traefik
"
            ),
        )?;
        self.repository.write(
            &self.environment_file(),
            &format!(
                "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {{name: {name}}}
spec:
  target: {{kubernetes: {{cluster: demo, namespace: {name}}}}}
  variables:
    {{domain: demo.example, region: none, storageClass: {}, members: 1, logLevel: debug, seal: shamir}}
  units: [{}]
  sync: {{prune: true, selfHeal: true}}
",
                cast.storage_class,
                cast.units.join(", ")
            ),
        )?;
        if !cast.metrics {
            self.repository.write("health/demo.yaml", RULES)?;
        }
        Ok(())
    }

    pub(super) fn environment_file(&self) -> String {
        format!("environments/{}/environment.yaml", self.name)
    }

    /// The daemon ends with the demo, however that ends.
    pub(super) fn start_daemon(&self) -> anyhow::Result<DaemonProcess> {
        program::start_daemon(&self.scratch)
    }

    /// Runs this program in the repository, as a user would; returns what it printed.
    pub(super) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        program::run(&self.scratch, &self.repository, arguments)
    }
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}
