//! Where secrets are kept, and which environment may read which.

use std::collections::BTreeMap;
use std::path::PathBuf;

use naksha_executor_vault::{Access, Address, Login};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Wrong;

/// Where the token of a pod's service account is (Kubernetes, "Configure Service Accounts for Pods").
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The one source of secrets.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsConfig {
    /// Folder of files that stand for `vault:PATH#FIELD` as `<folder>/PATH/FIELD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// A HashiCorp Vault or an OpenBao, in the place of a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultConfig>,
    /// By `REPOSITORY/ENVIRONMENT`: what the paths begin with that its units may read, in whole parts. Absent: every environment may
    /// read every path but those that this file names itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environments: BTreeMap<String, Vec<String>>,
}

/// How a Vault is reached, and as whom: exactly one of the four.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// `https://vault.example:8200`
    pub address: String,
    /// PEM certificates of the only authorities that are believed. Absent: those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Of an enterprise Vault, or an OpenBao.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// File with a token that somebody else keeps alive, such as an agent. Read for each use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Environment variable with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// As the service account of the daemon's own pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesLogin>,
    /// As a role for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approle: Option<AppRoleLogin>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KubernetesLogin {
    pub role: String,
    /// Where this way to log in is enabled in Vault.
    #[serde(default = "kubernetes_mount")]
    pub mount: String,
    /// File with the token of the service account. Read for each login.
    #[serde(default = "pod_token")]
    pub jwt_file: PathBuf,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppRoleLogin {
    pub role_id: String,
    /// File with the secret id. Read for each login.
    pub secret_id_file: PathBuf,
    /// Where this way to log in is enabled in Vault.
    #[serde(default = "approle_mount")]
    pub mount: String,
}

impl VaultConfig {
    pub fn access(&self) -> Result<Access, Wrong> {
        let address = Address::parse(&self.address).map_err(|error| ("address", error.to_string()))?;
        let (ca_file, namespace) = (self.ca_file.clone(), self.namespace.clone());
        Ok(Access { address, ca_file, namespace, login: self.login()? })
    }

    fn login(&self) -> Result<Login, Wrong> {
        let Self { token_file, token_env, kubernetes, approle, address: _, ca_file: _, namespace: _ } = self;
        let token = token_file.iter().map(|file| Login::TokenFile(file.clone()));
        let variable = token_env.iter().map(|name| Login::TokenVariable(name.clone()));
        let pod = kubernetes.iter().map(|KubernetesLogin { role, mount, jwt_file }| Login::Kubernetes {
            mount: mount.clone(),
            role: role.clone(),
            jwt_file: jwt_file.clone(),
        });
        let role = approle.iter().map(|AppRoleLogin { role_id, secret_id_file, mount }| Login::AppRole {
            mount: mount.clone(),
            role_id: role_id.clone(),
            secret_id_file: secret_id_file.clone(),
        });
        let mut all = token.chain(variable).chain(pod).chain(role);
        let one = "write one of `token_file`, `token_env`, `kubernetes` and `approle`";
        match (all.next(), all.next()) {
            (Some(login), None) => Ok(login),
            (None, _) => Err(("address", one.to_owned())),
            (Some(_), Some(_)) => Err(("address", format!("{one}, and no more"))),
        }
    }
}

fn kubernetes_mount() -> String {
    "kubernetes".to_owned()
}

fn approle_mount() -> String {
    "approle".to_owned()
}

fn pod_token() -> PathBuf {
    POD_TOKEN.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_who_we_are_and_nobody_else() {
        let access = |text: &str| {
            let config: VaultConfig = toml::from_str(text).unwrap();
            config.access()
        };
        let address = "address = 'https://vault.example:8200'\n";
        let pod = access(&format!("{address}kubernetes = {{role = 'naksha'}}")).unwrap();
        let (mount, role, jwt_file) = ("kubernetes".to_owned(), "naksha".to_owned(), POD_TOKEN.into());
        assert_eq!(pod.login, Login::Kubernetes { mount, role, jwt_file });
        for (text, words) in [
            (address.to_owned(), "write one of"),
            (format!("{address}token_env = 'T'\ntoken_file = '/t'"), "and no more"),
            ("address = 'http://vault.example'\ntoken_env = 'T'".to_owned(), "clear text"),
        ] {
            let (key, reason) = access(&text).expect_err(&text);
            assert!(key == "address" && reason.contains(words), "{text}: {reason}");
        }
    }
}
