//! Approvals that do not stay.

use naksha_tests::must;

use crate::site::site;

const FILE: &str = "environments/dev/environment.yaml";

#[test]
fn an_approval_that_is_taken_back_is_waited_for_again() {
    let Some(site) = site() else { return };
    let forged = &site.forged;
    let colleague = must(forged.newcomer("colleague", "write"));
    site.owned(&format!("{{dev: {{approve: [\"@{}\"]}}}}", colleague.login));
    let _daemon = site.begin();
    let head = site.change("more", FILE, "replicas: 2", "replicas: 3");
    let number = must(forged.open("more", "more replicas"));
    site.await_words(&head, "naksha", "waits for an approval, see dev");
    must(forged.approve_as(&colleague, number));
    site.await_check(&head, "naksha", "success");

    must(forged.dismiss_approvals(number));
    site.await_words(&head, "naksha", "waits for an approval, see dev");
    let waits = format!("1 to update; waits for an approval by @{}", colleague.login);
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "pending"), waits);
    // Another word is another approval.
    must(forged.approve_as(&colleague, number));
    site.await_check(&head, "naksha", "success");
}
