//! The story: nine chapters, each a real commit or a real edit, each checked by its effect on disk.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use naksha_environments::wire::StatusDocument;

use super::Stage;
use super::playground::Playground;
use crate::scratch::{DaemonProcess, PATIENCE, Scratch, wait_for};

pub(super) const WHERE_NEXT: &str = "
Where to look next:
  naksha demo --serve              leave the daemon running and try it yourself
  naksha init --reference shop     the same repository, to make your own
  README.md, docs/operation.md     five minutes with naksha; what to do at 3 a.m.";

/// Kills of a daemon in the middle of an apply are tried this often: on a fast disk an apply may win the race.
const KILL_TRIES: usize = 5;

/// Plays every chapter; the daemon runs in the end.
pub(super) fn play(stage: &Stage, playground: &Playground) -> anyhow::Result<DaemonProcess> {
    stage.chapter(1, "A repository and a daemon");
    let daemon = playground.start_daemon()?;
    first_apply(stage, playground, &daemon)?;
    stage.chapter(2, "A good commit: less logging in dev");
    good_commit(stage, playground, &daemon)?;
    stage.chapter(3, "A bad commit: a misspelt key");
    bad_commit(stage, playground, &daemon)?;
    stage.chapter(4, "Drift: somebody edits a live object");
    drift(stage, playground, &daemon)?;
    stage.chapter(5, "A dangerous commit: the database goes");
    dangerous_commit(stage, playground, &daemon)?;
    stage.chapter(6, "A workflow changes");
    workflow(stage, playground, &daemon)?;
    stage.chapter(7, "Promotion: staging gets what dev runs");
    promotion(stage, playground, &daemon)?;
    stage.chapter(8, "SIGKILL in the middle of an apply");
    let daemon = killed(stage, playground, daemon)?;
    stage.chapter(9, "What was done");
    stage.show(&playground.run(&["history", "dev"])?);
    stage.show(&playground.run(&["status"])?);
    Ok(daemon)
}

pub(super) fn serving(scratch: &Scratch) -> String {
    format!(
        "The daemon keeps running on {}; stop it with Ctrl-C. Elsewhere:\n  export NAKSHA_CONFIG={}\n  naksha status",
        scratch.repository().display(),
        scratch.config().display()
    )
}

/// Waits until dev has applied a commit.
fn applied(daemon: &DaemonProcess, commit: &str) -> anyhow::Result<()> {
    daemon.await_status("dev", &format!("synced at {commit}"), |status: &StatusDocument| {
        status.state == "synced" && status.applied.as_deref() == Some(commit)
    })?;
    Ok(())
}

fn synced(daemon: &DaemonProcess, environment: &str) -> anyhow::Result<StatusDocument> {
    daemon.await_status(environment, "synced", |status: &StatusDocument| status.state == "synced")
}

fn first_apply(stage: &Stage, playground: &Playground, daemon: &DaemonProcess) -> anyhow::Result<()> {
    let started = Instant::now();
    let status = synced(daemon, "dev")?;
    let objects = playground.objects("dev");
    ensure!(!objects.is_empty(), "nothing was written");
    stage.say(&format!(
        "The repository holds three environments. dev follows the trunk: {} objects of {} units were applied in {} ms,\n\
         a directory with one file per object. staging and prod wait for a promotion.",
        status.objects,
        status.units.len(),
        started.elapsed().as_millis()
    ));
    let some: Vec<_> = objects.keys().take(6).map(String::as_str).collect();
    stage.show(&format!("{}\n…", some.join("\n")));
    Ok(())
}

fn good_commit(stage: &Stage, playground: &Playground, daemon: &DaemonProcess) -> anyhow::Result<()> {
    playground.repository.edit("environments/dev/environment.yaml", "logLevel: debug", "logLevel: info")?;
    stage.say("Before committing, `naksha plan --env dev` shows what it would do:");
    stage.show(&playground.run(&["plan", "--env", "dev"])?);
    let before = playground.objects("dev");
    let started = Instant::now();
    let commit = playground.repository.commit("dev: less logging")?;
    applied(daemon, &commit)?;
    let changed = differences(&before, &playground.objects("dev"));
    ensure!(!changed.is_empty(), "no object changed");
    stage.say(&format!(
        "Committed. Applied {} ms later; {} files changed.",
        started.elapsed().as_millis(),
        changed.len()
    ));
    Ok(())
}

fn bad_commit(stage: &Stage, playground: &Playground, daemon: &DaemonProcess) -> anyhow::Result<()> {
    let before = playground.objects("dev");
    playground.repository.edit("units/postgres/unit.yaml", "dependsOn:", "dependson:")?;
    stage.say("`naksha check` finds it before the commit does harm:");
    stage.show(&playground.run(&["check"])?);
    let commit = playground.repository.commit("postgres: a slip of the pen")?;
    let status = daemon.await_status("dev", "told about the commit", |status: &StatusDocument| {
        status.control.as_deref() == Some(commit.as_str()) && !status.why.is_empty()
    })?;
    let changed = differences(&before, &playground.objects("dev"));
    ensure!(changed.is_empty(), "a broken commit changed {}", changed.join(", "));
    stage.say("Committed all the same. Nothing was applied, nothing was pruned, and dev says why:");
    stage.show(&status.why.join("\n"));
    applied(daemon, &playground.repository.revert()?)?;
    stage.say("Reverted: dev is synced again.");
    Ok(())
}

