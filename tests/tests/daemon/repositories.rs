//! A repository that cannot be applied says so: in the status, in its exit code, and to those who sync or wait. Of two
//! environments with one name, each is reached by its full name.

use naksha_tests::program::Printed;
use naksha_tests::shop::REPOSITORY;
use naksha_tests::{DaemonProcess, Installation, Repository, await_true};

use crate::shop;

/// An installation whose repository `infra` is at `url`, and its daemon.
fn moved(url: &str) -> (Installation, DaemonProcess) {
    let shop = shop();
    rewrite(&shop, &format!("url = \"{}\"", shop.repository.folder().display()), &format!("url = \"{url}\""));
    let daemon = shop.start();
    (shop, daemon)
}

fn rewrite(shop: &Installation, from: &str, to: &str) {
    let config = std::fs::read_to_string(&shop.program.config).expect("should read the configuration");
    assert!(config.contains(from), "{config}");
    std::fs::write(&shop.program.config, config.replacen(from, to, 1))
        .expect("should write the configuration");
}

fn run(shop: &Installation, arguments: &[&str]) -> Printed {
    shop.program.run(shop.root(), arguments)
}

/// Every command that a person would try says that `infra` has this problem.
fn told(shop: &Installation, code: &str, message: &str) {
    let line = format!("repository infra: {code}: ");
    await_true("the problem", || run(shop, &["status"]).out.contains(&line));
    let says = |text: &str| assert!(text.contains(&line) && text.contains(message), "{text}");
    let printed = run(shop, &["status"]).expect_code(0);
    says(printed.out.lines().next().unwrap_or_default());
    assert!(printed.out.contains("= hint: ") && printed.out.contains("no environments"), "{}", printed.out);
    says(&run(shop, &["status", "--exit-code"]).expect_code(1).out);
    says(&run(shop, &["status", "--wait", "600"]).expect_code(1).err);
    says(&run(shop, &["sync"]).expect_code(2).err);
    let printed = run(shop, &["sync"]).expect_code(2);
    assert!(printed.err.contains("there is nothing to sync") && printed.out.is_empty(), "{}", printed.err);
    let printed = run(shop, &["sync", "dev"]).expect_code(2);
    assert!(printed.err.contains("error[NK0911]"), "{}", printed.err);
    says(&printed.err);
    // Environments only, as documented.
    let printed = run(shop, &["status", "--format", "json"]).expect_code(0);
    assert_eq!(printed.json(), serde_json::json!([]));
    says(&printed.err);
}

#[test]
fn nothing_at_its_address() {
    let (shop, daemon) = moved("/nowhere/infra");
    told(&shop, "NK0703", "there is no Git repository at `/nowhere/infra`");
    assert!(run(&shop, &["status"]).out.contains("Z)"), "since when");
    drop(daemon);
}

#[test]
fn a_folder_that_is_no_repository() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, daemon) = moved(&folder.path().display().to_string());
    told(&shop, "NK0703", "the folder holds no repository");
    drop(daemon);
}

#[test]
fn a_remote_that_does_not_answer_may_be_waited_for() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (shop, daemon) = moved(&format!("https://127.0.0.1:{port}/infra.git"));
    let line = "repository infra: NK0701: ";
    await_true("the problem", || run(&shop, &["status"]).out.contains(line));
    let printed = run(&shop, &["status", "--wait", "1"]).expect_code(1);
    assert!(printed.out.contains(line) && printed.err.contains("the time is up"), "{printed:?}");
    run(&shop, &["sync"]).expect_code(2);
    drop(daemon);
}

#[test]
fn a_trunk_that_does_not_exist() {
    let shop = shop();
    rewrite(&shop, "name = \"infra\"", "name = \"infra\"\ntrunk = \"mian\"");
    let daemon = shop.start();
    told(&shop, "NK0704", "the repository has no `refs/heads/mian`; it is the trunk");
    shop.repository.branch("mian");
    run(&shop, &["sync"]).expect_code(0);
    daemon.await_applied("dev", &shop.repository.head());
    run(&shop, &["status", "--exit-code"]).expect_code(0);
}

#[test]
fn an_empty_repository_and_one_that_defines_nothing() {
    let shop = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    let daemon = shop.start();
    told(&shop, "NK0704", "`refs/heads/main`");
    shop.repository.write("README.md", "soon\n").commit("a start");
    run(&shop, &["sync"]).expect_code(2);
    told(&shop, "NK0911", "the trunk `main` at ");
    drop(daemon);
}

#[test]
fn a_configuration_that_names_no_environment() {
    let shop = shop();
    shop.only(&["dev", "pord"]);
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let printed = run(&shop, &["status", "--exit-code"]).expect_code(1);
    assert!(printed.out.contains("the configuration names `pord` (in `only`)"), "{}", printed.out);
}

