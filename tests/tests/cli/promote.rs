//! `naksha promote`

use crate::{files, refused, run, shop, watch, watch_another};

static PROD: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    crate::STAGING.replace("name: staging", "name: prod").replace("[dev]", "[staging]")
});

const LOCK: &str = "environments/staging/lock.yaml";

#[test]
fn the_lock_names_the_commit_and_what_it_renders() {
    let shop = shop();
    let head = shop.repository.head();
    let text = run(&shop, &["promote", "staging"]).expect_code(0).out;
    assert!(text.contains(&format!("staging is locked to {head}")), "{text}");
    let because = "because it is the head of the trunk `main` (no daemon answers)";
    assert!(text.contains(because), "{text}");
    let lock = shop.repository.read(LOCK);
    assert!(lock.contains(&format!("source: {head}")), "{lock}");
    assert!(lock.contains("docker.io/library/nginx: \"1.29.3\""), "{lock}");
    run(&shop, &["check", "--strict"]).expect_code(0);
    shop.repository.commit("promote");
    // The same commit gives the same lock.
    let arguments = ["promote", "staging", "--source", &head, "--format", "json"];
    let document = run(&shop, &arguments).expect_code(0).json();
    assert_eq!((document["source"].as_str(), shop.repository.read(LOCK)), (Some(&*head), lock));
    assert_eq!(document["because"], serde_json::Value::Null);
}

#[test]
fn on_a_branch_what_is_merged_is_taken() {
    let shop = shop();
    let merged = shop.repository.head();
    shop.repository.branch("change");
    shop.repository
        .edit("units/settings/settings.yaml.tera", "mode: plain", "mode: fancy")
        .commit("not merged");
    let document = run(&shop, &["promote", "staging", "--format", "json"]).expect_code(0).json();
    assert_eq!(document["source"], merged);
    // Further down the chain, the lock of the environment before says it.
    shop.repository.write("environments/prod/environment.yaml", &PROD);
    let document = run(&shop, &["promote", "prod", "--format", "json"]).expect_code(0).json();
    assert_eq!(
        (&document["source"], &document["because"]),
        (&merged.into(), &"staging is locked to it (no daemon answers)".into())
    );
}

#[test]
fn a_daemon_says_what_upstream_runs() {
    let shop = shop();
    shop.only(&["dev"]);
    let first = shop.repository.head();
    let daemon = shop.start();
    daemon.await_applied("dev", &first);
    shop.repository
        .edit("units/web/web.yaml.tera", "variables.replicas", "variables.replica")
        .commit("broken");
    daemon.await_status("dev", "broken at the new commit", |status| status["content"] != *first);
    // Not the head of the trunk, which upstream never ran.
    let document = run(&shop, &["promote", "staging", "--format", "json"]).expect_code(0).json();
    assert_eq!(
        (&document["source"], &document["because"]),
        (&first.into(), &"dev runs it, as the daemon says".into())
    );
}

#[test]
fn what_another_repository_runs_is_not_believed() {
    let shop = shop();
    let head = shop.repository.head();
    shop.only(&["dev"]);
    // It is asked first: names are in order.
    let _another = watch_another(&shop, "another");
    let daemon = shop.start();
    daemon.await_applied("infra/dev", &head);
    daemon.await_state("another/dev", "synced");
    let promoted = |arguments: &[&str]| {
        let arguments = [&["promote"], arguments, &["--format", "json"]].concat();
        let document = run(&shop, &arguments).expect_code(0).json();
        assert_eq!(document["source"], head);
        document["because"].as_str().unwrap().to_owned()
    };
    assert_eq!(promoted(&["staging"]), "dev runs it, as the daemon says");
    assert_eq!(promoted(&["infra/staging"]), "infra/dev runs it, as the daemon says");
    // Only the other one is asked for: nobody says it.
    let why = "it is the head of the trunk `main` \
               (what the daemon says is about commits that are not in this clone)";
    assert_eq!(promoted(&["another/staging"]), why);
}

#[test]
fn of_two_that_could_be_it_none_is_believed() {
    let shop = shop();
    let head = shop.repository.head();
    shop.only(&["dev"]);
    watch(&shop, "twin", shop.repository.folder());
    let daemon = shop.start();
    daemon.await_applied("infra/dev", &head);
    daemon.await_applied("twin/dev", &head);
    let because = |name: &str| {
        let document = run(&shop, &["promote", name, "--format", "json"]).expect_code(0).json();
        document["because"].as_str().unwrap().to_owned()
    };
    let why = "(the daemon says it of several that could be it: infra/dev, twin/dev)";
    assert!(because("staging").ends_with(why), "{}", because("staging"));
    assert_eq!(because("twin/staging"), "twin/dev runs it, as the daemon says");
}

#[test]
fn what_upstream_never_ran_is_not_guessed() {
    let shop = shop();
    shop.repository.edit("units/web/unit.yaml", "templates", "templatse").commit("broken from the start");
    shop.repository
        .edit("environments/dev/environment.yaml", "[web, settings]", "[web]")
        .commit("nothing else");
    let daemon = shop.start();
    daemon.await_status("dev", "looked at", |status| !status["control"].is_null());
    refused(
        &shop,
        &["promote", "staging"],
        "dev has not applied anything yet, as the daemon says; name a commit with --source",
    );
    shop.repository.write("environments/prod/environment.yaml", &PROD.replace("[staging]", "[qa]"));
    shop.repository.write("environments/qa/environment.yaml", &crate::DEV.replace("name: dev", "name: qa"));
    refused(
        &shop,
        &["promote", "prod"],
        "the daemon does not say what upstream runs; name a commit with --source",
    );
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
    refused(&shop, &["promote", "staging"], "staging has 1 error at");
}

#[test]
fn a_lock_that_cannot_be_read_is_written_over() {
    let shop = shop();
    let head = shop.repository.head();
    shop.repository.write(LOCK, "apiVersion: naksha.dev/v1alpha1\nkind: Lock\nspec: {source: 5c0ffee}\n");
    run(&shop, &["check"]).expect_code(1);
    run(&shop, &["promote", "staging", "--source", &head]).expect_code(0);
    assert!(shop.repository.read(LOCK).contains(&format!("source: {head}")));
    run(&shop, &["check"]).expect_code(0);
}

#[test]
fn without_a_commit_there_is_nothing_to_promote() {
    refused(&files(), &["promote", "staging"], "there is no commit yet");
}
