//! Reading an entry: finds its store, and asks for it as whom we are.

use tracing::debug;

use crate::call::Call;
use crate::entry::Entry;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::mount::{Mount, Mounts};
use crate::server::Server;

/// Reads entries.
pub(crate) struct Reader {
    server: Server,
    identity: Identity,
    mounts: Mounts,
}

impl Reader {
    pub(crate) fn new(server: Server, identity: Identity) -> Self {
        Self { server, identity, mounts: Mounts::default() }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The entry at a path, as it is now.
    pub(crate) async fn read(&self, path: &str) -> Result<Entry, Failure> {
        // Step 1 (I/O, when it is not known): the store.
        let Some(known) = self.mounts.of(path) else {
            let mount = self.mount(path).await?;
            return self.entry(&mount, path).await;
        };
        // Step 2 (I/O): the entry.
        let read = self.entry(&known, path).await;
        if !matches!(read, Err(Failure::Missing | Failure::Wrong(_) | Failure::Forbidden(_))) {
            return read;
        }
        // Step 3 (I/O): another store may be there by now, or another version of it.
        self.mounts.forget(&known);
        let mount = self.mount(path).await?;
        if mount == known { read } else { self.entry(&mount, path).await }
    }

    async fn mount(&self, path: &str) -> Result<Mount, Failure> {
        let body = self.ask(Call::mount_of(path)).await.map_err(|failure| match failure {
            // Vault forbids what is not there.
            Failure::Missing => Failure::Denied("there is no Vault at its address (404)".to_owned()),
            failure => failure,
        })?;
        let mount = Mount::read(&body, path)?;
        debug!(?mount, "store in Vault");
        self.mounts.remember(&mount);
        Ok(mount)
    }

    async fn entry(&self, mount: &Mount, path: &str) -> Result<Entry, Failure> {
        let (store, entry) = mount.split(path)?;
        let body = self.ask(Call::entry(mount.version, store, entry)).await?;
        Entry::read(mount.version, &body)
    }

    /// Once more with another token, where what is forbidden may be so because of the first.
    async fn ask(&self, call: Call) -> Result<Vec<u8>, Failure> {
        let token = self.identity.token(&self.server).await?;
        let answer = self.server.ask(call.clone(), Some(&token)).await;
        if !matches!(answer, Err(Failure::Forbidden(_))) {
            return answer;
        }
        match self.identity.another(&self.server, &token).await? {
            Some(token) => self.server.ask(call, Some(&token)).await,
            None => answer,
        }
    }
}
