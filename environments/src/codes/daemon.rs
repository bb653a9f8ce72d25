//! The daemon and the command line (NK09xx).

use super::codes;

codes! {}
