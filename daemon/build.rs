//! Puts the pages of docs/errors and the reference repository into the program, so that `naksha explain` and
//! `naksha init` work without the sources.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo should set OUT_DIR"));
    let is_page =
        |name: &str| name.starts_with("NK") && Path::new(name).extension().is_some_and(|end| end == "md");
    let pages = table(&root.join("docs/errors"), |name| {
        is_page(name).then(|| name.trim_end_matches(".md").to_owned())
    });
    fs::write(out.join("pages.rs"), pages).expect("should write to OUT_DIR");
    let reference = table(&root.join("environments/reference"), |name| Some(name.to_owned()));
    fs::write(out.join("reference.rs"), reference).expect("should write to OUT_DIR");
}

/// The files below a folder as the text of a sorted slice of (name, contents).
fn table(folder: &Path, name_of: impl Fn(&str) -> Option<String>) -> String {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, "", &mut files);
    files.sort();
    let mut rows = String::from("&[\n");
    for (relative, path) in &files {
        if let Some(name) = name_of(relative) {
            let path = path.display().to_string();
            writeln!(rows, "    ({name:?}, include_str!({path:?})),").expect("should write to a string");
        }
    }
    rows.push_str("]\n");
    rows
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.path().is_dir() {
            collect(&entry.path(), &relative, files);
        } else {
            files.push((relative, entry.path()));
        }
    }
}
