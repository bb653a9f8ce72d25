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
    // Values
    NUMBER_OUT_OF_RANGE = "NK0130" Error "number out of range";
    INVALID_NAME = "NK0131" Error "invalid name";
    INVALID_DURATION = "NK0132" Error "invalid duration";
    INVALID_PATTERN = "NK0133" Error "invalid pattern";
    INVALID_SCHEDULE = "NK0134" Error "invalid schedule";
    UNKNOWN_TIME_ZONE = "NK0135" Error "unknown time zone";
    INVALID_EXPRESSION = "NK0136" Error "invalid expression";
    INVALID_SECRET_REFERENCE = "NK0137" Error "invalid reference to a secret";
    INVALID_JSON_POINTER = "NK0138" Error "invalid JSON pointer";
    INVALID_DATE = "NK0139" Error "invalid date";
    INVALID_ID = "NK0140" Error "invalid commit id, digest or plan id";
    EMPTY_TEXT = "NK0141" Error "nothing written where something is needed";
    NOT_EXACTLY_ONE = "NK0142" Error "not exactly one of several keys";
    INEXACT_VERSION = "NK0143" Error "version that is not exact";
    INVALID_PATH = "NK0144" Error "path that is refused";
    CONFLICTING_KEYS = "NK0145" Error "keys that do not go together";
    NAME_DIFFERS = "NK0146" Warning "name that differs from its folder or file";
    NOT_EVALUATED = "NK0147" Info "policy that is not evaluated";
    INVALID_OWNER = "NK0148" Error "invalid owner";
    REPEATED_ENTRY = "NK0149" Error "entry that is listed twice";
    UNKNOWN_ROOT = "NK0150" Error "unknown name in an expression";
    TARGET_UNSUPPORTED = "NK0151" Warning "target that this version cannot apply to";
    NEVER_OPENS = "NK0152" Warning "windows that never open";
    // Workflows
    UNKNOWN_NODE = "NK0160" Error "unknown node";
    NEEDS_ITSELF = "NK0161" Error "node that needs itself";
    NODE_CYCLE = "NK0162" Error "nodes that wait for each other";
    MISSING_NEEDS = "NK0163" Error "node read without waiting for it";
    SKIPPABLE_OUTPUT = "NK0164" Error "output that may be missing";
    UNREACHABLE_NODE = "NK0165" Warning "node that never runs";
    TRIGGER_INPUT = "NK0166" Error "trigger that does not fill the input";
    UNKNOWN_INPUT = "NK0167" Error "unknown input";
    INVALID_INPUT_SCHEMA = "NK0168" Error "input that is no JSON Schema";
    UNKNOWN_NODE_TYPE = "NK0169" Error "unknown type of node";
    NO_NODES = "NK0170" Error "workflow without nodes";
}
