//! The committed JSON Schemas of the documents are the ones that the types give.
//!
//! `NAKSHA_REGENERATE=1 cargo test -p naksha-environments --test documents` writes them anew.

use std::fs;
use std::path::Path;

use naksha_environments::wire::schemas;

#[test]
fn committed_schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    for (name, schema) in schemas() {
        let path = folder.join(format!("{name}.json"));
        let current = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("NAKSHA_REGENERATE").is_some() {
            fs::write(&path, &current).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == current,
            "docs/schema/{name}.json is not current: run with NAKSHA_REGENERATE=1 and read the diff"
        );
    }
}

#[test]
fn schemas_are_valid_and_documented() {
    for (name, schema) in schemas() {
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(schema["description"].is_string(), "{name} says what it is");
    }
}
