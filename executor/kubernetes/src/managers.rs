//! Who owns which field, rewritten: what others applied becomes ours when an object is adopted, and what we stop sending
//! is handed over.
//!
//! A server-side apply alone would leave the manager of before as an owner beside us: what Git drops later would stay for
//! ever. And a field of which we are the only owner is reset as soon as it is not sent any more.

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use naksha_environments::object::ObjectKey;
use naksha_environments::plan::FieldPath;
use naksha_executor::live::LAST_APPLIED;
use naksha_executor::port::target::WriteError;
use serde_json::{Map, Value, json};

use crate::connect::REQUEST_TIMEOUT;
use crate::fields::set::{Set, cut, join, take};
use crate::fields::{Entry, HAND_OVER, MANAGER};
use crate::refusal::{Refusal, unanswered};
use crate::resource::Resource;
use crate::send::METADATA;
use crate::target::Inner;

/// Programs that carry out somebody's manifests: with an object that is adopted, what they set is taken over. What
/// people and controllers set (`kubectl-edit`, an autoscaler) stays theirs.
const APPLIERS: &[&str] = &[
    // Of objects that were made before anybody kept track.
    "before-first-apply",
    "HashiCorp",
    "Terraform",
    "argocd-controller",
    "helm",
    "helm-controller",
    "kluctl",
    "kubectl",
    "kubectl-client-side-apply",
    "kubectl-create",
    "kubectl-replace",
    "kustomize-controller",
];
const JSON_PATCH: &str = "application/json-patch+json";

/// Whether an entry is taken over with an adopted object. One of ours is there when an adoption was broken off, or when
/// what we knew is lost.
fn is_taken_over(manager: &str, subresource: &str) -> bool {
    subresource.is_empty() && (manager == MANAGER || APPLIERS.contains(&manager))
}

/// What those had set whose work is taken over with an object: of its masked form. `None`: there is nobody.
pub(crate) fn inherited(entries: &[Entry<'_>], masked: &Value) -> Option<Value> {
    let mut set = Set::new();
    let heirs = entries.iter().filter(|entry| is_taken_over(&entry.manager, &entry.subresource));
    heirs.for_each(|entry| join(&mut set, &entry.tree()));
    if set.is_empty() {
        return None;
    }
    let mut inherited = cut(&set, masked);
    // A copy of all the rest.
    if let Some(annotations) = inherited.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.shift_remove(LAST_APPLIED);
    }
    Some(inherited)
}

