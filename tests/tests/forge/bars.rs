//! What is not proposed for promotion: not again, not any more, and not past whom it was not shown to.

use jiff::Timestamp;
use naksha_tests::{DaemonProcess, await_true, must};
use serde_json::json;

use crate::promotions::{environment, three};
use crate::site::{Site, site_with};

const HAND: &str = "`@everybody` <b>";
/// By this line a promotion is known that the daemon closed itself.
const CLOSED: &str = "<!-- naksha: closed -->";

/// staging and prod both come after dev.
fn both_after_dev() -> Option<Site> {
    let [staging, prod] = ["staging", "prod"].map(|name| environment(name, "dev", "{soak: 0s}"));
    site_with(&[
        ("environments/staging/environment.yaml", &staging),
        ("environments/prod/environment.yaml", &prod),
    ])
}

impl Site {
    /// Waits until all promotions were looked at anew, of which this one is open: what somebody calls otherwise is called what it was.
    pub(crate) fn await_looks(&self, number: u64) {
        let title = || must(self.forged.pull_request(number))["title"].clone();
        let before = title();
        // The first look may have been under way before.
        for name in ["something else", "something else again"] {
            must(self.forged.rename(number, name));
            await_true("it to be called what it was", || title() == before);
        }
    }

    fn is_proposed(&self, environment: &str) -> bool {
        let branch = format!("promote/{environment}");
        must(self.forged.open_pulls()).iter().any(|(_, of, _)| *of == branch)
    }

    /// Waits until the daemon itself has closed a promotion.
    fn await_closed(&self, daemon: &DaemonProcess, number: u64) {
        await_true(&format!("#{number} to be closed: {}", daemon.log()), || {
            !must(self.forged.open_pulls()).iter().any(|(open, ..)| *open == number)
        });
        self.await_said(number, "why it was closed", |text| text.starts_with(CLOSED));
    }

    /// Promotes the first commit to staging, and opens a promotion of it to prod: its number.
    fn promote_first(&self, daemon: &DaemonProcess) -> u64 {
        let first = self.installation.repository.head();
        let number = self.await_promotion(daemon, "staging", &first);
        self.promote(number, "merge");
        daemon.await_applied("staging", &first);
        self.await_promotion(daemon, "prod", &first)
    }
}

#[test]
fn what_was_barred_is_not_proposed_again_until_somebody_resumes() {
    let Some(site) = both_after_dev() else { return };
    let daemon = site.begin();
    let first = site.installation.repository.head();
    let number = site.await_promotion(&daemon, "staging", &first);
    let other = site.await_promotion(&daemon, "prod", &first);
    site.await_check(&site.head_of(number), "naksha", "success");
    must(site.forged.close(number));
    let barred = json!([{"source": first, "reason": format!("its promotion #{number} was closed")}]);
    daemon.await_status("staging", "barred", |status| status["barred"] == barred);
    site.await_looks(other);
    assert!(!site.is_proposed("staging") && site.is_proposed("prod"));

    let status = site.run(&["status", "staging", "--format", "json"]).json();
    assert_eq!(status[0]["barred"], barred, "{status}");
    let events = site.run(&["events", "staging", "--format", "json"]).json();
    let all = events["events"].as_array().unwrap();
    let told = all.iter().find(|event| event["reason"] == "Barred");
    let words = told.and_then(|event| event["message"].as_str()).unwrap_or_default();
    assert!(words.contains("was closed"), "{events}");

    let resumed = site.run(&["resume", "staging", "--format", "json"]).json();
    assert_eq!(resumed["lifted"], json!(["bar"]), "{resumed}");
    assert_ne!(site.await_promotion(&daemon, "staging", &first), number);
    daemon.await_status("staging", "not barred", |status| status["barred"].is_null());
}

#[test]
fn whoever_skips_an_environment_has_seen_what_goes_past_it() {
    let Some(site) = three("{soak: 1h}") else { return };
    let (forged, repository) = (&site.forged, &site.installation.repository);
    site.owned(&format!("{{staging: {{skip: [\"@{}\"]}}}}", forged.writer.login));
    let daemon = site.begin();
    let number = site.await_promotion(&daemon, "staging", &repository.head());
    site.await_waiting(&site.head_of(number));
    // It moves while nobody is there to say what it is now.
    daemon.kill();
    must(forged.pull(repository.folder(), "promote/staging"));
    let moved = repository.write("README.md", "words\n").commit("and something else");
    must(forged.push(repository.folder(), "promote/staging", &forged.writer));
    await_true("the forge to know its head", || site.head_of(number) == moved);
    let skip = "/naksha promote staging";
    must(forged.say(&forged.writer, number, skip));
    // Forges tell whole seconds: what is shown from now on is shown later.
    let said = Timestamp::now().as_second();
    await_true("that second to be over", || Timestamp::now().as_second() > said);
    let _daemon = site.installation.start();
    let refusal = "it moved since: look at what it proposes now, and say it again";
    site.await_said(number, refusal, |text| text.contains(refusal));
    site.await_waiting(&moved);
    site.await_check(&moved, "naksha/promote: soak", "pending");
    must(forged.say(&forged.writer, number, skip));
    let words = site.await_check(&moved, "naksha/promote: soak", "success");
    assert_eq!(words, format!("skipped by @{}", forged.writer.login));
}

#[test]
fn what_would_take_nothing_further_is_not_proposed_and_is_closed() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    let to_prod = site.promote_first(&daemon);
    let head = site.change_by("main", "words", |repository| {
        repository.write("README.md", "words\n");
    });
    let number = must(site.forged.open("words", "words"));
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(number, "merge");
    daemon.await_applied("dev", &commit);
    site.await_looks(to_prod);
    assert!(!site.is_proposed("staging"), "it renders the same");

    // What somebody else promoted meanwhile is not proposed any more.
    let second = site.change_unit(&daemon, HAND, "another");
    let open = site.await_promotion(&daemon, "staging", &second);
    site.await_check(&site.head_of(open), "naksha", "success");
    let (number, head) = site.lock_by_hand("by-hand", &second, |_| {});
    site.await_check(&head, "naksha", "success");
    site.merge(number, "squash");
    site.await_closed(&daemon, open);
    let status = daemon.await_applied("staging", &second);
    assert!(status["barred"].is_null(), "nobody refused it: {status}");
}

#[test]
fn what_dev_takes_back_is_not_proposed_any_more() {
    let Some(site) = three("{soak: 0s}") else { return };
    let daemon = site.begin();
    site.promote_first(&daemon);
    let second = site.change_unit(&daemon, HAND, "another");
    let open = site.await_promotion(&daemon, "staging", &second);
    site.await_check(&site.head_of(open), "naksha", "success");
    let back = site.propose_revert(&daemon, "back");
    let commit = site.merge(back, "merge");
    daemon.await_applied("dev", &commit);
    site.await_closed(&daemon, open);
}
