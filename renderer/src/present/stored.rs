//! A stored plan: what it said when it was made, and what became of it. The tense follows the facts.

use naksha_environments::wire::{
    ApplyDocument, DiagnosticDocument, PlanDocument, StepDocument, StoredPlanDocument,
};

use super::clean::{clean_line, clean_time};
use super::diagnostics::severity_tone;
use super::escape::inline;
use super::lines::{Line, acknowledgement_lines, hold_lines, plural, waits_until};
use super::markdown::{cut, markdown};
use super::style::{Style, Tone};
use super::text::{plan_lines, render, section};

/// What a stored plan says for people. `plan`: the document's own, read.
pub fn stored(document: &StoredPlanDocument, plan: &PlanDocument, style: Style) -> String {
    let mut lines = plan_lines(plan, &[], style);
    if is_open(document) {
        section(&mut lines, diagnostic_lines(plan));
    }
    section(&mut lines, acknowledgement_lines(plan));
    section(&mut lines, fate_lines(document, plan));
    if let Some(apply) = document.apply.as_ref().filter(|_| !document.steps.is_empty()) {
        let title = Line::new(0, Tone::Heading, format!("Steps of apply {}", apply.id));
        let steps = document.steps.iter().map(|step| Line::new(1, step_tone(step), step_line(step)));
        section(&mut lines, [title].into_iter().chain(steps).collect());
    }
    render(&lines, style)
}

/// The same for a comment: what became of it, then the plan.
pub fn stored_markdown(document: &StoredPlanDocument, plan: &PlanDocument, budget: usize) -> String {
    let fate = fate_lines(document, plan);
    let first = fate.first().map(|line| format!("{}\n\n", inline(&cut(&line.text)))).unwrap_or_default();
    let first = if first.len() < budget { first } else { String::new() };
    let mut plan = plan.clone();
    // What held it then holds it no more.
    plan.decision = plan.decision.filter(|_| is_open(document));
    let page = markdown(&[plan], budget.saturating_sub(first.len()));
    format!("{first}{page}")
}

/// What is wrong besides findings: for whoever has to decide.
fn diagnostic_lines(plan: &PlanDocument) -> Vec<Line> {
    let line = |found: &DiagnosticDocument| {
        let text = format!("{}[{}]: {}", found.severity, found.code, found.message);
        Line::new(1, severity_tone(&found.severity), clean_line(&text))
    };
    let title = Line::new(0, Tone::Heading, "Diagnostics");
    let title = Some(title).filter(|_| !plan.diagnostics.is_empty());
    title.into_iter().chain(plan.diagnostics.iter().map(line)).collect()
}

fn is_open(document: &StoredPlanDocument) -> bool {
    matches!(document.fate.as_str(), "held" | "waiting")
}

/// What became of it, at depth 0, and what that means, beneath.
fn fate_lines(document: &StoredPlanDocument, plan: &PlanDocument) -> Vec<Line> {
    let decided = clean_time(&document.at);
    let decision = plan.decision.as_ref();
    let until = waits_until(decision.and_then(|decision| decision.until.as_deref()));
    let (tone, title) = match (document.fate.as_str(), &document.apply) {
        ("held", _) => (Tone::Danger, format!("Held since {decided}")),
        ("waiting", _) => (Tone::Change, format!("{until}, since {decided}")),
        ("suspended", _) => {
            let text = format!("Not applied: {} is suspended", clean_line(&document.environment));
            (Tone::Change, text)
        }
        ("approved", _) => (Tone::Add, format!("Will be applied: decided at {decided}, not begun yet")),
        ("shown", _) => (Tone::Dim, format!("Only shown: by a pull request, at {decided}")),
        ("dropped", _) => {
            let text = "another plan took its place, or there was nothing left to do";
            (Tone::Dim, format!("Never applied: planned at {decided}, then {text}"))
        }
        (_, Some(apply)) => apply_title(apply),
        (fate, None) => (Tone::Dim, clean_line(fate)),
    };
    let mut lines = vec![Line::new(0, tone, title)];
    if document.fate == "suspended" {
        let lift = format!("= `naksha resume {}` lifts it", clean_line(&document.environment));
        lines.push(Line::new(1, Tone::Heading, lift));
    }
    if is_open(document) {
        let reason = decision.and_then(|decision| decision.reason.as_deref());
        lines.extend(reason.map(|reason| Line::new(1, Tone::Plain, clean_line(reason))));
        lines.extend(decision.iter().flat_map(|decision| &decision.holds).flat_map(hold_lines));
        lines.push(Line::new(1, Tone::Dim, format!("plan id: {}", clean_line(&plan.id))));
    } else if document.fate == "dropped" {
        let reasons = document.reasons.iter();
        lines.extend(reasons.map(|reason| Line::new(1, Tone::Dim, format!("then: {}", clean_line(reason)))));
    }
    if let Some(apply) = document.apply.as_ref().filter(|_| !is_of_apply(document)) {
        let (_, title) = apply_title(apply);
        lines.push(Line::new(1, Tone::Dim, format!("the same plan came before: {title}")));
    }
    lines
}

/// Whether the fate is that of the apply.
fn is_of_apply(document: &StoredPlanDocument) -> bool {
    matches!(document.fate.as_str(), "applied" | "failed" | "superseded" | "interrupted" | "applying")
}

fn apply_title(apply: &ApplyDocument) -> (Tone, String) {
    let ApplyDocument { id, started, ended, outcome, detail, steps, failed } = apply;
    let (started, ended) = (clean_time(started), ended.as_deref().map(clean_time));
    let until = ended.filter(|ended| *ended != started).map(|ended| format!(" to {ended}"));
    let when = format!("apply {id}, {started}{}", until.unwrap_or_default());
    let count = usize::try_from(*steps).unwrap_or(usize::MAX);
    let mut done = format!("{steps} {}", plural(count, "step"));
    if *failed > 0 {
        done.push_str(&format!(", {failed} failed"));
    }
    match outcome.as_str() {
        "succeeded" => (Tone::Add, format!("Applied: {when}, {done}")),
        "failed" => {
            let why = detail.as_deref().map(|why| format!(": {}", clean_line(why))).unwrap_or_default();
            (Tone::Danger, format!("Failed: {when}, {done}{why}"))
        }
        "superseded" => {
            (Tone::Change, format!("Stopped before its end: {when}, {done}; something newer came"))
        }
        "interrupted" => {
            (Tone::Change, format!("Interrupted: {when}, {done}; the daemon ended in its middle"))
        }
        _ => (Tone::Change, format!("Being applied: {when}, {done} so far")),
    }
}

fn step_tone(step: &StepDocument) -> Tone {
    match step.outcome.as_str() {
        "failed" => Tone::Danger,
        "skipped" => Tone::Dim,
        _ => Tone::Plain,
    }
}

fn step_line(step: &StepDocument) -> String {
    let StepDocument { subject, verb, outcome, reason, attempts, milliseconds } = step;
    let reason = reason.as_deref().map(|reason| format!(": {}", clean_line(reason))).unwrap_or_default();
    let tries = if *attempts > 1 { format!(", {attempts} tries") } else { String::new() };
    let (outcome, verb, subject) = (clean_line(outcome), clean_line(verb), clean_line(subject));
    format!("{outcome:<7} {verb:<8} {subject} ({milliseconds} ms{tries}){reason}")
}
