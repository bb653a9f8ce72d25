//! Dangerous plans wait for a person, in every way a person can answer.

use std::fs;

use naksha_tests::{DaemonProcess, Installation, await_true};
use serde_json::Value;

use crate::{REPOSITORY, SETTINGS_FILE, history_of, running, shop};

const DATABASE: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
        - name: db
          image: docker.io/library/postgres:17.6
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}}
";

/// A shop with a database, applied; then a commit that drops the database.
fn dangerous() -> (Installation, DaemonProcess, Value) {
    dangerous_in(shop())
}

fn dangerous_in(shop: Installation) -> (Installation, DaemonProcess, Value) {
    shop.repository.write("units/settings/database.yaml", DATABASE);
    shop.repository.edit("units/settings/unit.yaml", "[settings.yaml]", "[settings.yaml, database.yaml]");
    let commit = shop.repository.commit("a database");
    let daemon = shop.start();
    daemon.await_applied("dev", &commit);
    shop.repository.edit("units/settings/unit.yaml", "[settings.yaml, database.yaml]", "[settings.yaml]");
    shop.repository.remove("units/settings/database.yaml");
    shop.repository.commit("no database");
    let held = daemon.await_state("dev", "held");
    assert!(shop.objects("dev").contains_key("shop/statefulset.apps/db.yaml"));
    (shop, daemon, held)
}

/// The same, acknowledged, applied, reverted, and committed again: the same plan, held again.
fn dangerous_again() -> (Installation, DaemonProcess, String) {
    let (shop, daemon, held) = dangerous();
    let plan = held["plan"].as_str().expect("should have a plan").to_owned();
    shop.program.run(shop.root(), &["ack", &plan, "--reason", "once"]).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
    let commit = shop.repository.revert();
    daemon.await_applied("dev", &commit);
    shop.repository.revert();
    let again = daemon.await_state("dev", "held");
    assert_eq!(again["plan"].as_str(), Some(plan.as_str()), "the same actions are the same plan");
    (shop, daemon, plan)
}

#[test]
fn deleting_data_is_held_until_it_is_acknowledged_on_the_socket() {
    let (shop, daemon, held) = dangerous();
    let plan = held["plan"].as_str().unwrap();
    assert!(held["why"].to_string().contains("naksha ack"), "{held}");
    shop.program.run(shop.root(), &["ack", plan, "--reason", "it moved elsewhere"]).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
    assert!(!shop.objects("dev").contains_key("shop/statefulset.apps/db.yaml"));
    let target = shop.target("dev");
    assert!(!target.join("shop/statefulset.apps").exists() && target.join("shop/configmap").exists());
    let history = history_of(&shop);
    assert_eq!(history["entries"][0]["outcome"], "succeeded", "{history}");
}

#[test]
fn the_plan_that_is_told_is_the_one_to_acknowledge_also_after_healing() {
    let (shop, daemon, held) = dangerous();
    let file = shop.target("dev").join(SETTINGS_FILE);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("level: info", "level: trace")).unwrap();
    await_true("the drift to be healed", || shop.objects("dev")[SETTINGS_FILE].contains("level: info"));
    // With the drift in it, the plan was another one for a moment.
    let told = daemon.await_status("dev", "the held plan again", |status| status["plan"] == held["plan"]);
    let plan = told["plan"].as_str().unwrap();
    shop.program.run(shop.root(), &["ack", plan, "--reason", "it moved elsewhere"]).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
}

#[test]
fn another_target_is_no_place_to_begin_anew_unasked() {
    let (shop, daemon) = running();
    let old = shop.target("dev");
    let new = old.with_file_name("elsewhere");
    fs::create_dir(&new).unwrap();
    fs::write(new.join(".naksha-target"), "").unwrap();
    shop.repository.edit("environments/dev/environment.yaml", "directory: out", "directory: elsewhere");
    let commit = shop.repository.commit("another target");
    let held = daemon.await_state("dev", "held");
    let why = held["why"].to_string();
    let words =
        "the target was `directory out` and is `directory elsewhere` now: 2 objects would be left there";
    assert!(why.contains("guard-target-moved") && why.contains(words), "{why}");
    assert!(!new.join(SETTINGS_FILE).exists(), "nothing is healed there either");
    let plan = held["plan"].as_str().unwrap();
    shop.program.run(shop.root(), &["ack", plan, "--reason", "a new disk"]).expect_code(0);
    daemon.await_applied("dev", &commit);
    assert!(new.join(SETTINGS_FILE).exists() && old.join(SETTINGS_FILE).exists());
    // From here on it is where the environment is.
    fs::remove_file(new.join(SETTINGS_FILE)).unwrap();
    await_true("what is missing to be healed", || new.join(SETTINGS_FILE).exists());
}

