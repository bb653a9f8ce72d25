//! Where documents come from: a file as it is, or what a template made of one.

use naksha_environments::diagnostic::{Diagnostic, Place, Span};
use naksha_environments::object::Provenance;
use naksha_environments::source::TreePath;
use naksha_environments::yaml::Lines;

use crate::locate;

/// The text that documents were read from, and the file to point at.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    Manifest(&'a Lines<'a>),
    /// `template` is the file, `rendered` what it became.
    Template {
        template: &'a Lines<'a>,
        rendered: &'a Lines<'a>,
    },
}

impl<'a> Origin<'a> {
    pub fn path(self) -> &'a TreePath {
        match self {
            Self::Manifest(lines) => lines.path(),
            Self::Template { template, .. } => template.path(),
        }
    }

    /// The text that was read as YAML.
    pub fn text(self) -> &'a Lines<'a> {
        match self {
            Self::Manifest(lines) => lines,
            Self::Template { rendered, .. } => rendered,
        }
    }

    /// The place of a span of the YAML: exact in a manifest, the likeliest line of a template.
    pub fn place(self, span: Span) -> Place {
        match self {
            Self::Manifest(lines) => lines.place(span),
            Self::Template { template, rendered } => {
                let number =
                    locate::template_line(template.text(), rendered.text(), rendered.number(span.start));
                locate::line_of(template, number)
            }
        }
    }

    pub fn provenance(self, span: Span) -> Provenance {
        let rendered = matches!(self, Self::Template { .. });
        Provenance { path: self.path().clone(), line: self.text().number(span.start), rendered }
    }

    /// A finding about the YAML, moved to the file that people write.
    pub fn moved(self, mut finding: Diagnostic) -> Diagnostic {
        let Self::Template { template, rendered } = self else { return finding };
        let Some(line) = finding.place.as_ref().and_then(|place| place.line.as_ref()) else {
            finding.place = Some(Place::file(template.path()));
            return finding;
        };
        let number = locate::template_line(template.text(), rendered.text(), line.number);
        let note = format!("line {} of what the template makes", line.number);
        finding.place = Some(locate::line_of(template, number));
        finding.note(None, note)
    }
}
