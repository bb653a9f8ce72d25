//! `naksha plan`

use naksha_tests::Installation;
use serde_json::Value;

use crate::{files, refused, run, shop, watch, watch_another};

const ENVIRONMENT: &str = "environments/dev/environment.yaml";

fn plans(shop: &Installation, arguments: &[&str]) -> Value {
    run(shop, &[&["plan", "--format", "json"], arguments].concat()).expect_code(0).json()
}

/// Verb and name of every action of the first environment.
fn actions(found: &Value) -> Vec<String> {
    let all = found["plans"][0]["actions"].as_array().unwrap();
    all.iter().map(|one| format!("{} {}", one["verb"], one["subject"]["name"]).replace('"', "")).collect()
}

#[test]
fn without_anything_to_compare_with_everything_is_new() {
    let all = ["create settings", "create web"];
    // Neither commits nor a daemon; on the trunk without a daemon; asked for.
    assert_eq!(actions(&plans(&files(), &["--env", "dev"])), all);
    assert_eq!(actions(&plans(&shop(), &["--env", "dev"])), all);
    assert_eq!(actions(&plans(&shop(), &["--env", "dev", "--base", "none"])), all);
    let text = run(&shop(), &["plan", "--env", "dev"]).expect_code(0).out;
    let why = "on the trunk, and no daemon tells what was applied";
    assert!(text.starts_with(&format!("dev against nothing ({why}): everything is new\n")), "{text}");
    assert!(text.contains("2 to create; 0 unchanged"), "{text}");
}

#[test]
fn a_base_leaves_what_changed() {
    let shop = shop();
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 5");
    let found = plans(&shop, &["--env", "dev", "--base", "HEAD"]);
    assert_eq!(actions(&found), ["update web"]);
    assert_eq!(found["plans"][0]["counts"]["unchanged"], 1);
    run(&shop, &["plan", "--base", "HEAD", "--exit-code"]).expect_code(1);
    run(&shop, &["plan", "--base", "HEAD", "--revision", "HEAD", "--exit-code"]).expect_code(0);
    refused(&shop, &["plan", "--base", "elsewhere"], "`elsewhere` is not in repository");
}

#[test]
fn on_a_branch_the_merge_base_is_compared_with() {
    let shop = shop();
    let start = shop.repository.head();
    shop.repository.branch("change");
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 5").commit("five");
    // What the trunk got since is no news of this branch.
    shop.repository.switch("main").edit(ENVIRONMENT, "level: info", "level: debug").commit("debug");
    shop.repository.switch("change");
    assert_eq!(actions(&plans(&shop, &["--env", "dev"])), ["update web"]);
    let text = run(&shop, &["plan", "--env", "dev"]).expect_code(0).out;
    assert!(text.starts_with(&format!("dev against {}", &start[..10])), "{text}");
}

