//! Names of the checks that are ever set, and what somebody means who asks for one. Pure.

use naksha_environments::ids::EnvironmentName;
use naksha_policies::Gate;

/// The check that sums up all others: the one to require.
pub const AGGREGATE: &str = "naksha";
pub(super) const POLICY: &str = "naksha/policy";
pub(super) const WORKFLOWS: &str = "naksha/workflows";
const PLAN: &str = "naksha/plan: ";

pub(super) fn plan(environment: &str) -> String {
    format!("{PLAN}{environment}")
}

pub(super) fn promote(gate: Gate) -> String {
    format!("naksha/promote: {}", gate.word())
}

/// What a required check is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// The one that sums up.
    Aggregate,
    /// One that is set on every head.
    Ours,
    /// The plan of an environment; set where there is one of that name.
    Environment(EnvironmentName),
    /// It looks like ours, and is never set.
    Never,
    /// Somebody else's.
    Another,
}

/// What is meant by a name, or by a pattern with `*`.
pub fn meant(name: &str) -> Meant {
    let glob = globset::Glob::new(name).map(|glob| glob.compile_matcher()).ok();
    let fits = |own: &str| name == own || glob.as_ref().is_some_and(|glob| glob.is_match(own));
    if fits(AGGREGATE) {
        return Meant::Aggregate;
    }
    if !name.trim_start().to_lowercase().starts_with(AGGREGATE) {
        return Meant::Another;
    }
    if fits(POLICY) || fits(WORKFLOWS) || Gate::ALL.into_iter().any(|gate| fits(&promote(gate))) {
        return Meant::Ours;
    }
    match name.strip_prefix(PLAN).map(EnvironmentName::parse) {
        Some(Ok(environment)) => Meant::Environment(environment),
        // Of whatever environments there are.
        _ if fits(&plan("x")) => Meant::Ours,
        _ => Meant::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_ours_is_ours_or_never_set() {
        let staging = EnvironmentName::parse("staging").unwrap();
        for (name, expected) in [
            ("naksha", Meant::Aggregate),
            ("naksha*", Meant::Aggregate),
            ("*", Meant::Aggregate),
            ("naksha/policy", Meant::Ours),
            ("naksha/promote: soak", Meant::Ours),
            ("naksha/promote: *", Meant::Ours),
            ("naksha/plan: staging", Meant::Environment(staging)),
            ("naksha/plan: *", Meant::Ours),
            ("naksha/*", Meant::Ours),
            ("Naksha", Meant::Never),
            ("naksha ", Meant::Never),
            ("naksha/plan", Meant::Never),
            ("naksha/plan staging", Meant::Never),
            ("naksha/plan: Not a name", Meant::Never),
            ("naksha/promote: soaks", Meant::Never),
            ("naksha/policies*", Meant::Never),
            ("ci/test", Meant::Another),
            ("", Meant::Another),
            ("[", Meant::Another),
        ] {
            assert_eq!(meant(name), expected, "{name}");
        }
    }
}
