//! What `naksha.yaml` says of who may do what, which rules judge, and how severely.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use naksha_environments::diagnostic::Place;
use naksha_environments::ids::{EnvironmentName, RuleName};
use naksha_environments::repository::{
    Definitions, Owners, PolicySettings, Repository, SeveritySetting, Unreviewed, Waiver,
};

use super::{Fate, Known, Rules, arrow, list, unreadable};

/// Stands where a file does not say.
const NOT_SAID: &str = "not said";

/// One side, taken apart. Without a `naksha.yaml` it says nothing.
#[derive(Default)]
pub(super) struct Settings<'a> {
    trunk: Option<&'a str>,
    ignore: &'a [String],
    owners: BTreeMap<&'a EnvironmentName, &'a Owners>,
    sets: &'a [String],
    severity: BTreeMap<(&'a EnvironmentName, &'a RuleName), SeveritySetting>,
    /// Until when: the longest of several counts.
    waivers: BTreeMap<(Option<&'a EnvironmentName>, &'a RuleName, &'a str), Date>,
    unreviewed: Option<Unreviewed>,
}

impl<'a> Settings<'a> {
    fn of(repository: &'a Repository) -> Self {
        let Repository {
            name: _,
            place: _,
            trunk,
            // What units may read, and their values: what is judged.
            shared: _,
            variables: _,
            ignore,
            owners,
            policies,
            unreviewed,
        } = repository;
        let PolicySettings { sets, severity, waivers } = policies;
        let settings =
            |(environment, rules): (&'a EnvironmentName, &'a BTreeMap<_, (SeveritySetting, Place)>)| {
                rules.iter().map(move |(rule, (setting, _))| ((environment, rule), *setting))
            };
        let mut until = BTreeMap::new();
        for Waiver { rule, subject, environment, reason: _, expires, place: _ } in waivers {
            let last = until.entry((environment.as_ref(), rule, subject.as_str())).or_insert(*expires);
            *last = (*last).max(*expires);
        }
        Self {
            trunk: trunk.as_ref().map(|(trunk, _)| trunk.as_str()),
            ignore: ignore.patterns(),
            owners: owners.iter().collect(),
            sets,
            severity: severity.iter().flat_map(settings).collect(),
            waivers: until,
            unreviewed: *unreviewed,
        }
    }
}

/// Both sides; nothing: one of them cannot be read, and nothing is compared. Says so, and whether there is one at all.
pub(super) fn sides<'a>(
    base: &'a Definitions,
    merged: &'a Definitions,
    rules: &mut Rules,
) -> Option<[Settings<'a>; 2]> {
    let [[is_broken, lacks], [will_be_broken, will_lack]] =
        [unreadable(&base.broken), unreadable(&merged.broken)];
    let known = |definitions: &'a Definitions, is_broken: bool| match &definitions.repository {
        _ if is_broken => Known::Broken,
        Some(repository) => Known::Read(&**repository),
        None => Known::Absent,
    };
    if let Fate::Said(word) = known(base, is_broken).becomes(known(merged, will_be_broken)) {
        rules.add(None, [format!("naksha.yaml: {word}")]);
    }
    if will_lack && !lacks {
        rules.add(None, ["naksha.yaml: names rules or sets that there are not".to_owned()]);
    }
    let settings = |definitions: &'a Definitions| match &definitions.repository {
        Some(repository) => Settings::of(repository),
        None => Settings::default(),
    };
    (!is_broken && !will_be_broken).then(|| [settings(base), settings(merged)])
}

/// What holds everywhere and stands there once.
pub(super) fn rows(before: &Settings<'_>, after: &Settings<'_>, rules: &mut Rules) {
    let unreviewed = |side: &Settings<'_>| match side.unreviewed {
        None => NOT_SAID,
        Some(Unreviewed::Apply) => "apply",
        Some(Unreviewed::Hold) => "hold",
    };
    let trunk = |side: &Settings<'_>| side.trunk.unwrap_or(NOT_SAID).to_owned();
    let lines = [
        arrow("unreviewed", unreviewed(before), unreviewed(after)),
        // Where none is chosen, all are.
        list("policy sets", before.sets, after.sets, ["all"; 2]),
        arrow("trunk", &trunk(before), &trunk(after)),
        // What is in them is not looked at.
        list("ignored files", before.ignore, after.ignore, ["none"; 2]),
    ];
    rules.add(None, lines.into_iter().flatten());
}

/// Who has to, and who may. What is said of an environment with no names lets nobody; where nothing is said, all may who write.
pub(super) fn owners(before: &Settings<'_>, after: &Settings<'_>, rules: &mut Rules) {
    let names: BTreeSet<&EnvironmentName> =
        before.owners.keys().chain(after.owners.keys()).copied().collect();
    for name in names {
        let sides = [before, after].map(|side| side.owners.get(name).copied());
        let lists = sides.map(|owners| {
            owners.map(|owners| {
                let Owners { approve, acknowledge, promote, skip } = owners;
                [approve, acknowledge, promote, skip].map(Vec::as_slice)
            })
        });
        let rights = [
            ("owners: has to approve", "nobody"),
            ("owners: may acknowledge", "whoever may write"),
            ("owners: may promote", "whoever may write"),
            ("owners: may skip gates", "nobody"),
        ];
        let line = |(at, (what, unsaid)): (usize, (&str, &'static str))| {
            let none = lists.map(|lists| if lists.is_some() { "nobody" } else { unsaid });
            let [before, after] = lists.map(|lists| lists.map_or(&[][..], |lists| lists[at]));
            list(what, before, after, none)
        };
        rules.add(Some(name), rights.into_iter().enumerate().filter_map(line));
    }
}

/// How severe a rule's findings are, where that is written.
pub(super) fn severities(before: &Settings<'_>, after: &Settings<'_>, rules: &mut Rules) {
    let word = |setting: Option<&SeveritySetting>| match setting {
        None => NOT_SAID,
        Some(SeveritySetting::Off) => "off",
        Some(SeveritySetting::At(severity)) => severity.as_str(),
    };
    let both: BTreeSet<_> = before.severity.keys().chain(after.severity.keys()).collect();
    for key in both {
        let (environment, rule) = key;
        let (was, is) = (before.severity.get(key), after.severity.get(key));
        rules.add(Some(environment), arrow(&format!("severity of {rule}"), word(was), word(is)));
    }
}

/// What is fine for now. Why it is changes nothing.
pub(super) fn waivers(before: &Settings<'_>, after: &Settings<'_>, rules: &mut Rules) {
    let both: BTreeSet<_> = before.waivers.keys().chain(after.waivers.keys()).collect();
    for key in both {
        let (environment, rule, subject) = key;
        let what = format!("waiver of {rule} for {}", super::cut(subject, super::MAX_SIDE));
        let line = match (before.waivers.get(key), after.waivers.get(key)) {
            (None, Some(until)) => Some(format!("{what} until {until}: added")),
            (Some(until), None) => Some(format!("{what} until {until}: removed")),
            (Some(was), Some(is)) if was != is => Some(format!("{what}: until {was} → {is}")),
            _ => None,
        };
        rules.add(*environment, line);
    }
}
