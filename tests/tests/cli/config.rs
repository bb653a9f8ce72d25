//! `naksha config`

use crate::{refused, run, shop};

#[test]
fn the_configuration_in_force_is_printed_and_can_be_read_again() {
    let shop = shop();
    let printed = run(&shop, &["config", "print"]).expect_code(0).out;
    let parsed: toml::Table = toml::from_str(&printed).unwrap();
    assert_eq!(parsed["http"]["listen"].as_str(), Some("off"));
    let document = run(&shop, &["config", "print", "--format", "json"]).expect_code(0).json();
    assert_eq!(document["state"], parsed["state"].as_str().unwrap());
    shop.repository.write("printed.toml", &printed);
    let again = run(&shop, &["config", "print", "--config", "printed.toml"]).expect_code(0).out;
    assert_eq!(again, printed);
}

#[test]
fn flags_win_over_the_file() {
    let document = run(&shop(), &["config", "print", "--state", "/elsewhere", "--format", "json"]);
    assert_eq!(document.expect_code(0).json()["state"], "/elsewhere");
}

#[test]
fn the_schema_names_the_keys_of_the_file() {
    let schema = run(&shop(), &["config", "schema"]).expect_code(0).json();
    assert!(schema["properties"]["repository"].is_object(), "{schema}");
}

#[test]
fn a_wrong_or_missing_file_is_refused() {
    let shop = shop();
    refused(&shop, &["config", "print", "--config", "nowhere.toml"], "nowhere.toml cannot be read");
    shop.repository.write("wrong.toml", "[targets]\ndirectroy = \"/srv\"\n");
    refused(&shop, &["config", "print", "--config", "wrong.toml"], "unknown field `directroy`");
}
