//! The forge of one repository: who we are there, what we may, and everything that is looked at in its name.

use std::sync::Arc;

use jiff::Timestamp;
use naksha_executor::port::forge::{Budget, Hosted as There};
use naksha_executor::port::secrets::SecretSource;
use naksha_executor_forge::Lack;

use super::{Finding, clock, protection, webhook};
use crate::config::{Config, ForgeConfig, RepositoryConfig};
use crate::forge::Host;

/// Less than this part of an hour's requests is little.
const LITTLE: u64 = 10;

/// A repository on its forge, and what is configured of it.
#[derive(Clone, Copy)]
pub(super) struct Hosted<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) config: &'a Config,
    pub(super) repository: &'a RepositoryConfig,
    pub(super) forge: &'a ForgeConfig,
    pub(super) secrets: &'a Arc<dyn SecretSource>,
}

impl Hosted<'_> {
    pub(super) async fn look(&self) -> Vec<Finding> {
        let asked = Timestamp::now();
        let there = match self.host.clock().await {
            Ok(there) => there,
            Err(error) => return vec![Finding::refused("forge", &error)],
        };
        let mut found = vec![clock::judge(asked, there, Timestamp::now())];
        match self.host.whoami().await {
            Ok(us) => found.push(Finding::ok("forge", format!("it answers, and knows us as {us}"))),
            Err(error) => {
                found.push(Finding::refused("forge", &error));
                return found;
            }
        }
        let there = match self.host.hosted().await {
            Ok(there) => there,
            Err(error) => {
                found.push(Finding::refused("repository", &error));
                return found;
            }
        };
        found.push(repository(&self.forge.repository, &there));
        found.push(match self.host.lacks().await {
            Ok(lacks) => rights(&lacks),
            Err(error) => Finding::refused("rights", &error),
        });
        found.push(webhook::look(self).await);
        let trunk = self.repository.trunk.as_ref().unwrap_or(&there.default_branch);
        found.push(protection::look(self.host, trunk).await);
        found.extend(budget(self.host.budget()));
        found
    }
}

/// Pure.
fn repository(configured: &str, there: &There) -> Finding {
    let There { full_name, default_branch, archived, writable: _ } = there;
    let about = "repository";
    if *archived {
        let hint = "unarchive it, or take it out of the configuration";
        return Finding::error(about, format!("{full_name} is archived: nothing can be said there"), hint);
    }
    if !full_name.eq_ignore_ascii_case(configured) {
        let hint = format!("write `repository = \"{full_name}\"`: the old name may become somebody else's");
        return Finding::warning(about, format!("{configured} is called {full_name} now"), hint);
    }
    Finding::ok(about, format!("{full_name} is there; its default branch is `{default_branch}`"))
}

/// Pure.
fn rights(lacks: &[Lack]) -> Finding {
    let about = "rights";
    let told = |lack: &Lack| format!("{} (for {})", lack.right, lack.purpose);
    let (needed, others): (Vec<_>, Vec<_>) = lacks.iter().partition(|lack| lack.is_needed);
    if needed.is_empty() {
        let others: Vec<_> = others.into_iter().map(told).collect();
        return Finding::ok(
            about,
            match &others[..] {
                [] => "everything that is needed".to_owned(),
                others => format!("everything that is always needed; not {}", others.join(", ")),
            },
        );
    }
    let mut remedies: Vec<&str> = needed.iter().map(|lack| lack.remedy).collect();
    remedies.dedup();
    let needed: Vec<_> = needed.into_iter().map(told).collect();
    Finding::error(about, format!("missing: {}", needed.join(", ")), remedies.join("; "))
}

/// Pure. Nothing where the forge counts nothing.
fn budget(budget: Option<Budget>) -> Option<Finding> {
    let Budget { limit, remaining, resets } = budget?;
    let message = format!("{remaining} of {limit} requests are left until {}", resets.strftime("%H:%M:%SZ"));
    if remaining < limit / LITTLE {
        let hint = "find out who else asks as this identity, or make `forge.poll` longer";
        return Some(Finding::warning("budget", message, hint));
    }
    Some(Finding::ok("budget", message))
}
