//! Health rules (NK10xx).

use super::codes;

codes! {
    WRONG_FORM = "NK1001" Error "health rule in the wrong form";
    UNKNOWN_KEY = "NK1002" Error "unknown key in a health rule";
    UNKNOWN_HEALTH = "NK1003" Error "unknown health";
    INVALID_TEST = "NK1004" Error "health rule that cannot be tested";
    DUPLICATE_KIND = "NK1005" Error "kind with two health rules";
}
