//! Targets and applying (NK06xx).

use super::codes;

codes! {
}
