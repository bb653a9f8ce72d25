//! From what was found to findings: severity, whether it counts, and where it stands.

use std::collections::BTreeMap;

use jiff::Timestamp;
use naksha_environments::diagnostic::{Place, Severity};
use naksha_environments::ids::{RuleName, UnitName};
use naksha_environments::plan::{FieldPath, PlanId, Subject};
use naksha_environments::source::TreePath;
use naksha_environments::verdict::{Acknowledgement, Finding, Standing, Verdict};
use naksha_environments::wire::scrub;

use crate::before::Before;
use crate::check::{CheckInput, Locate};
use crate::estate::{Estate, Item};
use crate::found::{Found, Located};
use crate::policy_set::{ActiveRule, PolicySet};
use crate::waiver::{Cover, Waivers};

/// Takes what is found, one by one, and decides what counts.
pub(crate) struct Bench<'a> {
    policies: &'a PolicySet,
    estate: &'a Estate<'a>,
    before: &'a Before<'a>,
    acknowledged: Option<&'a Acknowledgement>,
    waivers: Waivers<'a>,
    locate: &'a Locate<'a>,
    findings: Vec<Finding>,
    known: BTreeMap<RuleName, usize>,
}

/// The acknowledgement of a plan that still holds.
pub(crate) fn acknowledgement<'a>(
    plan: &PlanId,
    all: &'a [Acknowledgement],
    now: Timestamp,
) -> Option<&'a Acknowledgement> {
    all.iter().find(|one| one.counts(plan, now))
}

impl<'a> Bench<'a> {
    pub(crate) fn new(
        input: &CheckInput<'a>,
        estate: &'a Estate<'a>,
        before: &'a Before<'a>,
        acknowledged: Option<&'a Acknowledgement>,
    ) -> Self {
        let CheckInput { policies, locate, now, .. } = *input;
        let waivers = Waivers::new(&policies.waivers, now);
        let (findings, known) = (Vec::new(), BTreeMap::new());
        Self { policies, estate, before, acknowledged, waivers, locate, findings, known }
    }

    /// Whether findings of a unit that is what it was need no looking at: they are known, and nothing waives them.
    pub(crate) fn only_counts(&self) -> bool {
        self.policies.waivers.is_empty()
    }

    /// Findings that were there before, and how many of each rule.
    pub(crate) fn known(&mut self, found: BTreeMap<&RuleName, usize>) {
        for (rule, count) in found {
            if self.policies.rule(rule).is_some_and(|rule| rule.severity.is_some()) {
                self.count(rule, count);
            }
        }
    }

    /// A finding about one object, by a rule that looks at nothing else. `unchanged`: its unit is what it was.
    pub(crate) fn object(&mut self, item: Item<'a>, found: &Found, unchanged: bool) {
        let Some(rule) = self.policies.rule(&found.rule) else { return };
        if rule.severity.is_none() {
            return;
        }
        let standing = self.waived(&found.rule, || Some(Subject::Object(item.key.clone())), file(&item));
        // A change may be what makes a rule fail: what cannot be judged counts, unless nothing changed at all.
        let same = || !found.unjudged || self.before.has_object(&item);
        if standing.is_none() && (unchanged || self.before.found_in_object(&item, found) && same()) {
            return self.count(&found.rule, 1);
        }
        let standing = standing.unwrap_or(Standing::New);
        let place = self.place_in(&item, found);
        let subject = Some(Subject::Object(item.key.clone()));
        self.keep(rule, Some(item.unit.clone()), subject, place, found.clone(), standing);
    }

    /// A finding about anything else.
    pub(crate) fn other(&mut self, located: Located) {
        let Some(rule) = self.policies.rule(&located.found.rule) else { return };
        if rule.severity.is_none() {
            return;
        }
        let item = match &located.subject {
            Some(Subject::Object(key)) => self.estate.find(key),
            _ => None,
        };
        let standing = if rule.guard { Some(self.guard_standing()) } else { None };
        let standing = standing.or_else(|| {
            let written = located.place.as_ref().map(|place| &place.path);
            let file = written.or_else(|| item.as_ref().and_then(file));
            self.waived(&located.found.rule, || located.subject.clone(), file)
        });
        let same = || !located.found.unjudged || item.is_some_and(|item| self.before.has_object(&item));
        if standing.is_none() && same() && self.before.found_elsewhere(&located) {
            return self.count(&located.found.rule, 1);
        }
        let standing = standing.unwrap_or(Standing::New);
        let Located { unit, subject, place, found } = located;
        let place = match (place, &item) {
            (Some(place), _) => Some(shown(place, &found)),
            (None, Some(item)) => self.place_in(item, &found),
            (None, None) => None,
        };
        self.keep(rule, unit, subject, place, found, standing);
    }

