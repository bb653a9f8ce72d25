//! Rewritten and deleted branches hold an environment; nothing is pruned because of them.

use crate::{DEPLOYMENT_FILE, shop};

#[test]
fn a_rewritten_history_holds_until_it_is_accepted() {
    let shop = shop();
    let daemon = shop.start();
    shop.repository.edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 3");
    let commit = shop.repository.commit("three");
    daemon.await_applied("dev", &commit);
    shop.repository.edit("environments/dev/environment.yaml", "replicas: 3", "replicas: 4");
    let rewritten = shop.repository.amend("four, rewritten");
    let held = daemon.await_state("dev", "held");
    assert!(held["why"].to_string().contains("rewritten"), "{held}");
    assert!(shop.objects("dev")[DEPLOYMENT_FILE].contains("replicas: 3"));
    shop.program.run(shop.root(), &["resume", "dev"]).expect_code(0);
    daemon.await_applied("dev", &rewritten);
    assert!(shop.objects("dev")[DEPLOYMENT_FILE].contains("replicas: 4"));
}

#[test]
fn a_deleted_branch_is_not_an_empty_desired_state() {
    let shop = shop();
    shop.configure("");
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let before = shop.objects("dev");
    let repository = shop.repository.open();
    let head = repository.head().unwrap().peel_to_commit().unwrap();
    repository.branch("elsewhere", &head, false).unwrap();
    repository.set_head("refs/heads/elsewhere").unwrap();
    repository.find_branch("main", git2::BranchType::Local).unwrap().delete().unwrap();
    shop.program.run(shop.root(), &["sync"]).expect_code(0);
    daemon.await_status("dev", "told about the branch", |status| status["why"].to_string().contains("gone"));
    assert_eq!(shop.objects("dev"), before);
}
