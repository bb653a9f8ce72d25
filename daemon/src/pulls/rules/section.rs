//! The changed rules in a comment, open: nobody may miss them.

use naksha_renderer::present::{inline, prose};

use super::Rules;

/// Bytes of it, head and foot included. It is part of what the comment keeps free beside the plans.
const BUDGET: usize = 4_000;
const HEAD: &str = "\n**Changes the rules** (this change is judged by the old ones)\n\n";
const FOOT: &str = "- More than fits here: read `naksha.yaml`, `environments/`, `policies/`, `health/` and `approvals/` of this change\n";

/// A list, in Markdown; nothing where nothing is changed. What does not fit is left out where a list is longest, so that no
/// environment hides another.
pub(in crate::pulls) fn section(rules: &Rules) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let Rules { everywhere, environments, acknowledged } = rules;
    let lists = environments.iter().map(|(name, lines)| (name.as_str(), lines));
    let lists: Vec<Vec<String>> = [("everywhere", everywhere), ("a plan", acknowledged)]
        .into_iter()
        .chain(lists)
        .map(|(name, lines)| {
            lines.iter().map(|line| format!("- {}: {}\n", inline(name), prose(line))).collect()
        })
        .collect();
    let mut room = BUDGET - HEAD.len() - FOOT.len();
    let mut kept = vec![0; lists.len()];
    let longest = lists.iter().map(Vec::len).max().unwrap_or_default();
    for depth in 0..longest {
        for (list, kept) in lists.iter().zip(&mut kept) {
            // Nothing after what did not fit: a list ends, and has no holes.
            if let Some(line) = list.get(depth)
                && *kept == depth
                && line.len() <= room
            {
                room -= line.len();
                *kept += 1;
            }
        }
    }
    let shown: String =
        lists.iter().zip(&kept).flat_map(|(list, kept)| &list[..*kept]).map(String::as_str).collect();
    let is_whole = lists.iter().zip(&kept).all(|(list, kept)| list.len() == *kept);
    format!("{HEAD}{shown}{}", if is_whole { "" } else { FOOT })
}
