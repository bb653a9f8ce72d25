//! What goes to a template engine and what comes back. These types cross the border of a process, which is why
//! they, unlike the rest of the domain, can be serialised.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most bytes that the templates of one unit may make, all files together. A thousand objects of ten kilobytes:
/// far more than a unit has, far less than hurts.
pub const MAX_OUTPUT_BYTES: usize = 10 << 20;

/// Everything that rendering one unit's templates needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateJob {
    /// Every text that may be rendered or included, by the name that includes use.
    pub sources: Vec<TemplateSource>,
    /// How many of `sources`, from the front, are rendered. The others are only included.
    pub entries: usize,
    /// The variables that templates see: a map.
    pub context: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateSource {
    pub name: String,
    pub text: String,
}

/// What each entry of the job came to, in the job's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateOutput {
    pub files: Vec<Result<String, Box<Problem>>>,
}

/// Something wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub kind: ProblemKind,
    /// Lower-case, without a full stop.
    pub message: String,
    pub hint: Option<String>,
    /// Absent where the engine does not know.
    pub spot: Option<Spot>,
    /// Who included it or called it, innermost first.
    pub callers: Vec<Caller>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProblemKind {
    Syntax,
    Undefined,
    Failed,
    IncludeLoop,
    OutputLimit,
}

/// A place in a template. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spot {
    pub template: String,
    pub line: usize,
    pub column: usize,
    pub width: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub template: String,
    pub line: usize,
    pub column: usize,
}

/// Why a job gave no output at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum TemplateFailure {
    /// The texts do not make a set of templates. Every problem that was found.
    #[error("the templates cannot be parsed")]
    Broken(Vec<Problem>),
    #[error("the templates ran longer than {limit_ms} ms")]
    Time { limit_ms: u64 },
    #[error("the templates used more than {limit_bytes} bytes of memory")]
    Memory { limit_bytes: u64 },
    /// Not the template's fault, as far as can be told.
    #[error("the template worker failed: {reason}")]
    Engine { reason: String },
}

/// Where templates are run. Equal jobs give equal answers.
pub trait TemplateEngine: Send + Sync + fmt::Debug {
    fn render(&self, job: &TemplateJob) -> Result<TemplateOutput, TemplateFailure>;
}
