//! A page with a byte budget: parts are added whole or shortened between lines, and never left open.

use super::lines::plural;

/// Kept free for the notice of what was left out.
const NOTICE: usize = 160;
/// Kept free inside a part for its own "more lines" line.
const MORE: usize = 32;

#[derive(Debug)]
pub(super) struct Page {
    out: String,
    budget: usize,
    left_out: usize,
}

impl Page {
    pub(super) fn new(budget: usize) -> Self {
        Self { out: String::new(), budget, left_out: 0 }
    }

    fn room(&self) -> usize {
        self.budget.saturating_sub(NOTICE).saturating_sub(self.out.len())
    }

    /// Adds `part` if it fits; it counts as `lines` lines otherwise.
    pub(super) fn whole(&mut self, part: &str, lines: usize) -> bool {
        let fits = part.len() <= self.room();
        if fits {
            self.out.push_str(part);
        } else {
            self.left_out += lines;
        }
        fits
    }

    /// Adds `open`, as many of `lines` as fit, and `close`. Each line gets a newline.
    pub(super) fn part(&mut self, open: &str, lines: &[String], close: &str) {
        let frame = open.len() + close.len();
        let Some(first) = lines.first() else { return };
        if frame + first.len() + 1 + MORE > self.room() {
            self.left_out += lines.len();
            return;
        }
        self.out.push_str(open);
        let mut room = self.room() - close.len() - MORE;
        let mut written = 0;
        for line in lines {
            if line.len() + 1 > room {
                break;
            }
            room -= line.len() + 1;
            self.out.push_str(line);
            self.out.push('\n');
            written += 1;
        }
        let others = lines.len() - written;
        if others > 0 {
            self.left_out += others;
            let note = format!("… {others} more {}\n", plural(others, "line"));
            if note.len() <= MORE {
                self.out.push_str(&note);
            }
        }
        self.out.push_str(close);
    }

    /// The text, with a word about what did not fit. Never longer than the budget.
    pub(super) fn finish(mut self, see: &str) -> String {
        if self.left_out > 0 {
            let lines = plural(self.left_out, "line");
            let notice = format!("\n_Left out for length: {} {lines}. {see}_\n", self.left_out);
            let short = format!("\n_Left out: {} {lines}._\n", self.left_out);
            let free = self.budget - self.out.len();
            if let Some(notice) = [notice, short].into_iter().find(|notice| notice.len() <= free) {
                self.out.push_str(&notice);
            }
        }
        self.out
    }
}