/// What is changed about who owns what.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transfer<'a> {
    /// What others applied becomes ours, but for the fields that are left to them.
    TakeOver { leave: &'a [FieldPath] },
    /// Fields of ours are handed over, so that they stay as they are.
    HandOver { fields: &'a [FieldPath] },
}

/// What came of it.
pub(crate) enum Transferred {
    /// The object's version from now on.
    At(String),
    Refused(Refusal),
}

/// Rewrites who owns what: of just this version of an object, or of any.
pub(crate) async fn transfer(
    inner: &Inner,
    key: &ObjectKey,
    resource: &Resource,
    at: Option<&str>,
    transfer: Transfer<'_>,
) -> Result<Transferred, WriteError> {
    let path = resource.object(key);
    let answer = inner.api.get(&path, "application/json").await.map_err(|error| unanswered(key, &error))?;
    if let Some(refusal) = Refusal::of(&answer) {
        return Ok(Transferred::Refused(refusal));
    }
    let object: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let metadata = object.get("metadata").and_then(Value::as_object);
    let resource_version = version_of(metadata).unwrap_or_default();
    if at.is_some_and(|at| at != resource_version) {
        return Ok(Transferred::Refused(Refusal::Stale("it moved".to_owned())));
    }
    let entries = metadata.and_then(|metadata| metadata.get("managedFields")).and_then(Value::as_array);
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let Some(entries) = rewritten(entries.map_or(&[], Vec::as_slice), api_version, transfer) else {
        return Ok(Transferred::At(resource_version.to_owned()));
    };
    let change = json!([
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        // With it the request is refused when the object moved.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
    ]);
    let request = Request::patch(format!("{path}?fieldManager={MANAGER}"))
        .header(CONTENT_TYPE, JSON_PATCH)
        .header(ACCEPT, METADATA)
        .body(serde_json::to_vec(&change).expect("should write a value of texts and numbers"))
        .expect("should be a request: its path is escaped");
    let answer = inner.api.call(request, REQUEST_TIMEOUT).await.map_err(|error| unanswered(key, &error))?;
    if let Some(refusal) = Refusal::of(&answer) {
        return Ok(Transferred::Refused(refusal));
    }
    let object: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let now = version_of(object.get("metadata").and_then(Value::as_object)).map(str::to_owned);
    now.map(Transferred::At).ok_or_else(|| WriteError::Transient {
        key: key.clone(),
        reason: "what the server answered cannot be read".to_owned(),
        after: None,
    })
}

fn version_of(metadata: Option<&Map<String, Value>>) -> Option<&str> {
    metadata?.get("resourceVersion").and_then(Value::as_str)
}

/// The entries as they should be; `None`: as they are. Sets of another version of the kind stay where they are: its
/// fields may have other names.
fn rewritten(entries: &[Value], api_version: &str, transfer: Transfer<'_>) -> Option<Vec<Value>> {
    let (mut moved, mut others, mut ours) = (Set::new(), Vec::new(), None);
    let heir = match transfer {
        Transfer::TakeOver { .. } => MANAGER,
        Transfer::HandOver { .. } => HAND_OVER,
    };
    for entry in entries {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let (manager, is_main) = (text("manager"), text("subresource").is_empty());
        let of_version = text("apiVersion") == api_version && is_main;
        let mut set = entry.get("fieldsV1").and_then(Value::as_object).cloned().unwrap_or_default();
        if of_version && manager == heir && text("operation") == "Apply" {
            ours = Some(set);
            continue;
        }
        let stays = match transfer {
            Transfer::TakeOver { leave } if of_version && is_taken_over(manager, "") => {
                let left = take(&mut set, leave);
                join(&mut moved, &set);
                left
            }
            Transfer::HandOver { fields } if of_version && manager == MANAGER => {
                join(&mut moved, &take(&mut set, fields));
                set
            }
            Transfer::TakeOver { .. } | Transfer::HandOver { .. } => {
                others.push(entry.clone());
                continue;
            }
        };
        if !stays.is_empty() {
            let mut entry = entry.clone();
            entry["fieldsV1"] = Value::Object(stays);
            others.push(entry);
        }
    }
    if moved.is_empty() {
        return None;
    }
    let mut all = ours.unwrap_or_default();
    join(&mut all, &moved);
    others.push(json!({
        "manager": heir,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": all,
    }));
    Some(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({
            "manager": manager,
            "operation": operation,
            "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        })
    }

    fn replicas() -> FieldPath {
        FieldPath::default().key("spec").key("replicas")
    }

    fn transferred(entries: &[Value], transfer: Transfer<'_>) -> Vec<(String, Value)> {
        let rewritten = rewritten(entries, "apps/v1", transfer).expect("should be rewritten");
        let told = |entry: &Value| {
            let who =
                format!("{} {}", entry["manager"].as_str().unwrap(), entry["operation"].as_str().unwrap());
            (who, entry["fieldsV1"].clone())
        };
        rewritten.iter().map(told).collect()
    }

    #[test]
    fn what_others_applied_becomes_ours() {
        let fields = json!({"f:spec": {"f:replicas": {}, "f:paused": {}}});
        let entries = [
            entry("helm", "Update", &fields),
            entry("kubectl-client-side-apply", "Update", &json!({"f:data": {"f:a": {}}})),
            entry("kubectl-edit", "Update", &json!({"f:spec": {"f:minReadySeconds": {}}})),
        ];
        let leave = [replicas()];
        let after = transferred(&entries, Transfer::TakeOver { leave: &leave });
        let wanted = [
            ("helm Update", json!({"f:spec": {"f:replicas": {}}})),
            ("kubectl-edit Update", json!({"f:spec": {"f:minReadySeconds": {}}})),
            ("naksha Apply", json!({"f:spec": {"f:paused": {}}, "f:data": {"f:a": {}}})),
        ];
        assert_eq!(after, wanted.map(|(who, fields)| (who.to_owned(), fields)));
    }

    #[test]
    fn a_broken_off_adoption_is_gone_on_with() {
        let entries = [
            entry("naksha", "Apply", &json!({"f:data": {"f:a": {}}})),
            entry("helm", "Update", &json!({"f:data": {"f:b": {}}})),
        ];
        let after = transferred(&entries, Transfer::TakeOver { leave: &[] });
        assert_eq!(after, [("naksha Apply".to_owned(), json!({"f:data": {"f:a": {}, "f:b": {}}}))]);
        let adopted = [entry("naksha", "Apply", &json!({"f:data": {"f:a": {}}}))];
        assert_eq!(rewritten(&adopted, "apps/v1", Transfer::TakeOver { leave: &[] }), None);
    }

    #[test]
    fn fields_that_are_not_sent_any_more_are_handed_over() {
        let entries = [
            entry("naksha", "Apply", &json!({"f:spec": {"f:replicas": {}, "f:paused": {}}})),
            entry("naksha-handover", "Apply", &json!({"f:spec": {"f:minReadySeconds": {}}})),
        ];
        let fields = [replicas()];
        let after = transferred(&entries, Transfer::HandOver { fields: &fields });
        let wanted = [
            ("naksha Apply", json!({"f:spec": {"f:paused": {}}})),
            ("naksha-handover Apply", json!({"f:spec": {"f:minReadySeconds": {}, "f:replicas": {}}})),
        ];
        assert_eq!(after, wanted.map(|(who, fields)| (who.to_owned(), fields)));
        // Somebody else owns it: there is nothing to hand over.
        let scaled = [entry("naksha", "Apply", &json!({"f:spec": {"f:paused": {}}}))];
        assert_eq!(rewritten(&scaled, "apps/v1", Transfer::HandOver { fields: &fields }), None);
    }

    #[test]
    fn sets_of_other_versions_and_subresources_stay() {
        let mut old = entry("helm", "Update", &json!({"f:spec": {"f:rules": {}}}));
        old["apiVersion"] = "apps/v1beta1".into();
        let mut status = entry("helm", "Update", &json!({"f:status": {}}));
        status["subresource"] = "status".into();
        assert_eq!(rewritten(&[old, status], "apps/v1", Transfer::TakeOver { leave: &[] }), None);
    }
}
