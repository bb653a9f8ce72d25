//! Files that cannot be read as a definition (NK01xx).

use super::codes;

codes! {
}
