//! Policies, waivers and acknowledgements (NK05xx).

use super::codes;

codes! {
}
