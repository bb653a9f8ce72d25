//! `naksha schema`

use crate::{refused, run, shop};

#[test]
fn every_kind_has_a_schema() {
    let shop = shop();
    let listed = run(&shop, &["schema"]).expect_code(0).out;
    let kinds = run(&shop, &["schema", "--format", "json"]).expect_code(0).json();
    assert_eq!(listed.lines().collect::<Vec<_>>().len(), kinds.as_array().unwrap().len());
    for kind in listed.lines() {
        let schema = run(&shop, &["schema", kind]).expect_code(0).json();
        assert_eq!(schema["properties"]["kind"]["const"], kind);
        assert_eq!(run(&shop, &["schema", &kind.to_lowercase()]).expect_code(0).json(), schema);
    }
}

#[test]
fn an_unknown_kind_is_refused() {
    refused(&shop(), &["schema", "Unti"], "no kind `Unti`; did you mean Unit?");
}
