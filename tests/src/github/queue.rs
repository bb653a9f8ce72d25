//! The merge queue: a branch of its own per pull request, on top of the one before it, merged when its checks are green.

use anyhow::{Context as _, ensure};

use super::merge::Verdict;
use super::state::{Group, State};

/// As whom it pushes.
const QUEUE: &str = "github-merge-queue[bot]";

/// What became of a pull request in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// Required checks are missing, or still run.
    Waits,
    Merged,
    /// A required check is red: it is out of the queue, and still open.
    Dropped,
}

impl State {
    /// Puts a pull request into the queue; the head on which checks are asked for.
    pub(super) fn enqueue(&mut self, number: u64) -> anyhow::Result<String> {
        let pull = self.pull(number).context("there is no such pull request")?.clone();
        ensure!(pull.is_open() && pull.base_branch == "main", "it is not for the queue");
        let last = self.groups.last().map(|group| &group.head);
        let base = last.or(self.head("main")).context("there is no main")?.clone();
        let tree = self.bare.merge_tree(&base, &pull.head)?.context("it conflicts")?;
        let message =
            format!("Merge pull request #{number} from {}\n\n{}", pull.label().replace(':', "/"), pull.title);
        let head = self.bare.commit_tree(&tree, &[&base, &pull.head], &message, None)?;
        let branch = format!("gh-readonly-queue/main/pr-{number}-{base}");
        self.bare.set_ref(&format!("refs/heads/{branch}"), &head)?;
        self.settle(QUEUE)?;
        let group = Group { number, branch, head: head.clone(), base };
        self.tell_group("checks_requested", &group, None)?;
        self.groups.push(group);
        Ok(head)
    }

    /// Looks at the checks of what is in the queue.
    pub(super) fn look_at_queue(&mut self, number: u64) -> anyhow::Result<Queued> {
        let place = self.groups.iter().position(|group| group.number == number);
        let place = place.context("it is not in the queue")?;
        let group = self.groups[place].clone();
        let required = self.required().into_iter();
        let verdicts = required.map(|(name, app)| self.verdict(&group.head, &name, app));
        let worst = verdicts.max().unwrap_or(Verdict::Green);
        let is_current = self.head("main") == Some(&group.base);
        let outcome = match worst {
            Verdict::Missing | Verdict::Pending => return Ok(Queued::Waits),
            // What it stands on is merged first.
            Verdict::Green if place > 0 => return Ok(Queued::Waits),
            // GitHub would make it anew where that was dropped.
            Verdict::Green if is_current => Queued::Merged,
            _ => Queued::Dropped,
        };
        self.groups.remove(place);
        self.tell_group(
            "destroyed",
            &group,
            Some(if outcome == Queued::Merged { "merged" } else { "invalidated" }),
        )?;
        if outcome == Queued::Merged {
            self.bare.set_ref("refs/heads/main", &group.head)?;
            self.mark_merged(number, QUEUE, &group.head);
        }
        self.bare.delete_ref(&format!("refs/heads/{}", group.branch))?;
        self.settle(QUEUE)?;
        Ok(outcome)
    }
}
