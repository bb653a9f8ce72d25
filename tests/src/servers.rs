//! Servers that a test starts: one process group, stopped in the reverse order of their start.
//!
//! They are killed, not asked: nothing that they would still write is needed, and a Kubernetes API server that drains takes
//! up to a minute, or hangs when etcd is gone before it.
//!
//! The **keeper** is what remains when this process ends without dropping its [`Servers`]: killed, aborted, or at the
//! end of a program whose control plane is in a static. It is a shell that reads a pipe which nobody writes to. The
//! kernel closes the pipe with this process, whatever its end; the keeper then kills the group and removes the
//! temporary folder. It is in a group of its own, so that Ctrl-C in a terminal reaches this process alone.
//!
//! A number of a process or group is used again only after its last member is reaped. That is why the group's
//! leader is reaped last, when the keeper is gone: no signal goes to a stranger.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, anyhow, bail};
use naksha::scratch::wait_for;
use rustix::process::{Pid, Signal, kill_process_group};

/// As much of a log as tells why a server does not start.
const TAIL_LINES: usize = 15;

/// `$1` is the servers' process group, `$2` the folder to remove or nothing. What is killed may write for a moment
/// yet, so removing is tried again.
const KEEPER: &str = r#"
read -r _
kill -s KILL -- "-$1"
[ -n "$2" ] || exit 0
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf -- "$2" && exit 0
  sleep 0.1
done 2>/dev/null
"#;

/// Running servers. Dropping them stops them.
#[derive(Debug)]
pub(crate) struct Servers {
    logs: PathBuf,
    temporary: Option<PathBuf>,
    /// The first leads the group.
    running: Vec<(&'static str, Child)>,
    keeper: Option<Child>,
}

impl Servers {
    /// None yet. `temporary` is what the keeper removes.
    pub(crate) fn new(logs: PathBuf, temporary: Option<&Path>) -> Self {
        Self { logs, temporary: temporary.map(Path::to_owned), running: Vec::new(), keeper: None }
    }

    /// Starts a server in the group, with its log in the folder of logs.
    pub(crate) fn start(&mut self, server: &'static str, mut command: Command) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log(server));
        let log = log.context("cannot write a log")?;
        let group = match self.running.first() {
            Some((_, leader)) => leader.id().cast_signed(),
            None => 0,
        };
        command.process_group(group).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{server} does not start"))?;
        self.running.push((server, child));
        if self.keeper.is_none() {
            self.keeper = Some(self.start_keeper()?);
        }
        Ok(())
    }

    /// Kills a server, and waits for its end. Not the one that leads the group.
    pub(crate) fn stop(&mut self, server: &str) -> anyhow::Result<()> {
        let found = self.running.iter().skip(1).position(|(running, _)| *running == server);
        let place = 1 + found.with_context(|| format!("{server} does not run, or leads"))?;
        let (_, mut child) = self.running.remove(place);
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    fn start_keeper(&self) -> anyhow::Result<Child> {
        let (_, leader) = self.running.first().context("a keeper keeps something")?;
        Command::new("sh")
            .args(["-c", KEEPER, "keeper", &leader.id().to_string()])
            .arg(self.temporary.as_deref().unwrap_or(Path::new("")))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("the keeper does not start")
    }

    /// Refuses when a server has ended, with the end of its log.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for (server, child) in &mut self.running {
            if let Some(status) = child.try_wait()? {
                let server = *server;
                bail!("{server} ended ({status}):\n{}", self.tail(server));
            }
        }
        Ok(())
    }

    /// Looks until `works`. The end of the server's log is in the error.
    pub(crate) fn wait_for(
        &mut self,
        server: &str,
        mut works: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let waited = wait_for(&format!("{server} to work"), || {
            self.check()?;
            Ok(works()?.then_some(()))
        });
        waited.map_err(|error| match self.check() {
            // Its log is in the error already.
            Err(_) => error,
            Ok(()) => anyhow!("{error:#}; its log ends with\n{}", self.tail(server)),
        })
    }

    pub(crate) fn process_id(&self, server: &str) -> Option<u32> {
        self.running.iter().find(|(running, _)| *running == server).map(|(_, child)| child.id())
    }

    /// The end of a server's log.
    pub(crate) fn tail(&self, server: &str) -> String {
        let log = fs::read(self.log(server)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    fn log(&self, server: &str) -> PathBuf {
        self.logs.join(format!("{server}.log"))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // Whatever fails here has ended already, and there is nobody left to tell.
        let mut running = std::mem::take(&mut self.running).into_iter();
        let Some((_, mut leader)) = running.next() else { return };
        for (_, mut child) in running.rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // What the servers may have started is in the group too.
        let _ = kill_process_group(Pid::from_child(&leader), Signal::KILL);
        if let Some(mut keeper) = self.keeper.take() {
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
        let _ = leader.wait();
    }
}