    pub(crate) fn all(&mut self, found: Vec<Located>) {
        for located in found {
            self.other(located);
        }
    }

    /// Everything that counts, worst first; what the waivers themselves deserve is added.
    pub(crate) fn finish(mut self) -> Verdict {
        self.all(self.waivers.findings());
        let Self { mut findings, known, policies, .. } = self;
        sort(&mut findings);
        Verdict { findings, known, policies: policies.digest() }
    }

    fn keep(
        &mut self,
        rule: &ActiveRule,
        unit: Option<UnitName>,
        subject: Option<Subject>,
        place: Option<Place>,
        found: Found,
        standing: Standing,
    ) {
        let Some(mut severity) = rule.severity else { return };
        if found.at_most_warning {
            severity = severity.min(Severity::Warning);
        }
        let clean = |text: String| scrub(&text).into_owned();
        // What could not be judged is to be mended in the rule.
        let place = if found.unjudged { self.rule_place(&found.rule).or(place) } else { place };
        let Found { rule: name, field, message, fix, .. } = found;
        self.findings.push(Finding {
            severity,
            rule: name,
            unit,
            subject,
            field: Some(&field).filter(|field| !field.0.is_empty()).map(ToString::to_string),
            place,
            message: clean(message),
            fix: fix.or_else(|| rule.fix.clone()).map(clean),
            standing,
        });
    }

    /// Where one of the repository's own rules is written.
    fn rule_place(&self, name: &RuleName) -> Option<Place> {
        let policy = self.policies.custom.iter().find(|policy| policy.name == *name)?;
        Some(policy.rule.place.clone().unwrap_or_else(|| policy.place.clone()))
    }

    fn count(&mut self, rule: &RuleName, found: usize) {
        match self.known.get_mut(rule) {
            Some(count) => *count += found,
            None => drop(self.known.insert(rule.clone(), found)),
        }
    }

    fn guard_standing(&self) -> Standing {
        match self.acknowledged {
            Some(Acknowledgement { by, reason, .. }) => {
                Standing::Acknowledged { by: by.clone(), reason: reason.clone() }
            }
            None => Standing::NeedsAcknowledgement,
        }
    }

    /// What the waivers make of a finding; nothing when none speaks of it.
    fn waived(
        &mut self,
        rule: &RuleName,
        subject: impl FnOnce() -> Option<Subject>,
        file: Option<&TreePath>,
    ) -> Option<Standing> {
        if !self.waivers.concern(rule) {
            return None;
        }
        match self.waivers.cover(rule, subject().as_ref(), file) {
            Cover::Waived(waiver) => Some(Standing::Waived { reason: waiver.reason.clone() }),
            Cover::Expired => Some(Standing::New),
            Cover::None => None,
        }
    }

    fn place_in(&self, item: &Item<'_>, found: &Found) -> Option<Place> {
        let object = item.desired?;
        let place = (self.locate)(object, &found.field);
        let place = place.or_else(|| (self.locate)(object, &FieldPath::default()))?;
        Some(shown(place, found))
    }
}

/// The file of an object, without reading it.
fn file<'a>(item: &Item<'a>) -> Option<&'a TreePath> {
    item.desired.map(|object| &object.provenance.path)
}

/// The place, without its text where that may hold a secret.
fn shown(place: Place, found: &Found) -> Place {
    let hides = |line: &str| found.secret || scrub(line) != line;
    let hidden = place.line.as_ref().and_then(|line| line.text.as_deref()).is_some_and(hides);
    if hidden { place.without_text() } else { place }
}

/// Worst first; among equals what counts first, then by rule, unit, subject and field.
fn sort(findings: &mut Vec<Finding>) {
    let rank = |finding: &Finding| (!finding.blocks(), std::cmp::Reverse(finding.severity));
    findings.sort_by(|one, two| rank(one).cmp(&rank(two)).then_with(|| by_name(one).cmp(&by_name(two))));
    findings.dedup();
}

type Name<'a> = (
    &'a RuleName,
    Option<&'a UnitName>,
    Option<&'a Subject>,
    Option<&'a String>,
    Option<&'a Place>,
    &'a String,
);

fn by_name(finding: &Finding) -> Name<'_> {
    let Finding { rule, unit, subject, field, place, message, .. } = finding;
    (rule, unit.as_ref(), subject.as_ref(), field.as_ref(), place.as_ref(), message)
}
