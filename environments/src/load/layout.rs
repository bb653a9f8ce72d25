//! Where definitions stand in a repository.

use crate::definition::Kind;
use crate::source::TreePath;

/// The file of the repository's own rules.
pub(super) const REPOSITORY_FILE: &str = "naksha.yaml";

pub(super) fn is_yaml(path: &TreePath) -> bool {
    matches!(path.file_name().rsplit_once('.'), Some((_, "yaml" | "yml")))
}

/// Whether a file must hold definitions because of where it stands.
pub(super) fn is_definition_file(path: &TreePath) -> bool {
    if !is_yaml(path) {
        return false;
    }
    let text = path.as_str();
    let Some((top, rest)) = text.split_once('/') else { return text == REPOSITORY_FILE };
    match top {
        "environments" => {
            rest.split_once('/').is_some_and(|(_, file)| matches!(file, "environment.yaml" | "lock.yaml"))
        }
        "units" => path.file_name() == "unit.yaml" && rest != "unit.yaml",
        "workflows" | "contexts" | "approvals" | "health" => !rest.contains('/'),
        "policies" => !is_policy_case(path),
        _ => false,
    }
}

/// Cases that are kept beside a policy: read by `naksha policy test` alone.
pub(super) fn is_policy_case(path: &TreePath) -> bool {
    let text = path.as_str();
    let Some(rest) = text.strip_prefix("policies/") else { return false };
    let folders = rest.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').any(|folder| matches!(folder, "tests" | "testdata"))
        || path.file_name().ends_with(".test.yaml")
        || path.file_name().ends_with(".test.yml")
}

/// The folder `environments/<name>` of a file right in it.
pub(super) fn environment_folder(path: &TreePath) -> Option<&str> {
    let (folder, file) = path.as_str().strip_prefix("environments/")?.split_once('/')?;
    (!file.contains('/')).then_some(folder)
}

/// The only place where a kind may stand, for kinds that have one, when this is not it.
pub(super) fn wrong_place(kind: Kind, path: &TreePath) -> Option<&'static str> {
    let (fits, place) = match kind {
        Kind::Repository => (path.as_str() == REPOSITORY_FILE, "naksha.yaml, at the root"),
        Kind::Environment => (
            environment_folder(path).is_some() && path.file_name() == "environment.yaml",
            "environments/<name>/environment.yaml",
        ),
        Kind::Lock => (
            environment_folder(path).is_some() && path.file_name() == "lock.yaml",
            "environments/<name>/lock.yaml",
        ),
        Kind::Approval => (path.as_str().starts_with("approvals/"), "approvals/<plan id>.yaml"),
        Kind::HealthRules => (path.as_str().starts_with("health/"), "health/<name>.yaml"),
        Kind::Unit | Kind::Workflow | Kind::PolicyContext | Kind::Policy => (true, ""),
    };
    (!fits).then_some(place)
}

/// The kind and name that a file likely had, when it does not say so itself.
pub(super) fn likely(path: &TreePath) -> Option<(Kind, &str)> {
    let text = path.as_str();
    if text == REPOSITORY_FILE {
        return Some((Kind::Repository, ""));
    }
    let file = path.file_name();
    let stem = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml"))?;
    let (top, _) = text.split_once('/')?;
    match (top, file) {
        ("environments", "environment.yaml") => Some((Kind::Environment, environment_folder(path)?)),
        ("environments", "lock.yaml") => Some((Kind::Lock, environment_folder(path)?)),
        ("units", "unit.yaml") => {
            let (folder, _) = text.rsplit_once('/')?;
            Some((Kind::Unit, folder.rsplit_once('/').map_or(folder, |(_, name)| name)))
        }
        ("workflows", _) => Some((Kind::Workflow, stem)),
        ("contexts", _) => Some((Kind::PolicyContext, stem)),
        ("policies", _) => Some((Kind::Policy, stem)),
        ("health", _) => Some((Kind::HealthRules, stem)),
        _ => None,
    }
}

/// Files that need no owner: dotfiles, licenses, and documentation that nothing refers to.
pub(super) fn needs_no_owner(path: &TreePath) -> bool {
    let file = path.file_name();
    let hidden = path.as_str().split('/').any(|part| part.starts_with('.'));
    let license = file.starts_with("LICENSE") || file.starts_with("NOTICE");
    let markdown =
        file.rsplit_once('.').is_some_and(|(stem, end)| !stem.is_empty() && end.eq_ignore_ascii_case("md"));
    hidden || license || markdown
}
