//! Files that cannot be read as a definition (NK01xx).

use super::codes;

codes! {
    // Structure
    UNKNOWN_KEY = "NK0101" Error "unknown key";
    MISSING_KEY = "NK0102" Error "missing key";
    WRONG_TYPE = "NK0103" Error "wrong type";
    UNKNOWN_VALUE = "NK0104" Error "unknown value";
    UNKNOWN_KIND = "NK0105" Error "unknown kind";
    UNKNOWN_API_VERSION = "NK0106" Error "unknown apiVersion";
    NO_DEFINITION = "NK0107" Error "no definition in the file";
    MISPLACED_DEFINITION = "NK0108" Error "definition in the wrong place";
    // YAML
    YAML_SYNTAX = "NK0110" Error "not YAML";
    DUPLICATE_KEY = "NK0111" Error "duplicate key";
    AMBIGUOUS_SCALAR = "NK0112" Error "value that YAML versions read differently";
    UNSUPPORTED_TAG = "NK0113" Error "unsupported YAML tag";
    NOT_FINITE = "NK0114" Error "number that JSON does not have";
    BAD_MERGE = "NK0115" Error "bad merge key";
    BAD_KEY = "NK0116" Error "key that is no text";
    KEY_READ_AS = "NK0117" Warning "key that Kubernetes reads as something else";
    // Limits and reading
    FILE_TOO_LARGE = "NK0120" Error "file too large";
    NESTED_TOO_DEEPLY = "NK0121" Error "nested too deeply";
    TOO_MANY_VALUES = "NK0122" Error "too many values";
    TOO_MANY_DOCUMENTS = "NK0123" Error "too many documents";
    ALIAS_EXPANSION = "NK0124" Error "aliases expand too far";
    TOO_MANY_FILES = "NK0125" Error "too many files";
    TOO_MANY_DEFINITIONS = "NK0126" Error "too many definitions";
    MORE_PROBLEMS = "NK0127" Info "more problems";
    UNREADABLE_FILE = "NK0128" Error "file that cannot be read";
}
