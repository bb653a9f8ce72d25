//! Which rules a change changes that it is judged by, in words. Pure.
//!
//! A change never judges itself: what it says of owners, waivers, guards and the like counts from when it is merged. Whoever merges
//! it must see that first. Here is what judges and guards, and how that is weighed; what is judged (units, variables,
//! workflows) is in the plans. What there can be any number of comes last in each list, so that it pushes nothing else out of sight.

mod environment;
mod repository;
mod section;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::environment::Approval;
use naksha_environments::health_rules::HealthRules;
use naksha_environments::ids::{EnvironmentName, HealthRulesName, RuleName};
use naksha_environments::policy::Policy;
use naksha_environments::repository::{Broken, Definitions};

use super::words::{cut, plain as plain_line};

pub(super) use section::section;

/// Lines of one environment, or of all.
const MAX_LINES: usize = 20;
/// Bytes of a line.
const MAX_LINE: usize = 200;
/// Bytes of what stands before an arrow, or behind it: both have to be seen.
const MAX_SIDE: usize = 70;

/// One clause per line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// What holds in every environment.
    pub everywhere: Vec<String>,
    pub environments: BTreeMap<EnvironmentName, Vec<String>>,
    /// Acknowledgements that it brings: of plans, so that nobody can tell of which environments. They are words about rules, and none.
    pub acknowledged: Vec<String>,
}

impl Rules {
    /// What is changed for an environment: its own lines, and those of everywhere.
    pub fn of(&self, environment: &EnvironmentName) -> Vec<&str> {
        let own = self.environments.get(environment).into_iter().flatten();
        own.chain(&self.everywhere).map(String::as_str).collect()
    }

    pub fn is_empty(&self) -> bool {
        let Self { everywhere, environments, acknowledged } = self;
        everywhere.is_empty() && environments.is_empty() && acknowledged.is_empty()
    }

    fn add(&mut self, environment: Option<&EnvironmentName>, lines: impl IntoIterator<Item = String>) {
        let lines = lines.into_iter().map(|line| plain(&line));
        match environment {
            None => self.everywhere.extend(lines),
            Some(environment) => {
                let mut lines = lines.peekable();
                if lines.peek().is_some() {
                    self.environments.entry(environment.clone()).or_default().extend(lines);
                }
            }
        }
    }

    fn bounded(mut self) -> Self {
        let others = [&mut self.everywhere, &mut self.acknowledged];
        for lines in self.environments.values_mut().chain(others) {
            let more = lines.len().saturating_sub(MAX_LINES);
            if more > 0 {
                lines.truncate(MAX_LINES);
                lines.push(format!("and {more} more"));
            }
        }
        self
    }
}

/// What of the rules in `base` is otherwise in `merged`.
pub fn changed_rules(base: &Definitions, merged: &Definitions) -> Rules {
    let mut rules = Rules::default();
    let settings = repository::sides(base, merged, &mut rules);
    if let Some([before, after]) = &settings {
        repository::rows(before, after, &mut rules);
        repository::owners(before, after, &mut rules);
    }
    environments(base, merged, &mut rules);
    if let Some([before, after]) = &settings {
        repository::severities(before, after, &mut rules);
    }
    rules.acknowledged = approvals(&base.approvals, &merged.approvals);
    policies(base, merged, &mut rules);
    health(base, merged, &mut rules);
    if let Some([before, after]) = &settings {
        repository::waivers(before, after, &mut rules);
    }
    rules.bounded()
}

/// What there is of one definition.
enum Known<'a, T> {
    Absent,
    /// It is there, and cannot be read.
    Broken,
    Read(&'a T),
}

/// What became of one.
enum Fate<'a, T> {
    /// Nothing, as far as it can be read.
    Same,
    Said(&'static str),
    Read(&'a T, &'a T),
}

impl<'a, T> Known<'a, T> {
    fn of<K: Ord>(name: &K, read: &'a BTreeMap<K, Arc<T>>, broken: &BTreeSet<K>) -> Self {
        match read.get(name) {
            _ if broken.contains(name) => Self::Broken,
            Some(definition) => Self::Read(definition),
            None => Self::Absent,
        }
    }

    fn becomes(self, after: Self) -> Fate<'a, T> {
        match (self, after) {
            (Self::Absent, Self::Absent) | (Self::Broken, Self::Broken) => Fate::Same,
            (Self::Absent, Self::Read(_)) => Fate::Said("added"),
            (Self::Absent, Self::Broken) => Fate::Said("added, and cannot be read"),
            (_, Self::Absent) => Fate::Said("removed"),
            (Self::Read(_), Self::Broken) => Fate::Said("cannot be read any more"),
            (Self::Broken, Self::Read(_)) => Fate::Said("could not be read before"),
            (Self::Read(before), Self::Read(after)) => Fate::Read(before, after),
        }
    }
}

/// Definitions of one kind, with those of them that cannot be read.
type Side<'a, K, T> = (&'a BTreeMap<K, Arc<T>>, &'a BTreeSet<K>);

/// What became of each.
fn fates<'a, K: Ord, T>(
    before: Side<'a, K, T>,
    after: Side<'a, K, T>,
) -> impl Iterator<Item = (&'a K, Fate<'a, T>)> {
    let names: BTreeSet<&K> =
        [before, after].into_iter().flat_map(|(read, broken)| read.keys().chain(broken)).collect();
    let known = |(read, broken): Side<'a, K, T>, name: &K| Known::of(name, read, broken);
    names.into_iter().map(move |name| (name, known(before, name).becomes(known(after, name))))
}

