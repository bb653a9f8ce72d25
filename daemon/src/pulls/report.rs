//! How a pull request is told: checks by name, and one comment. Pure.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::digest::Digest;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::wire::{DiagnosticDocument, HoldDocument, PlanDocument};
use naksha_executor::port::forge::{Annotation, Check, CheckState};
use naksha_policies::{Gate, GateState, GateVerdict};
use naksha_renderer::present::{
    COMMENT_BUDGET, Style, code, counted, diagnostics, fenced, markdown, preview,
};

use super::approval::Lacking;
use super::names::{self, AGGREGATE};
use super::outlook::{Outlook, Prospect, UNAFFECTED};
use super::rules::{self, Rules};
use super::words::{cut, listed, outgoing, plain, said};

/// By this line our comment is known among those of one author. Part of the contract with comments of earlier versions.
pub const MARKER: &str = "<!-- naksha: report -->";
/// Bytes of the list of environments, and of the gates of a promotion, as they are written out.
const ENVIRONMENTS: usize = 10_000;
const GATES: usize = 6_000;
/// Bytes of the last line.
const FOOT: usize = 300;
/// Bytes of what comes later, of which nobody has to decide anything yet.
const PREVIEW: usize = 12_000;
/// Bytes of a plan in the text of a check: what GitHub takes in its two fields, less what a page costs.
const CHECK_BUDGET: usize = 125_000;
/// Paths that a conflict names.
const MAX_PATHS: usize = 20;
/// Bytes of diagnostics of the repository as a whole.
const MAX_DIAGNOSTICS: usize = 4_000;
/// Stands before the base in the last line.
const INTO: &str = " merged into ";
/// Bytes that are told of one environment in its line.
const MAX_WORDS: usize = 300;
/// Bytes of what a check says in a line: no forge shows as many.
const MAX_SUMMARY: usize = 2_000;

/// Everything that is said about one head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub checks: Vec<Check>,
    pub comment: String,
}

impl Report {
    /// The last gate before it leaves: what is told of plans is masked, and what others say may hold anything.
    fn scrubbed(mut self) -> Self {
        self.comment = outgoing(&self.comment);
        for Check { name: _, state: _, summary, text, annotations } in &mut self.checks {
            *summary = outgoing(summary);
            *text = text.as_deref().map(outgoing);
            for Annotation { path: _, line: _, is_error: _, title, message } in annotations {
                (*title, *message) = (outgoing(title), outgoing(message));
            }
        }
        self
    }
}

/// What is reported on.
#[derive(Debug)]
pub struct Subject<'a> {
    pub head: &'a Revision,
    pub base: &'a Revision,
    /// What the gates say of each promotion that it is; empty where it is none.
    pub gates: &'a Gates,
    /// Whose approval is waited for.
    pub lacking: &'a Lacking,
    /// Which rules it changes.
    pub rules: &'a Rules,
    /// Of a merge queue: what its pull request showed. Nothing further may come of it.
    pub seen: Option<&'a Seen>,
}

/// Actions that somebody was shown, by environment.
pub type Seen = BTreeMap<EnvironmentName, BTreeSet<Digest>>;

/// By environment.
pub type Gates = BTreeMap<EnvironmentName, [GateVerdict; 4]>;

/// The report on a head that merges. `errors`: of the merged repository, and not of its base.
pub fn report(subject: &Subject<'_>, outlooks: &[Outlook], errors: &[Diagnostic]) -> Report {
    let told: Vec<Told> = outlooks.iter().map(|outlook| Told::of(outlook, subject)).collect();
    let policy = blocking(outlooks);
    let mut checks: Vec<Check> = told.iter().map(Told::check).collect();
    let annotations = found(outlooks);
    checks.push(Check { annotations, ..check(names::POLICY, state_of(policy == 0), findings(policy)) });
    checks.push(check(names::WORKFLOWS, CheckState::Passed, workflows(outlooks)));
    let gates = Gate::ALL.map(|gate| gate_check(gate, subject.gates));
    let aggregate = aggregate(&told, policy, errors, &gates);
    checks.extend(gates);
    checks.push(aggregate);
    Report { checks, comment: comment(subject, outlooks, &told, errors) }.scrubbed()
}

/// The report on a head that does not merge.
pub fn conflict(subject: &Subject<'_>, paths: &BTreeSet<String>) -> Report {
    let path = |path: &String| format!("- {}", code(&plain(path, MAX_WORDS)));
    let named: Vec<String> = paths.iter().take(MAX_PATHS).map(path).collect();
    let more = paths.len().saturating_sub(MAX_PATHS);
    let more = if more > 0 { format!("\n- and {more} more") } else { String::new() };
    let comment = format!(
        "{MARKER}\n### naksha: it does not merge\n\nNothing is planned. These paths conflict with the base:\n\n{}{more}\n\n{}",
        named.join("\n"),
        foot(subject)
    );
    let check = check(
        AGGREGATE,
        CheckState::Failed,
        format!("conflicts with the base in {}", counted(paths.len(), "path")),
    );
    Report { checks: vec![check], comment }.scrubbed()
}

