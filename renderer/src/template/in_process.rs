//! The template language itself: Tera, strict, with our filters and nothing else.
//!
//! Bounds only what the language lets it bound, which is the text that is made. Time and memory are bounded by
//! running this in a process of its own.

use std::io::{self, Write};

use tera::{Context, ErrorKind, Tera};

use super::filters;
use super::job::{
    MAX_OUTPUT_BYTES, Problem, ProblemKind, TemplateEngine, TemplateFailure, TemplateJob, TemplateOutput,
    TemplateSource,
};
use super::report;

/// Part of every cache key: a change of the language or of its filters renders everything again.
pub const ENGINE_VERSION: &str = "tera 2.4, filters 1";

/// Renders in this very process.
#[derive(Clone)]
pub struct InProcess {
    language: Tera,
}

impl InProcess {
    pub fn new() -> Self {
        let mut language = Tera::new();
        // What is made is YAML, not HTML: nothing is escaped behind the author's back.
        language.autoescape_on(Vec::<&str>::new());
        filters::register(&mut language);
        Self { language }
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl TemplateEngine for InProcess {
    fn render(&self, job: &TemplateJob) -> Result<TemplateOutput, TemplateFailure> {
        let mut tera = self.language.clone();
        let sources = job.sources.iter().map(|source| (&source.name, &source.text));
        if let Err(error) = tera.add_raw_templates(sources) {
            return Err(TemplateFailure::Broken(self.load_problems(&job.sources, &error)));
        }
        let context = Context::from_serialize(&job.context).map_err(|error| TemplateFailure::Engine {
            reason: format!("the variables are not a map: {error}"),
        })?;
        let mut budget = MAX_OUTPUT_BYTES;
        let entries = job.sources.iter().take(job.entries);
        let files = entries.map(|entry| render_file(&tera, entry, job, &context, &mut budget)).collect();
        Ok(TemplateOutput { files })
    }
}

impl InProcess {
    /// Why the texts do not load. The language stops at the first text that does not parse, so each is tried
    /// alone; what is wrong between them only shows when all parse.
    fn load_problems(&self, sources: &[TemplateSource], error: &tera::Error) -> Vec<Problem> {
        let mut problems = Vec::new();
        for source in sources {
            let alone = self.language.clone().add_raw_template(&source.name, &source.text);
            if let Err(error) = alone
                && matches!(error.kind(), ErrorKind::SyntaxError(_))
            {
                problems.extend(report::problems(&error, sources, None));
            }
        }
        if problems.is_empty() { report::problems(error, sources, None) } else { problems }
    }
}

fn render_file(
    tera: &Tera,
    entry: &TemplateSource,
    job: &TemplateJob,
    context: &Context,
    budget: &mut usize,
) -> Result<String, Box<Problem>> {
    let mut output = Bounded { bytes: Vec::new(), left: *budget, exceeded: false };
    let result = tera.render_to(&entry.name, context, &mut output);
    *budget = output.left;
    if output.exceeded {
        return Err(Box::new(Problem {
            kind: ProblemKind::OutputLimit,
            message: format!(
                "the templates of one unit may make {MAX_OUTPUT_BYTES} bytes, and `{}` makes more",
                entry.name
            ),
            hint: Some("look for a loop that is longer than meant, or split the unit".to_owned()),
            spot: Some(report::top(&entry.name)),
            callers: Vec::new(),
        }));
    }
    match result {
        Ok(()) => String::from_utf8(output.bytes)
            .map_err(|_| Box::new(report::plain(&entry.name, "it made bytes that are not text"))),
        Err(error) => {
            let mut problems = report::problems(&error, &job.sources, Some(&job.context));
            let first = (!problems.is_empty()).then(|| problems.swap_remove(0));
            Err(Box::new(first.unwrap_or_else(|| report::plain(&entry.name, "it failed without a message"))))
        }
    }
}

/// Takes bytes until the budget is spent.
struct Bounded {
    bytes: Vec<u8>,
    left: usize,
    exceeded: bool,
}

impl Write for Bounded {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if text.len() > self.left {
            self.exceeded = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.left -= text.len();
        self.bytes.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
