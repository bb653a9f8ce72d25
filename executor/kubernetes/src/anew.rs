//! Whether an object that is refused as a change would be taken as a new one: then a field of it cannot be changed in
//! place, whatever words the server has for that.

use naksha_environments::object::RefusedInPlace;
use naksha_executor::port::target::Write;
use serde_json::Value;

use crate::connect::REQUEST_TIMEOUT;
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::send::{self, Sending};
use crate::target::Inner;

/// Kinds whose names say what they are: the same content under another name is wrong in itself.
const NAMES_BOUND: &[(&str, &str)] =
    &[("apiextensions.k8s.io", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService")];
/// Added to the beginning of the name. Nothing is made under it.
const TRIED: &str = "-naksha-try";
/// Names of some kinds end at 63 characters.
const BEGINNING: usize = 40;

/// Looks into a refusal. What it says where the object would be taken as a new one; the refusal itself otherwise.
pub(crate) async fn look_into(
    inner: &Inner,
    write: &Write,
    resource: &Resource,
    body: &Value,
    refusal: Refusal,
) -> Refusal {
    // A policy that forbids every change for a while names no field.
    let Refusal::Invalid { field: Some(field), .. } = &refusal else { return refusal };
    if NAMES_BOUND.contains(&(&*write.key.group, &*write.key.kind)) {
        return refusal;
    }
    if !is_taken_as_new(inner, write, resource, body).await {
        return refusal;
    }
    let field = Some(field.as_str().into());
    inner.cache.refused_in_place(&write.key, RefusedInPlace { desired: write.body.digest(), field });
    Refusal::Stale("a field cannot be changed in place".to_owned())
}

async fn is_taken_as_new(inner: &Inner, write: &Write, resource: &Resource, body: &Value) -> bool {
    let mut body = body.clone();
    let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) else { return false };
    let mut name: String = write.key.name.chars().take(BEGINNING).collect();
    name.push_str(TRIED);
    metadata.insert("name".to_owned(), name.as_str().into());
    metadata.shift_remove("uid");
    metadata.insert("resourceVersion".to_owned(), send::NO_VERSION.into());
    let path = resource.object(&write.key.named(&name));
    let Ok(request) = send::request(write, &path, &body, Sending::GentleDryRun) else { return false };
    let answer = inner.api.call(request, REQUEST_TIMEOUT).await;
    answer.is_ok_and(|answer| Refusal::of(&answer).is_none())
}
