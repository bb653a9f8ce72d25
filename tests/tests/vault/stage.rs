//! A source of secrets on a Vault, for tests that wait for conditions.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use futures::future::join_all;
use naksha_environments::secret::SecretRef;
use naksha_executor::port::secrets::{SecretError, SecretSource as _};
use naksha_executor_vault::{Access, Address, Login, VaultSecrets};
use naksha_tests::vault::{Role, ServiceAccount, Vault};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("should start a runtime")
});

/// A source of secrets, and the file that it shows to Vault.
#[derive(Debug)]
pub(crate) struct Source {
    secrets: VaultSecrets,
    folder: TempDir,
}

impl Source {
    /// With a token in a file.
    pub(crate) fn with_token(vault: &Vault, token: &str) -> Self {
        Self::open(vault, token, Login::TokenFile)
    }

    pub(crate) fn with_role(vault: &Vault, role: &Role) -> Self {
        let Role { mount, role_id, secret_id } = role;
        let (mount, role_id) = (mount.clone(), role_id.clone());
        Self::open(vault, secret_id, |secret_id_file| Login::AppRole { mount, role_id, secret_id_file })
    }

    pub(crate) fn with_service_account(vault: &Vault, account: &ServiceAccount) -> Self {
        let ServiceAccount { mount, role, jwt } = account;
        let (mount, role) = (mount.clone(), role.clone());
        Self::open(vault, jwt, |jwt_file| Login::Kubernetes { mount, role, jwt_file })
    }

    fn open(vault: &Vault, shown: &str, login: impl FnOnce(PathBuf) -> Login) -> Self {
        Self::at(vault.url(), vault.url().starts_with("https").then(|| vault.authority()), shown, login)
    }

    pub(crate) fn at(
        url: &str,
        ca_file: Option<PathBuf>,
        shown: &str,
        login: impl FnOnce(PathBuf) -> Login,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let login = login(folder.path().join("shown"));
        let address = Address::parse(url).unwrap();
        let secrets = VaultSecrets::open(Access { address, ca_file, namespace: None, login }).unwrap();
        let source = Self { secrets, folder };
        source.show(shown);
        source
    }

    /// What it shows to Vault from now on.
    pub(crate) fn show(&self, text: &str) {
        let (new, file) = (self.folder.path().join("new"), self.folder.path().join("shown"));
        fs::write(&new, format!("{text}\n")).unwrap();
        fs::rename(&new, &file).unwrap();
    }

    pub(crate) fn show_nothing(&self) {
        fs::remove_file(self.folder.path().join("shown")).unwrap();
    }

    /// `path#field`
    pub(crate) fn value(&self, place: &str) -> Result<String, SecretError> {
        let reference = reference(place);
        RUNTIME.block_on(self.secrets.resolve(&reference)).map(|secret| secret.expose().to_owned())
    }

    /// The same for many at once.
    pub(crate) fn values(&self, places: &[String]) -> Vec<Result<String, SecretError>> {
        let references: Vec<_> = places.iter().map(|place| reference(place)).collect();
        let all = join_all(references.iter().map(|reference| self.secrets.resolve(reference)));
        let all = RUNTIME.block_on(all).into_iter();
        all.map(|secret| secret.map(|secret| secret.expose().to_owned())).collect()
    }
}

/// The place where something was looked for that is not there.
#[track_caller]
pub(crate) fn place_of(answer: Result<String, SecretError>) -> String {
    match answer {
        Err(SecretError::NotFound { place, .. }) => place,
        answer => panic!("it should not be there: {answer:?}"),
    }
}

#[track_caller]
pub(crate) fn why_denied(answer: Result<String, SecretError>) -> String {
    match answer {
        Err(SecretError::Denied { reason, .. }) => reason,
        answer => panic!("it should be denied: {answer:?}"),
    }
}

#[track_caller]
pub(crate) fn why_unavailable(answer: Result<String, SecretError>) -> String {
    match answer {
        Err(SecretError::Unavailable { reason, .. }) => reason,
        answer => panic!("it should be unavailable: {answer:?}"),
    }
}

fn reference(place: &str) -> SecretRef {
    SecretRef::parse(&format!("vault:{place}")).unwrap()
}
