//! Label selectors of owners, as a query has them. Pure.

use serde_json::Value;

/// The selector in `spec.selector` of an owner of pods. `None`: it has none that is understood, or one that selects
/// everything.
pub(super) fn of_owner(owner: &Value) -> Option<String> {
    let selector = owner.pointer("/spec/selector")?.as_object()?;
    let is_plain = !selector.is_empty() && selector.values().all(Value::is_string);
    let labels =
        if is_plain { Some(selector) } else { selector.get("matchLabels").and_then(Value::as_object) };
    let mut terms: Vec<String> = Vec::new();
    for (name, value) in labels.into_iter().flatten() {
        terms.push(format!("{name}={}", value.as_str()?));
    }
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).filter(|_| !is_plain);
    for expression in expressions.into_iter().flatten() {
        terms.push(term(expression)?);
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

fn term(expression: &Value) -> Option<String> {
    let key = expression.get("key")?.as_str()?;
    let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
    let values: Vec<&str> = values.filter_map(Value::as_str).collect();
    Some(match expression.get("operator")?.as_str()? {
        "In" => format!("{key} in ({})", values.join(",")),
        "NotIn" => format!("{key} notin ({})", values.join(",")),
        "Exists" => key.to_owned(),
        "DoesNotExist" => format!("!{key}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_are_written_as_queries_have_them() {
        let check = |selector: Value| of_owner(&json!({"spec": {"selector": selector}}));
        assert_eq!(
            check(json!({"matchLabels": {"app": "web", "tier": "a"}})).as_deref(),
            Some("app=web,tier=a")
        );
        assert_eq!(check(json!({"app": "web"})).as_deref(), Some("app=web"), "of a ReplicationController");
        let expressions = json!([
            {"key": "a", "operator": "In", "values": ["x", "y"]}, {"key": "b", "operator": "NotIn", "values": ["z"]},
            {"key": "c", "operator": "Exists"}, {"key": "d", "operator": "DoesNotExist"},
        ]);
        assert_eq!(
            check(json!({"matchExpressions": expressions})).as_deref(),
            Some("a in (x,y),b notin (z),c,!d")
        );
        assert_eq!(check(json!({})), None, "it selects everything");
        assert_eq!(check(json!({"matchExpressions": [{"key": "a", "operator": "Near"}]})), None);
        assert_eq!(of_owner(&json!({"spec": {}})), None);
    }
}
