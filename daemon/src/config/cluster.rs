//! The clusters that environments may name: where they are, and who may use them as whom.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use naksha_environments::diagnostic::did_you_mean;
use naksha_environments::ids::{EnvironmentName, RepositoryName};
use naksha_environments::secret::SecretRef;
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_kubernetes::{Access, Identity, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One cluster. An environment names it: `target: {kubernetes: {cluster: NAME}}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterConfig {
    /// Kubeconfig file with address and credentials. Absent: the service account of the pod that the daemon runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// The secret that holds a kubeconfig, in the place of a file: `vault:PATH#FIELD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret: Option<String>,
    /// Context of the kubeconfig. Absent: its current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Whether the kubeconfig may name a program that is run for a token.
    pub exec_plugins: bool,
    /// The environments that may use the cluster, by `REPOSITORY/ENVIRONMENT`, and as whom.
    pub environments: BTreeMap<String, ClusterUse>,
}

/// As whom an environment uses a cluster: exactly one of the two.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClusterUse {
    /// Service account that is impersonated: `NAMESPACE/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// With the rights of the credentials themselves, and nobody impersonated.
    pub own_rights: bool,
}

/// Why an environment may not use a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGiven {
    #[error("there is no cluster `{cluster}` in the daemon's configuration")]
    Unknown { cluster: String },
    #[error("cluster `{cluster}` is not given to environment `{environment}`")]
    Nobody { cluster: String, environment: String },
    #[error("cluster `{cluster}` does not say as whom environment `{environment}` uses it: {reason}")]
    AsWhom { cluster: String, environment: String, reason: &'static str },
    #[error("cluster `{cluster}` has a `kubeconfig_secret` that is none: {reason}")]
    Secret { cluster: String, reason: &'static str },
}

impl NotGiven {
    /// What to write into the configuration `clusters`. Names of other repositories' environments and clusters are not told.
    pub fn hint(&self, clusters: &BTreeMap<String, ClusterConfig>, repository: &RepositoryName) -> String {
        let is_ours = |environment: &&String| {
            environment.split_once('/').is_some_and(|(of, _)| of == repository.as_str())
        };
        match self {
            Self::Unknown { cluster } => {
                let ours = clusters.iter().filter(|(_, one)| one.environments.keys().any(|it| is_ours(&it)));
                match did_you_mean(cluster, ours.map(|(name, _)| name.as_str())) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        format!(
                            "a table `[clusters.{}]` there says where it is, and who may use it",
                            key(cluster)
                        )
                    }
                }
            }
            Self::Nobody { cluster, environment } => {
                let given = clusters.get(cluster).map(|config| config.environments.keys().filter(is_ours));
                let near = did_you_mean(environment, given.into_iter().flatten().map(String::as_str));
                let near = near.map(|near| format!(", or correct `{near}`")).unwrap_or_default();
                format!("give it in the daemon's configuration: `{}`{near}", table(cluster, environment))
            }
            Self::AsWhom { cluster, environment, reason: _ } => {
                format!("`{}` is the place", table(cluster, environment))
            }
            Self::Secret { .. } => "write it as `vault:PATH#FIELD`".to_owned(),
        }
    }
}

fn table(cluster: &str, environment: &str) -> String {
    format!("[clusters.{}.environments.\"{environment}\"]", key(cluster))
}

/// A name as TOML writes it in a path.
fn key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if is_bare { name.to_owned() } else { toml::Value::String(name.to_owned()).to_string() }
}

impl ClusterUse {
    /// Whom to impersonate; nobody when that is what the configuration says. Saying nothing is refused: it would mean the
    /// daemon's own rights.
    pub fn identity(&self) -> Result<Option<Identity>, &'static str> {
        match (self.service_account.as_deref(), self.own_rights) {
            (None, true) => Ok(None),
            (Some(account), false) => {
                let (namespace, name) =
                    account.split_once('/').ok_or("`service_account` is `NAMESPACE/NAME`")?;
                if namespace.is_empty() || name.is_empty() || name.contains('/') {
                    return Err("`service_account` is `NAMESPACE/NAME`");
                }
                Ok(Some(Identity::service_account(namespace, name)))
            }
            (None, false) => Err("write `service_account`, or `own_rights = true`"),
            (Some(_), true) => Err("`service_account` and `own_rights` exclude each other"),
        }
    }
}