/// Whether a comment says it already. With which base it was merged is no news as long as nothing else is.
pub fn is_said(comment: &str, text: &str) -> bool {
    but_for_base(comment) == but_for_base(text)
}

fn but_for_base(text: &str) -> (&str, &str) {
    let text = text.trim_end();
    let split = text.rsplit_once(INTO).and_then(|(before, rest)| Some((before, rest.split_once(',')?.1)));
    split.unwrap_or((text, ""))
}

/// What is said before anything is known.
pub fn begun() -> Check {
    check(AGGREGATE, CheckState::Running, "planning".to_owned())
}

/// One gate, over every promotion that it is: the worst decides, and all are told.
fn gate_check(gate: Gate, gates: &Gates) -> Check {
    let name = names::promote(gate);
    if gates.is_empty() {
        return check(&name, CheckState::Passed, "not a promotion".to_owned());
    }
    let said = gates.iter().flat_map(|(environment, verdicts)| {
        let own = verdicts.iter().filter(|verdict| verdict.gate == gate);
        own.map(move |verdict| (environment, verdict))
    });
    let state = |(_, verdict): (&EnvironmentName, &GateVerdict)| match verdict.state {
        GateState::Open => CheckState::Passed,
        GateState::Waits { .. } => CheckState::Waits,
        GateState::Shut => CheckState::Failed,
    };
    let states: Vec<CheckState> = said.clone().map(state).collect();
    let worst = [CheckState::Failed, CheckState::Waits].into_iter().find(|worst| states.contains(worst));
    let words = said.map(|(environment, verdict)| match gates.len() {
        1 => verdict.words.clone(),
        _ => format!("{environment}: {}", verdict.words),
    });
    let words = words.collect::<Vec<_>>().join("; ");
    check(&name, worst.unwrap_or(CheckState::Passed), plain(&words, MAX_SUMMARY))
}

fn check(name: &str, state: CheckState, summary: String) -> Check {
    Check { name: name.to_owned(), state, summary, text: None, annotations: Vec::new() }
}

fn state_of(fine: bool) -> CheckState {
    if fine { CheckState::Passed } else { CheckState::Failed }
}

/// One environment in a line, and in full.
struct Told {
    environment: String,
    state: CheckState,
    words: String,
    /// Behind them, in the comment.
    ahead: Option<String>,
    /// It waits for an approval.
    lacks: bool,
    /// For forges that show a text with a check.
    text: Option<String>,
    annotations: Vec<Annotation>,
}

impl Told {
    fn of(outlook: &Outlook, subject: &Subject<'_>) -> Self {
        let seen = subject.seen;
        let (mut state, mut words) = match &outlook.prospect {
            Prospect::Nothing(why) if why == UNAFFECTED && outlook.later.is_some() => {
                (CheckState::Passed, format!("nothing now; reaches {} by promotion", outlook.environment))
            }
            Prospect::Nothing(why) => (CheckState::Passed, why.clone()),
            Prospect::Unknown(why) => (CheckState::Failed, why.clone()),
            Prospect::Plan { document, live } => {
                let unseen = seen.map_or(0, |seen| unseen(document, seen.get(&outlook.environment)));
                match unseen {
                    0 => of_plan(document, *live),
                    unseen => (
                        CheckState::Failed,
                        format!("{} that its pull request did not show", counted(unseen, "action")),
                    ),
                }
            }
        };
        let later = outlook.later.as_ref().map(|later| preview(std::slice::from_ref(&**later), PREVIEW));
        let (text, annotations) = match &outlook.prospect {
            Prospect::Plan { document, .. } => {
                let now = markdown(std::slice::from_ref(&**document), CHECK_BUDGET - PREVIEW);
                let annotations = document.diagnostics.iter().filter_map(of_diagnostic).collect();
                (Some(format!("{now}{}", later.unwrap_or_default())), annotations)
            }
            Prospect::Nothing(_) | Prospect::Unknown(_) => (later, Vec::new()),
        };
        let lacking = subject.lacking.get(&outlook.environment);
        if let Some(lacking) = lacking {
            words = format!("{words}; {lacking}");
            // A queue waits for nobody.
            let is_over = state == CheckState::Failed || seen.is_some();
            state = if is_over { CheckState::Failed } else { CheckState::Waits };
        }
        let (environment, lacks) = (outlook.environment.to_string(), lacking.is_some());
        let ahead = outlook.ahead.clone();
        Self { environment, state, words, ahead, lacks, text, annotations }
    }

