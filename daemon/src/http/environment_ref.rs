//! An environment as people name it: `NAME`, or `REPOSITORY/NAME` where several repositories have one of that name.

use std::fmt;
use std::str::FromStr;

use naksha_environments::ids::{EnvironmentName, InvalidName, RepositoryName};
use naksha_executor::port::store::Scope;
use serde::{Deserialize, Deserializer};

/// Without a repository: the environments of this name in all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRef {
    pub repository: Option<RepositoryName>,
    pub environment: EnvironmentName,
}

impl EnvironmentRef {
    pub fn fits(&self, scope: &Scope) -> bool {
        let fits = self.repository.as_ref().is_none_or(|repository| *repository == scope.repository);
        fits && self.environment == scope.environment
    }

    /// The one scope that it names; `None` without a repository.
    pub fn scope(&self) -> Option<Scope> {
        let repository = self.repository.clone()?;
        Some(Scope { repository, environment: self.environment.clone() })
    }

    /// Another environment, looked for in the same place.
    pub fn beside(&self, environment: EnvironmentName) -> Self {
        Self { repository: self.repository.clone(), environment }
    }
}

impl FromStr for EnvironmentRef {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let (repository, environment) = match text.split_once('/') {
            Some((repository, environment)) => (Some(RepositoryName::parse(repository)?), environment),
            None => (None, text),
        };
        Ok(Self { repository, environment: EnvironmentName::parse(environment)? })
    }
}

impl fmt::Display for EnvironmentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repository {
            Some(repository) => write!(f, "{repository}/{}", self.environment),
            None => self.environment.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for EnvironmentRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_as_it_was_written() {
        let check = |text: &str| text.parse().map(|asked: EnvironmentRef| asked.to_string());
        assert_eq!(check("dev").as_deref(), Ok("dev"));
        assert_eq!(check("own/dev").as_deref(), Ok("own/dev"));
        for wrong in ["", "/", "own/", "/dev", "a/b/c", "Own/dev", "own/Dev"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