fn drift(stage: &Stage, playground: &Playground, daemon: &DaemonProcess) -> anyhow::Result<()> {
    let folder = playground.scratch.target("dev");
    let objects = playground.objects("dev");
    let (name, text) = objects
        .iter()
        .find(|(_, text)| text.contains("kind: StatefulSet\n") && text.contains("/postgres:17.6"))
        .context("there is a StatefulSet of the database")?;
    fs::write(folder.join(name), text.replace("/postgres:17.6", "/postgres:9.6"))?;
    let started = Instant::now();
    wait_for("the drift to be healed", || {
        let text = fs::read_to_string(folder.join(name))?;
        Ok((!text.contains("/postgres:9.6")).then_some(()))
    })?;
    let healed = started.elapsed();
    synced(daemon, "dev")?;
    stage.say(&format!(
        "Somebody set the database's image to postgres:9.6 in {name}.\nSeen and healed within {} ms.",
        healed.as_millis()
    ));
    Ok(())
}

fn dangerous_commit(stage: &Stage, playground: &Playground, daemon: &DaemonProcess) -> anyhow::Result<()> {
    let before = playground.objects("dev");
    playground.repository.edit(
        "units/postgres/unit.yaml",
        "templates: [manifests/*.yaml.tera]",
        "templates: [manifests/config.yaml.tera]",
    )?;
    let commit = playground.repository.commit("postgres: only its configuration is left")?;
    let held = daemon.await_status("dev", "held", |status: &StatusDocument| {
        status.state == "held" && status.control.as_deref() == Some(commit.as_str())
    })?;
    let after = playground.objects("dev");
    ensure!(before.keys().eq(after.keys()), "a held plan deleted something");
    stage.say("The plan would delete a StatefulSet with its data. It is held; nothing was touched:");
    stage.show(&held.why.join("\n"));
    applied(daemon, &playground.repository.revert()?)?;
    stage.say("Reverted: the held plan dissolved, dev is synced.");
    Ok(())
}

fn workflow(stage: &Stage, playground: &Playground, daemon: &DaemonProcess) -> anyhow::Result<()> {
    playground.repository.edit("workflows/ingest.yaml", "tokens: 400", "tokens: 600")?;
    playground.repository.edit("workflows/ingest.yaml", "attempts: 4", "attempts: 6")?;
    stage.say("Workflows are diffed as graphs, node by node:");
    stage.show(&playground.run(&["plan", "--env", "dev"])?);
    let commit = playground.repository.commit("ingest: larger pieces, more patience")?;
    applied(daemon, &commit)?;
    stage.say("Committed: a new immutable version of `ingest` is current in dev.");
    Ok(())
}

fn promotion(stage: &Stage, playground: &Playground, daemon: &DaemonProcess) -> anyhow::Result<()> {
    stage.show(&playground.run(&["promote", "staging"])?);
    playground.repository.commit("promote staging")?;
    let held = daemon.await_status("staging", "held", |status: &StatusDocument| status.state == "held")?;
    ensure!(playground.objects("staging").is_empty(), "what is held was written");
    stage.say("The lock is committed, and the gates of staging are not open. Nobody waits for them here: a person answers for it.");
    stage.show(&held.why.join("\n"));
    let plan = held.plan.context("what is held is a plan")?;
    stage.show(&playground.run(&["ack", &plan, "--reason", "it is a demo"])?);
    let status = synced(daemon, "staging")?;
    let objects = playground.objects("staging");
    ensure!(!objects.is_empty(), "nothing was promoted");
    stage.say(&format!(
        "Staging runs the same source with its own variables, {} objects. Reverting that commit\n\
         would be the rollback.",
        status.objects
    ));
    Ok(())
}

/// Kills the daemon while it writes, starts it again, and compares the end with what it should be.
fn killed(stage: &Stage, playground: &Playground, daemon: DaemonProcess) -> anyhow::Result<DaemonProcess> {
    let mut daemon = daemon;
    for attempt in 1..=KILL_TRIES {
        let before = playground.objects("dev");
        let owner = playground.repository.read("naksha.yaml")?;
        let line =
            owner.lines().find(|line| line.trim_start().starts_with("owner: ")).context("an owner is set")?;
        playground.repository.edit(
            "naksha.yaml",
            line.trim_start(),
            &format!("owner: platform-{attempt}"),
        )?;
        let commit = playground.repository.commit("a label on every object")?;
        let started = Instant::now();
        while differences(&before, &playground.objects("dev")).is_empty() {
            ensure!(started.elapsed() < PATIENCE, "the apply did not start");
        }
        daemon.kill()?;
        let written = differences(&before, &playground.objects("dev")).len();
        daemon = playground.start_daemon()?;
        applied(&daemon, &commit)?;
        let all = differences(&before, &playground.objects("dev")).len();
        stage.say(&format!(
            "A commit changed {all} objects. The daemon was killed after {written} of them; started again, it finished the rest."
        ));
        if written < all {
            let plan = playground.run(&["status", "dev", "--exit-code"])?;
            ensure!(!plan.contains("degraded"), "dev is not as it should be: {plan}");
            return Ok(daemon);
        }
        stage.say("(The apply was faster than the kill; once more.)");
    }
    bail!("no kill came in the middle of an apply in {KILL_TRIES} tries")
}

/// Names of the files that differ.
fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<String> =
        names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}
