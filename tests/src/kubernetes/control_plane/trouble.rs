//! An API server that goes and comes back: on the same port, with the same certificate, users and data. And one that is
//! reached through something in between.

use super::{ControlPlane, Server, command, wait_for_api};
use crate::kubernetes::credentials::ADMIN;
use crate::kubernetes::{Gate, Wire};

impl ControlPlane {
    /// Kills the API server. etcd keeps what was written.
    pub fn stop_api_server(&self) -> anyhow::Result<()> {
        self.servers().stop(Server::ApiServer.name())
    }

    /// Starts the API server again, and waits until it works.
    pub fn start_api_server(&self) -> anyhow::Result<()> {
        let mut servers = self.servers();
        let admin = self.layout.kubeconfig(ADMIN);
        let program = Server::ApiServer;
        servers.start(program.name(), command(program, &self.programs, &self.layout, &admin))?;
        wait_for_api(&mut servers, &self.layout, &self.credentials)?;
        Ok(())
    }

    /// A wire to the API server.
    pub fn wire(&self) -> anyhow::Result<Wire> {
        Wire::to(&self.url())
    }

    /// A gate before the API server.
    pub fn gate(&self) -> anyhow::Result<Gate> {
        Gate::to(&self.url(), &self.authority)
    }
}