#[test]
fn destroying_another_target_destroys_nothing_in_this_one() {
    let (shop, daemon) = running();
    let old = shop.target("dev");
    let new = old.with_file_name("elsewhere");
    fs::create_dir(&new).unwrap();
    fs::write(new.join(".naksha-target"), "").unwrap();
    let definition = "environments/dev/environment.yaml";
    shop.repository.edit(definition, "directory: out}", "directory: elsewhere}\n  lifecycle: destroy");
    shop.repository.commit("another target, and away with it");
    let held = daemon.await_state("dev", "held");
    assert!(held["why"].to_string().contains("guard-target-moved"), "{held}");
    assert!(old.join(SETTINGS_FILE).exists());
}

#[test]
fn a_target_that_was_moved_by_hand_is_the_same_target() {
    let (shop, daemon) = running();
    let (old, head) = (shop.target("dev"), shop.repository.head());
    let new = old.with_file_name("elsewhere");
    shop.program.run(shop.root(), &["suspend", "dev", "--reason", "moving its folder"]).expect_code(0);
    fs::rename(&old, &new).unwrap();
    shop.repository.edit("environments/dev/environment.yaml", "directory: out", "directory: elsewhere");
    let commit = shop.repository.commit("its folder is elsewhere");
    assert_ne!(commit, head);
    shop.program.run(shop.root(), &["resume", "dev"]).expect_code(0);
    daemon.await_applied("dev", &commit);
    fs::remove_file(new.join(SETTINGS_FILE)).unwrap();
    await_true("what is missing to be healed", || new.join(SETTINGS_FILE).exists());
}

#[test]
fn what_holds_a_plan_is_printed_once() {
    let (shop, _daemon, held) = dangerous();
    let holds = held["holds"].as_array().unwrap();
    let printed = shop.program.run(shop.root(), &["status", "dev"]).expect_code(0).out;
    for hold in holds {
        for words in ["message", "lift"] {
            let words = hold[words].as_str().unwrap();
            assert_eq!(printed.matches(words).count(), 1, "{words}:\n{printed}");
        }
    }
    assert!(!holds.is_empty());
}

#[test]
fn every_apply_of_a_plan_is_in_the_history() {
    let (shop, daemon, plan) = dangerous_again();
    let rows = || {
        let history = history_of(&shop);
        let entries = history["entries"].as_array().unwrap().iter();
        let own = entries.filter(|entry| entry["plan"] == plan.as_str());
        own.map(|entry| format!("{} {}", entry["decision"], entry["outcome"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(), ["hold null", "apply succeeded"]);
    shop.program.run(shop.root(), &["ack", &plan, "--reason", "twice"]).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
    assert_eq!(rows(), ["apply succeeded", "apply succeeded"]);
    let asked = ["history", "dev", "--limit", "1", "--format", "json"];
    let newest = shop.program.run(shop.root(), &asked).expect_code(0).json();
    assert_eq!(newest["entries"].as_array().unwrap().len(), 1, "{newest}");
    let all = shop.program.run(shop.root(), &["history", "--limit", "1001"]).expect_code(2);
    assert!(all.err.contains("1..=1000"), "{}", all.err);
}

#[test]
fn an_approvals_file_does_the_same() {
    let (shop, daemon, held) = dangerous();
    let plan = held["plan"].as_str().unwrap();
    shop.repository.write(
        &format!("approvals/{plan}.yaml"),
        &format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Approval\nspec:\n  plan: {plan}\n  by: ada\n  reason: it moved elsewhere\n"
        ),
    );
    let commit = shop.repository.commit("acknowledged");
    let status = daemon.await_applied("dev", &commit);
    assert!(!shop.objects("dev").contains_key("shop/statefulset.apps/db.yaml"));
    let pending = |unit: &Value| unit["state"] != "synced";
    assert!(!status["units"].as_array().unwrap().iter().any(pending), "{status}");
}

#[test]
fn an_approval_that_does_not_count_is_told() {
    let (shop, daemon, held) = dangerous();
    let plan = held["plan"].as_str().unwrap();
    let owners = "  owners: {dev: {acknowledge: [\"@ada\"]}}\n";
    shop.repository.write("naksha.yaml", &format!("{REPOSITORY}{owners}"));
    shop.repository.write(
        &format!("approvals/{plan}.yaml"),
        &format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Approval\nspec:\n  plan: {plan}\n  by: bob\n  reason: why not\n"
        ),
    );
    shop.repository.commit("not his to acknowledge");
    let why = "is by `bob`, who is not among `owners.dev.acknowledge`";
    daemon.await_status("dev", "told", |status| status["why"].to_string().contains(why));
}

#[test]
fn nobody_makes_himself_an_owner_and_acknowledges_with_it() {
    let shop = shop();
    let owners = |who: &str| format!("{REPOSITORY}  owners: {{dev: {{acknowledge: [{who}]}}}}\n");
    shop.repository.write("naksha.yaml", &owners("\"@ada\""));
    shop.repository.commit("ada may");
    let (shop, daemon, held) = dangerous_in(shop);
    let plan = held["plan"].as_str().unwrap();
    let approval = |by: &str| {
        format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Approval\nspec:\n  plan: {plan}\n  by: \"{by}\"\n  reason: why not\n"
        )
    };
    shop.repository.write("naksha.yaml", &owners("\"@ada\", \"@bob\""));
    shop.repository.write(&format!("approvals/{plan}.yaml"), &approval("@bob"));
    shop.repository.commit("bob may, says bob");
    let why = "is by `@bob`, who came to `owners.dev.acknowledge` with what is not applied yet";
    daemon.await_status("dev", "told", |status| status["why"].to_string().contains(why));
    assert!(shop.objects("dev").contains_key("shop/statefulset.apps/db.yaml"));

    shop.repository.write(&format!("approvals/{plan}.yaml"), &approval("@ada"));
    let commit = shop.repository.commit("ada says so");
    daemon.await_applied("dev", &commit);
    assert!(!shop.objects("dev").contains_key("shop/statefulset.apps/db.yaml"));
}

