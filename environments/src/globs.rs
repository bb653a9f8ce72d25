//! Path patterns, as definitions write them: `manifests/*.yaml`, `terraform/modules/**`.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::source::TreePath;

/// A list of patterns. `*` stays within one folder, `**` does not.
#[derive(Clone)]
pub struct Globs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl Globs {
    /// Parses patterns relative to `folder` (a leading `/` means the root of the repository); the error names the
    /// pattern's position and what is wrong with it.
    pub fn parse(folder: Option<&TreePath>, patterns: &[String]) -> Result<Self, (usize, String)> {
        let mut builder = GlobSetBuilder::new();
        let mut resolved = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let path =
                TreePath::resolve(folder, pattern).map_err(|error| (index, error.reason.to_owned()))?;
            let glob = GlobBuilder::new(path.as_str()).literal_separator(true).build();
            builder.add(glob.map_err(|error| (index, error.kind().to_string()))?);
            resolved.push(path.as_str().to_owned());
        }
        let set = builder.build().map_err(|error| (0, error.kind().to_string()))?;
        Ok(Self { patterns: resolved, set })
    }

    pub fn none() -> Self {
        Self { patterns: Vec::new(), set: GlobSet::empty() }
    }

    pub fn matches(&self, path: &TreePath) -> bool {
        self.set.is_match(path.as_str())
    }

    /// The positions of the patterns that match.
    pub fn matching(&self, path: &TreePath) -> Vec<usize> {
        self.set.matches(path.as_str())
    }

    /// The patterns, resolved to the root of the repository.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

impl fmt::Debug for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.patterns.fmt(f)
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}