fn environments(base: &Definitions, merged: &Definitions, rules: &mut Rules) {
    let before = (&base.environments, &base.broken.environments);
    for (name, fate) in fates(before, (&merged.environments, &merged.broken.environments)) {
        let lines = match fate {
            Fate::Same => Vec::new(),
            Fate::Said(word) => vec![format!("its definition: {word}")],
            Fate::Read(before, after) => environment::changed(before, after),
        };
        rules.add(Some(name), lines);
    }
}

/// Files that lift what holds a plan. A plan's id says nothing of its environment. Nothing is lifted by one that goes.
fn approvals(base: &[Arc<Approval>], merged: &[Arc<Approval>]) -> Vec<String> {
    let said = |approval: &Approval| {
        let Approval { plan, by, reason: _, expires, path: _ } = approval;
        let until = expires.map(|until| format!(" until {until}")).unwrap_or_default();
        format!("acknowledgement of plan {} by {by}{until}: added, lifts what holds it", plan.short())
    };
    // One that is written over counts as another: by whom, and until when.
    let is_new = |approval: &&Arc<Approval>| {
        let Approval { plan, by, reason: _, expires, path } = &***approval;
        let is_it = |known: &Arc<Approval>| {
            known.path == *path && known.plan == *plan && known.by == *by && known.expires == *expires
        };
        !base.iter().any(is_it)
    };
    merged.iter().filter(is_new).map(|approval| plain(&said(approval))).collect()
}

fn policies(base: &Definitions, merged: &Definitions, rules: &mut Rules) {
    let before = (&base.policies, &base.broken.policies);
    let told = |(name, fate): (&RuleName, Fate<'_, Policy>)| match fate {
        Fate::Same => None,
        Fate::Said(word) => Some(format!("policy {name}: {word}")),
        Fate::Read(before, after) => {
            let words = policy(before, after);
            (!words.is_empty()).then(|| format!("policy {name}: {}", words.join(", ")))
        }
    };
    rules.add(None, fates(before, (&merged.policies, &merged.broken.policies)).filter_map(told));
}

/// How one judges otherwise; what it says then does not matter.
fn policy(before: &Policy, after: &Policy) -> Vec<String> {
    let judges = |policy: &Policy| {
        let Policy { name: _, place: _, matches, rule, message: _, fix: _, severity } = policy;
        (matches.clone(), rule.clone(), *severity)
    };
    let ((matches, rule, severity), now) = (judges(before), judges(after));
    let changed = ((matches, rule) != (now.0, now.1)).then(|| "changed".to_owned());
    let severity = (severity != now.2).then(|| format!("severity {severity} → {}", now.2));
    changed.into_iter().chain(severity).collect()
}

fn health(base: &Definitions, merged: &Definitions, rules: &mut Rules) {
    let before = (&base.health_rules, &base.broken.health_rules);
    let told = |(name, fate): (&HealthRulesName, Fate<'_, HealthRules>)| {
        let word = match fate {
            Fate::Same => return None,
            Fate::Said(word) => word,
            Fate::Read(before, after) => {
                let judges = |rules: &HealthRules| {
                    let HealthRules { name: _, place: _, path: _, text: _, spec } = rules;
                    spec.to_json()
                };
                (judges(before) != judges(after)).then_some("changed")?
            }
        };
        Some(format!("health rules {name}: {word}"))
    };
    rules.add(None, fates(before, (&merged.health_rules, &merged.broken.health_rules)).filter_map(told));
}

/// A line that is not longer than anybody reads, without secrets.
fn plain(line: &str) -> String {
    plain_line(line, MAX_LINE)
}

/// What cannot be read and is about everything.
fn unreadable(broken: &Broken) -> [bool; 2] {
    let Broken {
        repository,
        rules,
        // Told by name.
        environments: _,
        policies: _,
        health_rules: _,
        // They judge nothing. A file without a name may; it is an error of its own.
        units: _,
        workflows: _,
        contexts: _,
        locks: _,
        nameless: _,
    } = broken;
    [*repository, *rules]
}

/// `what: before → after`; nothing where they are the same.
fn arrow(what: &str, before: &str, after: &str) -> Option<String> {
    (before != after).then(|| format!("{what}: {} → {}", cut(before, MAX_SIDE), cut(after, MAX_SIDE)))
}

/// The same for two lists whose order says nothing. Of long ones, what they do not share. `none`: what an empty one means, on each side.
fn list(what: &str, before: &[String], after: &[String], none: [&str; 2]) -> Option<String> {
    let [old, new] = [before, after].map(|list| list.iter().map(String::as_str).collect::<BTreeSet<_>>());
    let words = |set: &BTreeSet<&str>, none: &str| {
        if set.is_empty() { none.to_owned() } else { joined(set.iter().copied()) }
    };
    let (was, is) = (words(&old, none[0]), words(&new, none[1]));
    let is_short = was.len() <= MAX_SIDE && is.len() <= MAX_SIDE;
    if was == is || is_short || old.is_empty() || new.is_empty() {
        return arrow(what, &was, &is);
    }
    let differs = |word: &str, one: &BTreeSet<&str>, other: &BTreeSet<&str>| {
        let own = joined(one.difference(other).copied());
        (!own.is_empty()).then(|| format!("{word} {}", cut(&own, MAX_SIDE)))
    };
    let parts: Vec<_> =
        [differs("no more", &old, &new), differs("also", &new, &old)].into_iter().flatten().collect();
    Some(format!("{what}: {}", parts.join("; ")))
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