#[test]
fn a_revert_dissolves_the_held_plan() {
    let (shop, daemon, _) = dangerous();
    let commit = shop.repository.revert();
    daemon.await_applied("dev", &commit);
    assert!(shop.objects("dev").contains_key("shop/statefulset.apps/db.yaml"));
}

#[test]
fn a_suspended_environment_writes_nothing() {
    let (shop, daemon) = running();
    shop.program.run(shop.root(), &["suspend", "dev", "--reason", "maintenance"]).expect_code(0);
    daemon.await_state("dev", "suspended");
    let before = shop.objects("dev");
    shop.repository.edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 5");
    let commit = shop.repository.commit("five");
    let status = daemon.await_status("dev", "aware of the commit", |status| status["control"] == commit);
    assert_eq!(status["state"], "suspended");
    assert!(status["why"].to_string().contains("maintenance"));
    assert_eq!(shop.objects("dev"), before);
    // To ask for more does not help, and that is said.
    for sync in [&["sync", "dev"][..], &["sync"]] {
        let printed = shop.program.run(shop.root(), sync).expect_code(2);
        assert!(
            printed.err.contains("error[NK0917]: there is nothing to sync: infra/dev is suspended"),
            "{}",
            printed.err
        );
        assert!(printed.err.contains("maintenance") && printed.out.is_empty(), "{}", printed.err);
    }
    shop.program.run(shop.root(), &["resume", "dev"]).expect_code(0);
    daemon.await_applied("dev", &commit);
}

#[test]
fn a_policy_of_the_repository_holds_what_it_calls_an_error() {
    let (shop, daemon) = running();
    shop.repository.write("naksha.yaml", REPOSITORY);
    shop.repository.write(
        "policies/few-replicas.yaml",
        "apiVersion: naksha.dev/v1alpha1
kind: Policy
metadata: {name: few-replicas}
spec:
  match: {kinds: [Deployment]}
  rule: object.spec.replicas <= 4
  message: more than four replicas
  severity: error
",
    );
    let commit = shop.repository.commit("a policy");
    daemon.await_applied("dev", &commit);
    shop.repository.edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 9");
    shop.repository.commit("nine");
    let held = daemon.await_state("dev", "held");
    assert!(held["why"].to_string().contains("more than four replicas"), "{held}");
}

#[test]
fn an_acknowledgement_is_good_for_one_apply() {
    let (shop, _daemon, _) = dangerous_again();
    assert!(shop.objects("dev").contains_key("shop/statefulset.apps/db.yaml"));
}

