//! Targets and applying (NK06xx).

use super::codes;

codes! {
    TARGET_UNREACHABLE = "NK0601" Error "target is unreachable";
    TARGET_DENIED = "NK0602" Error "target refuses access";
    OBJECT_MOVED = "NK0604" Warning "object changed since it was planned";
    WRITE_BLOCKED = "NK0605" Error "write is blocked";
    OBJECT_INVALID = "NK0606" Error "target refuses the object";
    WRITE_GAVE_UP = "NK0607" Error "write failed after every retry";
    FIELD_CONFLICT = "NK0608" Error "field belongs to somebody else";
    NOT_PROVEN_OURS = "NK0609" Error "deletion without proof of ownership";
    SECRET_MISSING = "NK0610" Error "secret does not exist";
    SECRET_DENIED = "NK0611" Error "secret may not be read";
    SECRET_UNAVAILABLE = "NK0612" Error "secret cannot be read now";
    UNIT_NOT_HEALTHY = "NK0613" Warning "unit did not become healthy in time";
    UNIT_WAITS = "NK0614" Warning "unit waits for another";
    TARGET_UNSUPPORTED = "NK0615" Error "target of a kind that this version cannot apply to";
    TARGET_NOT_GIVEN = "NK0616" Error "target that this environment may not use";
    CLUSTER_ACCESS = "NK0617" Error "cluster cannot be connected to";
    TARGET_TAKEN = "NK0618" Error "another installation applies the environment";
}
