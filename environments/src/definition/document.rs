//! One file of definitions: its documents, recognised by `kind`, checked and converted.

use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::convert;
use super::kind::{API_VERSION, Kind};
use super::reading::{At, Files, Reading, quoted};
use super::references::{Claim, Mention, Reference};
use super::structure::{self, Checked, Settled};
use super::v1alpha1::{
    ApprovalSpec, EnvironmentSpec, HealthRulesSpec, LockSpec, Metadata, PolicyContextSpec, PolicySpec,
    RepositorySpec, UnitSpec, WorkflowSpec,
};
use crate::codes::definition as codes;
use crate::diagnostic::{Diagnostic, Place, Span, did_you_mean};
use crate::environment::{Approval, Environment, Lock};
use crate::health_rules::HealthRules;
use crate::ids::{InvalidName, UnitName};
use crate::policy::Policy;
use crate::repository::Repository;
use crate::source::TreePath;
use crate::unit::Unit;
use crate::workflow::{PolicyContext, WorkflowGraph};
use crate::yaml::limits::MAX_PROBLEMS;
use crate::yaml::{self, Dialect, Document, Lines, Node};

/// What a file defines.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FileReading {
    pub found: Vec<Found>,
    /// Of the file as a whole, and of all its documents.
    pub diagnostics: Vec<Diagnostic>,
}

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Absent when the document does not say, or says something unknown.
    pub kind: Option<Kind>,
    /// As written; it may be no valid name.
    pub name: Option<String>,
    /// Its name, or its start.
    pub place: Place,
    /// Absent when something is wrong with it.
    pub value: Option<FoundValue>,
    /// A unit that has errors, and could be read all the same.
    pub flawed: Option<Arc<Unit>>,
    pub references: Vec<Reference>,
    pub claims: Vec<Claim>,
    pub mentions: Vec<Mention>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FoundValue {
    Repository(Arc<Repository>),
    Environment(Arc<Environment>),
    Unit(Arc<Unit>),
    Workflow(Arc<WorkflowGraph>),
    Context(Arc<PolicyContext>),
    Policy(Arc<Policy>),
    HealthRules(Arc<HealthRules>),
    Lock(Arc<Lock>),
    Approval(Arc<Approval>),
    /// A policy of Kubernetes: claimed, and judged by nobody yet.
    AdmissionPolicy,
}

/// Kinds of `admissionregistration.k8s.io` that may lie among the policies.
const ADMISSION_KINDS: [&str; 2] = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];

/// Reads a file of definitions.
pub(crate) fn read(path: &TreePath, text: &str, files: &mut dyn Files) -> FileReading {
    let lines = Lines::new(path, text);
    // A file without any of ours may hold policies of Kubernetes, which are Kubernetes' YAML.
    let dialect = if text.contains("naksha.dev/") { Dialect::Definition } else { Dialect::Manifest };
    let parsed = yaml::parse_lines(&lines, dialect);
    let sound = !parsed.diagnostics.iter().any(Diagnostic::is_error);
    let mut out = FileReading { found: Vec::new(), diagnostics: parsed.diagnostics };
    for Document { root, .. } in &parsed.documents {
        let found = document(root, &lines, files, &mut out.diagnostics);
        // Which document a problem of the text belongs to is not known: none of them counts.
        let (value, flawed) = (found.value.filter(|_| sound), found.flawed.filter(|_| sound));
        out.found.push(Found { value, flawed, ..found });
    }
    for Document { root, .. } in &parsed.fragments {
        out.found.push(nameplate(root, &lines));
    }
    limit(&mut out.diagnostics, path);
    if out.found.is_empty() && sound {
        let diagnostic = Diagnostic::new(codes::NO_DEFINITION, "the file is empty").at(Place::file(path));
        out.diagnostics.push(diagnostic.hint("write a definition, or remove the file"));
    }
    out
}

/// The first problems of a file, errors before warnings, and how many more there are.
fn limit(diagnostics: &mut Vec<Diagnostic>, path: &TreePath) {
    if diagnostics.len() <= MAX_PROBLEMS {
        return;
    }
    diagnostics.sort_by_key(|found| !found.is_error());
    let message = format!("{} more problems of this file are not listed", diagnostics.len() - MAX_PROBLEMS);
    diagnostics.truncate(MAX_PROBLEMS);
    diagnostics.push(Diagnostic::new(codes::MORE_PROBLEMS, message).at(Place::file(path)));
}

