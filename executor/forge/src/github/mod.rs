//! GitHub and GitHub Enterprise Server (REST API 2022-11-28), as an App or with a token.
//!
//! An App says what it has to say in check runs, which nobody else can write under its name; a token has statuses for that.
//!
//! ```text
//! GitHub ── path, body ──> Rest ── token ──> Installation ── JWT ──> GitHub: a token of an hour
//!   checks, contents, pulls,          (or a Place)
//!   deployments, deliveries
//! ```

mod checks;
mod contents;
mod deliveries;
mod deployments;
mod installation;
mod jwt;
mod output;
mod protection;
mod pulls;
mod queue;
mod rights;
mod setup;
mod wire;

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use naksha_environments::ids::Revision;
use naksha_executor::port::forge::{
    Approval, Budget, Check, Comment, CommentId, Deployment, FileCommit, Forge, ForgeError, Hosted, Login,
    MergeGroup, NewPull, Permission, Pull, PullNumber, Reaction, Reported,
};
use serde_json::json;

use self::installation::Scope;
use self::wire::MembershipDto;
use crate::address::Address;
use crate::pace::Turns;
use crate::repository::{Repository, comments_of, read_all};
use crate::rest::{Manners, Rest, found, segment};
use crate::token::Place;
use crate::wire::{RepositoryDto, UserDto};

pub use self::installation::Installation;
pub use self::rights::app_rights;

const MANNERS: Manners = Manners {
    accept: "application/vnd.github+json",
    version: Some(("x-github-api-version", "2022-11-28")),
    page: ("per_page", 100),
};
/// Characters of a status's description: more is refused.
const MAX_DESCRIPTION: usize = 140;
/// Comments are asked for since the beginning of such a span, so that the question stays the same for a while and is answered by "nothing
/// new", which costs nothing.
const SPAN_SECONDS: i64 = 600;

/// As whom we are on GitHub.
#[derive(Debug, Clone)]
pub enum Identity {
    /// A token of a person or bot: statuses instead of check runs, because GitHub gives those to Apps only.
    Token(Place),
    /// A GitHub App, installed in the repository: check runs, deployments, redelivery.
    App {
        /// Its id or client id.
        id: String,
        /// Its private key: PEM, PKCS#1 or PKCS#8.
        key: Place,
    },
}

/// One repository on GitHub.
#[derive(Debug, Clone)]
pub struct GitHub {
    repo: Repository,
    whom: Whom,
}

#[derive(Debug, Clone)]
enum Whom {
    Person,
    App {
        installation: Installation,
        /// For what is asked about the organisation.
        teams: Box<Rest>,
    },
}

impl GitHub {
    /// `repository`: `owner/name`. Asks nothing yet. Must be called inside a tokio runtime.
    pub fn new(address: &Address, repository: &str, identity: Identity) -> Self {
        match identity {
            Identity::Token(place) => Self {
                repo: Repository::new(Rest::new(address, &MANNERS, place), repository),
                whom: Whom::Person,
            },
            Identity::App { id, key } => Self::installed(&Installation::new(address, repository, &id, key)),
        }
    }

    /// As an App, with the token that others use too.
    pub fn installed(installation: &Installation) -> Self {
        let repo = Repository::new(installation.rest(Scope::Usual), installation.repository());
        let teams = Box::new(installation.rest(Scope::Teams));
        Self { repo, whom: Whom::App { installation: installation.clone(), teams } }
    }

    /// Writes when it has its turn among other repositories.
    #[must_use]
    pub fn in_line(self, turns: Turns) -> Self {
        let Self { repo: Repository { rest, name }, whom } = self;
        Self { repo: Repository { rest: rest.in_line(turns), name }, whom }
    }
}

#[async_trait]
impl Forge for GitHub {
    async fn whoami(&self) -> Result<Login, ForgeError> {
        match &self.whom {
            Whom::Person => Ok(Login::new(&self.repo.rest.get::<UserDto>("/user").await?.login)),
            Whom::App { installation, .. } => Ok(wire::bot(&installation.granted(Scope::Usual).await?.slug)),
        }
    }

    async fn hosted(&self) -> Result<Hosted, ForgeError> {
        let repository: RepositoryDto = self.repo.get("").await?;
        let RepositoryDto { full_name, default_branch, archived, permissions } = repository;
        let may_write = match &self.whom {
            Whom::Person => permissions.push,
            // What stands in a repository is about persons.
            Whom::App { installation, .. } => {
                let granted = installation.granted(Scope::Usual).await?;
                granted.may_write("checks")
                    && (granted.may_write("issues") || granted.may_write("pull_requests"))
            }
        };
        Ok(Hosted { full_name, default_branch, archived, writable: may_write && !archived })
    }

