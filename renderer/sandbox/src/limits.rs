//! The limits of a worker process, and how it puts them on itself.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

/// How long the templates of one unit may run. A thousand times what an honest unit takes.
pub const JOB_DEADLINE: Duration = Duration::from_secs(5);
/// Address space of a worker. It holds the program itself (about a hundred megabytes, mapped), the texts, and
/// what templates keep in variables; the text that they make is bounded to ten megabytes elsewhere.
pub const MEMORY_LIMIT_BYTES: u64 = 512 << 20;
/// How long a worker may work on one message before it ends itself: for a worker whose parent was killed and
/// can no longer watch it.
pub(crate) const SELF_DEADLINE: Duration = Duration::from_secs(10);
/// How long a fresh worker may take to say hello. Generous: the machine may be busy, and it happens once.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(20);
/// Stack of the thread that renders. The language bounds nesting to depths that need far less.
pub(crate) const STACK_BYTES: usize = 16 << 20;
/// Descriptors that are open already: stdin, stdout, stderr. One more cannot be opened.
const OPEN_DESCRIPTORS: u64 = 3;

/// What was set, and what this system refused.
#[derive(Debug, Default)]
pub(crate) struct Enforced {
    pub(crate) set: Vec<String>,
    pub(crate) missing: Vec<String>,
}

/// Limits this very process. Must run before anything untrusted is read, and after every thread is started.
pub(crate) fn enforce() -> Enforced {
    let mut enforced = Enforced::default();
    let mut record = |what: &str, result: Result<(), rustix::io::Errno>| match result {
        Ok(()) => enforced.set.push(what.to_owned()),
        Err(error) => enforced.missing.push(format!("{what}: {error}")),
    };
    record("no core dumps", limit(Resource::Core, 0));
    record("address space", limit(Resource::As, MEMORY_LIMIT_BYTES));
    record("no file written", limit(Resource::Fsize, 0));
    record("no further process", limit(Resource::Nproc, 0));
    record("no descriptor opened", limit(Resource::Nofile, OPEN_DESCRIPTORS));
    #[cfg(target_os = "linux")]
    record("no new privileges", rustix::thread::set_no_new_privs(true));
    enforced
}

fn limit(resource: Resource, value: u64) -> Result<(), rustix::io::Errno> {
    setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
}
