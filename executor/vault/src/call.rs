//! Requests, in the words of vaultrs where it has them: nothing else of ours names it.

use http::Method;
use naksha_environments::secret::Secret;
use rustify::Endpoint;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;
use vaultrs::api::kv1::requests::GetSecretRequest;
use vaultrs::api::kv2::requests::ReadSecretRequest;
use vaultrs::api::token::requests::{LookupTokenSelfRequest, RenewTokenSelfRequest, RevokeTokenSelfRequest};

use crate::mount::Version;

/// What is asked of Vault. Nobody prints it: a login holds a secret.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Below `v1`.
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// Where the store is that a path lies in, as Vault's own command line asks. vaultrs does not have it.
    pub(crate) fn mount_of(path: &str) -> Self {
        Self { method: Method::GET, path: format!("sys/internal/ui/mounts/{path}"), body: Vec::new() }
    }

    /// An entry as it is now.
    pub(crate) fn entry(version: Version, mount: &str, entry: &str) -> Self {
        let (mount, path) = (mount.to_owned(), entry.to_owned());
        match version {
            Version::One => Self::of(&GetSecretRequest { mount, path }),
            Version::Two => Self::of(&ReadSecretRequest { mount, path, version: None }),
        }
    }

    pub(crate) fn kubernetes_login(mount: &str, role: &str, jwt: &Secret) -> Self {
        let (mount, role, jwt) = (mount.to_owned(), role.to_owned(), jwt.expose().to_owned());
        Self::of(&LoginWithKubernetesRequest { mount, role, jwt })
    }

    pub(crate) fn approle_login(mount: &str, role_id: &str, secret_id: &Secret) -> Self {
        let (mount, role_id, secret_id) =
            (mount.to_owned(), role_id.to_owned(), secret_id.expose().to_owned());
        Self::of(&LoginWithApproleRequest { mount, role_id, secret_id })
    }

    /// For as long as Vault gives.
    pub(crate) fn renewal() -> Self {
        Self::of(&RenewTokenSelfRequest { increment: None })
    }

    /// The token is needed no longer.
    pub(crate) fn revocation() -> Self {
        Self::of(&RevokeTokenSelfRequest {})
    }

    /// Whether there is such a token.
    pub(crate) fn lookup() -> Self {
        Self::of(&LookupTokenSelfRequest {})
    }

    fn of(endpoint: &impl Endpoint) -> Self {
        let body = endpoint.body().expect("should be JSON: its fields are texts").unwrap_or_default();
        // Some paths of vaultrs begin with a slash, and that of a renewal with a tab.
        let path = endpoint.path().trim_start_matches(['\t', '/']).to_owned();
        Self { method: endpoint.method().into(), path, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(call: &Call, line: &str, body: &str) {
        assert_eq!(format!("{} {}", call.method, call.path), line);
        assert_eq!(String::from_utf8_lossy(&call.body), body);
    }

    #[test]
    fn requests_are_those_of_the_api() {
        check(&Call::mount_of("kv/naksha/db"), "GET sys/internal/ui/mounts/kv/naksha/db", "");
        check(&Call::entry(Version::One, "kv", "naksha/db"), "GET kv/naksha/db", "");
        check(&Call::entry(Version::Two, "team/kv", "naksha/db"), "GET team/kv/data/naksha/db", "");
        check(&Call::renewal(), "POST auth/token/renew-self", "");
        check(&Call::lookup(), "GET auth/token/lookup-self", "");
        check(&Call::revocation(), "POST auth/token/revoke-self", "");
        let kubernetes = Call::kubernetes_login("kubernetes", "naksha", &Secret::new("jwt"));
        check(&kubernetes, "POST auth/kubernetes/login", r#"{"role":"naksha","jwt":"jwt"}"#);
        let approle = Call::approle_login("approle", "id", &Secret::new("\"quoted\""));
        let body = r#"{"role_id":"id","secret_id":"\"quoted\""}"#;
        check(&approle, "POST auth/approle/login", body);
    }
}
