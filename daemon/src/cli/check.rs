//! `naksha check [FOLDER]`

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use naksha_environments::diagnostic::{Diagnostic, Severity};
use naksha_environments::ids::EnvironmentName;
use naksha_environments::verdict::{Finding, Standing};
use naksha_environments::wire::{DiagnosticDocument, FindingDocument, NoteDocument};
use naksha_renderer::present::{self, counted};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Context, Outcome};
use crate::laptop::{Base, Laptop, Planned};

/// Objects that are named of one finding; the others are counted.
const MAX_NAMED: usize = 3;

/// Reads every definition, renders and judges every environment, and reports everything that is wrong.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The repository, or a folder in it
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Check this revision instead of the files on disk
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    /// Leave out what policies find in this revision too; `none` leaves out nothing [default: where the branch left the
    /// trunk; on the trunk, none]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Warnings fail the check too
    #[arg(long)]
    strict: bool,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { folder, revision, base, strict } = self;
        let progress = context.terminal.progress("checking");
        let laptop = Laptop::open(&folder)?;
        let side = laptop.side(revision.as_deref())?;
        let environments = laptop.select(&side, &[])?;
        let base = laptop.base(&side, base.as_deref())?;
        let base = base.unwrap_or_else(|| Base::Nothing("on the trunk".to_owned()));
        let planned: Vec<Planned> =
            environments.par_iter().map(|environment| laptop.plan(&side, environment, &base)).collect();
        let mut rules: Vec<Diagnostic> = planned.iter().flat_map(|planned| planned.rules.clone()).collect();
        rules.sort();
        rules.dedup();
        let mut diagnostics = laptop.diagnostics(&side, planned.iter().map(|planned| &planned.view))?;
        diagnostics.extend(rules);
        progress.finish_and_clear();

        let report = Report {
            diagnostics,
            findings: findings(&planned),
            known: planned.iter().map(|planned| planned.known).sum(),
            base,
        };
        let failed = report.count(Severity::Error) > 0 || (strict && report.count(Severity::Warning) > 0);
        if context.terminal.is_json() {
            context.terminal.json(&report.json());
        } else {
            context.terminal.print(&report.text(environments.len(), context.terminal.colour));
        }
        Ok(if failed { Outcome::Found } else { Outcome::Fine })
    }
}

/// Everything that is said.
struct Report {
    diagnostics: Vec<Diagnostic>,
    /// What policies found, and in which environments.
    findings: Vec<(Finding, Vec<EnvironmentName>)>,
    /// How many of them were there before.
    known: usize,
    base: Base,
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        let diagnostics = self.diagnostics.iter().map(|diagnostic| diagnostic.severity);
        let findings = self.findings.iter().map(|(finding, _)| finding.severity);
        diagnostics.chain(findings).filter(|own| *own == severity).count()
    }

    fn json(&self) -> Value {
        let finding = |(finding, environments): &(Finding, Vec<EnvironmentName>)| {
            let mut document = json!(FindingDocument::of(finding));
            document["environments"] = json!(environments);
            document
        };
        json!({
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "diagnostics": DiagnosticDocument::all(&self.diagnostics),
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "known": self.known,
        })
    }

    fn text(&self, environments: usize, colour: bool) -> String {
        let mut said = DiagnosticDocument::all(&self.diagnostics);
        said.extend(
            self.findings.chunk_by(|(one, _), (other, _)| says_the_same(one, other)).map(as_diagnostic),
        );
        let mut text = if said.is_empty() {
            format!("{}: nothing is wrong", counted(environments, "environment"))
        } else {
            present::diagnostics(&said, present::Style::new(colour))
        };
        if self.known > 0 {
            let known = counted(self.known, "finding");
            text.push_str(&format!("\n{known} of policies not shown: {} has the same", self.base));
        }
        text
    }
}

/// One line of a template or of a rule may be wrong for many objects.
fn says_the_same(one: &Finding, other: &Finding) -> bool {
    let said = |finding: &Finding| {
        (finding.severity, finding.rule.clone(), finding.message.clone(), finding.place.clone())
    };
    one.place.is_some() && said(one) == said(other)
}

/// What counts, each thing once: a finding in a shared file is one finding. Guards are about a plan, not about files.
fn findings(planned: &[Planned]) -> Vec<(Finding, Vec<EnvironmentName>)> {
    let mut all: BTreeMap<Finding, Vec<EnvironmentName>> = BTreeMap::new();
    for planned in planned {
        let counts =
            |finding: &&Finding| finding.severity >= Severity::Warning && finding.standing == Standing::New;
        for finding in planned.verdict.findings.iter().filter(counts) {
            all.entry(finding.clone()).or_default().push(planned.view.environment.name.clone());
        }
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_cached_key(|(finding, _)| {
        let Finding { severity, rule, place, message, .. } = finding.clone();
        (Reverse(severity), rule, place, message)
    });
    all
}

/// Findings that say the same, in the form of a diagnostic: the rule stands for the code.
fn as_diagnostic(findings: &[(Finding, Vec<EnvironmentName>)]) -> DiagnosticDocument {
    let (first, _) = findings.first().expect("should be a chunk of findings");
    let FindingDocument { severity, rule, unit, place, message, fix, .. } = FindingDocument::of(first);
    let mut notes: Vec<_> = findings
        .iter()
        .take(MAX_NAMED)
        .map(|(finding, environments)| {
            let FindingDocument { subject, field, .. } = FindingDocument::of(finding);
            let environments: Vec<_> = environments.iter().map(ToString::to_string).collect();
            let environments = format!("in {}", environments.join(", "));
            let what = subject.map(|subject| subject.to_string()).into_iter().chain(field);
            what.chain([environments]).collect::<Vec<_>>().join(", ")
        })
        .collect();
    if findings.len() > MAX_NAMED {
        notes.push(format!("and {} more", findings.len() - MAX_NAMED));
    }
    let notes = notes.into_iter().map(|message| NoteDocument { place: None, message }).collect();
    DiagnosticDocument { code: rule, severity, message, place, hint: fix, notes, unit }
}
