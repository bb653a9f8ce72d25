//! The story on a forge: six chapters, each a real pull request, each checked by its effect there and in the target.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use naksha_environments::ids::Revision;
use naksha_environments::wire::StatusDocument;
use naksha_executor::port::forge::{CheckState, FileCommit, Forge as _, ForgeError, NewPull, Pull, Reported};

use super::super::Stage;
use super::super::interrupt::Interrupt;
use super::ground::Ground;
use crate::pulls::{AGGREGATE, MARKER};
use crate::scratch::{DaemonProcess, objects};

/// A forge that is far away and busy takes its time; one on this machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at a forge that others use, too.
const PAUSE: Duration = Duration::from_millis(500);
/// Lines of a comment that are shown.
const GIST: usize = 14;
/// Characters of a reason that are shown: one names every action.
const WORDS: usize = 160;
/// Signs as the forge's pages show them.
const SIGNS: [(&str, &str); 3] = [(":white_check_mark:", "✓"), (":hourglass:", "…"), (":x:", "✗")];
const CHANGED: &str = "naksha.yaml";
const LOCK: &str = "environments/staging/lock.yaml";

/// Everything that a chapter needs.
struct Play<'a> {
    stage: &'a Stage,
    ground: &'a Ground,
    interrupt: &'a Interrupt,
    daemon: DaemonProcess,
}

