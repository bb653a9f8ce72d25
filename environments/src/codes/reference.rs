//! Names, references and claims between files (NK02xx).

use super::codes;

codes! {
}
