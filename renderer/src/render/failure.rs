//! From what a template engine reports to diagnostics with a place in the repository.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::{Diagnostic, Place, Span};
use naksha_environments::source::TreePath;
use naksha_environments::unit::Unit;
use naksha_environments::yaml::Lines;

use crate::template::{Problem, ProblemKind, Spot, TemplateFailure};

use super::cache::Keeping;

/// The texts of a unit's templates, by the name that includes use.
pub(super) type Texts = BTreeMap<String, (TreePath, Arc<str>)>;

/// Why a whole unit has no output.
pub(super) fn of_unit(failure: &TemplateFailure, unit: &Unit, texts: &Texts) -> (Vec<Diagnostic>, Keeping) {
    let (code, message, hint, keeping) = match failure {
        TemplateFailure::Broken(problems) => {
            return (
                problems.iter().map(|problem| of_template(problem, unit, texts)).collect(),
                Keeping::Always,
            );
        }
        TemplateFailure::Time { limit_ms } => (
            codes::TEMPLATE_TIME_LIMIT,
            format!("the templates of unit `{}` ran longer than {limit_ms} ms and were stopped", unit.name),
            "look for a loop that is longer than meant, or loops inside of loops",
            Keeping::Retried,
        ),
        TemplateFailure::Memory { limit_bytes } => (
            codes::TEMPLATE_MEMORY_LIMIT,
            format!(
                "the templates of unit `{}` used more than {} MiB of memory and were stopped",
                unit.name,
                limit_bytes >> 20
            ),
            "look for a text or a list that grows inside of a loop",
            Keeping::Retried,
        ),
        TemplateFailure::Engine { reason } => (
            codes::TEMPLATE_WORKER,
            format!("the templates of unit `{}` could not be run: {reason}", unit.name),
            "this is about the machine, not about the unit: see the log of the daemon",
            Keeping::Never,
        ),
    };
    (vec![Diagnostic::new(code, message).at(unit.place.clone()).hint(hint)], keeping)
}

/// What is wrong with one template.
pub(super) fn of_template(problem: &Problem, unit: &Unit, texts: &Texts) -> Diagnostic {
    let code = match problem.kind {
        ProblemKind::Syntax => codes::TEMPLATE_SYNTAX,
        ProblemKind::Undefined => codes::TEMPLATE_UNDEFINED,
        ProblemKind::Failed => codes::TEMPLATE_FAILED,
        ProblemKind::IncludeLoop => codes::TEMPLATE_INCLUDE_LOOP,
        ProblemKind::OutputLimit => codes::TEMPLATE_OUTPUT_LIMIT,
    };
    let place = problem.spot.as_ref().and_then(|spot| spot_place(spot, texts));
    let finding = Diagnostic::new(code, &*problem.message).at(place.unwrap_or_else(|| unit.place.clone()));
    let finding = match &problem.hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    };
    problem.callers.iter().fold(finding, |finding, caller| {
        let spot =
            Spot { template: caller.template.clone(), line: caller.line, column: caller.column, width: 1 };
        finding.note(spot_place(&spot, texts), format!("called from `{}`", caller.template))
    })
}

fn spot_place(spot: &Spot, texts: &Texts) -> Option<Place> {
    let (path, text) = texts.get(&spot.template)?;
    let line_start: usize = text.split_inclusive('\n').take(spot.line.saturating_sub(1)).map(str::len).sum();
    let line = &text[line_start..];
    let offset = |characters: usize| line.chars().take(characters).map(char::len_utf8).sum::<usize>();
    let start = line_start + offset(spot.column.saturating_sub(1));
    let end = line_start + offset(spot.column.saturating_sub(1) + spot.width);
    Some(Lines::new(path, text).place(Span { start, end }))
}
