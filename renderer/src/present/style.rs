//! How terminal text looks.

use anstyle::{AnsiColor, Style as Ansi};

/// Width when nobody says: what fits a code review and most terminals.
const DEFAULT_WIDTH: usize = 100;

/// Colours and width of terminal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    /// Columns for which values are shortened. Lines are never cut.
    pub width: usize,
}

impl Style {
    pub fn new(colour: bool) -> Self {
        Self { colour, width: DEFAULT_WIDTH }
    }

    #[must_use]
    pub fn width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }
}

/// What a piece of text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Add,
    Change,
    Remove,
    /// Loses data, or stops the plan.
    Danger,
    Heading,
    Dim,
    Plain,
}

impl Tone {
    fn ansi(self) -> Ansi {
        match self {
            Self::Add => AnsiColor::Green.on_default(),
            Self::Change => AnsiColor::Yellow.on_default(),
            Self::Remove => AnsiColor::Red.on_default(),
            Self::Danger => AnsiColor::Red.on_default().bold(),
            Self::Heading => Ansi::new().bold(),
            Self::Dim => Ansi::new().dimmed(),
            Self::Plain => Ansi::new(),
        }
    }

    /// `text` in this tone.
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if !style.colour || self == Self::Plain || text.is_empty() {
            return text.to_owned();
        }
        let ansi = self.ansi();
        format!("{ansi}{text}{ansi:#}")
    }
}
