//! Names, references and claims between files (NK02xx).

use super::codes;

codes! {
    UNKNOWN_UNIT = "NK0201" Error "unknown unit";
    UNKNOWN_WORKFLOW = "NK0202" Error "unknown workflow";
    UNKNOWN_CONTEXT = "NK0203" Error "unknown policy context";
    UNKNOWN_ENVIRONMENT = "NK0204" Error "unknown environment";
    UNKNOWN_RULE = "NK0205" Error "unknown rule";
    UNKNOWN_POLICY_SET = "NK0206" Error "unknown policy set";
    UNKNOWN_OUTPUT = "NK0207" Error "unknown output";
    UNKNOWN_VARIABLE = "NK0208" Error "unknown variable";
    DEPENDENCY_NOT_LISTED = "NK0209" Warning "dependency that an environment does not list";
    DUPLICATE_DEFINITION = "NK0210" Error "name that is defined twice";
    PROMOTION_CYCLE = "NK0211" Error "environments that promote in a circle";
    DEPENDENCY_CYCLE = "NK0212" Error "units that wait for each other";
    FILE_NOT_FOUND = "NK0220" Error "file not found";
    PATTERN_MATCHES_NOTHING = "NK0221" Warning "pattern that matches nothing";
    UNCLAIMED_FILE = "NK0222" Warning "file that belongs to nothing";
    DOUBLY_CLAIMED = "NK0223" Error "file that belongs to two definitions";
    CLAIMS_TOO_WIDE = "NK0224" Error "patterns that match too widely";
}
