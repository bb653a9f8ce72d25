//! What loading and what rendering found, told once.
//!
//! Both look at the same files: a name that is not there is found when the definitions are compared, and again when
//! an environment is rendered. The first has the better place and words; the second says what follows from it.

use crate::codes::{Code, reference, render};
use crate::diagnostic::{Diagnostic, Place};
use crate::rendered::Rendered;

/// The findings of a load, then what rendering says beyond them. `loaded` holds those of every revision that was
/// rendered from. A finding that explains a worse one takes its severity.
pub fn told_once<'a>(
    mut loaded: Vec<Diagnostic>,
    rendered: impl IntoIterator<Item = &'a Rendered>,
) -> Vec<Diagnostic> {
    let mut news = Vec::new();
    for finding in rendered.into_iter().flat_map(|rendered| &rendered.diagnostics) {
        match loaded.iter_mut().find(|cause| explains(cause, finding)) {
            Some(cause) => cause.severity = cause.severity.max(finding.severity),
            None => news.push(finding.clone()),
        }
    }
    loaded.sort();
    loaded.dedup();
    news.sort();
    news.dedup();
    news.retain(|finding| loaded.binary_search(finding).is_err());
    loaded.extend(news);
    loaded
}

/// What in the two findings must be the same.
#[derive(Clone, Copy)]
enum Link {
    Place,
    /// Of a value with several expressions the load points at the one.
    Line,
    /// The finding's file is the cause's, or one that its notes name.
    File,
    Unit,
    /// Any error: what broke a definition was reported with it.
    AnyError,
}

/// Findings of rendering, what explains each, and how one knows.
const EXPLAINED: [(Code, Option<Code>, Link); 10] = [
    (render::UNIT_NOT_DEFINED, Some(reference::UNKNOWN_UNIT), Link::Place),
    (render::WORKFLOW_NOT_DEFINED, Some(reference::UNKNOWN_WORKFLOW), Link::Place),
    (render::OUTPUT_NOT_DEFINED, Some(reference::UNKNOWN_UNIT), Link::Line),
    (render::OUTPUT_NOT_DEFINED, Some(reference::UNKNOWN_OUTPUT), Link::Line),
    (render::OUTPUT_NOT_DEFINED, Some(reference::DEPENDENCY_NOT_LISTED), Link::Unit),
    (render::EXPRESSION_FAILED, Some(reference::UNKNOWN_VARIABLE), Link::Line),
    (render::SOURCE_EMPTY, Some(reference::PATTERN_MATCHES_NOTHING), Link::File),
    (render::DEPENDENCY_CIRCLE, Some(reference::DEPENDENCY_CYCLE), Link::File),
    (render::UNIT_BROKEN, None, Link::AnyError),
    (render::ENVIRONMENT_BROKEN, None, Link::AnyError),
];

fn explains(cause: &Diagnostic, finding: &Diagnostic) -> bool {
    let fits = |code: &Option<Code>| code.is_none_or(|code| code == cause.code);
    let mut rows = EXPLAINED.iter().filter(|(explained, code, _)| *explained == finding.code && fits(code));
    rows.any(|(_, _, link)| linked(*link, cause, finding))
}

fn linked(link: Link, cause: &Diagnostic, finding: &Diagnostic) -> bool {
    let row = |diagnostic: &Diagnostic| {
        let Place { path, line } = diagnostic.place.clone()?;
        Some((path, line?.number))
    };
    match link {
        Link::Line => row(cause).is_some() && row(cause) == row(finding),
        Link::Unit => cause.is_error() && cause.unit.is_some() && cause.unit == finding.unit,
        Link::AnyError => cause.is_error(),
        Link::Place => cause.place.is_some() && cause.place == finding.place,
        Link::File => {
            let Some(Place { path, .. }) = &finding.place else { return false };
            let noted = cause.notes.iter().filter_map(|note| note.place.as_ref());
            cause.place.iter().chain(noted).any(|place| place.path == *path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::TreePath;

    fn at(code: Code, path: &str, line: usize) -> Diagnostic {
        let path = TreePath::parse(path).unwrap();
        Diagnostic::new(code, code.title()).at(Place::at_line(&path, line, 1))
    }

    fn rendered(diagnostics: Vec<Diagnostic>) -> Rendered {
        Rendered {
            environment: "dev".parse().unwrap(),
            units: [].into(),
            workflows: [].into(),
            broken_workflows: [].into(),
            diagnostics,
            broken: false,
            index: crate::rendered::ObjectIndex::default(),
        }
    }

    fn told(loaded: &[Diagnostic], found: &[Diagnostic]) -> Vec<String> {
        let told = told_once(loaded.to_vec(), [&rendered(found.to_vec())]);
        told.iter().map(|one| format!("{} {}", one.severity, one.code)).collect()
    }

    #[test]
    fn what_follows_from_a_finding_of_the_load_is_not_told_again() {
        let environment = "environments/dev/environment.yaml";
        let unit = at(reference::UNKNOWN_UNIT, environment, 7);
        assert_eq!(
            told(std::slice::from_ref(&unit), &[at(render::UNIT_NOT_DEFINED, environment, 7)]),
            ["error NK0201"]
        );
        // Another unit of another line is news.
        let other = at(render::UNIT_NOT_DEFINED, environment, 8);
        assert_eq!(told(&[unit], &[other]), ["error NK0201", "error NK0301"]);

        let cycle = at(reference::DEPENDENCY_CYCLE, "units/a/unit.yaml", 3);
        let cycle =
            cycle.note(Some(Place::file(&TreePath::parse("units/b/unit.yaml").unwrap())), "on the way");
        for path in ["units/a/unit.yaml", "units/b/unit.yaml"] {
            let circle = at(render::DEPENDENCY_CIRCLE, path, 9);
            assert_eq!(told(std::slice::from_ref(&cycle), &[circle]), ["error NK0212"]);
        }
        let circle = at(render::DEPENDENCY_CIRCLE, "units/c/unit.yaml", 9);
        assert_eq!(told(&[cycle], &[circle]), ["error NK0212", "error NK0361"]);
    }

    #[test]
    fn a_cause_is_as_bad_as_what_follows_from_it() {
        let pattern = at(reference::PATTERN_MATCHES_NOTHING, "units/a/unit.yaml", 5);
        assert_eq!(told(std::slice::from_ref(&pattern), &[]), ["warning NK0221"]);
        let empty = at(render::SOURCE_EMPTY, "units/a/unit.yaml", 3);
        assert_eq!(told(&[pattern], &[empty]), ["error NK0221"]);
    }

    #[test]
    fn a_broken_unit_is_news_only_where_nothing_says_what_broke_it() {
        let broken = at(render::UNIT_BROKEN, "environments/dev/environment.yaml", 7);
        let cause = at(crate::codes::definition::UNKNOWN_KEY, "units/a/unit.yaml", 5);
        assert_eq!(told(&[cause], std::slice::from_ref(&broken)), ["error NK0101"]);
        assert_eq!(told(&[], &[broken]), ["error NK0304"]);
    }
}
