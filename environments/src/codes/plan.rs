//! Diffs and plans (NK04xx).

use super::codes;

codes! {
}
