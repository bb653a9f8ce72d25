//! References between definitions: names that exist, graphs without cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::MAX_SUGGESTIONS;
use super::loader::{FileEntry, KnownRules};
use super::unit_checks;
use crate::codes::{Code, reference as codes};
use crate::definition::cycle::{cycles, path_text};
use crate::definition::references::{Mention, Mentioned};
use crate::definition::{Found, FoundValue, Kind};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::environment::{Environment, Follows};
use crate::ids::{ContextName, EnvironmentName, RuleName, UnitName, WorkflowName};
use crate::repository::Definitions;

/// Findings that are listed per load. A renamed unit may be mentioned a thousand times; the first tell enough.
const MAX_LISTED: usize = 1_000;

/// The last answer, when it was "nothing": the question is the same while no definition says anything else.
#[derive(Debug, Default)]
pub(super) struct CrossMemo {
    clean: Option<Vec<FileEntry>>,
}

impl CrossMemo {
    pub(super) fn check(
        &mut self,
        files: &[FileEntry],
        definitions: &Definitions,
        rules: &KnownRules,
    ) -> Vec<Diagnostic> {
        if self.clean.as_ref().is_some_and(|clean| same_shape(clean, files)) {
            self.clean = Some(files.to_vec());
            return Vec::new();
        }
        let found = check(files, definitions, rules);
        if found.is_empty() {
            self.clean = Some(files.to_vec());
        }
        found
    }
}

fn same_shape(a: &[FileEntry], b: &[FileEntry]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.path == b.path
                && (Arc::ptr_eq(&a.reading, &b.reading)
                    || a.reading.found.len() == b.reading.found.len()
                        && a.reading.found.iter().zip(&b.reading.found).all(|(a, b)| same_definition(a, b)))
        })
}

/// Whether two readings of a document say the same of other definitions, and offer them the same.
fn same_definition(a: &Found, b: &Found) -> bool {
    let mentions = |found: &Found| {
        found.mentions.iter().map(|mention| (mention.what, mention.name.clone())).collect::<Vec<_>>()
    };
    let reads = |found: &Found| {
        found.references.iter().map(|read| (read.path.clone(), read.guarded)).collect::<Vec<_>>()
    };
    let offers = match (&a.value, &b.value) {
        (None, None) => true,
        (Some(FoundValue::Unit(a)), Some(FoundValue::Unit(b))) => {
            a.outputs.keys().eq(b.outputs.keys())
                && a.variables.0.keys().eq(b.variables.0.keys())
                && a.source.word() == b.source.word()
        }
        (Some(FoundValue::Environment(a)), Some(FoundValue::Environment(b))) => {
            let uses = |environment: &Environment| {
                let uses = environment.units.iter();
                uses.map(|own| (own.name.clone(), own.variables.0.keys().cloned().collect()))
                    .collect::<Vec<(_, Vec<_>)>>()
            };
            a.target == b.target
                && a.follows == b.follows
                && a.variables.0.keys().eq(b.variables.0.keys())
                && uses(a) == uses(b)
        }
        (Some(FoundValue::Repository(a)), Some(FoundValue::Repository(b))) => {
            a.variables.0.keys().eq(b.variables.0.keys())
        }
        (Some(a), Some(b)) => std::mem::discriminant(a) == std::mem::discriminant(b),
        _ => false,
    };
    a.kind == b.kind && a.name == b.name && offers && mentions(a) == mentions(b) && reads(a) == reads(b)
}

/// "Did you mean", at most so often: each compares with every name there is.
#[derive(Debug)]
pub(super) struct Suggestions(usize);

impl Suggestions {
    pub(super) fn near<'a>(
        &mut self,
        given: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        self.0 = self.0.checked_sub(1)?;
        did_you_mean(given, names)
    }
}

/// What all checks share.
pub(super) struct Cross<'a> {
    pub files: &'a [FileEntry],
    pub definitions: &'a Definitions,
    pub suggestions: Suggestions,
    pub found: Vec<Diagnostic>,
}

fn check(files: &[FileEntry], definitions: &Definitions, rules: &KnownRules) -> Vec<Diagnostic> {
    let suggestions = Suggestions(MAX_SUGGESTIONS);
    let mut cross = Cross { files, definitions, suggestions, found: Vec::new() };
    let names = Names::new(definitions, rules);
    for mention in cross.all_found().flat_map(|found| &found.mentions) {
        cross.mention(mention, &names);
    }
    cross.locks();
    cross.promotion_cycles();
    unit_checks::check(&mut cross);
    let mut found = cross.found;
    if found.len() > MAX_LISTED {
        let message =
            format!("{} more findings between definitions are not listed", found.len() - MAX_LISTED);
        found.truncate(MAX_LISTED);
        found.push(Diagnostic::new(crate::codes::definition::MORE_PROBLEMS, message));
    }
    found
}

/// Every name that may be mentioned, by what it names. Broken definitions exist too.
struct Names<'a> {
    by_sort: [Option<BTreeSet<&'a str>>; 6],
}

