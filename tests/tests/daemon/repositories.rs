//! A repository that cannot be applied says so: in the status, in its exit code, and to those who sync or wait.

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
    assert!(run(&shop, &["status"]).out.contains(" UTC)"), "since when");
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