impl ClusterConfig {
    /// The secret that its kubeconfig is in.
    pub fn secret(&self) -> Result<Option<SecretRef>, &'static str> {
        self.kubeconfig_secret.as_deref().map(SecretRef::parse).transpose()
    }

    /// How it is reached by its kubeconfig, where that is a file. `name`: its own.
    pub fn from_file(&self, name: &str) -> Option<Access> {
        let (source, exec_plugins) = (self.file()?, self.exec_plugins);
        Some(Access { cluster: name.into(), source, identity: None, exec_plugins })
    }

    fn file(&self) -> Option<Source> {
        Some(Source::File { path: self.kubeconfig.clone()?, context: self.context.clone() })
    }
}

/// How one environment reaches a cluster that it names. `secrets` may hold its kubeconfig.
pub fn access(
    clusters: &BTreeMap<String, ClusterConfig>,
    name: &str,
    repository: &RepositoryName,
    environment: &EnvironmentName,
    secrets: &Arc<dyn SecretSource>,
) -> Result<Access, NotGiven> {
    let unknown = || NotGiven::Unknown { cluster: name.to_owned() };
    let config = clusters.get(name).ok_or_else(unknown)?;
    let (cluster, environment) = (name.to_owned(), format!("{repository}/{environment}"));
    let Some(given) = config.environments.get(&environment) else {
        return Err(NotGiven::Nobody { cluster, environment });
    };
    let identity = given.identity().map_err(|reason| NotGiven::AsWhom {
        cluster: cluster.clone(),
        environment,
        reason,
    })?;
    let secret = config.secret().map_err(|reason| NotGiven::Secret { cluster: cluster.clone(), reason })?;
    let source = match secret {
        Some(reference) => {
            Source::Secret { secrets: Arc::clone(secrets), reference, context: config.context.clone() }
        }
        None => config.file().unwrap_or(Source::InCluster),
    };
    Ok(Access { cluster: cluster.into(), source, identity, exec_plugins: config.exec_plugins })
}

#[cfg(test)]
mod tests {
    use naksha_executor_directory::NoSecrets;

    use super::*;

    fn clusters() -> BTreeMap<String, ClusterConfig> {
        let text = r#"
            [prod.environments."shop/prod"]
            service_account = "naksha/prod"
            [prod.environments."shop/own"]
            own_rights = true
            [prod.environments."shop/nobody"]
            [prod.environments."shop/both"]
            service_account = "a/b"
            own_rights = true
            [prod.environments."shop/odd"]
            service_account = "b"
        "#;
        toml::from_str(text).unwrap()
    }

    fn no_secrets() -> Arc<dyn SecretSource> {
        Arc::new(NoSecrets)
    }

    fn identity(cluster: &str, environment: &str) -> Result<Option<String>, String> {
        let (repository, environment) =
            (RepositoryName::parse("shop").unwrap(), EnvironmentName::parse(environment).unwrap());
        let access = access(&clusters(), cluster, &repository, &environment, &no_secrets());
        access.map(|access| access.identity.map(|who| who.user)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let hint = |cluster: &str, environment: &str| {
            let (repository, environment) =
                (RepositoryName::parse("shop").unwrap(), EnvironmentName::parse(environment).unwrap());
            access(&clusters(), cluster, &repository, &environment, &no_secrets())
                .unwrap_err()
                .hint(&clusters(), &repository)
        };
        assert_eq!(hint("prodd", "prod"), "did you mean `prod`?");
        assert!(hint("elsewhere", "prod").contains("a table `[clusters.elsewhere]`"));
        let near = hint("prod", "prodd");
        assert!(
            near.contains(r#"`[clusters.prod.environments."shop/prodd"]`, or correct `shop/prod`"#),
            "{near}"
        );
    }

    #[test]
    fn who_uses_a_cluster_is_always_said() {
        assert_eq!(identity("prod", "prod"), Ok(Some("system:serviceaccount:naksha:prod".to_owned())));
        assert_eq!(identity("prod", "own"), Ok(None));
        for (cluster, environment, words) in [
            ("test", "prod", "there is no cluster `test`"),
            ("prod", "dev", "is not given to environment `shop/dev`"),
            ("prod", "nobody", "write `service_account`, or `own_rights = true`"),
            ("prod", "both", "exclude each other"),
            ("prod", "odd", "`service_account` is `NAMESPACE/NAME`"),
        ] {
            let error = identity(cluster, environment).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
