//! The people around the daemon: what the cluster has for the story, and edits by somebody else.

use std::path::Path;

use anyhow::{Context as _, bail};
use naksha_executor_kubernetes::{Access, Hand, Source};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Under which name somebody edits objects, as `kubectl edit` does.
const SOMEBODY: &str = "kubectl-edit";
/// A class of storage that claims get that name none.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Every unit of the reference product.
const ALL: &[&str] = &[
    "platform",
    "network-policies",
    "vault",
    "postgres",
    "object-store",
    "nats",
    "vector-database",
    "langgraph",
    "monitoring",
];
/// Units that start from random secrets and images that anybody can pull.
const REAL: &[&str] = &["platform", "network-policies", "postgres"];

pub(super) struct People {
    hand: Hand,
    /// The connection lives in it.
    runtime: Runtime,
}

/// Who takes part in the story, as far as the cluster lets them.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) units: &'static [&'static str],
    pub(super) storage_class: String,
    /// Whether pods are only played.
    played: bool,
    /// Whether an autoscaler gets figures.
    pub(super) metrics: bool,
}

pub(super) fn access(kubeconfig: &Path, context: &str) -> Access {
    let source = Source::File { path: kubeconfig.to_owned(), context: Some(context.to_owned()) };
    // The user's own file, on the user's own machine: what it runs for a token is the user's choice.
    Access { cluster: context.into(), source, identity: None, exec_plugins: true }
}

impl People {
    pub(super) fn reach(kubeconfig: &Path, context: &str) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let hand = runtime.block_on(Hand::open(&access(kubeconfig, context)))?;
        let people = Self { hand, runtime };
        people.get("/version")?.with_context(|| format!("context `{context}` leads to no Kubernetes API"))?;
        Ok(people)
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        Ok(self.runtime.block_on(self.hand.get(path))?)
    }

    pub(super) fn edit(&self, path: &str, patch: &Value) -> anyhow::Result<()> {
        self.runtime.block_on(self.hand.edit(path, SOMEBODY, patch))?;
        Ok(())
    }

    pub(super) fn namespace(&self, name: &str) -> anyhow::Result<Option<Value>> {
        self.get(&format!("/api/v1/namespaces/{name}"))
    }

    /// Who can take part.
    pub(super) fn cast(&self) -> anyhow::Result<Cast> {
        let nodes = items(self.get("/api/v1/nodes")?);
        if nodes.is_empty() {
            bail!("the cluster has no nodes: no pod would ever start");
        }
        let is_played = |node: &Value| {
            let version = node.pointer("/status/nodeInfo/kubeletVersion").and_then(Value::as_str);
            version.is_some_and(|version| version.starts_with("kwok") || version == "fake")
        };
        let played = nodes.iter().all(is_played);
        let classes = items(self.get("/apis/storage.k8s.io/v1/storageclasses")?);
        let is_default = |class: &&Value| class["metadata"]["annotations"][DEFAULT_CLASS] == "true";
        let class = classes.iter().find(is_default).and_then(|class| class["metadata"]["name"].as_str());
        let storage_class = class
            .context("the cluster has no default StorageClass, and the database needs a volume")?
            .to_owned();
        let metrics = self.get("/apis/metrics.k8s.io/v1beta1")?.is_some();
        Ok(Cast { units: if played { ALL } else { REAL }, storage_class, played, metrics })
    }
}

fn items(list: Option<Value>) -> Vec<Value> {
    match list.map(|mut list| list["items"].take()) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

impl Cast {
    pub(super) fn words(&self) -> String {
        let mut words = if self.played {
            "The nodes play their pods (kwok), so all nine units of the reference product take part."
                .to_owned()
        } else {
            let left: Vec<&str> = ALL.iter().filter(|unit| !self.units.contains(unit)).copied().collect();
            format!(
                "Of the reference product take part: {}. Left out, because their pods need more than random\n\
                 secrets and public images: {}.",
                self.units.join(", "),
                left.join(", ")
            )
        };
        if !self.metrics && self.played {
            words.push_str(
                "\nThe cluster has no metrics, so an autoscaler would never be healthy: health/demo.yaml says that here it is\n\
                 as soon as it exists.",
            );
        }
        words
    }
}
