//! The repositories and pages that we ship, read by the loader itself: the reference product has no finding, the
//! legacy fixture has exactly the ones that its `EXPECTED.md` lists, and every example of `docs/definitions.md` is a
//! definition.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use naksha_environments::diagnostic::Severity;
use naksha_environments::environment::Follows;
use naksha_environments::ids::EnvironmentName;
use naksha_environments::load::{Loaded, Loader};
use naksha_environments::source::SourceTree;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn load(files: &BTreeMap<String, String>) -> Loaded {
    let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    Loader::default().load(&SourceTree::from_texts(files).unwrap())
}

/// One line per finding: code, place, message.
fn findings(loaded: &Loaded) -> Vec<String> {
    let line = |found: &naksha_environments::diagnostic::Diagnostic| {
        let place = found.place.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {place} {}", found.code, found.message)
    };
    loaded.diagnostics.iter().map(line).collect()
}

#[test]
fn the_reference_product_has_no_finding() {
    let loaded = load(&texts(&root().join("environments/reference")));
    assert_eq!(findings(&loaded), Vec::<String>::new());
    let definitions = &loaded.definitions;
    assert!(definitions.repository.is_some());
    assert_eq!(definitions.units.len(), 9);
    assert_eq!(definitions.workflows.len(), 3);
    assert_eq!(definitions.contexts.len(), 2);
    assert_eq!(definitions.policies.len(), 3);
}

#[test]
fn the_reference_product_promotes_from_dev_to_prod() {
    let loaded = load(&texts(&root().join("environments/reference")));
    let environment = |name: &str| {
        let name = EnvironmentName::parse(name).unwrap();
        loaded.definitions.environments[&name].clone()
    };
    let from = |name: &str| Follows::Promotion { from: vec![EnvironmentName::parse(name).unwrap()] };
    let [dev, staging, prod] = ["dev", "staging", "prod"].map(environment);
    assert_eq!(dev.follows, Follows::Trunk);
    assert_eq!(staging.follows, from("dev"));
    assert_eq!(prod.follows, from("staging"));
    assert!(prod.production && !staging.production);
    // Each runs the whole product: what differs are variables.
    let units = |environment: &naksha_environments::environment::Environment| -> BTreeSet<String> {
        environment.units.iter().map(|unit| unit.name.to_string()).collect()
    };
    assert_eq!(units(&dev), units(&staging));
    assert_eq!(units(&dev), units(&prod));
    assert_eq!(units(&dev).len(), 9);
    // The template of a repository knows no commit.
    assert!(loaded.definitions.locks.is_empty());
}

/// L4 and L8 of the legacy repository; the others need rendering, judgement or a driver.
#[test]
fn the_legacy_repository_shows_what_the_loader_can_see() {
    let loaded = load(&texts(&root().join("tests/fixtures/legacy")));
    insta::assert_snapshot!(findings(&loaded).join("\n"));
}

/// Every complete example of the page, in the file where it belongs. References to what an example leaves out
/// (NK02xx) are not its fault.
#[test]
fn the_examples_in_the_docs_are_definitions() {
    let page = fs::read_to_string(root().join("docs/definitions.md")).unwrap();
    let mut seen = BTreeSet::new();
    for block in page.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        if !text.starts_with("apiVersion: naksha.dev/v1alpha1\n") {
            continue;
        }
        let (kind, path) = place_of(text);
        let loaded = load(&BTreeMap::from([(path, text.to_owned())]));
        let broken: Vec<_> = loaded.diagnostics.iter().filter(|found| found.is_error()).collect();
        let broken: Vec<_> = broken.into_iter().filter(|found| found.code.id().starts_with("NK01")).collect();
        assert!(broken.is_empty(), "{broken:?}\n{text}");
        seen.insert(kind);
    }
    assert_eq!(seen.len(), 8, "one example of each kind: {seen:?}");
}

#[test]
fn every_type_of_node_is_in_the_docs() {
    let page = fs::read_to_string(root().join("docs/definitions.md")).unwrap();
    for (name, _) in naksha_environments::definition::NODE_TYPES {
        assert!(page.contains(&format!("`{name}`")), "docs/definitions.md does not show `{name}`");
    }
}

fn place_of(text: &str) -> (String, String) {
    let value =
        |key: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(key)).unwrap_or_default();
    let (kind, name) = (value("kind: "), value("name: "));
    let path = match kind {
        "Repository" => "naksha.yaml".to_owned(),
        "Environment" => format!("environments/{name}/environment.yaml"),
        "Lock" => "environments/prod/lock.yaml".to_owned(),
        "Unit" => format!("units/{name}/unit.yaml"),
        "Workflow" => format!("workflows/{name}.yaml"),
        "PolicyContext" => format!("contexts/{name}.yaml"),
        "Policy" => format!("policies/{name}.yaml"),
        "HealthRules" => format!("health/{name}.yaml"),
        "Approval" => format!("approvals/{}.yaml", value("plan: ")),
        other => panic!("the page shows an unknown kind `{other}`"),
    };
    (kind.to_owned(), path)
}

/// The findings that the fixture must keep showing, whatever else is found.
#[test]
fn the_legacy_findings_have_their_severity() {
    let loaded = load(&texts(&root().join("tests/fixtures/legacy")));
    let count = |code: &str, severity: Severity| {
        loaded
            .diagnostics
            .iter()
            .filter(|found| found.code.id() == code && found.severity == severity)
            .count()
    };
    // L8: three charts without a version. L4: values that belong to nothing.
    assert_eq!(count("NK0143", Severity::Error), 3);
    assert_eq!(count("NK0222", Severity::Warning), 1);
}
