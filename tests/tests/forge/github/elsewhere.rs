//! A repository that is renamed or archived while the daemon runs: the log and `naksha doctor` say so, and environments go on.

use std::fs;

use naksha_tests::await_true;
use naksha_tests::program::Printed;

use super::site::Site;
use crate::doctor::found;

/// What somebody changes by hand is taken back.
fn check_that_it_is_healed(site: &Site) {
    let file = site.installation.target("dev").join("shop/configmap/web.yaml");
    let text = || fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, text().replace("everybody", "somebody")).unwrap();
    await_true("the edit to be healed", || text().contains("@everybody"));
}

/// What doctor says, which finds something that is wrong.
fn doctor(site: &Site) -> Printed {
    let arguments = ["doctor", "--format", "json"];
    site.installation.program.run(site.installation.root(), &arguments).expect_code(1)
}

#[test]
fn a_repository_that_is_renamed_is_told_with_where_it_is() {
    let Some(site) = Site::with(&[]) else { return };
    let (daemon, github) = (site.begin(), &site.forged.github);
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    await_true("the report to be over", || site.told("reported", number) > 0);
    github.rename("infrastructure");
    github.say_as(&site.forged.writer.login, number, "a thought");
    await_true("it to be told", || daemon.log().contains("it moved to"));
    let printed = doctor(&site);
    assert!(printed.out.contains("it moved to"), "{}", printed.out);
    check_that_it_is_healed(&site);
    daemon.await_state("dev", "synced");
}

#[test]
fn a_repository_that_is_archived_is_told_and_takes_no_words() {
    let Some(site) = Site::with(&[]) else { return };
    let (daemon, github) = (site.begin(), &site.forged.github);
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    await_true("the report to be over", || site.told("reported", number) > 0);
    github.archive();
    // Whatever was on its way.
    github.say_as(&site.forged.writer.login, number, "/naksha explain NK0101");
    await_true("it to be told", || daemon.log().contains("archived"));
    let (level, told) = found(&doctor(&site), "repository");
    assert!(level == "error" && told.contains("is archived"), "{told}");
    check_that_it_is_healed(&site);
    daemon.await_state("dev", "synced");
}
