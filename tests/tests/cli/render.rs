//! `naksha render`

use crate::{CANARY, refused, run, shop};

#[test]
fn objects_are_printed_with_their_origin() {
    let text = run(&shop(), &["render", "--env", "dev"]).expect_code(0).out;
    assert!(text.contains("# dev/web: units/web/web.yaml.tera:1\n"), "{text}");
    assert!(text.contains("  namespace: shop\n") && text.contains("  replicas: 2\n"), "{text}");
    assert!(!text.contains("staging"), "{text}");
}

#[test]
fn documents_hold_every_object_and_a_digest() {
    let shop = shop();
    let found = run(&shop, &["render", "--format", "json"]).expect_code(0).json();
    let environments = found["environments"].as_array().unwrap();
    let names: Vec<_> = environments.iter().map(|one| one["environment"].as_str().unwrap()).collect();
    assert_eq!(names, ["dev", "staging"]);
    assert_eq!(environments[1]["units"][1]["objects"][0]["spec"]["replicas"], 3);
    assert_ne!(environments[0]["digest"], environments[1]["digest"]);
    let again = run(&shop, &["render", "--format", "json"]).json();
    assert_eq!(found, again);
}

#[test]
fn one_unit_can_be_asked_for() {
    let shop = shop();
    let text = run(&shop, &["render", "--env", "dev", "--unit", "settings"]).expect_code(0).out;
    assert!(text.contains("kind: ConfigMap") && !text.contains("kind: Deployment"), "{text}");
    refused(&shop, &["render", "--unit", "setings"], "lists a unit `setings`; did you mean settings?");
    refused(&shop, &["render", "--env", "prod"], "no environment `prod`; there are: dev, staging");
    refused(&shop, &["render", "--env", "Not A Name"], "is not a valid name");
}

#[test]
fn values_are_explained() {
    let shop = shop();
    shop.repository.edit("units/web/unit.yaml", "spec:\n", "spec:\n  variables: {replicas: 1}\n");
    let arguments = ["render", "--env", "dev", "--unit", "web", "--explain-values"];
    let text = run(&shop, &arguments).expect_code(0).out;
    assert!(
        text.contains("replicas = 2  from environment (environments/dev/environment.yaml:6:15)"),
        "{text}"
    );
    assert!(text.contains("    over 1  from unit defaults (units/web/unit.yaml:5:15)"), "{text}");
    let found = run(&shop, &[&arguments[..], &["--format", "json"]].concat()).expect_code(0).json();
    let values = found["environments"][0]["units"][0]["values"].as_array().unwrap().clone();
    let replicas = values.iter().find(|value| value["name"] == "replicas").unwrap();
    assert_eq!((&replicas["value"], &replicas["overridden"][0]["value"]), (&2.into(), &1.into()));
}

#[test]
fn errors_are_told_and_the_rest_is_printed() {
    let shop = shop();
    shop.repository.edit("units/web/web.yaml.tera", "variables.replicas", "variables.replica");
    let printed = run(&shop, &["render", "--env", "dev"]).expect_code(1);
    assert!(printed.err.contains("error[NK0312]"), "{}", printed.err);
    assert!(printed.out.contains("kind: ConfigMap") && !printed.out.contains("kind: Deployment"));
}

#[test]
fn secrets_in_plain_fields_are_masked() {
    let shop = shop();
    let url = format!("postgres://app:{CANARY}@db:5432/app");
    shop.repository.edit("units/settings/settings.yaml.tera", "mode: plain", &format!("url: \"{url}\""));
    let text = run(&shop, &["render"]).expect_code(0).out;
    assert!(text.contains("postgres://app:") && !text.contains(CANARY), "{text}");
}
