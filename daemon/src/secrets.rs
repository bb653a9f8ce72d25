//! The source of secrets that the configuration names, and which of them environments may read.
//!
//! The daemon's own credentials may lie beside those of units. Whoever writes a unit writes references; so that no merge carries our
//! token into a cluster, what the configuration names is the daemon's alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::object::SecretValue;
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::secret::{Secret, SecretRef};
use naksha_executor::port::secrets::{SecretError, SecretSource};
use naksha_executor::port::store::Scope;
use naksha_executor_directory::{DirectoryError, DirectorySecrets, NoSecrets};
use naksha_executor_vault::{VaultError, VaultSecrets};

use crate::config::{Config, SecretsConfig};

/// The source itself: for what the daemon's own configuration names.
pub fn open(config: &SecretsConfig) -> Result<Arc<dyn SecretSource>, SecretsError> {
    let SecretsConfig { directory, vault, environments: _ } = config;
    Ok(match (directory, vault) {
        (None, None) => Arc::new(NoSecrets),
        (Some(folder), None) => Arc::new(DirectorySecrets::open(folder)?),
        (None, Some(vault)) => {
            let access = vault.access().map_err(|(key, reason)| SecretsError::Wrong { key, reason })?;
            Arc::new(VaultSecrets::open(access)?)
        }
        (Some(_), Some(_)) => return Err(SecretsError::Both),
    })
}

/// Why there is no source of secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("`secrets.vault.{key}`: {reason}")]
    Wrong { key: &'static str, reason: String },
    #[error("both `secrets.directory` and `secrets.vault` are set; keep one")]
    Both,
}

/// The source as one environment may use it.
#[derive(Debug)]
pub struct EnvironmentSecrets {
    source: Arc<dyn SecretSource>,
    /// Paths that the configuration names.
    own: BTreeSet<Arc<str>>,
    /// What paths begin with that it may read. Absent: every path.
    prefixes: Option<Vec<String>>,
}

impl EnvironmentSecrets {
    pub fn of(config: &Config, source: &Arc<dyn SecretSource>, scope: &Scope) -> Arc<dyn SecretSource> {
        Arc::new(Self::view(config, source, scope))
    }

    fn view(config: &Config, source: &Arc<dyn SecretSource>, scope: &Scope) -> Self {
        let given = &config.secrets.environments;
        let prefixes = given.get(&scope.to_string()).cloned().unwrap_or_default();
        let prefixes = (!given.is_empty()).then_some(prefixes);
        let own = own(config);
        Self { source: Arc::clone(source), own, prefixes }
    }

