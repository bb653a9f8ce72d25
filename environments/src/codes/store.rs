//! State (NK08xx).

use super::codes;

codes! {
}
