//! How much YAML is read: hostile input ends in a diagnostic, early.

use super::Dialect;

/// Largest definition file. The largest in real repositories have some 50 KiB; etcd takes 1.5 MiB per object.
pub const MAX_DEFINITION_BYTES: usize = 1024 * 1024;
/// Largest manifest file. The CRD bundles of big operators have 4 MiB; Argo CD allows 10 MB per application.
pub const MAX_MANIFEST_BYTES: usize = 10 * 1024 * 1024;
/// Deepest nesting. serde_json refuses to parse 128 levels, and what we wrote must always be readable; the CRDs
/// of Kubernetes reach about 60.
pub const MAX_DEPTH: usize = 100;
/// Values (scalars, lists, maps) of one definition file, aliases expanded.
pub const MAX_DEFINITION_VALUES: usize = 100_000;
/// Values of one manifest file, aliases expanded. A 4 MiB CRD bundle has 200,000; a value takes about 100 bytes
/// of memory.
pub const MAX_MANIFEST_VALUES: usize = 500_000;
/// Values that aliases may add to one file. People use aliases for blocks of some ten lines.
pub const MAX_ALIASED_VALUES: usize = 20_000;
/// Documents of one definition file.
pub const MAX_DEFINITION_DOCUMENTS: usize = 1_000;
/// Documents of one manifest file: more than any release of an operator has objects.
pub const MAX_MANIFEST_DOCUMENTS: usize = 10_000;
/// Problems listed per file. Who sees a hundred does not need the next thousand.
pub const MAX_PROBLEMS: usize = 100;
/// Lines longer than this give their columns in bytes and are not quoted: counting characters in a line of a
/// megabyte, once per value on it, takes minutes.
pub const MAX_COUNTED_LINE: usize = 4_096;

impl Dialect {
    /// Largest file, in bytes.
    pub fn max_bytes(self) -> usize {
        match self {
            Self::Definition => MAX_DEFINITION_BYTES,
            Self::Manifest => MAX_MANIFEST_BYTES,
        }
    }

    /// Most values in a file.
    pub fn max_values(self) -> usize {
        match self {
            Self::Definition => MAX_DEFINITION_VALUES,
            Self::Manifest => MAX_MANIFEST_VALUES,
        }
    }

    /// Most documents in a file.
    pub fn max_documents(self) -> usize {
        match self {
            Self::Definition => MAX_DEFINITION_DOCUMENTS,
            Self::Manifest => MAX_MANIFEST_DOCUMENTS,
        }
    }
}
