//! `naksha policy eval|test`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::ids::RuleName;
use naksha_environments::load::Loader;
use naksha_environments::policy::Policy;
use naksha_environments::source::{SourceTree, TreePath};
use naksha_environments::wire::DiagnosticDocument;
use naksha_environments::yaml::{self, Dialect};
use naksha_policies::{
    CaseOutcome, CaseResult, Expect, Outcome as Verdict, evaluate_policy, parse_cases, run_cases,
};
use naksha_renderer::present;
use serde_json::{Value, json};

use super::{Context, Outcome};

/// Ending of the files with cases.
const CASES: &str = ".test.yaml";

#[derive(Debug, Args)]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    command: PolicyVerb,
}

#[derive(Debug, Subcommand)]
enum PolicyVerb {
    /// Judge one object by one policy file
    Eval {
        /// The policy file
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
        /// The object, YAML or JSON
        #[arg(long, value_name = "FILE")]
        object: PathBuf,
        /// What the object was before, for rules about changes
        #[arg(long, value_name = "FILE")]
        old: Option<PathBuf>,
    },
    /// Run the cases (`*.test.yaml`) kept beside the policies of a folder
    Test {
        /// The folder with policies and cases
        #[arg(default_value = "policies")]
        folder: PathBuf,
    },
}

type Policies = BTreeMap<RuleName, Arc<Policy>>;

impl PolicyCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        match self.command {
            PolicyVerb::Eval { policy, object, old } => eval(context, &policy, &object, old.as_deref()),
            PolicyVerb::Test { folder } => test(context, &folder),
        }
    }
}

fn eval(context: &Context, policy: &Path, object: &Path, old: Option<&Path>) -> anyhow::Result<Outcome> {
    let path = policy;
    let (_, policies) = policies(context, path)?;
    if policies.is_empty() {
        bail!("{} holds no policy", path.display());
    }
    let object = object_of(context, object)?;
    let old = old.map(|old| object_of(context, old)).transpose()?;
    let verdicts: Vec<_> = policies
        .iter()
        .map(|(name, policy)| {
            let rule = policy.rule.place.as_ref().unwrap_or(&policy.place);
            (name, place_in(path, rule), evaluate_policy(policy, &object, old.as_ref(), None))
        })
        .collect();
    if context.terminal.is_json() {
        let rows: Vec<_> = verdicts.iter().map(|(name, place, verdict)| json!({"policy": name, "verdict": word(verdict), "message": verdict.to_string(), "place": place})).collect();
        context.terminal.json(&rows);
    } else {
        let lines: Vec<_> =
            verdicts.iter().map(|(name, place, verdict)| line(name, place, verdict)).collect();
        context.terminal.print(&lines.join("\n"));
    }
    let fine = verdicts.iter().all(|(_, _, verdict)| matches!(verdict, Verdict::Pass | Verdict::NotMatched));
    Ok(if fine { Outcome::Fine } else { Outcome::Found })
}

/// `place`: where the rule is; what could not be judged is to be mended there.
fn line(name: &RuleName, place: &str, verdict: &Verdict) -> String {
    let more = match verdict {
        Verdict::Fail { fix: Some(fix), .. } => format!("\n  fix: {fix}"),
        Verdict::Unjudged { .. } => format!("\n  --> {place}"),
        Verdict::Fail { fix: None, .. } | Verdict::Pass | Verdict::NotMatched => String::new(),
    };
    format!("{name}: {}{more}", present::clean_line(&verdict.to_string()))
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail { .. } => "fail",
        Verdict::Unjudged { .. } => "unjudged",
        Verdict::NotMatched => "not-matched",
    }
}

fn test(context: &Context, folder: &Path) -> anyhow::Result<Outcome> {
    let (mut results, mut problems, mut failed) = (Vec::new(), Vec::new(), false);
    for file in case_files(folder)? {
        let beside = PathBuf::from(format!("{}.yaml", file.display().to_string().trim_end_matches(CASES)));
        let (_, policies) = policies(context, &beside)?;
        let (path, text) = (policy_path(&file)?, read(&file)?);
        let (cases, mut found) = parse_cases(&path, &text);
        let (ran, others) = run_cases(&path, &cases, &policies);
        found.extend(others);
        failed |= found.iter().any(Diagnostic::is_error);
        problems.extend(documents(&found, &file));
        results.extend(ran.into_iter().map(|result| (place_in(&file, &result.place), result)));
    }
    let unexpected = results.iter().filter(|(_, result)| result.outcome != CaseOutcome::AsExpected).count();
    if context.terminal.is_json() {
        let rows: Vec<_> = results.iter().map(|(place, result)| {
            json!({"policy": result.policy, "case": result.case, "place": place, "ok": result.outcome == CaseOutcome::AsExpected})
        }).collect();
        context.terminal.json(&json!({"cases": rows, "unexpected": unexpected, "diagnostics": problems}));
    } else {
        let mut lines: Vec<_> = results.iter().map(|(place, result)| case_line(place, result)).collect();
        lines.push(summary(results.len(), unexpected, if failed { Read::InPart } else { Read::All }));
        context.terminal.print(&lines.join("\n"));
        if !problems.is_empty() {
            context
                .terminal
                .note(&present::diagnostics(&problems, present::Style::new(context.terminal.colour)));
        }
    }
    Ok(if failed || unexpected > 0 { Outcome::Found } else { Outcome::Fine })
}