/// What a document says of itself, without looking at the rest.
fn nameplate(root: &Node, lines: &Lines<'_>) -> Found {
    let name = root.find(&["metadata", "name"]);
    let start = Span { start: root.span.start, end: root.span.start };
    Found {
        kind: root.get("kind").and_then(Node::as_str).and_then(Kind::parse),
        name: name.and_then(Node::as_str).map(str::to_owned),
        place: lines.place(name.map_or(start, |name| name.span)),
        value: None,
        flawed: None,
        references: Vec::new(),
        claims: Vec::new(),
        mentions: Vec::new(),
    }
}

fn document(
    root: &Node,
    lines: &Lines<'_>,
    files: &mut dyn Files,
    diagnostics: &mut Vec<Diagnostic>,
) -> Found {
    let found = nameplate(root, lines);
    let word = |key: &str| root.get(key).and_then(Node::as_str);
    let (version, kind) = (word("apiVersion"), word("kind"));
    let start = Span { start: root.span.start, end: root.span.start };
    let span = |key: &str| root.get(key).map_or(start, |node| node.span);
    if kind.is_some_and(|kind| ADMISSION_KINDS.contains(&kind))
        && version.is_some_and(|version| version.starts_with("admissionregistration.k8s.io/"))
    {
        let message = format!("{} is not evaluated by this version", kind.unwrap_or_default());
        let hint = "write the rule as a Policy of naksha to have it judge plans";
        diagnostics
            .push(Diagnostic::new(codes::NOT_EVALUATED, message).at(lines.place(span("kind"))).hint(hint));
        return Found { value: Some(FoundValue::AdmissionPolicy), ..found };
    }
    if root.as_mapping().is_none_or(|root| root.get("apiVersion").is_none() && root.get("kind").is_none()) {
        let message = "this is no definition: it has no `apiVersion` and no `kind`";
        let hint = format!("start with `apiVersion: {API_VERSION}` and `kind: …`");
        diagnostics.push(Diagnostic::new(codes::NO_DEFINITION, message).at(lines.place(start)).hint(hint));
        return found;
    }
    if let Some(version) = version.filter(|version| *version != API_VERSION) {
        let message = format!("the apiVersion `{version}` is not known here");
        let place = lines.place(span("apiVersion"));
        let hint = format!("write `apiVersion: {API_VERSION}`");
        diagnostics.push(Diagnostic::new(codes::UNKNOWN_API_VERSION, message).at(place).hint(hint));
        return found;
    }
    let Some(known) = found.kind else {
        diagnostics.push(unknown_kind(kind, lines, span("kind")));
        return found;
    };
    let Checked { value, found: problems, settled } = structure::check(root, known.schema(), lines);
    settle(diagnostics, settled);
    let mut reading = Reading::new(lines, files);
    reading.found = problems;
    let value = value.and_then(|value| convert(&mut reading, known, &value, root));
    let Reading { found: problems, references, claims, mentions, incomplete, .. } = reading;
    let broken = incomplete || problems.iter().any(Diagnostic::is_error);
    let unit =
        found.name.as_deref().filter(|_| known == Kind::Unit).and_then(|name| UnitName::parse(name).ok());
    diagnostics.extend(problems.into_iter().map(|problem| match &unit {
        Some(unit) => problem.unit(unit),
        None => problem,
    }));
    let (value, flawed) = match value {
        Some(FoundValue::Unit(made)) if broken && unit.is_some() => (None, Some(made)),
        value => (value.filter(|_| !broken), None),
    };
    Found { value, flawed, references, claims, mentions, ..found }
}

/// Where it is known what is wanted, what the reader of YAML found says just that, or leaves it to another finding.
fn settle(diagnostics: &mut Vec<Diagnostic>, settled: Vec<Settled>) {
    for Settled { place, hint } in settled {
        let is_it = |found: &Diagnostic| {
            found.code == codes::AMBIGUOUS_SCALAR && found.place.as_ref() == Some(&place)
        };
        match hint {
            None => diagnostics.retain(|found| !is_it(found)),
            Some(hint) => diagnostics
                .iter_mut()
                .filter(|found| is_it(found))
                .for_each(|found| found.hint = Some(hint.clone())),
        }
    }
}

