//! `naksha.yaml`.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::codes::definition as codes;
use crate::definition::reading::{At, Reading};
use crate::definition::references::Mentioned;
use crate::definition::v1alpha1::{
    OwnersSpec, PoliciesSpec, RepositorySpec, SettingWord, UnreviewedWord, WaiverSpec,
};
use crate::diagnostic::Severity;
use crate::globs::Globs;
use crate::ids::{EnvironmentName, RepositoryName, RuleName};
use crate::repository::{Owners, PolicySettings, Repository, SeveritySetting, Unreviewed, Waiver};
use crate::variables::Layer;

pub(in crate::definition) fn repository(
    reading: &mut Reading<'_>,
    name: RepositoryName,
    spec: RepositorySpec,
    root: At<'_>,
) -> Repository {
    let at = root.key("spec");
    let RepositorySpec { trunk, shared, ignore, owners, policies, variables, unreviewed } = spec;
    let own = at.key("trunk");
    let trunk = trunk.and_then(|trunk| Some((reading.filled(&trunk, "`trunk`", own)?, reading.place(own))));
    // Patterns of the repository start at its root, wherever the file stands.
    let shared = reading.globs(&shared, at.key("shared"), None).unwrap_or_else(Globs::none);
    let ignore = reading.globs(&ignore, at.key("ignore"), None).unwrap_or_else(Globs::none);
    Repository {
        name,
        place: reading.place(root.key("metadata").key("name")),
        trunk,
        shared,
        ignore,
        owners: owners_by_environment(reading, &owners, at.key("owners")),
        policies: policy_settings(reading, policies, at.key("policies")),
        variables: reading.variables(&variables, Layer::Repository, at.key("variables")),
        unreviewed: unreviewed.map(|word| match word {
            UnreviewedWord::Apply => Unreviewed::Apply,
            UnreviewedWord::Hold => Unreviewed::Hold,
        }),
    }
}

fn owners_by_environment(
    reading: &mut Reading<'_>,
    owners: &IndexMap<String, OwnersSpec>,
    at: At<'_>,
) -> BTreeMap<EnvironmentName, Owners> {
    let mut out = BTreeMap::new();
    for (name, spec) in owners {
        let own = at.key(name);
        let OwnersSpec { approve, acknowledge, promote, skip } = spec;
        let lists =
            [("approve", approve), ("acknowledge", acknowledge), ("promote", promote), ("skip", skip)];
        for (word, list) in lists {
            for (index, person) in list.iter().enumerate() {
                check_owner(reading, person, own.key(word).item(index));
            }
        }
        if let Some(name) = reading.key_name(name, own) {
            reading.key_mention(Mentioned::Environment, &name, own);
            let [approve, acknowledge, promote, skip] = lists.map(|(_, list)| list.clone());
            out.insert(name, Owners { approve, acknowledge, promote, skip });
        }
    }
    out
}

fn check_owner(reading: &mut Reading<'_>, person: &str, at: At<'_>) {
    let parts: Vec<&str> = person.strip_prefix('@').unwrap_or_default().split('/').collect();
    let fine =
        parts.len() <= 2 && parts.iter().all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
    if !fine {
        let message = format!("`{person}` names no person or team");
        reading.problem(codes::INVALID_OWNER, at, message, "write `@person` or `@organisation/team`");
    }
}

fn policy_settings(reading: &mut Reading<'_>, spec: PoliciesSpec, at: At<'_>) -> PolicySettings {
    let PoliciesSpec { sets, severity, waivers } = spec;
    let mut by_environment = BTreeMap::new();
    for (environment, rules) in &severity {
        let own = at.key("severity").key(environment);
        let mut settings = BTreeMap::new();
        for (rule, word) in rules {
            if let Some(name) = reading.key_name::<RuleName>(rule, own.key(rule)) {
                reading.key_mention(Mentioned::Rule, &name, own.key(rule));
                settings.insert(name, (setting(*word), reading.key_place(own.key(rule))));
            }
        }
        if let Some(name) = reading.key_name(environment, own) {
            reading.key_mention(Mentioned::Environment, &name, own);
            by_environment.insert(name, settings);
        }
    }
    for (index, set) in sets.iter().flatten().enumerate() {
        reading.mention(Mentioned::PolicySet, set, at.key("sets").item(index));
    }
    let waivers = waivers.iter().enumerate();
    let waivers: Vec<Waiver> =
        waivers.filter_map(|(index, spec)| waiver(reading, spec, at.key("waivers").item(index))).collect();
    PolicySettings {
        sets: sets.unwrap_or_else(|| vec!["baseline".to_owned()]),
        severity: by_environment,
        waivers,
    }
}

fn setting(word: SettingWord) -> SeveritySetting {
    match word {
        SettingWord::Off => SeveritySetting::Off,
        SettingWord::Info => SeveritySetting::At(Severity::Info),
        SettingWord::Warning => SeveritySetting::At(Severity::Warning),
        SettingWord::Error => SeveritySetting::At(Severity::Error),
    }
}

fn waiver(reading: &mut Reading<'_>, spec: &WaiverSpec, at: At<'_>) -> Option<Waiver> {
    let WaiverSpec { rule, subject, environment, reason, expires } = spec;
    let rule: Option<RuleName> = reading.name(rule, at.key("rule"));
    if let Some(rule) = &rule {
        reading.mention(Mentioned::Rule, rule, at.key("rule"));
    }
    let subject = reading.filled(subject, "`subject`", at.key("subject"));
    let environment = environment.as_deref().map(|name| reading.name(name, at.key("environment")));
    if let Some(Some(name)) = &environment {
        let name: &EnvironmentName = name;
        reading.mention(Mentioned::Environment, name, at.key("environment"));
    }
    let reason = reading.filled(reason, "the waiver's reason", at.key("reason"));
    let date = expires.parse();
    if date.is_err() {
        let message = format!("`{expires}` is no date");
        reading.problem(codes::INVALID_DATE, at.key("expires"), message, "write the last day: `2027-01-31`");
    }
    Some(Waiver {
        rule: rule?,
        subject: subject?,
        environment: match environment {
            Some(name) => Some(name?),
            None => None,
        },
        reason: reason?,
        expires: date.ok()?,
        place: reading.place(at),
    })
}
