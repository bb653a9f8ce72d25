//! The daemon and the command line (NK09xx).

use super::codes;

codes! {
    TASK_PANICKED = "NK0906" Error "task of the daemon panicked";
    TASK_ENDED = "NK0907" Error "daemon lost a part that it cannot start again";
}
