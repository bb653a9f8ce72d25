//! `naksha promote`

use crate::{files, refused, run, shop};

const LOCK: &str = "environments/staging/lock.yaml";

#[test]
fn the_lock_names_the_commit_and_what_it_renders() {
    let shop = shop();
    let head = shop.repository.head();
    let text = run(&shop, &["promote", "staging"]).expect_code(0).out;
    assert!(text.contains(&format!("staging is locked to {head}")), "{text}");
    let lock = shop.repository.read(LOCK);
    assert!(lock.contains(&format!("source: {head}")), "{lock}");
    assert!(lock.contains("docker.io/library/nginx: \"1.29.3\""), "{lock}");
    run(&shop, &["check", "--strict"]).expect_code(0);
    shop.repository.commit("promote");
    // The same commit gives the same lock.
    let arguments = ["promote", "staging", "--source", &head, "--format", "json"];
    let document = run(&shop, &arguments).expect_code(0).json();
    assert_eq!((document["source"].as_str(), shop.repository.read(LOCK)), (Some(&*head), lock));
}

#[test]
fn a_locked_environment_stays_at_its_commit() {
    let shop = shop();
    run(&shop, &["promote", "staging"]).expect_code(0);
    shop.repository.commit("promote");
    shop.repository.edit("units/settings/settings.yaml.tera", "mode: plain", "mode: fancy");
    let found = run(&shop, &["render", "--unit", "settings", "--format", "json"]).expect_code(0).json();
    let mode = |at: usize| found["environments"][at]["units"][0]["objects"][0]["data"]["mode"].clone();
    assert_eq!((mode(0), mode(1)), ("fancy".into(), "plain".into()));
}

#[test]
fn what_cannot_be_promoted_is_refused() {
    let shop = shop();
    refused(&shop, &["promote", "dev"], "only an environment with `promotesFrom` has a lock");
    refused(&shop, &["promote", "prod"], "no environment `prod`; there are: dev, staging");
    refused(&shop, &["promote", "staging", "--source", "elsewhere"], "`elsewhere` is not in repository");
    shop.repository.branch("change");
    shop.repository.write("notes.md", "not merged\n");
    let head = shop.repository.commit("on a branch");
    refused(&shop, &["promote", "staging", "--source", &head], "is not on the trunk `main`");
    assert!(!shop.repository.folder().join(LOCK).exists());
}

#[test]
fn errors_are_not_promoted() {
    let shop = shop();
    shop.repository.edit("units/web/web.yaml.tera", "variables.replicas", "variables.replica");
    shop.repository.commit("broken");
    refused(&shop, &["promote", "staging"], "staging has 1 errors at");
}

#[test]
fn without_a_commit_there_is_nothing_to_promote() {
    refused(&files(), &["promote", "staging"], "there is no commit yet");
}