    /// Why it may not read one.
    fn refuses(&self, reference: &SecretRef) -> Option<&'static str> {
        if self.own.contains(&reference.path) {
            return Some("it is the daemon's own, as its configuration says; units have other ones");
        }
        let begins = |prefix: &String| {
            let rest = reference.path.strip_prefix(prefix.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_given = self.prefixes.as_ref().is_none_or(|prefixes| prefixes.iter().any(begins));
        (!is_given).then_some(
            "`secrets.environments` in the daemon's configuration does not give it to this environment",
        )
    }
}

/// References of an environment to what it may not read, as its configuration says; nobody is asked.
pub fn not_theirs(config: &Config, scope: &Scope, rendered: &Rendered) -> Vec<Diagnostic> {
    let nobody: Arc<dyn SecretSource> = Arc::new(NoSecrets);
    let view = EnvironmentSecrets::view(config, &nobody, scope);
    let objects = rendered.units.values().flat_map(RenderedUnit::objects);
    let references = objects.flat_map(|object| object.secrets.values()).filter_map(|value| match value {
        SecretValue::Reference(reference) => Some(reference),
        SecretValue::Inline(_) => None,
    });
    let references: BTreeSet<&SecretRef> = references.collect();
    let refused = references.into_iter().filter_map(|reference| {
        let reason = view.refuses(reference)?.to_owned();
        let error = SecretError::Denied { reference: reference.clone(), reason };
        Some(Diagnostic::new(error.code(), error.to_string()).hint("refer to another one"))
    });
    refused.collect()
}

/// Paths of what the configuration names: as references, and as files that lie in the folder of secrets.
fn own(config: &Config) -> BTreeSet<Arc<str>> {
    let named = config.own_secrets().map(|reference| reference.path);
    // As they are, whatever they are called: `/var/run` is `/run`.
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let beneath = |file: &Path| -> Option<Arc<str>> {
        let folder = config.secrets.directory.as_ref()?;
        let own = |file: &Path, folder: &Path| -> Option<Arc<str>> {
            Some(file.strip_prefix(folder).ok()?.parent()?.to_str()?.into())
        };
        own(&whole(file), &whole(folder)).or_else(|| own(file, folder))
    };
    named.chain(config.own_files().filter_map(|file| beneath(file))).collect()
}

#[async_trait]
impl SecretSource for EnvironmentSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match self.refuses(reference) {
            Some(reason) => {
                Err(SecretError::Denied { reference: reference.clone(), reason: reason.to_owned() })
            }
            None => self.source.resolve(reference).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &str, reference: &str) -> Option<&'static str> {
        let config: Config = toml::from_str(config).unwrap();
        let own = own(&config);
        let prefixes = config.secrets.environments.get("shop/prod").cloned().unwrap_or_default();
        let prefixes = (!config.secrets.environments.is_empty()).then_some(prefixes);
        let secrets = EnvironmentSecrets { source: Arc::new(NoSecrets), own, prefixes };
        secrets.refuses(&SecretRef::parse(reference).unwrap())
    }

    #[test]
    fn what_the_configuration_names_is_the_daemons_alone() {
        let config = "
            [[repository]]
            name = 'shop'
            url = 'https://git.example/shop.git'
            credentials = {token_secret = 'vault:kv/naksha/git#token'}
            forge = {kind = 'gitea', api = 'https://git.example/api/v1', repository = 'team/shop', \
                token_secret = 'vault:kv/naksha/forge#token', webhook_secret = 'vault:kv/naksha/hook#secret'}
            [clusters.prod]
            kubeconfig_secret = 'vault:kv/naksha/prod#kubeconfig'";
        for path in ["git", "forge", "hook", "prod"] {
            let reason = refused(config, &format!("vault:kv/naksha/{path}#anything"));
            assert!(reason.is_some_and(|reason| reason.contains("the daemon's own")), "{path}");
        }
        assert_eq!(refused(config, "vault:kv/naksha/database#url"), None);
        let files = "
            [[repository]]
            name = 'shop'
            url = 'https://git.example/shop.git'
            credentials = {token_file = '/run/secrets/git/token'}
            [secrets]
            directory = '/run/secrets'
            [http]
            token_file = '/run/secrets/api/token'";
        assert!(refused(files, "vault:git#token").is_some() && refused(files, "vault:api#token").is_some());
        assert_eq!(refused(files, "vault:kv/database#url"), None);
    }

    #[test]
    fn an_environment_reads_what_it_is_given() {
        let config = "[secrets.environments]\n'shop/prod' = ['kv/shop/prod/', 'kv/shared']";
        for given in ["vault:kv/shop/prod/db#url", "vault:kv/shared#key", "vault:kv/shared/tls#key"] {
            assert_eq!(refused(config, given), None, "{given}");
        }
        for other in
            ["vault:kv/shop/production/db#url", "vault:kv/shop/dev/db#url", "vault:kv/sharedkeys#key"]
        {
            assert!(
                refused(config, other).is_some_and(|reason| reason.contains("does not give it")),
                "{other}"
            );
        }
        assert_eq!(refused("", "vault:kv/anything#else"), None, "nobody said who may read what");
        let others = "[secrets.environments]\n'shop/dev' = ['kv/']";
        assert!(refused(others, "vault:kv/shop/prod/db#url").is_some(), "nothing is given to it");
    }
}
