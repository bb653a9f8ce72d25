//! What guards an environment, as its definition says.

use std::time::Duration;

use jiff::SignedDuration;
use naksha_environments::environment::{Environment, Follows, Gates, Guards, Lifecycle, Sync, TargetRef};
use naksha_environments::ids::{EnvironmentName, WorkflowName};
use naksha_environments::window::{Window, WindowKind};

use super::{arrow, joined};

/// One line for each thing that is otherwise.
pub(super) fn changed(before: &Environment, after: &Environment) -> Vec<String> {
    let rows = said(before).into_iter().zip(said(after));
    let mut lines: Vec<String> =
        rows.filter_map(|((what, before), (_, after))| arrow(what, &before, &after)).collect();
    let only_in = |one: &Environment, other: &Environment, word: &str| -> Vec<String> {
        let own = one.windows.iter().filter(|window| !other.windows.contains(window));
        own.map(|window| format!("{}: {word}", window_words(window))).collect()
    };
    lines.extend(only_in(before, after, "removed"));
    lines.extend(only_in(after, before, "added"));
    lines
}

/// All of it but the windows, in words.
fn said(environment: &Environment) -> [(&'static str, String); 13] {
    let Environment {
        name: _,
        place: _,
        follows,
        gates,
        // A list: compared one by one.
        windows: _,
        target,
        // What is judged.
        variables: _,
        units: _,
        workflows: _,
        sync,
        guards,
        lifecycle,
        production,
        sealed,
    } = environment;
    let Gates { soak, verify, auto_merge } = gates;
    let Guards { max_deletions, max_deletion_percent } = guards;
    let Sync { prune, self_heal, interval } = sync;
    let verify = joined(verify.iter().map(WorkflowName::as_str));
    [
        ("production", yes(*production)),
        ("sealed", yes(*sealed)),
        ("target", target_words(target)),
        ("follows", follows_words(follows)),
        ("gate soak", span(*soak)),
        ("gate verify", if verify.is_empty() { "none".to_owned() } else { verify }),
        ("autoMerge of promotions", yes(*auto_merge)),
        ("guard maxDeletions", max_deletions.to_string()),
        ("guard maxDeletionPercent", max_deletion_percent.to_string()),
        ("lifecycle", lifecycle_word(*lifecycle).to_owned()),
        ("sync prune", yes(*prune)),
        ("sync selfHeal", yes(*self_heal)),
        ("sync interval", span(*interval)),
    ]
}

fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

fn span(duration: Duration) -> String {
    format!("{:#}", SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
}

fn target_words(target: &TargetRef) -> String {
    match target.namespace() {
        Some(namespace) => format!("{}, namespace {namespace}", target.place()),
        None => target.place(),
    }
}

fn follows_words(follows: &Follows) -> String {
    match follows {
        Follows::Trunk => "the trunk".to_owned(),
        Follows::Branch(branch) => format!("branch {branch}"),
        Follows::Promotion { from } => {
            format!("promotions from {}", joined(from.iter().map(EnvironmentName::as_str)))
        }
    }
}

fn lifecycle_word(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "active",
        Lifecycle::Destroy => "destroy",
        Lifecycle::Disown => "disown",
    }
}

fn window_words(window: &Window) -> String {
    let Window { kind, schedule, duration, time_zone } = window;
    let kind = match kind {
        WindowKind::Allow => "allow",
        WindowKind::Deny => "deny",
    };
    format!("{kind} window `{schedule}` for {} ({time_zone})", span(*duration))
}
