//! Policies, waivers and acknowledgements (NK05xx).

use super::codes;

codes! {
    LOCKED_SEVERITY = "NK0501" Error "severity cannot be lowered";
    NAME_TAKEN = "NK0502" Error "policy has the name of a shipped rule";
    GUARD_WAIVED = "NK0503" Error "a guard cannot be waived";
    BAD_CASES = "NK0504" Error "policy test file cannot be read";
    CASES_WITHOUT_POLICY = "NK0505" Error "policy test file has no policy";
}
