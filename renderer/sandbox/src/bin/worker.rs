//! The template worker as a program of its own. `naksha render-worker` is the same function.

use std::process::ExitCode;

fn main() -> ExitCode {
    naksha_renderer_sandbox::worker_main()
}
