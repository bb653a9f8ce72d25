//! Cycles in a graph of names.

use std::collections::{BTreeMap, BTreeSet};

/// Cycles that are looked for. Each is one finding; who sees twenty breaks them first.
const MAX_CYCLES: usize = 20;

/// The cycles that a walk along the edges meets, each once, starting with its smallest name. Every cyclic part
/// of the graph gives at least one. Edges to names that are no nodes are ignored.
pub(crate) fn cycles<K: Ord + Clone>(graph: &BTreeMap<K, Vec<K>>) -> Vec<Vec<K>> {
    let mut done: BTreeSet<&K> = BTreeSet::new();
    let mut found: BTreeSet<Vec<K>> = BTreeSet::new();
    for start in graph.keys() {
        // An explicit stack: a chain of a thousand units is fine.
        let mut path: Vec<(&K, usize)> = vec![(start, 0)];
        let mut on_path: BTreeSet<&K> = BTreeSet::from([start]);
        if done.contains(start) {
            continue;
        }
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let edge = graph.get(node).and_then(|edges| edges.get(*next));
            *next += 1;
            let Some(target) = edge else {
                done.insert(node);
                on_path.remove(node);
                path.pop();
                continue;
            };
            let Some((target, _)) = graph.get_key_value(target) else { continue };
            if on_path.contains(target) && found.len() < MAX_CYCLES {
                let cycle = path.iter().map(|(name, _)| *name).skip_while(|name| *name != target);
                found.insert(rotated(cycle.cloned().collect()));
            } else if !done.contains(target) && !on_path.contains(target) {
                on_path.insert(target);
                path.push((target, 0));
            }
        }
    }
    found.into_iter().collect()
}

fn rotated<K: Ord>(mut cycle: Vec<K>) -> Vec<K> {
    let smallest = (0..cycle.len()).min_by_key(|at| &cycle[*at]).unwrap_or_default();
    cycle.rotate_left(smallest);
    cycle
}

/// `a → b → a`.
pub(crate) fn path_text<K: std::fmt::Display>(cycle: &[K]) -> String {
    let names = cycle.iter().chain(cycle.first()).map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(" → ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
        let mut graph: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().push((*to).to_owned());
            graph.entry((*to).to_owned()).or_default();
        }
        graph
    }

    #[test]
    fn every_cyclic_part_is_found_once() {
        assert!(cycles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
        let found = cycles(&graph(&[("c", "a"), ("a", "b"), ("b", "c"), ("d", "a"), ("x", "y"), ("y", "x")]));
        assert_eq!(found, [vec!["a", "b", "c"], vec!["x", "y"]]);
        assert_eq!(path_text(&found[0]), "`a` → `b` → `c` → `a`");
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let names: Vec<String> = (0..100_000).map(|at| format!("{at:06}")).collect();
        let mut edges: Vec<(&str, &str)> = names.windows(2).map(|pair| (&*pair[0], &*pair[1])).collect();
        edges.push((&names[99_999], &names[0]));
        assert_eq!(cycles(&graph(&edges)).len(), 1);
    }
}
