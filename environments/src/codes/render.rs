//! Rendering (NK03xx).

use super::codes;

codes! {
}
