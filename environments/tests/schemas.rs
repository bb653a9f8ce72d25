//! The committed JSON Schemas of the definitions are the ones that the types give, and the reference product fits
//! them as any editor would check it.
//!
//! `NAKSHA_REGENERATE=1 cargo test -p naksha-environments --test schemas` writes them anew.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;

use naksha_environments::definition::{kinds, schema};
use naksha_environments::source::TreePath;
use naksha_environments::yaml::{Dialect, parse};

#[test]
fn committed_schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for kind in kinds() {
        let path = folder.join(format!("{}.json", kind.to_lowercase()));
        let current = serde_json::to_string_pretty(&schema(kind).unwrap()).unwrap() + "\n";
        if std::env::var_os("NAKSHA_REGENERATE").is_some() {
            fs::write(&path, &current).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == current,
            "environments/schema/{} is not current: run with NAKSHA_REGENERATE=1 and read the diff",
            path.file_name().unwrap().to_string_lossy()
        );
    }
}

#[test]
fn schemas_are_valid_and_the_reference_product_fits_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("reference");
    let validators: Vec<_> = kinds()
        .map(|kind| {
            let schema = schema(kind).unwrap();
            jsonschema::meta::validate(&schema).unwrap();
            (kind, jsonschema::validator_for(&schema).unwrap())
        })
        .collect();
    let mut folders = vec![root];
    let mut checked = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            if path.extension().is_none_or(|ending| ending != "yaml") || !text.contains("naksha.dev/v1alpha1")
            {
                continue;
            }
            let (documents, _) = parse(&text, &TreePath::parse("file.yaml").unwrap(), Dialect::Definition);
            for document in documents {
                let value = document.root.to_json();
                let kind = value["kind"].as_str().unwrap_or_default();
                let Some((_, validator)) = validators.iter().find(|(known, _)| *known == kind) else {
                    continue;
                };
                let errors: Vec<String> =
                    validator.iter_errors(&value).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{}: {errors:?}", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "only {checked} definitions were found");
}
