//! What a control plane consists of, who may use it, and how it is tuned.

use std::path::PathBuf;

use clap::ValueEnum;

use super::User;

/// A program that a control plane may run, in the order in which they start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    Etcd,
    ApiServer,
    ControllerManager,
    Scheduler,
    Kwok,
}

impl Server {
    /// What its program and its log are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
        }
    }
}

/// How much of a control plane there is; each contains the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Parts {
    /// etcd and the API server: objects are stored, and nothing comes of them. Pods need no service account.
    Api,
    /// And the controllers: a Deployment gets its Pods, a namespace can be deleted, garbage is collected.
    Controllers,
    /// And a scheduler and a Node: Pods run and become ready, or fail as their label `naksha.test/fails` says
    /// (tests/servers/kwok/stages.yaml).
    Nodes,
}

impl Parts {
    pub fn servers(self) -> &'static [Server] {
        const ALL: &[Server] =
            &[Server::Etcd, Server::ApiServer, Server::ControllerManager, Server::Scheduler, Server::Kwok];
        match self {
            Self::Api => &ALL[..2],
            Self::Controllers => &ALL[..3],
            Self::Nodes => ALL,
        }
    }

    /// What the programs are called.
    pub fn programs(self) -> Vec<&'static str> {
        self.servers().iter().map(|server| server.name()).collect()
    }
}

/// What the servers are started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// Small and quick: etcd does not wait for the disk, the API server collects its garbage early.
    Tests,
    /// As people run them: nothing is tuned that would change a figure.
    Benchmarks,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Setup {
    pub parts: Parts,
    pub tuning: Tuning,
    /// Who may use it. The API server reads them once, when it starts.
    pub users: Vec<User>,
    /// Where everything is kept, and stays; a temporary folder without it. What etcd holds there is found again.
    pub folder: Option<PathBuf>,
}

impl Setup {
    /// Tuned for tests, with the [users](User::usual) that tests share, in a temporary folder.
    pub fn new(parts: Parts) -> Self {
        Self { parts, tuning: Tuning::Tests, users: User::usual(), folder: None }
    }

    pub fn tuned_for(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    pub fn with_user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    pub fn within(mut self, folder: PathBuf) -> Self {
        self.folder = Some(folder);
        self
    }
}
