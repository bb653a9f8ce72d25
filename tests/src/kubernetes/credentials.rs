//! Who may use a control plane: users with tokens, and the files that say so.
//!
//! A token is known to this process, to the API server's token file and to the user's kubeconfig, all in a folder that
//! only its owner may read.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// May do everything.
pub(super) const ADMIN: &str = "admin";

/// A user as the API server sees it; what it may do is up to RBAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub groups: Vec<String>,
}

impl User {
    /// In no group.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), groups: Vec::new() }
    }

    pub fn in_group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }

    /// Who every control plane knows beside the admin: somebody to be for a daemon under test, and two people in groups
    /// of their own. None of them may do anything yet.
    pub fn usual() -> Vec<Self> {
        vec![Self::new("naksha"), Self::new("ann").in_group("shop"), Self::new("ben").in_group("payments")]
    }
}

/// A user and its token.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) user: User,
    pub(super) token: String,
}

/// Tokens for the admin and for these users.
pub(super) fn issue(users: &[User]) -> Vec<Credential> {
    let admin = User::new(ADMIN).in_group("system:masters");
    let issue = |user: User| Credential { user, token: Uuid::new_v4().simple().to_string() };
    std::iter::once(admin).chain(users.iter().cloned()).map(issue).collect()
}

/// The rows of the API server's `--token-auth-file`.
pub(super) fn token_file(credentials: &[Credential]) -> String {
    let row = |Credential { user, token }: &Credential| {
        format!("{token},{name},{name},\"{groups}\"\n", name = user.name, groups = user.groups.join(","))
    };
    credentials.iter().map(row).collect()
}

/// A kubeconfig that needs no other file.
pub(super) fn kubeconfig(url: &str, authority: &str, user: &str, token: &str) -> String {
    let authority = STANDARD.encode(authority);
    format!(
        "apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster:
      server: {url}
      certificate-authority-data: {authority}
users:
  - name: {user}
    user:
      token: {token}
contexts:
  - name: test
    context: {{cluster: test, user: {user}}}
current-context: test
"
    )
}

/// A key to sign the tokens of service accounts with. The public key follows, because the API server does not take it
/// from a private one of this form (PKCS#8, elliptic curve).
pub(super) fn signing_key() -> anyhow::Result<String> {
    let key = rcgen::KeyPair::generate().context("cannot make a key")?;
    Ok(key.serialize_pem() + &key.public_key_pem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_token_name_id_and_groups() {
        let user = User::new("ann").in_group("shop").in_group("people");
        let credential = Credential { user, token: "secret".to_owned() };
        assert_eq!(token_file(&[credential]), "secret,ann,ann,\"shop,people\"\n");
    }

    #[test]
    fn the_admin_is_always_there() {
        let issued = issue(&[User::new("ann")]);
        assert_eq!(issued.iter().map(|one| one.user.name.as_str()).collect::<Vec<_>>(), [ADMIN, "ann"]);
        assert_ne!(issued[0].token, issued[1].token);
    }
}