fn unknown_kind(kind: Option<&str>, lines: &Lines<'_>, span: Span) -> Diagnostic {
    let names: Vec<&str> = super::kinds().collect();
    let Some(kind) = kind else {
        let diagnostic = Diagnostic::new(codes::MISSING_KEY, "the definition lacks the key `kind`");
        return diagnostic.at(lines.place(span)).hint(format!("add one of {}", quoted(&names)));
    };
    let hint = match did_you_mean(kind, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is one of {}", quoted(&names)),
    };
    Diagnostic::new(codes::UNKNOWN_KIND, format!("there is no kind `{kind}`"))
        .at(lines.place(span))
        .hint(hint)
}

fn convert(reading: &mut Reading<'_>, kind: Kind, value: &Value, root: &Node) -> Option<FoundValue> {
    let at = At::root(root);
    match kind {
        Kind::Repository => {
            let name = name(reading, value, at);
            let spec: RepositorySpec = if value.get("spec").is_some() {
                spec(reading, value, at)?
            } else {
                RepositorySpec::default()
            };
            let made = convert::repository(reading, name, spec, at);
            Some(FoundValue::Repository(Arc::new(made)))
        }
        Kind::Environment => {
            let (name, spec): (_, EnvironmentSpec) = (name(reading, value, at), spec(reading, value, at)?);
            let made = convert::environment(reading, name, spec, at)?;
            Some(FoundValue::Environment(Arc::new(made)))
        }
        Kind::Unit => {
            let (name, spec): (_, UnitSpec) = (name(reading, value, at), spec(reading, value, at)?);
            let made = convert::unit(reading, name, spec, at)?;
            Some(FoundValue::Unit(Arc::new(made)))
        }
        Kind::Workflow => {
            let (name, spec): (_, WorkflowSpec) = (name(reading, value, at), spec(reading, value, at)?);
            let made = convert::workflow(reading, name, spec, value, at);
            Some(FoundValue::Workflow(Arc::new(made)))
        }
        Kind::PolicyContext => {
            let (name, spec): (_, PolicyContextSpec) = (name(reading, value, at), spec(reading, value, at)?);
            let made = convert::context(reading, name, spec, at);
            Some(FoundValue::Context(Arc::new(made)))
        }
        Kind::Policy => {
            let (name, spec): (_, PolicySpec) = (name(reading, value, at), spec(reading, value, at)?);
            let made = convert::policy(reading, name, spec, at)?;
            Some(FoundValue::Policy(Arc::new(made)))
        }
        Kind::HealthRules => {
            let (name, spec): (_, HealthRulesSpec) = (name(reading, value, at), spec(reading, value, at)?);
            let made = convert::health_rules(reading, name, spec, at)?;
            Some(FoundValue::HealthRules(Arc::new(made)))
        }
        Kind::Lock => {
            let spec: LockSpec = spec(reading, value, at)?;
            Some(FoundValue::Lock(Arc::new(convert::lock(reading, spec, at)?)))
        }
        Kind::Approval => {
            let spec: ApprovalSpec = spec(reading, value, at)?;
            Some(FoundValue::Approval(Arc::new(convert::approval(reading, spec, at)?)))
        }
    }
}

/// The definition's name. A bad one is reported and replaced, so that the rest is checked too.
fn name<T: FromStr<Err = InvalidName>>(reading: &mut Reading<'_>, value: &Value, at: At<'_>) -> T {
    let metadata = value.get("metadata").and_then(|metadata| Metadata::deserialize(metadata).ok());
    let text = metadata.map(|metadata| metadata.name).unwrap_or_default();
    let parsed = reading.name(&text, at.key("metadata").key("name"));
    parsed.unwrap_or_else(|| T::from_str("unnamed").expect("should parse a plain word as a name"))
}

/// The twin. The schema was generated from its type, so what passed the check fits it.
fn spec<T: DeserializeOwned>(reading: &mut Reading<'_>, value: &Value, at: At<'_>) -> Option<T> {
    match T::deserialize(value.get("spec")?) {
        Ok(spec) => Some(spec),
        Err(error) => {
            reading.key_problem(
                codes::WRONG_TYPE,
                at.key("spec"),
                format!("`spec` cannot be read: {error}"),
                "",
            );
            None
        }
    }
}
