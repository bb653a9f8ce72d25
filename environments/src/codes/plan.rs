//! Diffs and plans (NK04xx).

use super::codes;

codes! {
    FIELD_CONFLICT = "NK0402" Error "somebody else set a field that Git wants";
    UNKNOWN_STATE = "NK0403" Warning "the state of an object is not known";
    NOT_DELETED = "NK0404" Warning "an object is no longer in Git and is not deleted";
    DRIFT = "NK0405" Warning "an object drifted and is not healed";
    BLOCKED_BY_DEPENDENCY = "NK0406" Warning "a unit waits for one that cannot be applied";
    FIELD_IMMUTABLE = "NK0407" Error "a field changed that cannot be changed in place";
    WOULD_BE_REFUSED = "NK0408" Warning "the target would refuse an object of the plan";
    NOT_TRIED = "NK0409" Info "an object of the plan was not tried on the target";
    CONDITION_UNJUDGED = "NK0410" Warning "the condition of an ignore rule gives no answer";
    KIND_NOT_KNOWN = "NK0411" Info "a kind that only the cluster knows";
    LOCK_RECORD = "NK0412" Error "a lock records something else than its source brings";
}
