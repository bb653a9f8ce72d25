//! Who may do what: as `owners` on the trunk says, and as the forge says of people.

use std::sync::Arc;

use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::repository::Owners;
use naksha_executor::port::forge::{Comment, Login, Permission};
use naksha_executor::port::store::Scope;

use super::RefState;
use super::hosting::{Hosting, HostingError};
use crate::pulls::{Command, parse_command};
use crate::registry::Handle;

pub(super) const NOT_A_WRITER: &str = "this needs the right to write to the repository";

impl Hosting {
    /// The environment, for somebody who may.
    pub(super) async fn allowed(
        &self,
        by: &Login,
        environment: &EnvironmentName,
        list: fn(&Owners) -> &[String],
    ) -> Result<Result<Handle, String>, HostingError> {
        let Self { shared, feed, .. } = self;
        let scope = Scope { repository: feed.name().clone(), environment: environment.clone() };
        let Some(handle) = shared.registry.get(&scope) else {
            return Ok(Err(format!("there is no environment `{environment}`")));
        };
        let owners = match self.owners(environment).await? {
            Ok(owners) => owners,
            Err(why) => return Ok(Err(why)),
        };
        let may = match &owners {
            Some(owners) => self.is_among(by, list(owners)).await?,
            None => self.writes(by).await?,
        };
        if may {
            return Ok(Ok(handle));
        }
        Ok(Err(match &owners {
            Some(owners) if list(owners).is_empty() => {
                format!("nobody may, as `owners.{environment}` on the trunk says")
            }
            Some(owners) => format!(
                "this is for {}, as `owners.{environment}` on the trunk says",
                list(owners).join(", ").replace('@', "")
            ),
            None => NOT_A_WRITER.to_owned(),
        }))
    }

    /// As the trunk says; absent where it says nothing about the environment. An error: what it says cannot be read.
    pub(super) async fn owners(
        &self,
        environment: &EnvironmentName,
    ) -> Result<Result<Option<Owners>, String>, HostingError> {
        let unknown = |why: &str| Ok(Err(format!("who may is not known: {why}")));
        let feed = &self.feed;
        let head = feed.trunk().map(|trunk| feed.at(&trunk));
        let Some(RefState::At(head)) = head else { return unknown("the trunk is not there") };
        let (revisions, name) = (Arc::clone(&feed.revisions), environment.clone());
        let control = tokio::task::spawn_blocking(move || revisions.read(&head)).await??;
        let definitions = &control.loaded.definitions;
        match &definitions.repository {
            Some(repository) => Ok(Ok(repository.owners.get(&name).cloned())),
            None if definitions.broken.repository => unknown("naksha.yaml on the trunk cannot be read"),
            None => Ok(Ok(None)),
        }
    }

    /// `@login`, or `@organisation/team`.
    pub(super) async fn is_among(&self, login: &Login, owners: &[String]) -> Result<bool, HostingError> {
        for owner in owners {
            let name = owner.trim_start_matches('@');
            let is_it = match name.split_once('/') {
                Some((organisation, team)) => self.forge.is_member(organisation, team, login).await?,
                None => Login::new(name) == *login,
            };
            if is_it {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn writes(&self, login: &Login) -> Result<bool, HostingError> {
        Ok(self.forge.permission(login).await? >= Permission::Write)
    }

    /// Whether somebody who may write said that a stranger's head may be compared with what is there: that very head, in words that nobody
    /// changed since.
    pub(super) async fn is_allowed(
        &self,
        head: &Revision,
        comments: &[Comment],
    ) -> Result<bool, HostingError> {
        let is_leave = |comment: &&Comment| {
            let command = parse_command(&comment.text);
            let allows = matches!(command, Some(Ok(Command::Allow(allowed))) if allowed == *head);
            allows && !comment.is_edited && !comment.is_bot
        };
        let mut authors: Vec<&Login> = Vec::new();
        for comment in comments.iter().filter(is_leave) {
            if authors.contains(&&comment.author) {
                continue;
            }
            authors.push(&comment.author);
            match self.writes(&comment.author).await {
                Ok(false) => {}
                Ok(true) => return Ok(true),
                // Of whom the forge says nothing, nobody may believe anything; and whoever comments holds nobody up.
                Err(HostingError::Forge(error)) if !error.is_transient() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}
