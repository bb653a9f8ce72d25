//! Whether the trunk asks for naksha's word before something is merged, and for nothing that naksha never says.

use naksha_executor::port::forge::ForgeError;
use naksha_executor_forge::RequiredCheck;

use super::Finding;
use crate::forge::Host;
use crate::pulls::{AGGREGATE, Meant, meant};

const ABOUT: &str = "protection";

pub(super) async fn look(host: &dyn Host, trunk: &str) -> Finding {
    let required = match host.required(trunk).await {
        Ok(required) => required,
        Err(ForgeError::Missing(_)) => {
            return Finding::warning(
                ABOUT,
                format!("there is no branch `{trunk}` yet"),
                "push a first commit",
            );
        }
        Err(error) => return Finding::refused(ABOUT, &error),
    };
    let us = match host.app().await {
        Ok(us) => us,
        Err(error) => return Finding::refused(ABOUT, &error),
    };
    let (mut sums_up, mut unpinned) = (false, false);
    for RequiredCheck { name, app } in &required {
        let never = match meant(name) {
            Meant::Aggregate | Meant::Ours => false,
            Meant::Environment(environment) => {
                let file = format!("environments/{environment}/environment.yaml");
                match host.has_file(trunk, &file).await {
                    Ok(there) => !there,
                    Err(error) => return Finding::refused(ABOUT, &error),
                }
            }
            Meant::Never => true,
            Meant::Another => continue,
        };
        if never {
            return waits_for_ever(trunk, name);
        }
        if app.is_some() && *app != us {
            return Finding::error(
                ABOUT,
                format!("`{trunk}` requires `{name}` from another App: what we say never counts"),
                "choose our App as the source of the check, or any source where naksha is no App",
            );
        }
        sums_up |= meant(name) == Meant::Aggregate;
        unpinned |= app.is_none();
    }
    if !sums_up {
        return Finding::warning(
            ABOUT,
            format!("`{trunk}` does not require the check `{AGGREGATE}`: what is red can be merged"),
            "require it in the rules of the branch; `naksha init` with `--perform` does",
        );
    }
    if unpinned && us.is_some() {
        return Finding::warning(
            ABOUT,
            format!("`{trunk}` takes the check `{AGGREGATE}` from anybody"),
            "choose our App as the source of the check: then nobody else's word counts",
        );
    }
    Finding::ok(ABOUT, format!("`{trunk}` requires the check `{AGGREGATE}`"))
}

fn waits_for_ever(trunk: &str, name: &str) -> Finding {
    Finding::error(
        ABOUT,
        format!("`{trunk}` requires the check `{name}`, which naksha never sets: nothing can be merged"),
        format!("require `{AGGREGATE}` in its place; docs/pull-requests.md has the names of all"),
    )
}
