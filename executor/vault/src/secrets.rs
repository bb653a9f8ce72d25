//! The port: a reference is a field of an entry.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use naksha_environments::secret::{Secret, SecretRef};
use naksha_executor::port::secrets::{SecretError, SecretSource};

use crate::access::Access;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::reader::Reader;
use crate::remembered::Remembered;
use crate::server::{Server, VaultError};

/// A Vault as a source of secrets.
pub struct VaultSecrets {
    reader: Arc<Reader>,
    remembered: Arc<Remembered>,
}

impl VaultSecrets {
    /// Asks nothing yet: a Vault that is away keeps nobody from starting.
    pub fn open(access: Access) -> Result<Self, VaultError> {
        let server = Server::open(&access)?;
        let reader = Reader::new(server, Identity::new(access.login));
        Ok(Self { reader: Arc::new(reader), remembered: Arc::default() })
    }
}

impl fmt::Debug for VaultSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultSecrets({})", self.reader.server().address())
    }
}

#[async_trait]
impl SecretSource for VaultSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let reading = self.remembered.reading(&reference.path, || {
            let (reader, path) = (Arc::clone(&self.reader), Arc::clone(&reference.path));
            async move { reader.read(&path).await }
        });
        let value = reading.await.and_then(|entry| entry.value(&reference.field));
        value.map_err(|failure| error(reference, failure))
    }
}

/// Pure. In the port's words.
fn error(reference: &SecretRef, failure: Failure) -> SecretError {
    let SecretRef { path, field } = reference;
    let reference = reference.clone();
    match failure {
        Failure::Missing => {
            SecretError::NotFound { place: format!("field \"{field}\" of {path} in Vault"), reference }
        }
        Failure::Forbidden(words) | Failure::Wrong(words) => {
            SecretError::Denied { reference, reason: format!("Vault refuses it: {words}") }
        }
        Failure::Denied(reason) => SecretError::Denied { reference, reason },
        Failure::Broken(words) | Failure::Unavailable(words) => {
            SecretError::Unavailable { reference, reason: format!("Vault: {words}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::access::Login;
    use crate::address::Address;

    fn reference() -> SecretRef {
        SecretRef::parse("vault:kv/naksha/db#url").unwrap()
    }

    #[test]
    fn failures_are_told_in_the_words_of_the_port() {
        let told = |failure| error(&reference(), failure).to_string();
        assert_eq!(
            told(Failure::Missing),
            "secret vault:kv/naksha/db#url does not exist: write it to field \"url\" of kv/naksha/db in Vault, or correct the reference"
        );
        assert_eq!(
            told(Failure::Forbidden("403: permission denied".to_owned())),
            "secret vault:kv/naksha/db#url may not be read: Vault refuses it: 403: permission denied"
        );
        assert_eq!(
            told(Failure::Denied("file `t`: it is empty".to_owned())),
            "secret vault:kv/naksha/db#url may not be read: file `t`: it is empty"
        );
        assert_eq!(
            told(Failure::Unavailable("503: Vault is sealed".to_owned())),
            "secret vault:kv/naksha/db#url cannot be read now: Vault: 503: Vault is sealed"
        );
    }

    #[tokio::test]
    async fn a_vault_that_is_not_there_is_unavailable() {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let secrets = VaultSecrets::open(Access {
            address: Address::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
            ca_file: None,
            namespace: None,
            login: Login::TokenFile(file.clone()),
        })
        .unwrap();
        let denied = secrets.resolve(&reference()).await;
        assert!(matches!(denied, Err(SecretError::Denied { .. })), "{denied:?}");
        std::fs::write(&file, "hvs.canary").unwrap();
        let away = secrets.resolve(&reference()).await;
        assert!(matches!(away, Err(SecretError::Unavailable { .. })), "{away:?}");
        assert!(!format!("{away:?} {secrets:?}").contains("canary"), "{away:?}");
    }
}