#[test]
fn one_of_two_repositories_is_broken() {
    let shop = shop();
    shop.configure("[[repository]]\nname = \"own\"\nurl = \"/nowhere/own\"\n");
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let line = "repository own: NK0703: ";
    await_true("the problem", || run(&shop, &["status"]).out.contains(line));
    let printed = run(&shop, &["status", "--exit-code"]).expect_code(1);
    assert!(printed.out.contains(line) && printed.out.contains("infra/dev"), "{}", printed.out);
    let printed = run(&shop, &["status", "--wait", "600"]).expect_code(1);
    assert!(printed.err.contains(line), "{}", printed.err);
    // The other one is fine by itself.
    let printed = run(&shop, &["status", "dev", "--wait", "60"]).expect_code(0);
    assert!(!printed.out.contains(line), "{}", printed.out);
    let printed = run(&shop, &["sync"]).expect_code(0);
    assert!(printed.out.contains("infra/dev: reconciling; repository own: NK0703"), "{}", printed.out);
    // It is no problem any more once it is there.
    drop(daemon);
    let own = Repository::init(&shop.root().join("own"));
    own.write("naksha.yaml", REPOSITORY).write("environments/qa/environment.yaml", QA).commit("start");
    rewrite(&shop, "/nowhere/own", &own.folder().display().to_string());
    let daemon = shop.start();
    daemon.await_state("qa", "synced");
    run(&shop, &["status", "--wait", "60"]).expect_code(0);
}

const QA: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: qa}
spec: {target: {directory: out}, units: []}
";

/// Two repositories, each with an environment `dev`, applied.
fn namesakes() -> (Installation, Repository, DaemonProcess) {
    let shop = shop();
    let own = Repository::init(&shop.root().join("own"));
    let dev = QA.replace("name: qa", "name: dev");
    own.write("naksha.yaml", REPOSITORY).write("environments/dev/environment.yaml", &dev).commit("start");
    shop.configure(&format!("[[repository]]\nname = \"own\"\nurl = \"{}\"\n", own.folder().display()));
    let daemon = shop.start();
    daemon.await_applied("infra/dev", &shop.repository.head());
    daemon.await_state("own/dev", "synced");
    (shop, own, daemon)
}

#[test]
fn one_of_two_namesakes_is_read_by_its_full_name() {
    let (shop, _own, daemon) = namesakes();
    let names = |arguments: &[&str]| {
        let found = run(&shop, &[arguments, &["--format", "json"]].concat()).expect_code(0).json();
        let of = |one: &serde_json::Value| {
            format!("{}/{}", one["repository"], one["environment"]).replace('"', "")
        };
        let all = found.as_array().or(found["entries"].as_array()).unwrap();
        all.iter().map(of).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(names(&["status", "dev"]), ["infra/dev", "own/dev"]);
    assert_eq!(names(&["status", "own/dev"]), ["own/dev"]);
    assert_eq!(names(&["history", "infra/dev"]), ["infra/dev"]);
    run(&shop, &["status", "own/dev", "--wait", "60"]).expect_code(0);
    let printed = run(&shop, &["status", "own/prod"]).expect_code(2);
    assert!(printed.err.contains("no environment `own/prod` here"), "{}", printed.err);
    // A plan is found in its own repository only.
    let history = run(&shop, &["history", "infra/dev", "--format", "json"]).expect_code(0).json();
    let plan = history["entries"][0]["plan"].as_str().unwrap();
    run(&shop, &["show", plan, "--env", "infra/dev"]).expect_code(0);
    let printed = run(&shop, &["show", plan, "--env", "own/dev"]).expect_code(2);
    assert!(printed.err.contains("error[NK0810]"), "{}", printed.err);
    drop(daemon);
}

#[test]
fn the_history_of_several_repositories_names_them() {
    let (shop, own, daemon) = namesakes();
    let alone = run(&shop, &["history", "infra/dev"]).expect_code(0).out;
    assert!(alone.contains(" dev ") && !alone.contains("infra/dev"), "{alone}");
    own.edit("environments/dev/environment.yaml", "units: []", "units: [settings]");
    own.write("units/settings/unit.yaml", crate::SETTINGS)
        .write("units/settings/settings.yaml", crate::SETTINGS_MANIFEST);
    daemon.await_applied("own/dev", &own.commit("something to apply"));
    let both = run(&shop, &["history"]).expect_code(0).out;
    assert!(both.contains("infra/dev") && both.contains("own/dev"), "{both}");
}

#[test]
fn a_change_reaches_one_of_two_namesakes() {
    let (shop, _own, daemon) = namesakes();
    let state = |name: &str| run(&shop, &["status", name, "--format", "json"]).json()[0]["state"].clone();
    for command in [&["suspend", "dev", "--reason", "a slip"][..], &["resume", "dev"], &["sync", "dev"]] {
        let printed = run(&shop, command).expect_code(2);
        let why = "`dev` is in several repositories: infra/dev, own/dev";
        assert!(printed.err.contains(why) && printed.err.contains("REPOSITORY/NAME"), "{}", printed.err);
    }
    let printed = run(&shop, &["forget", "dev", "--reason", "a slip"]).expect_code(2);
    assert!(printed.err.contains("in several repositories"), "{}", printed.err);
    assert_eq!((state("infra/dev"), state("own/dev")), ("synced".into(), "synced".into()));
    let printed = run(&shop, &["suspend", "own/dev", "--reason", "a look"]).expect_code(0);
    assert!(printed.out.starts_with("own/dev: suspended"), "{}", printed.out);
    assert_eq!((state("infra/dev"), state("own/dev")), ("synced".into(), "suspended".into()));
    let printed = run(&shop, &["resume", "own/dev"]).expect_code(0);
    assert!(printed.out.starts_with("own/dev: resumed"), "{}", printed.out);
    assert_eq!(run(&shop, &["sync", "infra/dev"]).expect_code(0).out, "infra/dev: reconciling\n");
    let printed = run(&shop, &["forget", "own/dev", "--reason", "a slip"]).expect_code(2);
    assert!(printed.err.contains("error[NK0913]"), "{}", printed.err);
    drop(daemon);
}
