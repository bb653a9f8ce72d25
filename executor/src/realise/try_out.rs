//! What the target says of a plan that is not carried out: its writes as dry runs, for whoever has to decide about it.
//!
//! Values of secrets are not read for that: placeholders stand in for them.

use std::collections::BTreeMap;

use futures::{FutureExt as _, StreamExt as _};
use naksha_environments::codes::plan as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{DesiredObject, ObjectKey};
use naksha_environments::plan::{Action, Payload, Plan, Subject, Verb};
use naksha_environments::secret::Secret;

use super::write::request;
use crate::port::store::Scope;
use crate::port::target::{Target, Write, WriteError};

/// Dry runs at a time: a person waits for the answer, and the target has other things to do.
const IN_FLIGHT: usize = 16;
/// Of a larger plan the first ones are tried: nobody reads more refusals.
const MAX_TRIED: usize = 500;
/// Stands for the value of a secret. Some types of Secrets must hold JSON.
const PLACEHOLDER: &str = "{}";

/// Tries the writes of a plan. What would be refused, in the plan's order.
pub async fn try_out(
    plan: &Plan,
    inventory: &Inventory,
    scope: &Scope,
    target: &dyn Target,
) -> Vec<Diagnostic> {
    let writes = plan.actions.iter().filter_map(|action| write_of(action, inventory, scope));
    // Boxed and put into a list first: the compiler cannot follow the lifetimes of what is made on the way.
    let tried: Vec<_> = writes.take(MAX_TRIED).map(|asked| try_one(plan, asked, target).boxed()).collect();
    let tried: Vec<_> = futures::stream::iter(tried).buffered(IN_FLIGHT).collect().await;
    tried.into_iter().flatten().collect()
}

/// A write of a plan.
struct Asked<'a> {
    action: &'a Action,
    desired: &'a DesiredObject,
    write: Write,
}

async fn try_one(plan: &Plan, asked: Asked<'_>, target: &dyn Target) -> Option<Diagnostic> {
    let Asked { action, desired, write } = asked;
    let error = target.try_out(&write).await.err()?;
    told(plan, action, desired, &error)
}

/// A deletion before a creation cannot be tried: the one would be in the way of the other.
fn write_of<'a>(action: &'a Action, inventory: &Inventory, scope: &Scope) -> Option<Asked<'a>> {
    let (Payload::Write { desired, expect, leave }, Subject::Object(key), Some(unit)) =
        (&action.payload, &action.subject, &action.unit)
    else {
        return None;
    };
    if action.verb == Verb::Replace || action.conflicts.iter().any(|conflict| conflict.resolution.refuses()) {
        return None;
    }
    let owned = inventory.get(key).map(AsRef::as_ref).filter(|owned| owned.mark.is_some());
    let placeholder = |name: &String| (name.clone(), Secret::new(PLACEHOLDER));
    let secrets: BTreeMap<_, _> = desired.secrets.keys().map(placeholder).collect();
    let write = request(scope, unit, key, desired, (expect.as_ref(), &action.verb), owned, leave);
    Some(Asked { action, desired, write: Write { secrets, ..write } })
}

fn told(plan: &Plan, action: &Action, desired: &DesiredObject, error: &WriteError) -> Option<Diagnostic> {
    let (code, reason) = match error {
        // It is planned again anyway.
        WriteError::Moved { .. } => return None,
        WriteError::Transient { reason, .. } => (codes::NOT_TRIED, reason.clone()),
        WriteError::Blocked { reason, .. } if comes_with(plan, &desired.key) => {
            (codes::NOT_TRIED, format!("{reason}, and comes with this plan"))
        }
        WriteError::Blocked { reason, .. } => (codes::WOULD_BE_REFUSED, reason.clone()),
        WriteError::Invalid { field, reason, .. } => {
            let field = field.as_ref().map(|field| format!("`{field}`: ")).unwrap_or_default();
            (codes::WOULD_BE_REFUSED, format!("{field}{reason}"))
        }
    };
    let mut found = Diagnostic::new(code, format!("{}: {reason}", action.subject));
    found.unit.clone_from(&action.unit);
    found.place = Some(Place::at_line(&desired.provenance.path, desired.provenance.line, 1));
    Some(found)
}

/// Whether the namespace of an object is made by the same plan.
fn comes_with(plan: &Plan, key: &ObjectKey) -> bool {
    let Some(namespace) = &key.namespace else { return false };
    plan.actions.iter().any(|action| match &action.subject {
        Subject::Object(other) => {
            action.verb == Verb::Create && &*other.kind == "Namespace" && other.name == *namespace
        }
        Subject::Workflow(_) => false,
    })
}
