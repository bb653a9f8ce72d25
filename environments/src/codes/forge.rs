//! Forges: pull requests, checks, comments (NK11xx).

use super::codes;

codes! {
    UNREACHABLE = "NK1101" Error "forge cannot be reached";
    DENIED = "NK1102" Error "forge refuses us";
    MISSING = "NK1103" Error "repository, pull request or comment is not on the forge";
    THROTTLED = "NK1104" Warning "forge has enough requests";
    REFUSED = "NK1105" Error "forge does not take what was sent";
}
