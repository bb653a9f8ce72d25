//! What a plan without a cluster takes for granted: that a custom kind is there, and lies in namespaces. Pure.

use std::collections::BTreeSet;

use naksha_environments::codes::plan::KIND_NOT_KNOWN;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::kubernetes;
use naksha_environments::rendered::{Rendered, RenderedUnit};

/// Kinds that are named; the others are counted.
const MAX_NAMED: usize = 5;

/// A note about custom kinds that neither the environment itself defines nor a well-known project has. Nothing: every kind is known.
pub fn unknown_kinds(rendered: &Rendered) -> Option<Diagnostic> {
    let objects = || rendered.units.values().flat_map(RenderedUnit::objects);
    let defined: BTreeSet<(String, String)> = objects()
        .filter(|object| &*object.key.kind == "CustomResourceDefinition")
        .filter_map(|object| {
            let body = object.body.value();
            let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            Some((text(&body["spec"]["group"])?, text(&body["spec"]["names"]["kind"])?))
        })
        .collect();
    let is_known = |group: &str, kind: &str| {
        kubernetes::is_built_in(group)
            || kubernetes::is_well_known(group)
            || defined.contains(&(group.to_owned(), kind.to_owned()))
    };
    let kinds: BTreeSet<String> = objects()
        .map(|object| &object.key)
        .filter(|key| !is_known(&key.group, &key.kind))
        .map(|key| format!("`{}/{}`", key.group, key.kind))
        .collect();
    if kinds.is_empty() {
        return None;
    }
    let named: Vec<&str> = kinds.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = match kinds.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "only the cluster knows {}{more}: taken to be there, and to lie in namespaces",
        named.join(", ")
    );
    let hint = "the daemon asks the cluster; a CustomResourceDefinition in the environment says it here too";
    Some(Diagnostic::new(KIND_NOT_KNOWN, message).hint(hint))
}