#[test]
fn on_the_trunk_a_daemon_says_what_was_applied_of_this_repository() {
    let shop = shop();
    let head = shop.repository.head();
    shop.only(&["dev"]);
    // It is asked first: names are in order.
    let _another = watch_another(&shop, "another");
    let daemon = shop.start();
    daemon.await_applied("infra/dev", &head);
    daemon.await_state("another/dev", "synced");
    let against = |name: &str| {
        let text = run(&shop, &["plan", "--env", name]).expect_code(0).out;
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(against("dev"), format!("dev against {}", &head[..10]));
    let why = "on the trunk, and what the daemon says is about commits that are not in this clone";
    assert_eq!(against("another/dev"), format!("dev against nothing ({why}): everything is new"));
    assert_eq!(daemon.stop(), Some(0));
    // One that is the same repository under another name could as well be it.
    watch(&shop, "twin", shop.repository.folder());
    let daemon = shop.start();
    daemon.await_applied("infra/dev", &head);
    daemon.await_applied("twin/dev", &head);
    let why = "on the trunk, and the daemon says it of several that could be it: infra/dev, twin/dev";
    assert_eq!(against("dev"), format!("dev against nothing ({why}): everything is new"));
    assert_eq!(against("twin/dev"), format!("dev against {}", &head[..10]));
}

#[test]
fn an_environment_that_was_never_promoted_is_previewed() {
    let text = run(&shop(), &["plan", "--env", "staging"]).expect_code(0).out;
    assert!(text.contains("not promoted yet, shown as if this were promoted to it"), "{text}");
}

#[test]
fn two_runs_give_the_same_bytes() {
    let shop = shop();
    for format in ["json", "text", "markdown"] {
        let arguments = ["plan", "--base", "none", "--format", format];
        assert_eq!(run(&shop, &arguments).expect_code(0).out, run(&shop, &arguments).expect_code(0).out);
    }
}

#[test]
fn the_order_of_keys_and_lists_of_names_changes_nothing() {
    let (one, two) = (shop(), shop());
    two.repository
        .edit(ENVIRONMENT, "{replicas: 2, level: info}", "{level: info, replicas: 2}")
        .edit(ENVIRONMENT, "[web, settings]", "[settings, web]")
        .edit(ENVIRONMENT, "{directory: out, namespace: shop}", "{namespace: shop, directory: out}")
        .edit(
            "units/settings/settings.yaml.tera",
            "data: {level: \"{{ variables.level }}\", mode: plain}",
            "data: {mode: plain, level: \"{{ variables.level }}\"}",
        )
        .edit(
            "units/settings/settings.yaml.tera",
            "kind: ConfigMap\nmetadata: {name: settings}",
            "metadata: {name: settings}\nkind: ConfigMap",
        );
    for format in ["json", "text", "markdown"] {
        let arguments = ["plan", "--base", "none", "--format", format];
        assert_eq!(run(&one, &arguments).expect_code(0).out, run(&two, &arguments).expect_code(0).out);
    }
    let digest =
        |shop| run(shop, &["render", "--format", "json"]).json()["environments"][0]["digest"].clone();
    assert_eq!(digest(&one), digest(&two));
}

#[test]
fn unknown_environments_and_folders_are_refused() {
    let shop = shop();
    refused(&shop, &["plan", "--env", "prod"], "no environment `prod`; there are: dev, staging");
    refused(&shop, &["plan", "nowhere"], "there is no folder `nowhere`");
}

#[test]
fn a_folder_without_git_is_planned_against_nothing() {
    let shop = files();
    std::fs::remove_dir_all(shop.repository.folder().join(".git")).unwrap();
    assert_eq!(actions(&plans(&shop, &["--env", "dev"])).len(), 2);
    refused(&shop, &["plan", "--base", "HEAD"], "needs a Git repository");
}

#[test]
fn errors_are_told_in_every_format_and_the_rest_is_planned() {
    let shop = shop();
    shop.repository.edit("units/web/unit.yaml", "templates", "templatse");
    for format in ["text", "markdown"] {
        let printed = run(&shop, &["plan", "--format", format]).expect_code(1);
        assert!(printed.err.contains("error[NK0101]"), "{format}: {}", printed.err);
        assert!(printed.out.contains("settings"), "{format}: {}", printed.out);
    }
    let found = run(&shop, &["plan", "--format", "json"]).expect_code(1).json();
    assert_eq!(actions(&found), ["create settings"]);
    assert!(found["diagnostics"].to_string().contains("NK0101"), "{found}");
}

#[test]
fn a_base_shows_the_guards_that_the_daemon_shows() {
    let shop = shop();
    shop.repository.edit(ENVIRONMENT, "[web, settings]", "[settings]");
    let printed = run(&shop, &["plan", "--env", "dev", "--base", "HEAD"]).expect_code(1);
    assert!(printed.out.contains("error[guard-prune-unit] (needs an acknowledgement): "), "{}", printed.out);
    assert!(printed.out.contains("unit `web` is no longer listed, and 1 object of it would be deleted"));
    // What has nothing to lose has nothing to guard.
    run(&shop, &["plan", "--env", "dev", "--base", "none"]).expect_code(0);
}

#[test]
fn a_policy_sees_what_was_there_before() {
    let shop = shop();
    let rule = "oldObject == null || object.spec.replicas >= oldObject.spec.replicas";
    let policy = format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Policy\nmetadata: {{name: no-less}}\nspec: {{match: {{kinds: [Deployment]}}, rule: \"{rule}\", message: fewer replicas}}\n"
    );
    shop.repository.write("policies/no-less.yaml", &policy).commit("a rule");
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 1");
    let printed = run(&shop, &["plan", "--env", "dev", "--base", "HEAD"]).expect_code(1);
    assert!(printed.out.contains("error[no-less]: fewer replicas"), "{}", printed.out);
}

#[test]
fn what_a_shared_file_holds_is_told_with_the_first_environment() {
    let shop = shop();
    shop.repository.write("old-values.yaml", "dbPassword: hunter2hunter2\n");
    for format in ["text", "markdown"] {
        let text = run(&shop, &["plan", "--format", format]).expect_code(0).out;
        assert_eq!(text.matches("old-values.yaml").count(), 1, "{format}: {text}");
    }
    let text = run(&shop, &["plan"]).expect_code(0).out;
    assert!(text.contains("1 more finding is told with dev"), "{text}");
}

#[test]
fn a_checkout_of_the_trunk_without_a_branch_is_the_trunk() {
    let shop = shop();
    let repository = shop.repository.open();
    let head = repository.head().unwrap().peel_to_commit().unwrap().id();
    repository.set_head_detached(head).unwrap();
    let text = run(&shop, &["plan", "--env", "dev"]).expect_code(0).out;
    assert!(text.starts_with("dev against nothing (on the trunk, "), "{text}");
    // One that is not merged is a branch.
    shop.repository.edit(ENVIRONMENT, "replicas: 2", "replicas: 5").commit("five");
    assert_eq!(actions(&plans(&shop, &["--env", "dev"])), ["update web"]);
    // So is a revision.
    let five = shop.repository.head();
    shop.repository.switch("main");
    assert_eq!(actions(&plans(&shop, &["--env", "dev", "--revision", &five])), ["update web"]);
}

#[test]
fn kinds_that_only_a_cluster_knows_are_told() {
    let shop = shop();
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\n";
    let certificate =
        "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c, namespace: shop}\n";
    let unit = "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: web}\nspec: {manifests: [\"*.m.yaml\"]}\n";
    shop.repository
        .write("units/web/unit.yaml", unit)
        .write("units/web/widget.m.yaml", &format!("{widget}---\n{certificate}"));
    let told = || run(&shop, &["plan", "--env", "dev"]).expect_code(0).err;
    assert!(!told().contains("NK0411"), "a directory takes everything: {}", told());
    let environment = std::fs::read_to_string(shop.repository.folder().join(ENVIRONMENT)).unwrap();
    let target = environment.lines().find(|line| line.contains("target:")).expect("should have a target");
    shop.repository.edit(ENVIRONMENT, target, "  target: {kubernetes: {cluster: dev, namespace: shop}}");
    let words = "info[NK0411]: only the cluster knows `example.com/Widget`: taken to be there";
    assert!(told().contains(words) && !told().contains("Certificate`"), "{}", told());
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec: {group: example.com, names: {kind: Widget, plural: widgets}, scope: Namespaced, versions: []}\n";
    shop.repository.write("units/web/definition.m.yaml", definition);
    assert!(!told().contains("NK0411"), "{}", told());
}
