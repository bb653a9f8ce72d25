//! Which names of a Git tree may become part of a source tree.
//!
//! Git stores any bytes as a name. What is not UTF-8, what a file system could take for `.git`, `.` or `..`, and
//! two names that only case tells apart are refused with a finding, never renamed and never silently dropped.

use std::collections::BTreeMap;

use naksha_environments::codes::git as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::source::{MAX_PATH_LENGTH, TreePath};

/// Folders within folders. Deeper than anything people make; a bound for whoever walks the tree.
pub(super) const MAX_DEPTH: usize = 64;

/// The path of the entry `name` of `folder`, or the finding that refuses it.
pub(super) fn entry_path(folder: Option<&TreePath>, name: &[u8]) -> Result<TreePath, Box<Diagnostic>> {
    checked(folder, name).map_err(|refusal| {
        let shown = shown_path(folder, name);
        let finding = match refusal {
            Refusal::NotUtf8 => {
                Diagnostic::new(codes::NAME_NOT_UTF8, format!("the name of `{shown}` is not UTF-8"))
                    .hint("rename it; definitions cannot name it")
            }
            Refusal::Reserved(reason) => {
                Diagnostic::new(codes::RESERVED_NAME, format!("`{shown}` is refused: {reason}"))
                    .hint("rename or remove it")
            }
            Refusal::TooLong(bytes) => {
                let message = format!("path `{shown}` has {bytes} bytes, and {MAX_PATH_LENGTH} are allowed");
                Diagnostic::new(codes::PATH_TOO_LONG, message).hint("shorten it")
            }
            Refusal::TooDeep => {
                let message = format!("`{shown}` is more than {MAX_DEPTH} folders deep");
                Diagnostic::new(codes::PATH_TOO_LONG, message).hint("flatten the folders")
            }
        };
        Box::new(match folder {
            Some(folder) => finding.at(Place::file(folder)),
            None => finding,
        })
    })
}

enum Refusal {
    NotUtf8,
    Reserved(&'static str),
    TooLong(usize),
    TooDeep,
}

fn checked(folder: Option<&TreePath>, name: &[u8]) -> Result<TreePath, Refusal> {
    let text = std::str::from_utf8(name).map_err(|_| Refusal::NotUtf8)?;
    if text.is_empty() {
        return Err(Refusal::Reserved("its name is empty"));
    }
    if text.contains('/') {
        return Err(Refusal::Reserved("its name holds a `/`"));
    }
    if is_like_git_folder(text) {
        return Err(Refusal::Reserved("a file system may take its name for `.git`"));
    }
    let path = folder.map_or_else(|| text.to_owned(), |folder| format!("{folder}/{text}"));
    if path.len() > MAX_PATH_LENGTH {
        return Err(Refusal::TooLong(path.len()));
    }
    if path.matches('/').count() >= MAX_DEPTH {
        return Err(Refusal::TooDeep);
    }
    TreePath::parse(&path).map_err(|error| Refusal::Reserved(error.reason))
}

/// Names of one folder that only case tells apart, as groups of two or more in order.
pub(super) fn case_collisions<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Vec<&'a str>> {
    let mut by_folded: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in names {
        by_folded.entry(name.to_lowercase()).or_default().push(name);
    }
    by_folded.into_values().filter(|group| group.len() > 1).collect()
}

/// The finding for one group of [`case_collisions`].
pub(super) fn collision(folder: Option<&TreePath>, names: &[&str]) -> Diagnostic {
    let list =
        names.iter().map(|name| format!("`{}`", shown_path(folder, name.as_bytes()))).collect::<Vec<_>>();
    let message = format!("{} differ only in case", list.join(" and "));
    let finding = Diagnostic::new(codes::CASE_COLLISION, message)
        .hint("rename one of them: on macOS and Windows they are one file");
    match folder {
        Some(folder) => finding.at(Place::file(folder)),
        None => finding,
    }
}

/// `.git` in any case, also as NTFS and HFS+ would read it (trailing dots and blanks, short name, streams,
/// characters that are ignored): the classes of CVE-2014-9390 and CVE-2019-1353.
fn is_like_git_folder(name: &str) -> bool {
    let visible: String = name
        .chars()
        .filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .collect();
    let visible = visible.to_lowercase();
    let stem = visible.split([':', '\\']).next().unwrap_or_default().trim_end_matches(['.', ' ']);
    matches!(stem, ".git" | "git~1")
}

fn shown_path(folder: Option<&TreePath>, name: &[u8]) -> String {
    let name = name.escape_ascii().to_string();
    let path = folder.map_or_else(|| name.clone(), |folder| format!("{folder}/{name}"));
    // A hostile path may have thousands of bytes; its start and its end tell which one it is.
    match (path.char_indices().nth(100), path.char_indices().rev().nth(40)) {
        (Some((head, _)), Some((tail, _))) if head < tail => format!("{}…{}", &path[..head], &path[tail..]),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let folder = TreePath::parse("units").unwrap();
        let code =
            |name: &[u8]| entry_path(Some(&folder), name).map_or_else(|found| found.code.id(), |_| "fine");
        assert_eq!(code(b"values.yaml"), "fine");
        assert_eq!(code("größe.yaml".as_bytes()), "fine");
        assert_eq!(code(b"\xff\xfe.yaml"), "NK0720");
        for name in
            [".git", ".GIT", ".git ", ".git.", "git~1", ".g\u{200c}it", ".git::$INDEX_ALLOCATION", ".git\\x"]
        {
            assert_eq!(code(name.as_bytes()), "NK0722", "{name}");
        }
        for name in ["..", ".", "", "a/b", "a\nb", "\u{1b}[31m"] {
            assert_eq!(code(name.as_bytes()), "NK0722", "{name:?}");
        }
        assert_eq!(code("x".repeat(5000).as_bytes()), "NK0723");
        assert_eq!(code(b".gitignore"), "fine");
    }

    #[test]
    fn case_collisions_are_named_together() {
        let groups = case_collisions(["a", "B", "b", "A", "c"].into_iter());
        assert_eq!(groups, [vec!["a", "A"], vec!["B", "b"]]);
        let found = collision(None, &groups[0]);
        assert_eq!(found.message, "`a` and `A` differ only in case");
    }
}
