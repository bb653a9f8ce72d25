//! The story on a cluster: six chapters, each a real commit or somebody's real edit, each checked by its effect there.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use naksha_environments::wire::StatusDocument;
use serde_json::{Value, json};

use super::super::Stage;
use super::super::interrupt::Interrupt;
use super::ground::Ground;
use super::people::People;
use crate::scratch::DaemonProcess;

/// Images are pulled and pods start; on played nodes everything takes seconds.
const PATIENCE: Duration = Duration::from_secs(900);
/// After this long without a word, what is waited for is told.
const SILENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// Plain manifests that everybody can read.
const POLICIES: &str = "units/network-policies/manifests";

/// Everything that a chapter needs.
struct Play<'a> {
    stage: &'a Stage,
    ground: &'a Ground,
    people: &'a People,
    interrupt: &'a Interrupt,
    daemon: DaemonProcess,
}

/// Plays every chapter, and ends the daemon.
pub(super) fn play(
    stage: &Stage,
    ground: &Ground,
    people: &People,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    stage.chapter(1, "A repository, a daemon, and a cluster");
    let daemon = ground.start_daemon()?;
    let mut play = Play { stage, ground, people, interrupt, daemon };
    play.first_apply()?;
    stage.chapter(2, "Drift: somebody edits a live object");
    play.drift()?;
    stage.chapter(3, "A conflict: a commit wants what somebody else set");
    play.conflict()?;
    stage.chapter(4, "A dangerous commit: the database goes");
    play.dangerous_commit()?;
    stage.chapter(5, "Pruning: what Git drops is deleted");
    play.prune()?;
    stage.chapter(6, "Goodbye: the environment is destroyed");
    play.goodbye()?;
    stage.show(&ground.run(&["history", ground.name.as_str()])?);
    play.daemon.terminate()?;
    play.daemon.ended()?;
    Ok(())
}

