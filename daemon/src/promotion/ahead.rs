//! What an environment was given by an edit of its own since its source was cut, and those before it were not. Pure.
//!
//! Such an edit acts at once, past every gate. It is told until it comes back: until those before it have the same, or a source is promoted
//! that has it.

use std::collections::BTreeMap;

use naksha_environments::environment::{Environment, UnitUse};
use naksha_environments::variables::Variables;

/// Keys that are named; more are counted.
const MAX_KEYS: usize = 5;

/// `then`: as it was at the source of its lock. Nothing: it is not ahead.
pub fn ahead(then: &Environment, now: &Environment, upstream: &[&Environment]) -> Option<String> {
    let (was, is) = (given(then), given(now));
    let theirs: Vec<_> = upstream.iter().map(|environment| given(environment)).collect();
    let keys = is.keys().chain(was.keys().filter(|key| !is.contains_key(*key)));
    let is_own = |key: &&String| {
        was.get(*key) != is.get(*key) && theirs.iter().all(|theirs| theirs.get(*key) != is.get(*key))
    };
    let own: Vec<&String> = keys.filter(is_own).collect();
    if own.is_empty() {
        return None;
    }
    let named: Vec<String> = own.iter().take(MAX_KEYS).map(|key| format!("`{key}`")).collect();
    let more = own.len().saturating_sub(MAX_KEYS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let of: Vec<&str> = upstream.iter().map(|environment| environment.name.as_str()).collect();
    Some(format!("ahead of {} by {}{more}", of.join(" and "), named.join(", ")))
}

/// What decides what it consists of, by key.
fn given(environment: &Environment) -> BTreeMap<String, String> {
    let variables = |before: &str, variables: &Variables| -> Vec<(String, String)> {
        let variables = variables.0.iter();
        variables.map(|(name, variable)| (format!("{before}{name}"), variable.value.to_string())).collect()
    };
    let mut given: BTreeMap<_, _> = variables("variables.", &environment.variables).into_iter().collect();
    for UnitUse { name, variables: own, place: _ } in &environment.units {
        given.insert(format!("units.{name}"), String::new());
        given.extend(variables(&format!("units.{name}.variables."), own));
    }
    given.extend(environment.workflows.iter().map(|(name, _)| (format!("workflows.{name}"), String::new())));
    given
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use naksha_environments::source::SourceTree;

    use super::*;
    use crate::rules::loader;

    /// An environment, as somebody writes it.
    fn environment(name: &str, spec: &str) -> Arc<Environment> {
        let text = format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec: {{target: {{directory: out}}, {spec}}}\n"
        );
        let path = format!("environments/{name}/environment.yaml");
        let tree = SourceTree::from_texts([(path.as_str(), text.as_str())]).unwrap();
        let definitions = loader().load(&tree).definitions;
        Arc::clone(definitions.environments.values().next().expect("should be read"))
    }

    #[test]
    fn an_edit_of_its_own_is_told_until_those_before_it_have_it() {
        let then = environment("prod", "variables: {replicas: 3, size: 1}, units: [web]");
        let dev = environment("dev", "variables: {replicas: 2}, units: [web]");
        let check = |spec: &str, dev: &Environment| ahead(&then, &environment("prod", spec), &[dev]);
        assert_eq!(check("variables: {replicas: 3, size: 1}, units: [web]", &dev), None, "as it was");
        let hot = "variables: {replicas: 5, size: 1}, units: [web, {name: extra, variables: {a: 1}}]";
        let words = "ahead of dev by `units.extra`, `units.extra.variables.a`, `variables.replicas`";
        assert_eq!(check(hot, &dev).as_deref(), Some(words));
        let ported =
            environment("dev", "variables: {replicas: 5}, units: [web, {name: extra, variables: {a: 1}}]");
        assert_eq!(check(hot, &ported), None);
        let less = "variables: {replicas: 3}, units: [web]";
        assert_eq!(
            check(less, &environment("dev", "variables: {size: 2}")).as_deref(),
            Some("ahead of dev by `variables.size`")
        );
        assert_eq!(check(less, &dev), None, "dev has none either");
        let many = "variables: {a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, replicas: 3, size: 1}, units: [web]";
        assert!(check(many, &dev).unwrap().ends_with("`variables.e` and 1 more"));
    }
}
