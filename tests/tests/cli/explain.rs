//! `naksha explain`

use crate::{refused, run, shop};

#[test]
fn every_code_has_a_page() {
    let shop = shop();
    let codes = run(&shop, &["explain", "--format", "json"]).expect_code(0).json();
    let listed = run(&shop, &["explain"]).expect_code(0).out;
    let codes = codes.as_array().unwrap();
    assert_eq!(listed.lines().count(), codes.len());
    // The tidy test reads all pages; here the way to them is tested.
    let last = codes.iter().rev().find(|one| one["code"].is_string()).unwrap();
    for code in [codes.first().unwrap(), last] {
        let (id, title) = (code["code"].as_str().unwrap(), code["title"].as_str().unwrap());
        let page = run(&shop, &["explain", &id.to_lowercase()]).expect_code(0).out;
        assert!(page.starts_with(&format!("# {id}: {title}\n")), "{page}");
        let document = run(&shop, &["explain", id, "--format", "json"]).expect_code(0).json();
        assert_eq!(document["page"].as_str().unwrap().trim_end(), page.trim_end());
    }
}

#[test]
fn an_unknown_code_is_refused() {
    refused(&shop(), &["explain", "NK010"], "no code and no shipped rule `NK010`; did you mean NK01");
    refused(&shop(), &["explain", "run-as-rot"], "did you mean run-as-root?");
    refused(&shop(), &["explain", "what"], "`naksha explain` lists all");
}

#[test]
fn a_shipped_rule_is_explained() {
    let text = run(&shop(), &["explain", "image-latest-or-untagged"]).expect_code(0).out;
    assert!(text.starts_with("# image-latest-or-untagged: a rule of the set `baseline`\n"), "{text}");
    assert!(
        text.contains("Severity: warning, error in production.")
            && text.contains("To fix it: name a version."),
        "{text}"
    );
    let text = run(&shop(), &["explain", "guard-prune-unit"]).expect_code(0).out;
    assert!(text.contains("It is a guard"), "{text}");
    let rule = run(&shop(), &["explain", "privileged", "--format", "json"]).expect_code(0).json();
    assert_eq!((&rule["rule"], &rule["locked"]), (&"privileged".into(), &true.into()));
}
