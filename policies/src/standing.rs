//! From what was found to findings: severity, whether it counts, and where it stands.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use naksha_environments::diagnostic::{Place, Severity};
use naksha_environments::ids::{RuleName, UnitName};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{FieldPath, PlanId, Subject};
use naksha_environments::source::TreePath;
use naksha_environments::verdict::{Acknowledgement, Finding, Standing};
use naksha_environments::wire::scrub;

use crate::check::Locate;
use crate::estate::Item;
use crate::found::{Identity, Located};
use crate::policy_set::PolicySet;
use crate::waiver::{Cover, Waivers};

/// What was found before the change.
#[derive(Debug, Default)]
pub(crate) struct Before {
    pub(crate) identities: BTreeSet<Identity>,
    /// Objects that are the same as before: what could not be judged of them then cannot be now, and is no news.
    pub(crate) unchanged: BTreeSet<ObjectKey>,
}

/// Everything that decides on standings.
pub(crate) struct Bench<'a> {
    pub(crate) policies: &'a PolicySet,
    pub(crate) before: Before,
    pub(crate) acknowledged: Option<&'a Acknowledgement>,
    pub(crate) items: BTreeMap<&'a ObjectKey, &'a Item<'a>>,
    pub(crate) locate: &'a Locate<'a>,
}

/// The acknowledgement of a plan that still holds.
pub(crate) fn acknowledgement<'a>(
    plan: &PlanId,
    all: &'a [Acknowledgement],
    now: Timestamp,
) -> Option<&'a Acknowledgement> {
    all.iter().find(|one| one.plan == *plan && one.expires.is_none_or(|expires| expires > now))
}

impl Bench<'_> {
    /// The finding, or nothing when its rule is off.
    pub(crate) fn finding(&self, located: Located, waivers: &mut Waivers<'_>) -> Option<Finding> {
        let rule = self.policies.rule(&located.found.rule)?;
        let mut severity = rule.severity?;
        if located.found.at_most_warning {
            severity = severity.min(Severity::Warning);
        }
        let file = self.file(&located);
        let standing =
            if rule.guard { self.guard_standing() } else { self.standing(&located, file.as_ref(), waivers) };
        // What was there before is counted, not shown: its line is not worth reading its file again.
        let place = match (&standing, file) {
            (Standing::Existing, Some(file)) => Some(Place::file(&file)),
            _ => self.place(&located),
        };
        let field = Some(&located.found.field).filter(|field| !field.0.is_empty());
        let clean = |text: String| scrub(&text).into_owned();
        Some(Finding {
            severity,
            rule: located.found.rule.clone(),
            unit: located.unit.clone(),
            subject: located.subject.clone(),
            field: field.map(ToString::to_string),
            place,
            message: clean(located.found.message),
            fix: located.found.fix.or_else(|| rule.fix.clone()).map(clean),
            standing,
        })
    }

    fn guard_standing(&self) -> Standing {
        match self.acknowledged {
            Some(Acknowledgement { by, reason, .. }) => {
                Standing::Acknowledged { by: by.clone(), reason: reason.clone() }
            }
            None => Standing::NeedsAcknowledgement,
        }
    }

    fn standing(&self, located: &Located, file: Option<&TreePath>, waivers: &mut Waivers<'_>) -> Standing {
        match waivers.cover(&located.found.rule, located.subject.as_ref(), file) {
            Cover::Waived(waiver) => return Standing::Waived { reason: waiver.reason.clone() },
            Cover::Expired => return Standing::New,
            Cover::None => {}
        }
        let known = self.before.identities.contains(&located.identity());
        let same = match &located.subject {
            Some(Subject::Object(key)) => self.before.unchanged.contains(key),
            _ => false,
        };
        // A change may be what makes a rule fail: what cannot be judged counts, unless nothing changed at all.
        if known && (!located.found.unjudged || same) { Standing::Existing } else { Standing::New }
    }

    /// The file of a finding, without reading it.
    fn file(&self, located: &Located) -> Option<TreePath> {
        if let Some(place) = &located.place {
            return Some(place.path.clone());
        }
        let Some(Subject::Object(key)) = &located.subject else { return None };
        Some(self.items.get(key)?.desired?.provenance.path.clone())
    }

    fn place(&self, located: &Located) -> Option<Place> {
        let place = located.place.clone().or_else(|| {
            let Some(Subject::Object(key)) = &located.subject else { return None };
            let object = self.items.get(key)?.desired?;
            (self.locate)(object, &located.found.field)
                .or_else(|| (self.locate)(object, &FieldPath::default()))
        })?;
        let shows = |line: &str| located.found.secret || scrub(line) != line;
        let hidden = place.line.as_ref().and_then(|line| line.text.as_deref()).is_some_and(shows);
        Some(if hidden { place.without_text() } else { place })
    }
}

/// Worst first; among equals what counts first, then by rule, unit, subject and field.
pub(crate) fn sort(findings: &mut Vec<Finding>) {
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