impl Play<'_> {
    /// Looks until `look` gives something; ends early when somebody wants the demo to end.
    fn wait<T>(&self, what: &str, mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
        let begun = Instant::now();
        loop {
            self.interrupt.check()?;
            if let Some(found) = look()? {
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                bail!("waited {} s for {what}", PATIENCE.as_secs());
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn status(&self, what: &str, fits: impl Fn(&StatusDocument) -> bool) -> anyhow::Result<StatusDocument> {
        let path = format!("/api/v1/status?environment={}", self.ground.name);
        let (mut seen, mut told, mut said) = (String::new(), String::new(), Instant::now());
        let found = self.wait(&format!("the environment to be {what}"), || {
            // A refusal means that the environment has no loop yet.
            let documents: Vec<StatusDocument> = self.daemon.get(&path).unwrap_or_default();
            let Some(document) = documents.into_iter().next() else { return Ok(None) };
            seen = format!("it is {}: {}", document.state, document.why.join("; "));
            // What takes long says what it waits for, once.
            if said.elapsed() > SILENCE && seen != told {
                self.stage.say(&format!("Waiting for it to be {what}; {seen}"));
                (told, said) = (seen.clone(), Instant::now());
            }
            Ok(fits(&document).then_some(document))
        });
        found.with_context(|| seen)
    }

    fn applied(&self, commit: &str) -> anyhow::Result<StatusDocument> {
        self.status(&format!("synced at {commit}"), |status| {
            status.state == "synced" && status.applied.as_deref() == Some(commit)
        })
    }

    fn held(&self, commit: &str) -> anyhow::Result<StatusDocument> {
        self.status("held", |status| status.state == "held" && status.control.as_deref() == Some(commit))
    }

    fn policy(&self, name: &str) -> String {
        format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/{name}", self.ground.name)
    }

    fn first_apply(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let status = self.status("synced", |status| status.state == "synced")?;
        let sick: Vec<&str> = status
            .units
            .iter()
            .filter(|unit| unit.health != "Healthy")
            .map(|unit| unit.unit.as_str())
            .collect();
        ensure!(sick.is_empty(), "not healthy: {}", sick.join(", "));
        self.stage.say(&format!(
            "{} objects of {} units were applied and are healthy after {:.1} s: each unit began when those that it\n\
             needs were ready.",
            status.objects,
            status.units.len(),
            begun.elapsed().as_secs_f64()
        ));
        self.stage.show(&self.ground.run(&["status", self.ground.name.as_str()])?);
        Ok(())
    }

    fn drift(&self) -> anyhow::Result<()> {
        let path = self.policy("default-deny");
        let before = self.people.get(&path)?.context("the policy is there")?["spec"].clone();
        self.people.edit(&path, &json!({"spec": {"policyTypes": ["Ingress"]}}))?;
        let begun = Instant::now();
        self.wait("the drift to be healed", || {
            let now = self.people.get(&path)?.unwrap_or_default();
            Ok((now["spec"] == before).then_some(()))
        })?;
        self.stage.say(&format!(
            "Somebody let all pods talk to the outside (`kubectl edit networkpolicy default-deny`).\n\
             Seen by the watch and healed within {} ms.",
            begun.elapsed().as_millis()
        ));
        Ok(())
    }

    fn conflict(&self) -> anyhow::Result<()> {
        let (label, path) = ("naksha.example/reviewed", self.policy("default-deny"));
        self.people.edit(&path, &json!({"metadata": {"labels": {label: "by-hand"}}}))?;
        let file = format!("{POLICIES}/default-deny.yaml");
        let owner = "    naksha.example/owner: platform\n";
        self.ground.repository.edit(&file, owner, &format!("{owner}    {label}: \"yes\"\n"))?;
        let commit = self.ground.repository.commit("policies: reviewed")?;
        let held = self.held(&commit)?;
        let now = self.people.get(&path)?.unwrap_or_default();
        ensure!(now["metadata"]["labels"][label] == "by-hand", "a label of somebody else was taken");
        self.stage.say(
            "Somebody set a label, and a commit wants another value. Nothing is taken from anybody unasked:",
        );
        self.stage.show(&held.why.join("\n"));
        self.applied(&self.ground.repository.revert()?)?;
        self.people.edit(&path, &json!({"metadata": {"labels": {label: Value::Null}}}))?;
        self.stage.say("Reverted. `conflicts: take` or `leave` in the unit would have decided it.");
        Ok(())
    }

    fn dangerous_commit(&self) -> anyhow::Result<()> {
        let database = format!("/apis/apps/v1/namespaces/{}/statefulsets/postgres", self.ground.name);
        let uid = |object: Option<Value>| object.map(|object| object["metadata"]["uid"].clone());
        let before = uid(self.people.get(&database)?);
        ensure!(before.is_some(), "the database is not there");
        self.ground.repository.edit(
            "units/postgres/unit.yaml",
            "templates: [manifests/*.yaml.tera]",
            "templates: [manifests/config.yaml.tera]",
        )?;
        let commit = self.ground.repository.commit("postgres: only its configuration is left")?;
        let held = self.held(&commit)?;
        ensure!(uid(self.people.get(&database)?) == before, "a held plan deleted the database");
        self.stage.say("The plan would delete a StatefulSet with its data. It is held; nothing was touched:");
        self.stage.show(&held.why.join("\n"));
        self.applied(&self.ground.repository.revert()?)?;
        self.stage.say("Reverted: the held plan dissolved.");
        Ok(())
    }

    fn prune(&self) -> anyhow::Result<()> {
        let path = self.policy("allow-metrics");
        std::fs::remove_file(self.ground.repository.folder().join(format!("{POLICIES}/allow-metrics.yaml")))?;
        self.stage.say("Before committing, `naksha plan` shows what it would do:");
        self.stage.show(&self.ground.run(&["plan"])?);
        let commit = self.ground.repository.commit("policies: no metrics")?;
        self.applied(&commit)?;
        ensure!(self.people.get(&path)?.is_none(), "what Git dropped is still there");
        self.stage.say("Committed: the object is gone, deleted by its identity and not by its name.");
        Ok(())
    }

    fn goodbye(&self) -> anyhow::Result<()> {
        let file = self.ground.environment_file();
        self.ground.repository.edit(&file, "spec:\n", "spec:\n  lifecycle: destroy\n")?;
        let commit = self.ground.repository.commit("the demo is over")?;
        let held = self.held(&commit)?;
        self.stage.say("Destroying everything needs a person's word. The plan waits:");
        self.stage.show(&held.why.join("\n"));
        let plan = held.plan.context("a held environment has a plan")?;
        self.stage.show(&self.ground.run(&["ack", &plan, "--reason", "the demo is over"])?);
        self.status("destroyed", |status| status.state == "destroyed")?;
        let namespace = self.ground.name.as_str();
        self.wait("the namespace to be gone", || {
            Ok(self.people.namespace(namespace)?.is_none().then_some(()))
        })?;
        self.stage.say("Acknowledged: everything was deleted, the namespace last.");
        Ok(())
    }
}