    async fn open_pulls(&self) -> Result<Vec<Pull>, ForgeError> {
        self.repo.open_pulls().await
    }

    async fn merge_groups(&self) -> Result<Vec<MergeGroup>, ForgeError> {
        self.list_groups().await
    }

    async fn pull(&self, number: PullNumber) -> Result<Pull, ForgeError> {
        self.repo.pull(number).await
    }

    async fn open(&self, pull: &NewPull) -> Result<PullNumber, ForgeError> {
        self.repo.open(pull).await
    }

    async fn amend(&self, number: PullNumber, title: &str, text: &str) -> Result<(), ForgeError> {
        self.repo.amend(number, &json!({"title": title, "body": text})).await
    }

    async fn close(&self, number: PullNumber) -> Result<(), ForgeError> {
        self.repo.amend(number, &json!({"state": "closed"})).await
    }

    async fn merge(&self, number: PullNumber, head: &Revision) -> Result<(), ForgeError> {
        self.merge_at(number, head).await
    }

    async fn approvals(&self, number: PullNumber) -> Result<Vec<Approval>, ForgeError> {
        self.repo.approvals(number).await
    }

    async fn dismiss_approvals(&self, number: PullNumber, why: &str) -> Result<usize, ForgeError> {
        self.repo.dismiss_approvals(number, why, Method::PUT).await
    }

    async fn branch(&self, name: &str) -> Result<Option<Revision>, ForgeError> {
        self.head_of(name).await
    }

    async fn commit(&self, commit: &FileCommit) -> Result<Revision, ForgeError> {
        self.write_file(commit).await
    }

    async fn delete_branch(&self, name: &str) -> Result<(), ForgeError> {
        self.delete_ref(name).await
    }

    async fn report(&self, head: &Revision, check: &Check) -> Result<(), ForgeError> {
        match &self.whom {
            Whom::Person => self.repo.set_status(head, check, MAX_DESCRIPTION).await,
            Whom::App { installation, .. } => self.set_run(installation, head, check).await,
        }
    }

    async fn checks(&self, head: &Revision) -> Result<Vec<Reported>, ForgeError> {
        self.reported(head).await
    }

    async fn comments(&self, number: PullNumber) -> Result<Vec<Comment>, ForgeError> {
        Ok(read_all(self.repo.list(&comments_of(number)).await?))
    }

    async fn comments_since(&self, since: Timestamp) -> Result<Vec<(PullNumber, Comment)>, ForgeError> {
        let second = since.as_second();
        let begins = Timestamp::from_second(second - second.rem_euclid(SPAN_SECONDS)).unwrap_or(since);
        let begins = begins.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        // Times are whole seconds.
        let since = Timestamp::from_second(second).unwrap_or(since);
        self.repo.comments_since(&begins, |comment| comment.updated_at() >= since).await
    }

    async fn comment(&self, number: PullNumber, text: &str) -> Result<CommentId, ForgeError> {
        self.repo.comment(number, text).await
    }

    async fn edit(&self, comment: CommentId, text: &str) -> Result<(), ForgeError> {
        self.repo.edit(comment, text).await
    }

    async fn react(&self, comment: CommentId, reaction: Reaction) -> Result<(), ForgeError> {
        self.repo.react(comment, reaction).await
    }

    async fn permission(&self, login: &Login) -> Result<Permission, ForgeError> {
        self.repo.permission(login).await
    }

    async fn is_member(&self, organisation: &str, team: &str, login: &Login) -> Result<bool, ForgeError> {
        let rest = match &self.whom {
            Whom::Person => &self.repo.rest,
            Whom::App { teams, .. } => teams,
        };
        let [organisation, team, login] = [organisation, team, login.as_str()].map(segment);
        let path = format!("/orgs/{organisation}/teams/{team}/memberships/{login}");
        let membership = found(rest.get::<MembershipDto>(&path).await)?;
        Ok(membership.is_some_and(|membership| membership.is_active()))
    }

    async fn deploy(&self, deployment: &Deployment) -> Result<(), ForgeError> {
        let us = self.whoami().await?;
        self.set_deployment(&us, deployment).await
    }

    async fn redeliver(&self, since: Timestamp) -> Result<usize, ForgeError> {
        match &self.whom {
            // What a repository's own webhook sent is for its administrators to see.
            Whom::Person => Ok(0),
            Whom::App { installation, .. } => self.deliver_again(installation, since).await,
        }
    }

    fn now(&self) -> Timestamp {
        self.repo.rest.now()
    }

    fn budget(&self) -> Option<Budget> {
        self.repo.rest.budget()
    }
}