    fn check(&self) -> Check {
        let (text, annotations) = (self.text.clone(), self.annotations.clone());
        Check {
            text,
            annotations,
            ..check(&names::plan(&self.environment), self.state, plain(&self.words, MAX_SUMMARY))
        }
    }
}

/// How many actions of a plan are not among these.
fn unseen(plan: &PlanDocument, seen: Option<&BTreeSet<Digest>>) -> usize {
    let is_new = |action: &Digest| seen.is_none_or(|seen| !seen.contains(action));
    plan.own_actions().into_iter().filter(is_new).count()
}

fn of_plan(plan: &PlanDocument, live: bool) -> (CheckState, String) {
    let errors = plan.diagnostics.iter().filter(|found| found.is_error()).count();
    if errors > 0 {
        return (CheckState::Failed, counted(errors, "error"));
    }
    let own = plan.actions.iter().filter(|action| !action.from_base);
    let mut counts: Vec<String> = Vec::new();
    for verb in ["create", "update", "replace", "delete", "adopt", "move", "disown", "rotate"] {
        let count = own.clone().filter(|action| action.verb == verb).count();
        if count > 0 {
            counts.push(format!("{count} to {verb}"));
        }
    }
    let what = if counts.is_empty() { "no changes".to_owned() } else { counts.join(", ") };
    let what = if live { what } else { format!("{what} (compared with the base only)") };
    let decision = plan.decision.as_ref();
    let holds = decision.map_or(&[][..], |decision| &decision.holds);
    match holds.first() {
        None => (CheckState::Passed, what),
        Some(first) if holds.iter().all(HoldDocument::takes_acknowledgement) => {
            (CheckState::Waits, format!("{what}; held when it is merged: {}", first.message))
        }
        Some(first) => (CheckState::Failed, format!("{what}; {}", first.message)),
    }
}

fn plans(outlooks: &[Outlook]) -> impl Iterator<Item = &PlanDocument> {
    outlooks.iter().filter_map(|outlook| match &outlook.prospect {
        Prospect::Plan { document, .. } => Some(&**document),
        Prospect::Nothing(_) | Prospect::Unknown(_) => None,
    })
}

fn blocking(outlooks: &[Outlook]) -> usize {
    let all = plans(outlooks).flat_map(|plan| &plan.findings);
    all.filter(|finding| finding.blocks && finding.severity == "error").count()
}

/// What rules found, each line once: several environments may have the same.
fn found(outlooks: &[Outlook]) -> Vec<Annotation> {
    let mut found: Vec<Annotation> = Vec::new();
    for finding in plans(outlooks).flat_map(|plan| &plan.findings) {
        let Some(place) = &finding.place else { continue };
        let fix = finding.fix.as_ref().map(|fix| format!("\nfix: {fix}")).unwrap_or_default();
        let annotation = Annotation {
            path: place.path.clone(),
            line: place.line.unwrap_or(1),
            is_error: finding.blocks,
            title: finding.rule.clone(),
            message: format!("{}{fix}", finding.message),
        };
        if finding.severity != "info" && !found.contains(&annotation) {
            found.push(annotation);
        }
    }
    found
}

/// Of a diagnostic that has a place and is more than a note.
fn of_diagnostic(found: &DiagnosticDocument) -> Option<Annotation> {
    let place = found.place.as_ref().filter(|_| found.severity != "info")?;
    Some(Annotation {
        path: place.path.clone(),
        line: place.line.unwrap_or(1),
        is_error: found.is_error(),
        title: found.code.clone(),
        message: found.message.clone(),
    })
}

fn findings(count: usize) -> String {
    if count == 0 { "no rule has an objection".to_owned() } else { counted(count, "finding") }
}

fn workflows(outlooks: &[Outlook]) -> String {
    let changed = plans(outlooks).flat_map(|plan| &plan.actions);
    let count = changed.filter(|action| !action.from_base && action.workflow.is_some()).count();
    if count == 0 { "no workflow changes".to_owned() } else { counted(count, "workflow change") }
}

