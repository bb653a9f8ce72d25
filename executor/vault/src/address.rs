//! Where a Vault is.

use std::fmt;

use naksha_environments::wire::scrub;
use reqwest::Url;

/// Where a Vault is: `https://vault.example:8200`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no address of a Vault: {reason}")]
pub struct AddressError {
    pub address: String,
    pub reason: &'static str,
}

impl Address {
    /// `http` is for loopback only: a token goes with each request. A path is where a gateway has its Vault.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let refuse = |reason| AddressError { address: scrub(text).into_owned(), reason };
        let url = Url::parse(text).map_err(|_| refuse("write `https://…`"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it holds credentials"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has more than a host and a path"));
        }
        let address = Self(url);
        match address.0.scheme() {
            "https" => Ok(address),
            "http" if address.is_loopback() => Ok(address),
            "http" => Err(refuse("a token must not travel in clear text; write `https://`")),
            _ => Err(refuse("write `https://…`")),
        }
    }

    /// Where something of its API is. Whatever stands in a part of `path` stays within that part; empty parts are left out.
    pub(crate) fn of(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let mut parts = url.path_segments_mut().expect("should have a path: it has a host");
        parts.pop_if_empty().push("v1").extend(path.split('/').filter(|part| !part.is_empty()));
        drop(parts);
        url
    }

    pub(crate) fn is_loopback(&self) -> bool {
        matches!(self.0.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_encrypted() {
        for good in [
            "https://vault.example:8200/",
            "https://gw.example/vault",
            "http://127.0.0.1:8200",
            "http://[::1]",
        ] {
            assert!(Address::parse(good).is_ok(), "{good} should be taken");
        }
        let bad = [
            "http://vault.example",
            "https://me:pw@vault.example",
            "vault.example:8200",
            "ftp://x",
            "",
            "https://x?a=pw",
        ];
        for bad in bad {
            let error = Address::parse(bad).expect_err(bad).to_string();
            assert!(!error.contains(":pw"), "{error}");
        }
        assert_eq!(Address::parse("https://vault.example/").unwrap().to_string(), "https://vault.example");
    }

    #[test]
    fn a_path_stays_where_it_is() {
        let of = |address: &str, path: &str| Address::parse(address).unwrap().of(path).to_string();
        assert_eq!(of("https://v.example", "kv/data/a/b"), "https://v.example/v1/kv/data/a/b");
        assert_eq!(of("https://v.example/vault/", "kv/a"), "https://v.example/vault/v1/kv/a");
        assert_eq!(of("https://v.example", "auth//k8s/login"), "https://v.example/v1/auth/k8s/login");
        assert_eq!(
            of("https://v.example", "kv/a?b#c d/%2e%2e/ä\\x"),
            "https://v.example/v1/kv/a%3Fb%23c%20d/%252e%252e/%C3%A4%5Cx"
        );
    }
}
