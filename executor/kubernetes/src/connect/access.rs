//! How a cluster is reached, and as whom. Everything here stands in the daemon's configuration, never in Git.

use std::path::PathBuf;
use std::sync::Arc;

use kube::Config;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use naksha_environments::secret::SecretRef;
use naksha_executor::port::secrets::{SecretError, SecretSource};

/// One cluster, as one environment uses it.
#[derive(Debug, Clone)]
pub struct Access {
    /// How the cluster is called in messages.
    pub cluster: Arc<str>,
    pub source: Source,
    /// Whose rights are used. Absent: those of the credentials themselves.
    pub identity: Option<Identity>,
    /// Whether the kubeconfig may name a program that is run for a token.
    pub exec_plugins: bool,
}

/// Where address and credentials come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A kubeconfig file. Without a context: its current one.
    File { path: PathBuf, context: Option<String> },
    /// A kubeconfig in a store of secrets. It is read there whenever credentials are read anew, and kept nowhere.
    Secret { secrets: Arc<dyn SecretSource>, reference: SecretRef, context: Option<String> },
    /// The service account of the pod that we run in. Its token is read again when it rotates.
    InCluster,
}

/// Who is impersonated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `system:serviceaccount:NAMESPACE:NAME`
    pub user: String,
    pub groups: Vec<String>,
}

impl Identity {
    /// A service account, with the groups that its own tokens carry.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            user: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The source's words are left out where they could quote credentials.
    #[error("kubeconfig {} cannot be used: {reason}", path.display())]
    Kubeconfig { path: PathBuf, reason: String },
    #[error("the kubeconfig of cluster `{cluster}` cannot be used: {reason}")]
    KubeconfigText { cluster: Arc<str>, reason: String },
    #[error("the kubeconfig of cluster `{cluster}` cannot be had")]
    Secret {
        cluster: Arc<str>,
        #[source]
        source: SecretError,
    },
    #[error("there is no service account to use: {reason}")]
    InCluster { reason: String },
    #[error(
        "the kubeconfig of cluster `{cluster}` runs the program `{program}` for a token, which is not allowed"
    )]
    ExecPlugin { cluster: Arc<str>, program: String },
    #[error("the credentials of cluster `{cluster}` cannot be used: {reason}")]
    Credentials { cluster: Arc<str>, reason: String },
    #[error("reading the kubeconfig ended abnormally")]
    Abnormal(#[source] tokio::task::JoinError),
}

impl AccessError {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Kubeconfig { .. } | Self::KubeconfigText { .. } => {
                "correct the file, or the context that the daemon's configuration names"
            }
            Self::Secret { source, .. } => source.hint(),
            Self::InCluster { .. } => "run in a pod with a service account, or configure a kubeconfig",
            Self::ExecPlugin { .. } => {
                "use a token or a certificate, or allow it in the daemon's configuration: `exec_plugins = true`"
            }
            Self::Credentials { .. } => "look at the certificates and tokens that the kubeconfig names",
            Self::Abnormal(_) => "this is a bug; the log has its place",
        }
    }
}

impl Access {
    /// Whether all of it can be read as it is now. Asks no cluster.
    pub async fn check(&self) -> Result<(), AccessError> {
        self.config().await.map(drop)
    }

    /// Address, certificates and credentials. Reads files.
    pub(crate) async fn config(&self) -> Result<Config, AccessError> {
        let mut config = match &self.source {
            Source::File { path, context } => {
                let reading = path.clone();
                let read = tokio::task::spawn_blocking(move || Kubeconfig::read_from(reading)).await;
                let refused = |error| AccessError::Kubeconfig { path: path.clone(), reason: words(&error) };
                let read = read.map_err(AccessError::Abnormal)?.map_err(refused)?;
                self.of_kubeconfig(read, context.as_ref()).await?.map_err(refused)?
            }
            Source::Secret { secrets, reference, context } => {
                let text = secrets.resolve(reference).await;
                let cluster = || Arc::clone(&self.cluster);
                let text = text.map_err(|source| AccessError::Secret { cluster: cluster(), source })?;
                let refused =
                    |error| AccessError::KubeconfigText { cluster: cluster(), reason: words(&error) };
                let read = Kubeconfig::from_yaml(text.expose()).map_err(refused)?;
                self.of_kubeconfig(read, context.as_ref()).await?.map_err(refused)?
            }
            Source::InCluster => {
                let refused = |error: InClusterError| AccessError::InCluster { reason: error.to_string() };
                Config::incluster().map_err(refused)?
            }
        };
        if let Some(Identity { user, groups }) = &self.identity {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups = Some(groups.clone());
        }
        // Retrying is the driver's business: it knows what a write may cost.
        config.default_retry = false;
        self.take_in_token(&mut config).await?;
        Ok(config)
    }

    /// kube reads a token file again every minute, and sends it as it is. Most editors end a file with a line break, which no
    /// header may have: such a token is taken as it is now, and read again when it is refused.
    async fn take_in_token(&self, config: &mut Config) -> Result<(), AccessError> {
        let Some(file) = config.auth_info.token_file.clone().filter(|_| config.auth_info.token.is_none())
        else {
            return Ok(());
        };
        let text = tokio::fs::read_to_string(&file).await.map_err(|error| AccessError::Credentials {
            cluster: Arc::clone(&self.cluster),
            reason: format!("token file {file}: {error}"),
        })?;
        let token = text.trim();
        if token != text {
            config.auth_info.token = Some(token.to_owned().into());
        }
        Ok(())
    }

    async fn of_kubeconfig(
        &self,
        read: Kubeconfig,
        context: Option<&String>,
    ) -> Result<Result<Config, KubeconfigError>, AccessError> {
        let options = KubeConfigOptions { context: context.cloned(), ..KubeConfigOptions::default() };
        let config = match Config::from_custom_kubeconfig(read, &options).await {
            Ok(config) => config,
            Err(error) => return Ok(Err(error)),
        };
        let program = config.auth_info.exec.as_ref().map(|exec| exec.command.clone().unwrap_or_default());
        // The old form of the same: it runs `cmd-path` of its configuration.
        let provider = config.auth_info.auth_provider.as_ref().map(|provider| provider.name.clone());
        match program.or(provider) {
            Some(program) if !self.exec_plugins => {
                Err(AccessError::ExecPlugin { cluster: Arc::clone(&self.cluster), program })
            }
            _ => Ok(Ok(config)),
        }
    }
}

/// What is wrong, without what the parser quotes: a kubeconfig holds tokens and keys.
fn words(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(_) => "it is not valid YAML of a kubeconfig".to_owned(),
        KubeconfigError::ParseCertificates(_) => "its certificates cannot be read".to_owned(),
        KubeconfigError::LoadCertificateAuthority(_)
        | KubeconfigError::LoadClientCertificate(_)
        | KubeconfigError::LoadClientKey(_)
        | KubeconfigError::ReadConfig(..) => error.to_string(),
        KubeconfigError::LoadContext(name) => format!("it has no context `{name}`"),
        KubeconfigError::LoadClusterOfContext(name) => format!("it has no cluster `{name}`"),
        other => other.to_string(),
    }
}
