//! The database is lost while pull requests are open: what stands on the forge is said once, and nothing is done again.

use naksha_tests::{DaemonProcess, await_true, must};

use crate::promotions::three;
use crate::site::{Site, site};

impl Site {
    /// The daemon comes back without its database, and dev is told what is its own.
    fn lose_the_database(&self, daemon: DaemonProcess) -> DaemonProcess {
        let heard = |daemon: &DaemonProcess| daemon.log().matches("commands are heard").count();
        let before = heard(&daemon);
        let daemon = self.installation.lose_the_database(daemon);
        daemon.await_state("dev", "held");
        self.run(&["inventory", "rebuild", "dev", "--yes"]);
        daemon.await_state("dev", "synced");
        // What is said before is said to nobody.
        await_true("commands to be heard", || heard(&daemon) > before);
        daemon
    }
}

#[test]
fn what_was_said_is_said_once_and_what_was_asked_for_is_not_done_again() {
    let Some(site) = site() else { return };
    let forged = &site.forged;
    let daemon = site.begin();
    let number = site.propose(&daemon, 2, 3);
    let head = site.head_of(number);
    let checks = must(forged.statuses(&head));
    must(forged.say(&forged.writer, number, "/naksha suspend dev"));
    daemon.await_state("dev", "suspended");
    site.run(&["resume", "dev"]);
    daemon.await_state("dev", "synced");

    let daemon = site.lose_the_database(daemon);
    let reports = || daemon.log().matches("reported").count();
    let before = reports();
    let plan = must(forged.say(&forged.writer, number, "/naksha plan"));
    await_true("it to be planned anew", || reports() > before);
    await_true("the same checks", || must(forged.statuses(&head)) == checks);
    // What stands before that comment was read before it.
    let yes = [(forged.bot.login.clone(), "+1".to_owned())];
    await_true("the answer", || must(forged.reactions(plan)) == yes);
    let status = daemon.await_state("dev", "synced");
    assert_eq!(status["applied"], status["control"], "{status}");
    site.await_comment(&daemon, number, &head);
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
}

#[test]
fn the_promotion_that_is_open_stays_the_only_one() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let number = site.await_promotion(&daemon, "staging", &first);
    site.await_check(&site.head_of(number), "naksha", "success");
    let daemon = site.lose_the_database(daemon);
    assert_eq!(site.await_promotion(&daemon, "staging", &first), number);
    site.await_looks(number);
    assert_eq!(site.await_promotion(&daemon, "staging", &first), number);
    site.promote(number, "merge");
    daemon.await_applied("staging", &first);
}
