//! The steps, in the order in which they are taken. Pure.

use std::path::Path;

use super::place::{Place, Site};
use super::{gitea, github};
use crate::pulls::AGGREGATE;

/// Something that a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub title: String,
    /// Prose and what is to be copied, which is indented.
    pub text: String,
}

impl Step {
    pub(super) fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), text: text.into() }
    }
}

/// Everything that there is to do.
pub fn steps(place: &Place) -> Vec<Step> {
    let (identity, webhook, protection) = match &place.site {
        Site::GitHub { .. } => (github::identity(place), github::webhook(place), github::protection(place)),
        Site::Gitea { .. } => (gitea::identity(place), gitea::webhook(place), gitea::protection(place)),
    };
    // GitHub lets one require a check only once it was reported.
    vec![identity, webhook, configured(place), first_pull_request(place), protection]
}

/// The repository's part of the daemon's configuration, and nothing else.
pub fn configuration(place: &Place) -> String {
    let path = |path: &Path| quoted(&path.display().to_string());
    let mut lines = vec![
        "[[repository]]".to_owned(),
        format!("name = {}", quoted(place.name.as_str())),
        format!("url = {}", quoted(&place.clone_url())),
    ];
    let app = place.app();
    // What fetches: an App's token does where nothing else is named.
    if app.is_none() {
        lines.push("[repository.credentials]".to_owned());
        lines.push(format!("token_file = {}", path(&place.token())));
    }
    lines.push("[repository.forge]".to_owned());
    match &place.site {
        Site::GitHub { api, .. } => {
            lines.push("kind = \"github\"".to_owned());
            lines.extend(api.as_ref().map(|api| format!("api = {}", quoted(api))));
        }
        site @ Site::Gitea { .. } => {
            lines.push("kind = \"gitea\"".to_owned());
            lines.push(format!("api = {}", quoted(&site.api())));
        }
    }
    lines.push(format!("repository = {}", quoted(&place.repository)));
    lines.push(match &app {
        Some(app) => format!("app = {{id = {}, key_file = {}}}", quoted(app), path(&place.app_key())),
        None => format!("token_file = {}", path(&place.token())),
    });
    lines.push(format!("webhook_secret_file = {}", path(&place.webhook_secret())));
    lines.join("\n")
}

fn configured(place: &Place) -> Step {
    let text = format!(
        "Into the daemon's configuration (naksha.toml, or /etc/naksha/naksha.toml):\n\n{}\n\n\
         Then look it over, with everything that it names:\n\n{}",
        copied(&configuration(place)),
        copied("naksha daemon --check-config && naksha doctor")
    );
    Step::new("Tell the daemon", text)
}

fn first_pull_request(place: &Place) -> Step {
    let compare = format!("{}/compare/main...first-change", place.page());
    let clone = shell(&place.clone_url());
    let commands = format!(
        "git clone {clone} infra && cd infra\n\
         naksha init && git add . && git commit -m start && git push     # unless it has environments already\n\
         git switch -c first-change\n\
         sed -i 's/replicas: 2/replicas: 3/' environments/dev/environment.yaml\n\
         naksha plan\n\
         git commit -am \"three replicas\" && git push -u origin first-change"
    );
    let text = format!(
        "{}\n\nOpen the pull request at {compare}.\n\
         Within a minute it has the check `{AGGREGATE}` and a comment that says what merging it does to each environment; merged, it is\n\
         applied, and the comment says so. What the trunk held before was shown to nobody: `naksha status` says which plan waits, and\n\
         `naksha ack PLAN --reason …` lets it through, once.",
        copied(&commands)
    );
    Step::new("The first pull request", text)
}

/// A command that makes a file with a secret that nobody knows, readable by its owner alone.
pub(super) fn secret_command(file: &Path) -> String {
    let file = shell(&file.display().to_string());
    format!("(umask 077 && head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \\n' > {file})")
}

/// A word of a shell.
pub(super) fn shell(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Lines to be copied.
pub(super) fn copied(text: &str) -> String {
    text.lines().map(|line| format!("    {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
