//! Git (NK07xx).

use super::codes;

codes! {
}
