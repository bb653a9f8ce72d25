//! Performs what a token may: the webhook and the rule of the trunk. Done twice it is done once, and says so.
//!
//! A new secret becomes a file only when the forge has it, so that a file that is there is what a webhook has.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use naksha_environments::secret::Secret as Text;
use naksha_executor::port::forge::ForgeError;
use naksha_executor_forge::{Done, NewHook};

use super::place::Place;
use crate::forge::Host;
use crate::pulls::AGGREGATE;

/// Pauses before what failed for a moment is tried again.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// What was to be done, and what became of it.
#[derive(Debug)]
pub struct Performed {
    pub what: String,
    pub done: Result<Done, PerformError>,
}

#[derive(Debug, thiserror::Error)]
pub enum PerformError {
    #[error(transparent)]
    Forge(#[from] ForgeError),
    #[error("secret file {} cannot be read or written", path.display())]
    Secret {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// The secret of a webhook, and where it is kept.
#[derive(Debug)]
struct Secret {
    path: PathBuf,
    text: Text,
    /// Not kept yet.
    is_fresh: bool,
}

impl Secret {
    /// The one that is there, or a new one.
    fn at(path: &Path) -> Result<Self, PerformError> {
        let refuse = |source| PerformError::Secret { path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => {
                Ok(Self { path: path.to_owned(), text: Text::new(text.trim()), is_fresh: false })
            }
            Ok(_) => Err(refuse(std::io::Error::other("it is empty"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
                Ok(Self { path: path.to_owned(), text: Text::new(&text), is_fresh: true })
            }
            Err(error) => Err(refuse(error)),
        }
    }

    /// Writes a new one, for its owner alone. `give` is called once it is certain that it can be kept.
    async fn keep<F: Future<Output = Result<Done, ForgeError>>>(
        &self,
        give: impl FnOnce(NewHook) -> F,
        url: String,
    ) -> Result<Done, PerformError> {
        let hook = NewHook { url, secret: self.text.clone(), is_fresh: self.is_fresh };
        if !self.is_fresh {
            return Ok(give(hook).await?);
        }
        let refuse = |source| PerformError::Secret { path: self.path.clone(), source };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(refuse)?;
        file.as_file().set_permissions(Permissions::from_mode(0o600)).map_err(refuse)?;
        writeln!(file, "{}", self.text.expose()).and_then(|()| file.as_file().sync_all()).map_err(refuse)?;
        let done = give(hook).await?;
        file.persist_noclobber(&self.path).map_err(|error| refuse(error.error))?;
        Ok(done)
    }
}

/// Does what can be done, one after the other; what fails keeps nothing else from being tried. `app`: whose word the check has to be.
pub async fn perform(place: &Place, host: &dyn Host, secret: &Path, app: Option<u64>) -> Vec<Performed> {
    let mut all = Vec::new();
    let there = match identified(place, host).await {
        Ok((what, trunk)) => {
            all.push(Performed { what, done: Ok(Done::Found) });
            trunk
        }
        Err(error) => {
            return vec![Performed {
                what: format!("repository {}", place.repository),
                done: Err(error.into()),
            }];
        }
    };
    let what = format!("webhook {}", place.webhook());
    let done = match (&place.daemon, Secret::at(secret)) {
        (None, _) => {
            Ok(Done::Left("say where the forge reaches the daemon: `--address https://…`".to_owned()))
        }
        (Some(_), Err(error)) => Err(error),
        (Some(_), Ok(secret)) => {
            let set = |hook: NewHook| async move { patiently(async || host.set_hook(&hook).await).await };
            secret.keep(set, place.webhook()).await
        }
    };
    all.push(Performed { what, done });
    let done = patiently(async || host.require(&there, AGGREGATE, app).await).await;
    all.push(Performed {
        what: format!("check `{AGGREGATE}`, required by `{there}`"),
        done: done.map_err(Into::into),
    });
    all
}

/// A forge that is not quite there is asked again: Gitea answers with errors for some seconds after the very first push.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, ForgeError>) -> Result<T, ForgeError> {
    for pause in AGAIN_AFTER {
        match ask().await {
            Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
            answer => return answer,
        }
    }
    ask().await
}

/// Who we are and what is there; the branch that rules.
async fn identified(place: &Place, host: &dyn Host) -> Result<(String, String), ForgeError> {
    let us = patiently(async || host.whoami().await).await?;
    let there = patiently(async || host.hosted().await).await?;
    let what = format!("repository {} on {}, as {us}", there.full_name, place.site.pages());
    // An empty one on GitHub names the branch that its first push makes, too.
    let trunk = if there.default_branch.is_empty() { "main".to_owned() } else { there.default_branch };
    Ok((what, trunk))
}
