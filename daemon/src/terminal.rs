//! What a command prints: text for people, JSON for programs, and progress only where somebody watches.
//!
//! Colour is used on a terminal unless `NO_COLOR` is set (<https://no-color.org>). A closed pipe ends output quietly.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What takes longer gets a spinner: below it, one would only flicker.
const LONG_WORK: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(100);

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
    Markdown,
}

/// Standard output and error of one command.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    pub format: Format,
    pub colour: bool,
    interactive: bool,
}

impl Terminal {
    pub fn new(format: Format) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = wanted && !dumb && io::stdout().is_terminal();
        Self { format, colour, interactive: io::stderr().is_terminal() && !dumb }
    }

    /// The same terminal, printing as `format`.
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints text to standard output, ending in one line break.
    pub fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        let result = if text.ends_with('\n') || text.is_empty() {
            out.write_all(text.as_bytes())
        } else {
            writeln!(out, "{text}")
        };
        // A reader that went away (`| head`) wants no more; that is no failure of the command.
        let _ = result.and_then(|()| out.flush());
    }

    /// Prints a JSON document, indented.
    pub fn json(&self, document: &impl serde::Serialize) {
        let text = serde_json::to_string_pretty(document).expect("should encode a document of ours");
        self.print(&text);
    }

    /// Prints a note to standard error.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A spinner with a message; invisible unless somebody watches, and unless it takes long.
    pub fn progress(&self, message: &str) -> Progress {
        let (finished, wait) = mpsc::channel::<()>();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if self.interactive {
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar.set_message(message.to_owned());
            let shown = bar.clone();
            std::thread::spawn(move || {
                if wait.recv_timeout(LONG_WORK) == Err(RecvTimeoutError::Timeout) {
                    shown.set_draw_target(ProgressDrawTarget::stderr());
                    shown.enable_steady_tick(TICK);
                }
            });
        }
        Progress { bar, finished: Some(finished) }
    }
}

/// Work that is going on; dropped or finished, it leaves nothing on the terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// Dropped at the end: what was not shown yet is not shown any more.
    finished: Option<mpsc::Sender<()>>,
}

impl Progress {
    pub fn finish_and_clear(self) {
        drop(self);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.finished.take());
        self.bar.finish_and_clear();
    }
}