#[test]
fn what_somebody_else_made_is_not_taken_over_unasked() {
    let (shop, daemon) = running();
    let mine =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: shop}\ndata: {mine: \"1\"}\n";
    let file = shop.target("dev").join("shop/configmap/mine.yaml");
    std::fs::write(&file, mine).unwrap();
    shop.repository.write("units/settings/mine.yaml", &mine.replace("mine: \"1\"", "git: \"1\""));
    shop.repository.edit("units/settings/unit.yaml", "[settings.yaml]", "[settings.yaml, mine.yaml]");
    shop.repository.commit("adopt");
    let held = daemon.await_state("dev", "held");
    assert!(held["why"].to_string().contains("takes over"), "{held}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), mine);
}

#[test]
fn a_field_that_somebody_else_set_is_a_conflict() {
    let (shop, daemon) = running();
    let file = shop.target("dev").join(crate::SETTINGS_FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("  level: info", "  level: info\n  hand: by-hand")).unwrap();
    shop.program.run(shop.root(), &["sync"]).expect_code(0);
    daemon.await_state("dev", "synced");
    shop.repository.edit("units/settings/settings.yaml", "level: info", "level: info\n  hand: by-git");
    shop.repository.commit("set the field");
    let held = daemon.await_state("dev", "held");
    assert!(held["why"].to_string().contains("data.hand"), "{held}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("by-hand"));
}

/// So many that deleting them takes longer than looking whether it has begun.
const CLAIMS: usize = 2000;

/// Many claims that are to be deleted, by a plan that somebody said yes to; it has begun.
fn deleting_claims() -> (Installation, DaemonProcess) {
    let shop = shop();
    let claims = "{% for n in range(end=variables.count) %}---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: claim-{{ n }}, namespace: shop}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n{% endfor %}";
    shop.repository
        .write("units/claims/unit.yaml", &format!("apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: claims}}\nspec:\n  templates: [claims.yaml.tera]\n  variables: {{count: {CLAIMS}}}\n"))
        .write("units/claims/claims.yaml.tera", claims)
        .edit("environments/dev/environment.yaml", "units: [", "units: [claims, ");
    let commit = shop.repository.commit("claims");
    let daemon = shop.start();
    daemon.await_applied("dev", &commit);
    shop.repository.edit("units/claims/unit.yaml", &format!("count: {CLAIMS}"), "count: 10");
    shop.repository.commit("few claims");
    let held = daemon.await_state("dev", "held");
    let plan = held["plan"].as_str().expect("should have a plan").to_owned();
    // Who waits for the answer may wait for the end of the deletion.
    let (program, root) = (shop.program.clone(), shop.root().to_owned());
    std::thread::spawn(move || program.run(&root, &["ack", &plan, "--reason", "they moved"]));
    await_true("the deletion to begin", || claims_of(&shop) < CLAIMS);
    (shop, daemon)
}

/// Counts files, and reads none: whoever looks slowly looks too late.
fn claims_of(shop: &Installation) -> usize {
    let (mut count, mut open) = (0, vec![shop.target("dev")]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().contains("persistentvolumeclaim") {
                count += 1;
            }
        }
    }
    count
}

#[test]
fn what_is_left_of_an_acknowledged_plan_stays_acknowledged_after_a_kill() {
    let (shop, daemon) = deleting_claims();
    daemon.kill();
    let left = claims_of(&shop);
    assert!(left > 10, "it was killed amid the deletion");
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    assert_eq!(claims_of(&shop), 10);
    let history = history_of(&shop).to_string();
    assert!(!history.contains("drift"), "nothing was made again: {history}");
}

#[test]
fn what_is_left_of_an_acknowledged_plan_stays_acknowledged_after_an_ordinary_stop() {
    let (shop, daemon) = deleting_claims();
    assert_eq!(daemon.stop(), Some(0));
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    assert_eq!(claims_of(&shop), 10);
    // It is through: the same plan needs another word.
    shop.repository.edit("units/claims/unit.yaml", "count: 10", &format!("count: {CLAIMS}"));
    let commit = shop.repository.commit("all of them again");
    daemon.await_applied("dev", &commit);
    shop.repository.edit("units/claims/unit.yaml", &format!("count: {CLAIMS}"), "count: 10");
    shop.repository.commit("few claims again");
    daemon.await_state("dev", "held");
    assert_eq!(claims_of(&shop), CLAIMS);
}

#[test]
fn what_was_deleted_of_a_plan_that_waits_again_is_not_made_again() {
    let (shop, daemon) = deleting_claims();
    daemon.kill();
    let left = claims_of(&shop);
    assert!(left > 10, "it was killed amid the deletion");
    // Meanwhile Git wants another one gone: that is more than somebody said yes to.
    shop.repository.edit("units/claims/unit.yaml", "count: 10", "count: 9");
    shop.repository.commit("one fewer");
    let daemon = shop.start();
    daemon.await_state("dev", "held");
    shop.program.run(shop.root(), &["sync", "dev"]).expect_code(0);
    daemon.await_state("dev", "held");
    assert!(claims_of(&shop) <= left, "{} of {left}", claims_of(&shop));
}
