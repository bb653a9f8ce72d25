//! One measured figure, and whether it is what it should be.

use std::fmt;

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measurement {
    pub(crate) name: String,
    pub(crate) metric: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// At most this.
    pub(crate) goal: Option<f64>,
    pub(crate) met: Option<bool>,
    pub(crate) compared_with: Option<String>,
    pub(crate) note: Option<String>,
}

impl Measurement {
    pub(crate) fn new(metric: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let metric = metric.into();
        Self {
            name: String::new(),
            metric,
            value,
            unit,
            goal: None,
            met: None,
            compared_with: None,
            note: None,
        }
    }

    #[must_use]
    pub(crate) fn at_most(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self.met = Some(self.value <= goal);
        self
    }

    #[must_use]
    pub(crate) fn compared_with(mut self, what: impl Into<String>) -> Self {
        self.compared_with = Some(what.into());
        self
    }

    #[must_use]
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    #[must_use]
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<44} {:>10.2} {}", self.metric, self.value, self.unit)?;
        if let Some(goal) = self.goal {
            let word = if self.met == Some(true) { "met" } else { "NOT MET" };
            write!(f, "  (goal ≤ {goal}: {word})")?;
        }
        if let Some(what) = &self.compared_with {
            write!(f, "  against {what}")?;
        }
        if let Some(note) = &self.note {
            write!(f, "  {note}")?;
        }
        Ok(())
    }
}

/// The value below which this part of the samples lies.
pub(crate) fn percentile(samples: &mut [f64], part: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let at = ((samples.len() as f64 * part).ceil() as usize).clamp(1, samples.len()) - 1;
    samples[at]
}