impl<'a> Names<'a> {
    fn new(definitions: &'a Definitions, rules: &'a KnownRules) -> Self {
        let broken = &definitions.broken;
        // What stands in a file that says nothing readable may have any name.
        let unsure = !broken.nameless.is_empty();
        let set = |names: BTreeSet<&'a str>| (!unsure).then_some(names);
        let environments = definitions.environments.keys().chain(&broken.environments);
        let units = definitions.units.keys().chain(&broken.units);
        let workflows = definitions.workflows.keys().chain(&broken.workflows);
        let contexts = definitions.contexts.keys().chain(&broken.contexts);
        let own = definitions.policies.keys().chain(&broken.policies);
        let bundled = (!rules.rules.is_empty()).then_some(&rules.rules);
        let sets = (!rules.sets.is_empty()).then(|| rules.sets.iter().map(String::as_str).collect());
        let by_sort = [
            set(environments.map(EnvironmentName::as_str).collect()),
            set(units.map(UnitName::as_str).collect()),
            set(workflows.map(WorkflowName::as_str).collect()),
            set(contexts.map(ContextName::as_str).collect()),
            bundled.and_then(|rules| set(own.chain(rules).map(RuleName::as_str).collect())),
            sets,
        ];
        Self { by_sort }
    }

    fn of(&self, what: Mentioned) -> Option<&BTreeSet<&'a str>> {
        self.by_sort[what as usize].as_ref()
    }
}

fn sort_of(what: Mentioned) -> (Code, &'static str) {
    match what {
        Mentioned::Environment => (codes::UNKNOWN_ENVIRONMENT, "environment"),
        Mentioned::Unit => (codes::UNKNOWN_UNIT, "unit"),
        Mentioned::Workflow => (codes::UNKNOWN_WORKFLOW, "workflow"),
        Mentioned::Context => (codes::UNKNOWN_CONTEXT, "policy context"),
        Mentioned::Rule => (codes::UNKNOWN_RULE, "rule"),
        Mentioned::PolicySet => (codes::UNKNOWN_POLICY_SET, "policy set"),
    }
}

impl<'a> Cross<'a> {
    pub(super) fn all_found(&self) -> impl Iterator<Item = &'a Found> + use<'a> {
        self.files.iter().flat_map(|file| &file.reading.found)
    }

    fn mention(&mut self, mention: &Mention, names: &Names<'_>) {
        let Mention { what, name, place } = mention;
        let Some(known) = names.of(*what) else { return };
        if known.contains(name.as_str()) {
            return;
        }
        let (code, noun) = sort_of(*what);
        self.unknown(code, noun, name, known, place);
    }

    fn unknown(&mut self, code: Code, noun: &str, name: &str, known: &BTreeSet<&str>, place: &Place) {
        let hint = match self.suggestions.near(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("there is no {noun} at all"),
            None => {
                let first: Vec<String> = known.iter().take(8).map(|name| format!("`{name}`")).collect();
                let more = if known.len() > first.len() { ", …" } else { "" };
                format!("there are {}{more}", first.join(", "))
            }
        };
        let message = format!("there is no {noun} `{name}`");
        self.found.push(Diagnostic::new(code, message).at(place.clone()).hint(hint));
    }

    fn locks(&mut self) {
        let definitions = self.definitions;
        let known: BTreeSet<&str> = definitions
            .environments
            .keys()
            .chain(&definitions.broken.environments)
            .map(EnvironmentName::as_str)
            .collect();
        for (name, lock) in &definitions.locks {
            if !known.contains(name.as_str()) {
                self.unknown(codes::UNKNOWN_ENVIRONMENT, "environment", name.as_str(), &known, &lock.place);
            }
        }
    }

    fn promotion_cycles(&mut self) {
        let environments = &self.definitions.environments;
        let graph: BTreeMap<_, _> = environments
            .iter()
            .map(|(name, environment)| match &environment.follows {
                Follows::Promotion { from } => (name.clone(), from.clone()),
                Follows::Trunk | Follows::Branch(_) => (name.clone(), Vec::new()),
            })
            .collect();
        for cycle in cycles(&graph) {
            let places = cycle.iter().map(|name| (name.to_string(), environments[name].place.clone()));
            let message = format!("environments promote in a circle: {}", path_text(&cycle));
            let hint = "let the first one follow the trunk: remove its `promotesFrom`";
            self.found.push(cycle_finding(codes::PROMOTION_CYCLE, message, hint, places.collect()));
        }
    }
}

/// A finding at the first of several places, with notes at the others.
pub(super) fn cycle_finding(
    code: Code,
    message: String,
    hint: &str,
    places: Vec<(String, Place)>,
) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(code, message).hint(hint);
    for (index, (name, place)) in places.into_iter().enumerate() {
        diagnostic = match index {
            0 => diagnostic.at(place),
            _ => diagnostic.note(Some(place), format!("`{name}` is on the way")),
        };
    }
    diagnostic
}

/// The definition of a kind in a file, with what it reads.
pub(super) fn of_kind(found: &Found, kind: Kind) -> Option<&FoundValue> {
    found.value.as_ref().filter(|_| found.kind == Some(kind))
}