/// Plays every chapter, and ends the daemon.
pub(super) fn play(stage: &Stage, ground: &Ground, interrupt: &Interrupt) -> anyhow::Result<()> {
    stage.chapter(1, "A repository on a forge, and a daemon");
    let (first, files) = ground.upload()?;
    stage.say(&format!("The reference product is its first commit: {files} files, three environments."));
    let mut play = Play { stage, ground, interrupt, daemon: ground.start_daemon()? };
    play.first_apply()?;
    stage.chapter(2, "A promotion: staging gets what dev runs");
    play.promotion(&first)?;
    stage.chapter(3, "A pull request: another owner on every object");
    let pull = play.pull_request()?;
    stage.chapter(4, "Merged: what was shown is applied");
    let second = play.merged(&pull)?;
    stage.chapter(5, "The next promotion: what changes there, and when");
    let before = ground.ask(ground.forge.read("main", LOCK))?;
    play.promotion(&second)?;
    stage.chapter(6, "A rollback: the promotion is taken back");
    play.rollback(&before, &first)?;
    stage.show(&ground.run(&["history", "staging"])?);
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

    fn status(
        &self,
        environment: &str,
        what: &str,
        fits: impl Fn(&StatusDocument) -> bool,
    ) -> anyhow::Result<StatusDocument> {
        let path = format!("/api/v1/status?environment={environment}");
        let mut seen = "it has no status".to_owned();
        let found = self.wait(&format!("{environment} to be {what}"), || {
            // A refusal means that the environment has no loop yet.
            let documents: Vec<StatusDocument> = self.daemon.get(&path).unwrap_or_default();
            let Some(document) = documents.into_iter().next() else { return Ok(None) };
            seen = format!("it is {}: {}", document.state, document.why.join("; "));
            Ok(fits(&document).then_some(document))
        });
        found.with_context(|| seen)
    }

    fn synced_at(&self, environment: &str, commit: &Revision) -> anyhow::Result<StatusDocument> {
        self.status(environment, &format!("synced at {commit}"), |status| {
            status.state == "synced" && status.applied.as_deref() == Some(commit.as_str())
        })
    }

    /// The checks of a head, once the one that sums up has passed.
    fn passed(&self, head: &Revision) -> anyhow::Result<Vec<Reported>> {
        let mut seen = String::new();
        let found = self.wait("naksha's report", || {
            let checks = self.ground.ask(self.ground.forge.checks(head))?;
            let told =
                checks.iter().map(|check| format!("{}: {:?}, {}", check.name, check.state, check.summary));
            seen = told.collect::<Vec<_>>().join("; ");
            let is_done = |check: &&Reported| check.name == AGGREGATE && check.state == CheckState::Passed;
            Ok(checks.iter().find(is_done).is_some().then_some(checks))
        });
        found.with_context(|| seen)
    }

    /// What naksha says on a pull request, once it says this.
    fn said(&self, pull: &Pull, words: &str) -> anyhow::Result<String> {
        self.wait(&format!("a comment with `{words}`"), || {
            let comments = self.ground.ask(self.ground.forge.comments(pull.number))?;
            let texts = comments.into_iter().map(|comment| comment.text);
            Ok(texts.filter(|text| text.starts_with(MARKER)).find(|text| text.contains(words)))
        })
    }

    /// Merges as a person does who presses the button.
    fn merge(&self, pull: &Pull) -> anyhow::Result<Revision> {
        self.wait("the forge to merge", || {
            match self.ground.ask(self.ground.forge.merge(pull.number, &pull.head)) {
                Ok(()) => Ok(Some(())),
                // It still looks whether it can.
                Err(error) if error.downcast_ref::<ForgeError>().is_some_and(ForgeError::is_transient) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            }
        })?;
        self.ground.ask(self.ground.forge.branch("main"))?.context("the trunk is gone")
    }

    /// A branch with one file changed, and a pull request with it.
    fn open(&self, branch: &str, title: &str, path: &str, text: String) -> anyhow::Result<Pull> {
        let forge = &self.ground.forge;
        let (branch, path, message) = (branch.to_owned(), path.to_owned(), title.to_owned());
        let commit =
            FileCommit { branch: branch.clone(), from: Some("main".to_owned()), path, text, message };
        self.ground.ask(forge.commit(&commit))?;
        let pull = NewPull { title: title.to_owned(), text: String::new(), branch, base: "main".to_owned() };
        let number = self.ground.ask(forge.open(&pull))?;
        self.ground.ask(forge.pull(number))
    }

    fn show_checks(&self, checks: &[Reported], prefix: &str) {
        let ours = checks.iter().filter(|check| check.name.starts_with(prefix));
        let line = |check: &Reported| {
            let sign = match check.state {
                CheckState::Passed => "✓",
                CheckState::Failed => "✗",
                CheckState::Running | CheckState::Waits => "…",
            };
            format!("{sign} {:<26} {}", check.name, check.summary)
        };
        self.stage.show(&ours.map(line).collect::<Vec<_>>().join("\n"));
    }

    fn first_apply(&self) -> anyhow::Result<()> {
        let held = self.status("dev", "held", |status| status.state == "held")?;
        self.stage.say(
            "dev follows the trunk. What no pull request showed is held, and so is the very first commit:",
        );
        self.stage.show(&cut(held.why.first().map_or("", String::as_str)));
        let plan = held.plan.context("what is held is a plan")?;
        self.stage.show(&self.ground.run(&["ack", &plan, "--reason", "it is the first commit"])?);
        let status = self.status("dev", "synced", |status| status.state == "synced")?;
        self.stage.say(&format!("A person's word lets it through, once: {} objects.", status.objects));
        Ok(())
    }

    /// The daemon's own pull request to staging with this source, merged once its gates are open.
    fn promotion(&self, source: &Revision) -> anyhow::Result<()> {
        let title = format!("Promote {}", &source.as_str()[..10]);
        let pull = self.wait("a promotion to staging", || {
            let open = self.ground.ask(self.ground.forge.open_pulls())?;
            let is_it = |pull: &Pull| pull.branch == "promote/staging" && pull.title.starts_with(&title);
            Ok(open.into_iter().find(is_it))
        })?;
        self.stage.say(&format!("The daemon opened \"{}\": {}", pull.title, pull.page));
        let checks = self.passed(&pull.head)?;
        self.stage.say("Its gates are checks, and open by themselves:");
        self.show_checks(&checks, "naksha/promote");
        self.stage.say("and its comment is that of every pull request:");
        self.show_gist(&self.said(&pull, &pull.head.as_str()[..10])?);
        self.merge(&pull)?;
        let status = self.synced_at("staging", source)?;
        ensure!(!objects(&self.ground.scratch.target("staging")).is_empty(), "nothing was promoted");
        self.stage.say(&format!("Merged: staging runs that commit, {} objects.", status.objects));
        Ok(())
    }

    fn pull_request(&self) -> anyhow::Result<Pull> {
        let text = self.ground.ask(self.ground.forge.read("main", CHANGED))?;
        ensure!(text.contains("owner: platform"), "{CHANGED} has another owner");
        let text = text.replace("owner: platform", "owner: data-platform");
        let pull = self.open("another-owner", "another owner", CHANGED, text)?;
        self.stage.say(&format!("Somebody opened \"{}\": {}", pull.title, pull.page));
        let opened = Instant::now();
        let checks = self.passed(&pull.head)?;
        self.stage.say(&format!(
            "{:.1} s later it has checks, of which `{AGGREGATE}` sums up all others:",
            opened.elapsed().as_secs_f64()
        ));
        self.show_checks(&checks, AGGREGATE);
        self.stage.say("and a comment, which begins:");
        self.show_gist(&self.said(&pull, &pull.head.as_str()[..10])?);
        Ok(pull)
    }

    fn merged(&self, pull: &Pull) -> anyhow::Result<Revision> {
        let commit = self.merge(pull)?;
        self.synced_at("dev", &commit)?;
        let changed = objects(&self.ground.scratch.target("dev"));
        ensure!(changed.values().any(|text| text.contains("data-platform")), "no object changed");
        self.said(pull, "**dev**: in sync at")?;
        self.stage.say(&format!(
            "dev runs {}, without another word: every action was shown before. The comment says so now.",
            &commit.as_str()[..10]
        ));
        Ok(commit)
    }

    fn rollback(&self, lock: &str, source: &Revision) -> anyhow::Result<()> {
        let pull = self.open("back", "staging: back to what it ran before", LOCK, lock.to_owned())?;
        self.stage.say(&format!("Somebody reverts the merge: {}", pull.page));
        let checks = self.passed(&pull.head)?;
        self.show_checks(&checks, "naksha/promote");
        self.merge(&pull)?;
        self.synced_at("staging", source)?;
        let now = objects(&self.ground.scratch.target("staging"));
        ensure!(!now.values().any(|text| text.contains("data-platform")), "staging was not rolled back");
        self.stage.say("Merged: staging runs what it ran before, dev keeps the change, and nobody proposes that commit again.");
        Ok(())
    }

    /// The beginning of a comment, as far as it reads without a browser and is not shown otherwise.
    fn show_gist(&self, comment: &str) {
        let is_plain = |line: &&str| !line.starts_with('<') && !line.starts_with("**Gates");
        let lines = comment.lines().map(str::trim_end).filter(|line| !line.starts_with("<!--"));
        let lines: Vec<_> = lines.skip_while(|line| line.is_empty()).take_while(is_plain).collect();
        let gist: Vec<_> = lines.iter().take(GIST).copied().collect();
        let gist = SIGNS.iter().fold(gist.join("\n"), |text, (name, sign)| text.replace(name, sign));
        self.stage.show(gist.trim_end());
    }
}

/// The beginning of what is long.
fn cut(words: &str) -> String {
    let begin: String = words.chars().take(WORDS).collect();
    if begin.len() < words.len() { format!("{begin} …") } else { begin }
}
