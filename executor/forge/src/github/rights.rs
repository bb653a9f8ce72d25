//! Rights of an App: what naksha needs, what it asks of those that the App has, and what is missing.

use std::collections::BTreeMap;

/// What is done in the repository, and the right that it needs. `statuses` are only read: an App has check runs.
pub(super) const NEEDED: [(&str, &str); 7] = [
    ("checks", "write"),
    ("contents", "write"),
    ("deployments", "write"),
    ("issues", "write"),
    ("metadata", "read"),
    ("pull_requests", "write"),
    ("statuses", "read"),
];
/// Who is in a team of the organisation.
pub(super) const NEEDED_FOR_TEAMS: [(&str, &str); 1] = [("members", "read")];

/// Rights by name: `read`, `write` or `admin`.
pub(super) type Permissions = BTreeMap<String, String>;

/// What each right is for, as people are told.
const PURPOSES: [(&str, &str); 8] = [
    ("checks", "what is said on each head"),
    ("contents", "fetching, locks and merging promotions"),
    ("deployments", "what became of a revision in an environment"),
    ("issues", "comments and the signs under them"),
    ("members", "`owners` that name `@organisation/team`"),
    ("metadata", "everything"),
    ("pull_requests", "listing, opening and merging them"),
    ("statuses", "statuses of others on the same head"),
];

/// Rights that an App has to be given, with their levels.
pub fn app_rights() -> impl Iterator<Item = (&'static str, &'static str)> {
    NEEDED.into_iter().chain(NEEDED_FOR_TEAMS)
}

/// A right that the App does not have where it is installed.
#[derive(Debug)]
pub(super) struct Lacking {
    name: &'static str,
    level: &'static str,
    pub(super) purpose: &'static str,
    pub(super) is_needed: bool,
}

impl Lacking {
    /// Those that are not among these.
    pub(super) fn among(permissions: &Permissions) -> Vec<Self> {
        let lacking = |(name, level), is_needed| {
            let purpose =
                PURPOSES.iter().find(|(known, _)| *known == name).map_or("", |(_, purpose)| purpose);
            Self { name, level, purpose, is_needed }
        };
        let needed = NEEDED.into_iter().map(|right| lacking(right, true));
        let all = needed.chain(NEEDED_FOR_TEAMS.into_iter().map(|right| lacking(right, false)));
        all.filter(|one| !one.is_in(permissions)).collect()
    }

    /// As GitHub's pages have it.
    pub(super) fn words(&self) -> String {
        let level = if self.level == "write" { "read and write" } else { "read-only" };
        format!("`{}` ({level})", self.name)
    }

    /// Whether it is among these.
    pub(super) fn is_in(&self, permissions: &Permissions) -> bool {
        permissions.get(self.name).is_some_and(|has| level_of(has) >= level_of(self.level))
    }
}

/// What is needed, as far as the App has it: GitHub refuses to make a token that is asked for more.
pub(super) fn wanted(needed: &[(&str, &str)], has: &Permissions) -> Permissions {
    let allowed = needed.iter().filter_map(|(name, level)| {
        let has = has.get(*name)?;
        let level = if level_of(has) < level_of(level) { has } else { *level };
        Some(((*name).to_owned(), level.to_owned()))
    });
    allowed.collect()
}

pub(super) fn level_of(level: &str) -> u8 {
    match level {
        "read" => 1,
        "write" => 2,
        "admin" => 3,
        _ => 0,
    }
}
