//! Where the API of a forge is.

use std::fmt;

use http::Uri;
use naksha_environments::wire::scrub;

/// Where the API of a forge is: `https://git.example/api/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Uri);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no address of a forge: {reason}")]
pub struct AddressError {
    pub address: String,
    pub reason: &'static str,
}

impl Address {
    /// `http` is for loopback only: a token goes with each request.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let refuse = |reason| AddressError { address: scrub(text).into_owned(), reason };
        let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| refuse("it cannot be read"))?;
        let host = uri.host().ok_or_else(|| refuse("it names no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(refuse("it holds credentials"));
        }
        let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if is_loopback => Ok(Self(uri)),
            Some("http") => Err(refuse("a token must not travel in clear text; write `https://`")),
            _ => Err(refuse("write `https://…`")),
        }
    }

    pub(crate) fn uri(&self) -> Uri {
        self.0.clone()
    }

    /// Whether something is served by the same GitHub as this API: that of github.com has a host of its own, and so has each
    /// `NAME.ghe.com`; an Enterprise Server has one for everything.
    pub(crate) fn is_of(&self, url: &str) -> bool {
        let Ok(url) = url.parse::<Uri>() else { return false };
        let port = |uri: &Uri| match (uri.port_u16(), uri.scheme_str()) {
            (Some(port), _) => Some(port),
            (None, Some("https")) => Some(443),
            (None, Some("http")) => Some(80),
            (None, _) => None,
        };
        let (Some(api), Some(host)) = (self.0.host(), url.host()) else { return false };
        let api = api.to_ascii_lowercase();
        let web = match api.strip_prefix("api.") {
            Some(web) if web == "github.com" || web.ends_with(".ghe.com") => web,
            _ => api.as_str(),
        };
        host.eq_ignore_ascii_case(web) && url.scheme() == self.0.scheme() && port(&url) == port(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_encrypted() {
        assert!(Address::parse("https://git.example/api/v1/").is_ok());
        assert!(Address::parse("http://127.0.0.1:3000/api/v1").is_ok());
        for bad in ["http://git.example", "https://me:pw@git.example", "git.example", "ftp://x", ""] {
            let error = Address::parse(bad).expect_err(bad).to_string();
            assert!(!error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_git_repository_is_at_the_same_forge_or_elsewhere() {
        let is_of = |api: &str, url: &str| Address::parse(api).unwrap().is_of(url);
        assert!(is_of("https://api.github.com", "https://github.com/o/r.git"));
        assert!(is_of("https://api.github.com", "https://GitHub.com:443/o/r"));
        assert!(is_of("https://ghes.example/api/v3", "https://ghes.example/o/r"));
        assert!(is_of("https://api.firm.ghe.com", "https://firm.ghe.com/o/r"));
        assert!(is_of("http://127.0.0.1:8080", "http://127.0.0.1:8080/o/r.git"));
        for url in [
            "https://github.com.example/o/r",
            "https://api.github.com/o/r",
            "https://github.com:8443/o/r",
            "http://github.com/o/r",
            "https://ghes.example/o/r",
            "https://me@github.com@evil.example/o/r",
            "ssh://github.com/o/r",
            "/srv/r",
        ] {
            assert!(!is_of("https://api.github.com", url), "{url}");
        }
        assert!(!is_of("http://127.0.0.1:8080", "http://127.0.0.1:8081/o/r.git"));
        assert!(!is_of("https://api.ghes.example/api/v3", "https://ghes.example/o/r"));
    }
}