/// How much of what is in the files could be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    All,
    InPart,
}

fn summary(cases: usize, unexpected: usize, read: Read) -> String {
    if cases == 0 && read == Read::InPart {
        return "no case could be read".to_owned();
    }
    let more = if read == Read::InPart { "; not everything could be read" } else { "" };
    let told = match (cases, unexpected) {
        (1, 0) => "1 case, as expected".to_owned(),
        (1, _) => "1 case, not as expected".to_owned(),
        (cases, 0) => format!("{cases} cases, all as expected"),
        (cases, unexpected) => format!("{cases} cases, {unexpected} not as expected"),
    };
    format!("{told}{more}")
}

fn case_line(place: &str, result: &CaseResult) -> String {
    let CaseResult { policy, case, place: _, outcome } = result;
    let case = present::clean_line(case);
    match outcome {
        CaseOutcome::AsExpected => format!("ok    {policy}: {case}"),
        CaseOutcome::Unexpected { expected, got } => {
            let expected = match expected {
                Expect::Pass => "pass",
                Expect::Fail => "fail",
            };
            let got = present::clean_line(&got.to_string());
            format!("FAIL  {policy}: {case}\n      {place}: expected `{expected}`; it says `{got}`")
        }
    }
}

/// Reads one policy file as the loader would; problems in it end the command.
fn policies(context: &Context, file: &Path) -> anyhow::Result<(SourceTree, Policies)> {
    let text = read(file)?;
    let mut path = policy_path(file)?.to_string();
    // The loader reads nothing else.
    if !file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
        path.push_str(".yaml");
    }
    let path = path.as_str();
    let tree = SourceTree::from_texts([(path, text.as_str())])?;
    let loaded = Loader::default().load(&tree);
    let own: Vec<Diagnostic> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| {
            diagnostic.is_error()
                && diagnostic.place.as_ref().is_some_and(|place| place.path.as_str() == path)
        })
        .cloned()
        .collect();
    if !own.is_empty() {
        told(context, &own, file);
        bail!("{} has errors", file.display());
    }
    let policies = loaded.definitions.policies.clone();
    Ok((tree, policies))
}

fn object_of(context: &Context, file: &Path) -> anyhow::Result<Value> {
    let text = read(file)?;
    let (documents, problems) = yaml::parse(&text, &tree_path(file)?, Dialect::Manifest);
    if problems.iter().any(Diagnostic::is_error) {
        told(context, &problems, file);
        bail!("{} cannot be read as an object", file.display());
    }
    match documents.as_slice() {
        [document] => Ok(document.root.to_json()),
        documents => bail!("{} holds {} objects; one is judged at a time", file.display(), documents.len()),
    }
}

pub(super) fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Prints what is wrong with a file.
pub(super) fn told(context: &Context, found: &[Diagnostic], file: &Path) {
    let style = present::Style::new(context.terminal.colour);
    context.terminal.note(&present::diagnostics(&documents(found, file), style));
}

/// Findings about one file, under the name that it was given by: a place is one to go to from here.
fn documents(found: &[Diagnostic], file: &Path) -> Vec<DiagnosticDocument> {
    let mut documents = DiagnosticDocument::all(found);
    for document in &mut documents {
        let notes = document.notes.iter_mut().filter_map(|note| note.place.as_mut());
        for place in document.place.iter_mut().chain(notes) {
            place.path = file.display().to_string();
        }
    }
    documents
}

fn place_in(file: &Path, place: &Place) -> String {
    match &place.line {
        Some(line) => format!("{}:{}:{}", file.display(), line.number, line.column),
        None => file.display().to_string(),
    }
}

/// Where the loader would find the file.
fn policy_path(file: &Path) -> anyhow::Result<TreePath> {
    Ok(TreePath::parse(&format!("policies/{}", tree_path(file)?))?)
}

pub(super) fn tree_path(file: &Path) -> anyhow::Result<TreePath> {
    let name = file.file_name().and_then(|name| name.to_str()).context("the file has a name")?;
    Ok(TreePath::parse(name)?)
}

fn case_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        bail!("there is no folder `{}`; name the one that holds policies and their cases", folder.display());
    }
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(CASES) {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        bail!("{} holds no {CASES} file", folder.display());
    }
    Ok(found)
}
