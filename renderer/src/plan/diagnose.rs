//! Findings about a plan that need a person: what waits, what could not be observed, what stays.

use naksha_environments::codes::plan as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::ids::UnitName;
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{Action, Blocked, Payload, Plan, Resolution, Unjudged};
use naksha_environments::rendered::Rendered;

/// The plan's own findings, sorted. `rendered` is what it was made from; it knows the places.
pub fn diagnostics(plan: &Plan, rendered: &Rendered) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for (unit, why) in &plan.blocked {
        found.extend(blocked(rendered, unit, why));
    }
    found.extend(plan.actions.iter().flat_map(conflicts));
    for (key, reason) in &plan.unknown {
        let message = format!("the state of `{key}` is not known: {reason}");
        let hint = "it is neither changed nor deleted; it is looked at again with the next reconcile";
        found.push(at(rendered, key, Diagnostic::new(codes::UNKNOWN_STATE, message).hint(hint)));
    }
    for (key, reason) in &plan.kept {
        let message = format!("`{key}` is no longer in Git and stays: {reason}");
        let hint = "delete it by hand, or put it back into Git";
        found.push(Diagnostic::new(codes::NOT_DELETED, message).hint(hint));
    }
    for (key, changes) in &plan.drifted {
        let fields = match changes.len() {
            1 => "1 field".to_owned(),
            fields => format!("{fields} fields"),
        };
        let message = format!("`{key}` moved away from what was applied, in {fields}");
        let hint = "set `sync.selfHeal: true` to take it back, or bring the change into Git";
        found.push(at(rendered, key, Diagnostic::new(codes::DRIFT, message).hint(hint)));
    }
    let unjudged =
        plan.left.iter().flat_map(|(key, left)| left.unjudged.iter().map(move |it| (key, left, it)));
    found.extend(unjudged.map(|(key, left, it)| condition(key, &left.unit, it)));
    found.sort();
    found
}

/// A rule that cannot tell whether it applies does not: drift that nobody hears of would be worse.
fn condition(key: &ObjectKey, unit: &UnitName, unjudged: &Unjudged) -> Diagnostic {
    let Unjudged { place, reason, why, hint } = unjudged;
    let message = format!("the ignore rule \"{reason}\" does not apply to `{key}`: {why}");
    let hint =
        hint.as_deref().unwrap_or("let `when` give true or false for every object that the rule is about");
    Diagnostic::new(codes::CONDITION_UNJUDGED, message).at(place.clone()).hint(hint).unit(unit)
}

fn blocked(rendered: &Rendered, unit: &UnitName, why: &Blocked) -> Option<Diagnostic> {
    let found = match why {
        Blocked::DependsOn(needed) => {
            let message = format!("nothing of unit `{unit}` is applied, because it needs unit `{needed}`");
            let why = plan_word(rendered, needed);
            Diagnostic::new(codes::BLOCKED_BY_DEPENDENCY, message)
                .note(None, format!("unit `{needed}` {why}"))
        }
        // Rendering told about these already.
        Blocked::Broken(_) | Blocked::Unsupported(_) | Blocked::NotYet => return None,
    };
    Some(found.unit(unit))
}

fn plan_word(rendered: &Rendered, unit: &UnitName) -> &'static str {
    use naksha_environments::rendered::UnitState;
    match rendered.units.get(unit).map(|unit| &unit.state) {
        Some(UnitState::Broken { .. }) => "is broken",
        Some(UnitState::Unsupported { .. }) => "has a source that this version cannot apply",
        Some(UnitState::NotYet) => "comes with the next promotion",
        Some(UnitState::Rendered(_)) | None => "is blocked itself",
    }
}

fn conflicts(action: &Action) -> Vec<Diagnostic> {
    let place = match &action.payload {
        Payload::Write { desired, .. } => Some(&desired.provenance),
        Payload::Remove { .. } | Payload::Register { .. } | Payload::Retire { .. } => None,
    };
    let refused = action.conflicts.iter().filter(|conflict| conflict.resolution.refuses());
    let diagnostic = |conflict: &naksha_environments::plan::Conflict| {
        let who =
            conflict.manager.as_deref().map_or_else(|| "somebody else".to_owned(), |it| format!("`{it}`"));
        let field = format!("`{}` of `{}`", conflict.path, action.subject);
        let mut found = if conflict.resolution == Resolution::Immutable {
            let hint =
                "undo the change, or set `immutable: recreate` in the unit: it is deleted and made again";
            Diagnostic::new(codes::FIELD_IMMUTABLE, format!("{field} cannot be changed in place")).hint(hint)
        } else {
            let hint =
                "remove the field from Git, or set `conflicts: take` or `conflicts: leave` in the unit";
            Diagnostic::new(codes::FIELD_CONFLICT, format!("{field} was set by {who}")).hint(hint)
        };
        found.unit.clone_from(&action.unit);
        found.place = place.map(|place| Place::at_line(&place.path, place.line, 1));
        found
    };
    refused.map(diagnostic).collect()
}

/// Adds the place and the unit of the object, as far as it is rendered.
fn at(rendered: &Rendered, key: &ObjectKey, mut found: Diagnostic) -> Diagnostic {
    if let Some((unit, object)) = rendered.maker(key) {
        found.unit = Some(unit.name.clone());
        found.place = Some(Place::at_line(&object.provenance.path, object.provenance.line, 1));
    }
    found
}