fn aggregate(told: &[Told], policy: usize, errors: &[Diagnostic], gates: &[Check]) -> Check {
    let gate_in = |state| gates.iter().find(|gate| gate.state == state);
    let those = |counts: fn(&Told) -> bool| -> Vec<&str> {
        told.iter().filter(|one| counts(one)).map(|one| one.environment.as_str()).collect()
    };
    let (failed, lacking) = (those(|one| one.state == CheckState::Failed), those(|one| one.lacks));
    let waits = told.iter().any(|one| one.state == CheckState::Waits);
    let (state, summary) = if !errors.is_empty() {
        (CheckState::Failed, counted(errors.len(), "error"))
    } else if !failed.is_empty() {
        (CheckState::Failed, format!("see {}", failed.join(", ")))
    } else if policy > 0 {
        (CheckState::Failed, findings(policy))
    } else if let Some(gate) = gate_in(CheckState::Failed) {
        (CheckState::Failed, format!("see {}", gate.name))
    } else if let Some(gate) = gate_in(CheckState::Waits) {
        (CheckState::Waits, format!("waits for {}: {}", gate.name, gate.summary))
    } else if !lacking.is_empty() {
        (CheckState::Waits, format!("waits for an approval, see {}", lacking.join(", ")))
    } else if waits {
        (CheckState::Passed, "fine to merge; held then, until it is acknowledged".to_owned())
    } else if told.iter().all(|one| one.words == UNAFFECTED) {
        (CheckState::Passed, UNAFFECTED.to_owned())
    } else {
        (CheckState::Passed, "what merging does is shown in the comment".to_owned())
    };
    let mut found = check(AGGREGATE, state, summary);
    found.annotations = errors.iter().filter_map(annotation).collect();
    found
}

fn annotation(found: &Diagnostic) -> Option<Annotation> {
    let place = found.place.as_ref()?;
    Some(Annotation {
        path: place.path.to_string(),
        line: place.line.as_ref().map_or(1, |line| line.number),
        is_error: found.is_error(),
        title: found.code.id().to_owned(),
        message: found.message.clone(),
    })
}

fn comment(subject: &Subject<'_>, outlooks: &[Outlook], told: &[Told], errors: &[Diagnostic]) -> String {
    let mut text = format!("{MARKER}\n### naksha: what merging this does\n\n");
    let line = |one: &Told| {
        let (rank, sign) = match one.state {
            CheckState::Failed => (0, ":x:"),
            CheckState::Waits => (1, ":hourglass:"),
            CheckState::Passed | CheckState::Running => (2, ":white_check_mark:"),
        };
        let ahead = one.ahead.as_ref().map(|ahead| format!("; {}", said(ahead, MAX_WORDS)));
        let words = format!("{}{}", said(&one.words, MAX_WORDS), ahead.unwrap_or_default());
        (rank, format!("- {sign} **{}**: {words}\n", one.environment))
    };
    text.push_str(&listed(told.iter().map(line).collect(), ENVIRONMENTS, "environments"));
    text.push_str(&gate_lines(subject.gates));
    text.push_str(&rules::section(subject.rules));
    if !errors.is_empty() {
        let documents = DiagnosticDocument::all(errors);
        let told = diagnostics(&documents, Style::new(false));
        // What mentions somebody takes more bytes in a fence.
        let bytes = if told.contains('@') { MAX_DIAGNOSTICS / 4 } else { MAX_DIAGNOSTICS };
        text.push_str(&format!("\n{}", fenced(&cut(&told, bytes))));
    }
    let documents: Vec<PlanDocument> = plans(outlooks).cloned().collect();
    if !documents.is_empty() {
        text.push('\n');
        text.push_str(&markdown(&documents, COMMENT_BUDGET - text.len() - PREVIEW - FOOT));
    }
    let later = outlooks.iter().filter_map(|outlook| outlook.later.as_deref().cloned());
    text.push_str(&preview(&later.collect::<Vec<_>>(), PREVIEW));
    text.push_str(&format!("\n{}", foot(subject)));
    text
}

/// A table of the gates, for a promotion.
fn gate_lines(gates: &Gates) -> String {
    let table = |(environment, verdicts): (&EnvironmentName, &[GateVerdict; 4])| {
        let mut text = format!("\n**Gates of {environment}**\n\n| Gate | |\n|---|---|\n");
        let mut rank = 2;
        for GateVerdict { gate, state, words } in verdicts {
            let (own, sign) = match state {
                GateState::Shut => (0, ":x:"),
                GateState::Waits { .. } => (1, ":hourglass:"),
                GateState::Open => (2, ":white_check_mark:"),
            };
            rank = rank.min(own);
            text.push_str(&format!("| {sign} {} | {} |\n", gate.word(), said(words, MAX_WORDS)));
        }
        (rank, text)
    };
    listed(gates.iter().map(table).collect(), GATES, "promotions, with gates of their own")
}

fn foot(subject: &Subject<'_>) -> String {
    format!(
        "<sub>{}{INTO}{}, in memory. Judged by the rules of the base.</sub>\n",
        subject.head.short(),
        subject.base.short()
    )
}

#[cfg(test)]
mod tests;
