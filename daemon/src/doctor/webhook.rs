//! Whether the forge wakes the daemon: a webhook with our path that tells everything, is signed, and arrives.
//!
//! Without one everything is asked for every `poll`, so that hardly anything of this is an error.

use naksha_environments::definition::format_duration;
use naksha_executor::port::forge::ForgeError;
use naksha_executor_forge::Hook;

use super::Finding;
use super::host::Hosted;
use crate::config::Listen;

const ABOUT: &str = "webhook";
const MAKE: &str = "`naksha init` with `--perform` makes it, and without says how";

pub(super) async fn look(hosted: &Hosted<'_>) -> Finding {
    let Hosted { host, config, repository, forge, secrets } = hosted;
    let place = match forge.hook_secret(secrets) {
        Ok(place) => place,
        Err((key, reason)) => return Finding::error(ABOUT, format!("`forge.{key}`: {reason}"), "correct it"),
    };
    let Some(place) = place else {
        let poll = format_duration(forge.poll);
        return Finding::ok(ABOUT, format!("none is configured: the forge is asked every {poll}"));
    };
    if let Err(error) = place.read().await {
        let hint = "give the daemon that file, or take the key away: until then every webhook is refused";
        return Finding::error(ABOUT, format!("its secret cannot be read: {error}"), hint);
    }
    if config.http.listen == Listen::Off {
        let hint = "let the daemon listen: `http.listen = \"127.0.0.1:8642\"`";
        return Finding::error(ABOUT, "a secret is configured, and nothing listens for webhooks", hint);
    }
    judge(&format!("/webhooks/{}", repository.name), host.events(), host.hooks().await)
}

/// Pure. `events`: what it has to tell.
fn judge(path: &str, events: &[&str], hooks: Result<Vec<Hook>, ForgeError>) -> Finding {
    let hooks = match hooks {
        Ok(hooks) => hooks,
        Err(ForgeError::Denied(words)) => {
            let hint = format!("have an administrator look for one that calls `https://…{path}`");
            return Finding::warning(ABOUT, format!("the forge does not show us any: {words}"), hint);
        }
        Err(error) => return Finding::refused(ABOUT, &error),
    };
    let is_ours = |hook: &&Hook| {
        let url = hook.url.split(['?', '#']).next().unwrap_or_default();
        url.trim_end_matches('/').ends_with(path)
    };
    let Some(hook) = hooks.iter().find(is_ours) else {
        // An App is shown its own webhook and no other.
        let which = if hooks.is_empty() { "none calls" } else { "none that we are shown calls" };
        return Finding::warning(ABOUT, format!("{which} `https://…{path}`"), MAKE);
    };
    let Hook { url, is_active, events: told, is_signed, last } = hook;
    if !is_active {
        return Finding::warning(ABOUT, format!("{url} is not called: it is not active"), MAKE);
    }
    if *is_signed == Some(false) {
        let hint = "give the webhook the secret that `forge.webhook_secret_file` names";
        return Finding::error(ABOUT, format!("{url} is called without a signature, and refuses that"), hint);
    }
    let is_missing = |wanted: &&str| !told.iter().any(|event| event == *wanted || event == "*");
    let missing: Vec<_> = events.iter().copied().filter(is_missing).collect();
    if !missing.is_empty() {
        return Finding::warning(ABOUT, format!("{url} is not told of: {}", missing.join(", ")), MAKE);
    }
    match last {
        Some(last) if !last.has_arrived => {
            let hint = "look whether the daemon runs, the way to it is open, and the secret is the same";
            let words = if last.words.is_empty() { "no answer" } else { &last.words };
            Finding::warning(ABOUT, format!("{url} did not take the last one: {words}"), hint)
        }
        Some(_) => Finding::ok(ABOUT, format!("{url} is called, and took the last one")),
        None => Finding::ok(ABOUT, format!("{url} is called")),
    }
}

#[cfg(test)]
mod tests {
    use naksha_executor_forge::{Delivery, HOOK_EVENTS};

    use super::super::Level;
    use super::*;

    fn hook(url: &str) -> Hook {
        let events = HOOK_EVENTS.map(str::to_owned).to_vec();
        Hook { url: url.to_owned(), is_active: true, events, is_signed: None, last: None }
    }

    #[test]
    fn a_webhook_is_ours_by_its_path_and_has_to_work() {
        let delivery = |has_arrived, words: &str| Some(Delivery { has_arrived, words: words.to_owned() });
        let ours = || hook("https://n.example/webhooks/infra");
        for (hook, level, words) in [
            (ours(), Level::Ok, "is called"),
            (hook("https://n.example/webhooks/infra/"), Level::Ok, "is called"),
            (hook("https://n.example/webhooks/infra-2"), Level::Warning, "none that we are shown calls"),
            (Hook { is_active: false, ..ours() }, Level::Warning, "not active"),
            (
                Hook { events: vec!["push".to_owned()], ..ours() },
                Level::Warning,
                "pull_request, issue_comment",
            ),
            (Hook { events: vec!["*".to_owned()], ..ours() }, Level::Ok, "is called"),
            (Hook { is_signed: Some(false), ..ours() }, Level::Error, "without a signature"),
            (Hook { last: delivery(true, "200"), ..ours() }, Level::Ok, "took the last one"),
            (
                Hook { last: delivery(false, "502"), ..ours() },
                Level::Warning,
                "did not take the last one: 502",
            ),
        ] {
            let found = judge("/webhooks/infra", &HOOK_EVENTS, Ok(vec![hook.clone()]));
            assert!(found.level == level && found.message.contains(words), "{hook:?}: {found:?}");
        }
        let found = judge("/webhooks/infra", &HOOK_EVENTS, Err(ForgeError::Denied("403".to_owned())));
        assert_eq!(found.level, Level::Warning);
    }
}
