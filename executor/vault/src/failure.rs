//! Why nothing was read, before anybody says for which reference: several may have waited for one request.

use naksha_environments::secret::{MASK, Secret};
use naksha_environments::wire::scrub;

/// Characters of Vault's own words that are told.
const MAX_WORDS: usize = 200;

/// Why nothing was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is nothing at that place.
    Missing,
    /// Vault does not let us.
    Forbidden(String),
    /// Vault cannot make sense of what it was asked.
    Wrong(String),
    /// We have nothing to show to Vault, or what we asked for is not ours to use.
    Denied(String),
    /// Vault got into trouble over it (500). Asked for something else, it may do that.
    Broken(String),
    /// It may go well next time.
    Unavailable(String),
}

impl Failure {
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Unavailable(_))
    }

    /// Without `proof`, should a server have echoed it.
    pub(crate) fn without(self, proof: &Secret) -> Self {
        let clean = |words: String| words.replace(proof.expose(), MASK);
        match self {
            Self::Missing => Self::Missing,
            Self::Forbidden(words) => Self::Forbidden(clean(words)),
            Self::Wrong(words) => Self::Wrong(clean(words)),
            Self::Denied(words) => Self::Denied(clean(words)),
            Self::Broken(words) => Self::Broken(clean(words)),
            Self::Unavailable(words) => Self::Unavailable(clean(words)),
        }
    }

    /// The same, with what was being done.
    pub(crate) fn during(self, what: &str) -> Self {
        let say = |words: String| format!("{what}: {words}");
        match self {
            Self::Missing => Self::Missing,
            Self::Forbidden(words) => Self::Forbidden(say(words)),
            Self::Wrong(words) => Self::Wrong(say(words)),
            Self::Denied(words) => Self::Denied(say(words)),
            Self::Broken(words) => Self::Broken(say(words)),
            Self::Unavailable(words) => Self::Unavailable(say(words)),
        }
    }
}

/// Words of others, fit to be told: one line, bounded, without what looks like a secret.
pub(crate) fn told(words: &str) -> String {
    let line = words.split(|sign: char| sign.is_control() || sign.is_whitespace());
    let line = line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    // Cut last: half a secret does not look like one.
    scrub(&line).chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_one_line_and_no_secret() {
        let words = told("1 error occurred:\n\t* denied\u{1b}[31m password=hunter2hunter2\n\n");
        assert!(words.starts_with("1 error occurred: * denied") && !words.contains("hunter2"), "{words}");
        let failure = Failure::Wrong("400: bad id 2f6c".to_owned()).without(&Secret::new("2f6c"));
        assert_eq!(failure, Failure::Wrong("400: bad id (secret)".to_owned()));
    }
}
