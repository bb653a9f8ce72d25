//! Comments that ask for something and get nothing: of programs, of ourselves, edited ones, and those from before anybody listened.

use naksha_tests::github::Role;
use naksha_tests::{DaemonProcess, must};

use super::site::{FILE, Site};

const SUSPEND: &str = "/naksha suspend dev";

/// What was said before is heard by the time that this is answered; none of it was carried out.
fn check_that_nothing_came_of_it(site: &Site, daemon: &DaemonProcess, number: u64) {
    must(site.forged.say(&site.forged.writer, number, "/naksha explain NK0101"));
    site.await_said(number, "an answer", |text| text.contains("# NK0101"));
    daemon.await_state("dev", "synced");
    assert_eq!(site.happened("dev", "Suspended"), 0);
    assert_eq!(
        daemon.log().lines().filter(|line| line.contains("done=")).count(),
        1,
        "one command was heard"
    );
}

#[test]
fn what_a_program_says_asks_for_nothing() {
    let Some(site) = Site::with(&[]) else { return };
    let (daemon, github) = (site.begin(), &site.forged.github);
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    github.add_person("renovate[bot]", Role::Write);
    github.say_as("renovate[bot]", number, SUSPEND);
    github.say_as(&github.app_login(), number, SUSPEND);
    check_that_nothing_came_of_it(&site, &daemon, number);
}

#[test]
fn what_was_edited_asks_for_nothing() {
    let Some(site) = Site::with(&[]) else { return };
    let daemon = site.begin();
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    let thought = must(site.forged.say(&site.forged.writer, number, "a thought"));
    must(site.forged.say_otherwise(thought, SUSPEND));
    check_that_nothing_came_of_it(&site, &daemon, number);
}

#[test]
fn what_was_said_before_the_first_start_asks_for_nothing() {
    let Some(site) = Site::with(&[]) else { return };
    let (number, head) = site.open("more", FILE, "replicas: 2", "replicas: 3");
    must(site.forged.say(&site.forged.writer, number, SUSPEND));
    let daemon = site.begin();
    site.await_check(&head, "naksha", "success");
    check_that_nothing_came_of_it(&site, &daemon, number);
    // Nor after another one.
    daemon.kill();
    let daemon = site.installation.start();
    must(site.forged.say(&site.forged.writer, number, "/naksha explain NK0920"));
    site.await_said(number, "an answer", |text| text.contains("# NK0920"));
    daemon.await_state("dev", "synced");
    assert_eq!(site.happened("dev", "Suspended"), 0);
}
