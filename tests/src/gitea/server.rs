//! Starting a Gitea, and what tests share of it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, anyhow, bail, ensure};
use tempfile::TempDir;

use crate::api::Api;
use crate::must;
use crate::programs::{Programs, are_there};
use crate::repository::copy;
use crate::servers::Servers;

const PROGRAM: &str = "gitea";
/// Beside the program: its templates, locales and pages.
const STATIC: &str = "gitea-static";
/// Who runs it when the test is run by root: nobody, on Debian and most others.
const NOBODY: u32 = 65534;

static SHARED: OnceLock<Result<Gitea, String>> = OnceLock::new();

/// A running Gitea; stopped when dropped, and its folder removed.
#[derive(Debug)]
pub struct Gitea {
    // Stopped before the folder goes.
    _servers: Servers,
    _folder: TempDir,
    url: String,
    admin: Api,
    /// How many owners of repositories it has had.
    owners: AtomicUsize,
}

impl Gitea {
    /// The one that all tests of this process share, started by the first that asks. Nothing when there is no program:
    /// the test is skipped and says so.
    ///
    /// # Panics
    /// When it does not start, or when a program that is demanded is missing.
    pub fn shared() -> Option<&'static Self> {
        if !are_there(&[PROGRAM]) {
            return None;
        }
        let started = SHARED.get_or_init(|| Self::start().map_err(|error| format!("{error:#}"))).as_ref();
        Some(must(started.map_err(|error| anyhow!("{error}"))))
    }

    /// Starts one of its own.
    pub fn start() -> anyhow::Result<Self> {
        let programs = Programs::find(&[PROGRAM])?;
        let folder = tempfile::Builder::new().prefix("naksha-gitea-").tempdir()?;
        let site = Site::lay_out(programs.path(PROGRAM), folder.path())?;
        site.run(&["migrate"])?;
        let token = site.run(&[
            "admin",
            "user",
            "create",
            "--admin",
            "--username",
            "operator",
            "--random-password",
            "--email",
            "operator@forge.test",
            "--access-token",
            "--access-token-scopes",
            "all",
        ])?;
        let token = token.lines().rev().find_map(|line| line.split("created... ").nth(1));
        let token = token.context("it printed no token")?.trim();
        let admin = Api::plain(&format!("{}/api/v1", site.url), token)?;
        let mut servers = Servers::new(folder.path().to_owned(), Some(folder.path()));
        servers.start(PROGRAM, site.command(&["web"]))?;
        servers.wait_for(PROGRAM, || Ok(admin.get("/version").is_ok()))?;
        Ok(Self { _servers: servers, _folder: folder, url: site.url, admin, owners: AtomicUsize::new(0) })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its API, as its operator.
    pub fn admin(&self) -> &Api {
        &self.admin
    }

    /// Its API, as whoever this token says.
    pub(super) fn api_with(&self, token: &str) -> anyhow::Result<Api> {
        Api::plain(&format!("{}/api/v1", self.url), token)
    }

    /// A name that nobody has yet.
    pub(super) fn next_name(&self) -> String {
        format!("team-{}", self.owners.fetch_add(1, Ordering::Relaxed))
    }
}

/// Files and commands of one Gitea.
struct Site {
    program: PathBuf,
    work: PathBuf,
    url: String,
    /// Set where we are root.
    runs_as: Option<u32>,
}

impl Site {
    fn lay_out(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let assets = program.with_file_name(STATIC);
        ensure!(assets.is_dir(), "there is no {}: run ./tests/run", assets.display());
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let runs_as = rustix::process::geteuid().is_root().then_some(NOBODY);
        let work = folder.join("work");
        let config = work.join("custom/conf");
        fs::create_dir_all(&config)?;
        let mut site =
            Self { program: program.to_owned(), work, url: format!("http://127.0.0.1:{port}"), runs_as };
        let mut own_assets = assets.clone();
        if let Some(user) = runs_as {
            // Another user looks into the folder, and not into where root keeps things.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
            site.program = folder.join(PROGRAM);
            own_assets = folder.join(STATIC);
            fs::hard_link(program, &site.program).or_else(|_| fs::copy(program, &site.program).map(drop))?;
            copy(&assets, &own_assets);
            for folder in [&site.work, &site.work.join("custom"), &config] {
                chown(folder, Some(user), None)?;
            }
        }
        fs::write(config.join("app.ini"), site.configuration(&own_assets, port))?;
        if let Some(user) = runs_as {
            chown(config.join("app.ini"), Some(user), None)?;
        }
        Ok(site)
    }

    fn configuration(&self, assets: &Path, port: u16) -> String {
        let (work, assets, url) = (self.work.display(), assets.display(), &self.url);
        format!(
            "RUN_MODE = prod\nWORK_PATH = {work}\n\
             [security]\nINSTALL_LOCK = true\n\
             [database]\nDB_TYPE = sqlite3\nPATH = {work}/gitea.db\n\
             [server]\nHTTP_ADDR = 127.0.0.1\nHTTP_PORT = {port}\nROOT_URL = {url}/\nSTATIC_ROOT_PATH = {assets}\n\
             DISABLE_SSH = true\nOFFLINE_MODE = true\n\
             [webhook]\nALLOWED_HOST_LIST = loopback\n\
             [repository]\nROOT = {work}/repositories\n\
             [service]\nDISABLE_REGISTRATION = true\n\
             [log]\nLEVEL = warn\n\
             [cron]\nENABLED = false\n\
             [indexer]\nISSUE_INDEXER_TYPE = db\n"
        )
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.work).env("GITEA_WORK_DIR", &self.work);
        // Git of its own, and nothing of who tests.
        command.env("HOME", &self.work).env("USER", "nobody");
        if let Some(user) = self.runs_as {
            command.uid(user);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments).output().context("gitea does not start")?;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("gitea {}: {out}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(out)
    }
}
