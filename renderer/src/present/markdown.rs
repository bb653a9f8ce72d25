//! Plans for a pull request: a summary, what needs attention, the rest folded, within a byte budget.

use naksha_environments::wire::{ActionDocument, PlanDocument};

use super::clean::clean_line;
use super::diagnostics::diagnostics;
use super::escape::{cell_code, code, fence, fenced_line, html, inline, prose};
use super::gains::gains;
use super::left::left_details;
use super::lines::{
    Detail, Line, Open, action_lines, by_unit, finding_lines, is_settled, plural, settled, untouched,
};
use super::mermaid::mermaid;
use super::page::Page;
use super::style::{Style, Tone};

/// Bytes of a comment: forges take 65,536 characters, and the marker of the comment needs some.
pub const COMMENT_BUDGET: usize = 65_000;

/// Longest line inside a fence, in characters. The document has the whole value.
const MAX_LINE: usize = 400;
/// Values are shortened to this width.
const WIDTH: usize = 160;
/// Digits of a plan id in the table.
const SHORT_ID: usize = 12;

/// One comment for the plans of a change, at most `budget` bytes long. Deletions, lost data, refused conflicts,
/// blocking findings, held plans and gained rights stand open; everything else is folded.
pub fn markdown(plans: &[PlanDocument], budget: usize) -> String {
    let mut page = Page::new(budget);
    table(&mut page, plans);
    let before = |at: usize| &plans[..at];
    let items = plans.iter().enumerate().flat_map(|(at, plan)| attention(plan, before(at)));
    page.part("\n**Needs attention**\n\n", &listed(items), "");
    for plan in plans {
        actions(&mut page, plan, "");
    }
    for plan in plans {
        pictures(&mut page, plan);
    }
    for (at, plan) in plans.iter().enumerate() {
        rest(&mut page, plan, before(at));
    }
    page.finish("`naksha show PLAN`, or `naksha plan --format json`, has everything.")
}

/// What a change does later, when it is promoted: actions and pictures, folded, at most `budget` bytes long. Nobody has to decide anything yet.
pub fn preview(plans: &[PlanDocument], budget: usize) -> String {
    let mut page = Page::new(budget);
    for plan in plans {
        actions(&mut page, plan, ", by promotion");
        pictures(&mut page, plan);
    }
    page.finish("After `naksha promote ENV` in a working tree, `naksha plan --base` has everything.")
}

fn short(id: &str) -> String {
    clean_line(id).chars().take(SHORT_ID).collect()
}

fn table(page: &mut Page, plans: &[PlanDocument]) {
    let count = |plan: &PlanDocument, verbs: &[&str]| {
        let own = plan.actions.iter().filter(|action| !action.from_base);
        own.filter(|action| verbs.contains(&action.verb.as_str())).count()
    };
    // What is rare has a column only where it is: a comment is narrow.
    let rare: [(&str, &[&str]); 3] = [
        ("Replace", &["replace"]),
        ("Delete", &["delete"]),
        ("Other", &["adopt", "move", "disown", "rotate"]),
    ];
    let rare: Vec<_> =
        rare.into_iter().filter(|(_, verbs)| plans.iter().any(|plan| count(plan, verbs) > 0)).collect();
    let row = |plan: &PlanDocument| {
        let cell = |(name, verbs): &(&str, &[&str])| match count(plan, verbs) {
            found if found > 0 && *name != "Other" => format!(" **{found}** |"),
            found => format!(" {found} |"),
        };
        format!(
            "| {} | {} | {} |{} {} | {} | {} |",
            inline(&plan.environment),
            count(plan, &["create"]),
            count(plan, &["update"]),
            rare.iter().map(cell).collect::<String>(),
            plan.counts.unchanged,
            result(plan),
            cell_code(&short(&plan.id)),
        )
    };
    let rows: Vec<String> = plans.iter().map(row).collect();
    let names: String = rare.iter().map(|(name, _)| format!(" {name} |")).collect();
    let rules = "--:|".repeat(rare.len());
    let head = format!(
        "| Environment | Create | Update |{names} Unchanged | Result | Plan |\n|---|--:|--:|{rules}--:|---|---|\n"
    );
    page.part(&head, &rows, "");
}

/// The plan in two words.
fn result(plan: &PlanDocument) -> String {
    let blocking = plan.findings.iter().filter(|finding| finding.blocks).count();
    let decision = plan.decision.as_ref().map(|decision| decision.decision.as_str());
    let errors = plan.diagnostics.iter().filter(|found| found.is_error()).count();
    match decision {
        _ if errors > 0 => format!("{errors} {}", plural(errors, "error")),
        Some("hold") => "held".to_owned(),
        Some("wait") => "waits".to_owned(),
        _ if blocking > 0 => format!("{blocking} {} to settle", plural(blocking, "finding")),
        _ if plan.actions.iter().all(|action| action.from_base) => "no changes".to_owned(),
        _ => "ready".to_owned(),
    }
}

/// Something that a reviewer must not miss.
struct Item {
    environment: String,
    /// Data is lost.
    is_loud: bool,
    /// What comes after the environments that it is about.
    words: String,
}

/// One line each; what is said of several environments is said once.
fn listed(items: impl Iterator<Item = Item>) -> Vec<String> {
    let mut lines: Vec<(Vec<String>, bool, String)> = Vec::new();
    for Item { environment, is_loud, words } in items {
        match lines.iter_mut().find(|(_, loud, known)| *loud == is_loud && *known == words) {
            Some((environments, ..)) => environments.push(environment),
            None => lines.push((vec![environment], is_loud, words)),
        }
    }
    let line = |(environments, is_loud, words): (Vec<String>, bool, String)| {
        let sign = if is_loud { ":rotating_light: " } else { "" };
        format!("- {sign}{}{words}", environments.join(", "))
    };
    lines.into_iter().map(line).collect()
}

fn attention(plan: &PlanDocument, earlier: &[PlanDocument]) -> Vec<Item> {
    let item = |is_loud: bool, words: String| Item { environment: inline(&plan.environment), is_loud, words };
    let open = Open::of(plan, earlier);
    let mut items = Vec::new();
    for action in plan.actions.iter().filter(|action| !action.from_base) {
        let subject = code(&action.subject.to_string());
        let verb = inline(&action.verb);
        if action.loses_data() {
            items.push(item(true, format!(": **{verb}** {subject} **loses data**")));
        } else if matches!(action.verb.as_str(), "delete" | "replace") {
            items.push(item(false, format!(": **{verb}** {subject}")));
        }
        for conflict in &action.conflicts {
            let who = conflict.manager.as_deref().map_or_else(|| "somebody else".to_owned(), code);
            let why = match conflict.resolution.as_str() {
                "refuse" => format!("was set by {who}"),
                "immutable" => "cannot be changed in place".to_owned(),
                _ => continue,
            };
            items.push(item(false, format!(": {subject} is refused: {} {why}", code(&conflict.path))));
        }
    }
    for finding in open.findings.iter().filter(|finding| finding.blocks) {
        let subject =
            finding.subject.as_ref().map(|it| format!(" {}", code(&it.to_string()))).unwrap_or_default();
        let place = finding
            .place
            .as_ref()
            .map(|place| format!(" at {}", code(&place.to_string())))
            .unwrap_or_default();
        let fix = finding.fix.as_deref().map(|fix| format!(". Fix: {}", prose(fix))).unwrap_or_default();
        let (rule, message) = (code(&finding.rule), prose(&finding.message));
        items.push(item(false, format!(": {rule}{subject}: {message}{place}{fix}")));
    }
    items.extend(open.told_lines().map(|told| item(false, format!(": {}", prose(&told)))));
    for hold in plan.decision.iter().flat_map(|decision| &decision.holds) {
        let words = format!(" is held: {}. To go on: {}", prose(&hold.message), prose(&hold.lift));
        items.push(item(false, words));
    }
    let errors = plan.diagnostics.iter().filter(|found| found.is_error());
    items.extend(errors.map(|found| {
        let place =
            found.place.as_ref().map(|place| format!(" at {}", code(&place.to_string()))).unwrap_or_default();
        item(false, format!(": {}: {}{place}", code(&found.code), prose(&found.message)))
    }));
    // After everything that stops it or loses something, and so out of nothing's way.
    let own = plan.actions.iter().filter(|action| !action.from_base);
    items.extend(own.filter_map(gains).map(|words| item(false, words)));
    items
}

/// The actions of one plan, folded. `when`: after the environment's name.
fn actions(page: &mut Page, plan: &PlanDocument, when: &str) {
    let detail = Detail { full: true, width: WIDTH };
    let mut lines = Vec::new();
    for (unit, actions) in by_unit(plan) {
        lines.push(Line::new(0, Tone::Heading, unit));
        lines.extend(actions.iter().flat_map(|action| action_lines(plan, action, detail)));
    }
    let count = plan.actions.iter().filter(|action| !action.from_base).count();
    fold(
        page,
        &format!("{}{when}: {count} {}", plan.environment, plural(count, "action")),
        "diff",
        &diff_lines(&lines),
    );
}

/// Pictures of the workflows that changed. Each is whole or left out.
fn pictures(page: &mut Page, plan: &PlanDocument) {
    let changed = plan.actions.iter().filter(|action| !action.from_base);
    let workflows = changed.filter_map(|action| Some((action, mermaid(action.workflow.as_ref()?)?)));
    for (action, picture) in workflows {
        let title = format!("{}: picture of {}", plan.environment, action.subject);
        let part = format!("{}```mermaid\n{picture}```\n\n</details>\n", summary(&title));
        page.whole(&part, picture.lines().count());
    }
}

/// Everything that needs no decision: what is left alone, settled findings, diagnostics, what the base causes.
fn rest(page: &mut Page, plan: &PlanDocument, earlier: &[PlanDocument]) {
    let environment = &plan.environment;
    let detail = Detail { full: true, width: WIDTH };
    let mut alone = untouched(plan, detail);
    alone.extend(left_details(plan, detail));
    fold(page, &format!("{environment}: left alone"), "", &plain_lines(&alone));
    let open = Open::of(plan, earlier).findings.into_iter().filter(|finding| !finding.blocks);
    let open: Vec<Line> = open.flat_map(finding_lines).collect();
    fold(page, &format!("{environment}: findings that do not block"), "", &plain_lines(&open));
    let known: Vec<Line> =
        plan.findings.iter().filter(|finding| is_settled(finding)).flat_map(finding_lines).collect();
    let title = format!("{environment}: {} known, waived or acknowledged findings", settled(plan));
    fold(page, &title, "", &plain_lines(&known));
    let found = diagnostics(&plan.diagnostics, Style::new(false));
    let found: Vec<String> = found.lines().map(cut).collect();
    fold(page, &format!("{environment}: diagnostics"), "", &found);
    let base: Vec<&ActionDocument> = plan.actions.iter().filter(|action| action.from_base).collect();
    let lines: Vec<Line> = base.iter().flat_map(|action| action_lines(plan, action, detail)).collect();
    let title =
        format!("{environment}: {} {} not from this change", base.len(), plural(base.len(), "action"));
    fold(page, &title, "diff", &diff_lines(&lines));
}

fn summary(title: &str) -> String {
    format!("\n<details>\n<summary>{}</summary>\n\n", html(title))
}

/// A folded fence. Nothing when there are no lines.
fn fold(page: &mut Page, title: &str, language: &str, lines: &[String]) {
    let lines: Vec<String> = lines.iter().map(|line| fenced_line(line)).collect();
    let fence = fence(&lines);
    page.part(&format!("{}{fence}{language}\n", summary(title)), &lines, &format!("{fence}\n\n</details>\n"));
}

/// Lines of a `diff` fence: the first character gives the colour.
fn diff_lines(lines: &[Line]) -> Vec<String> {
    let line = |line: &Line| {
        let colour = match line.tone {
            Tone::Add => '+',
            Tone::Remove | Tone::Danger => '-',
            Tone::Change => '!',
            Tone::Heading | Tone::Dim | Tone::Plain => ' ',
        };
        let Line { depth, symbol, text, .. } = line;
        let space = if symbol.is_empty() { "" } else { " " };
        cut(&format!("{colour} {:indent$}{symbol}{space}{text}", "", indent = depth.saturating_sub(1) * 2))
    };
    lines.iter().map(line).collect()
}

fn plain_lines(lines: &[Line]) -> Vec<String> {
    let line = |line: &Line| {
        let Line { depth, symbol, text, .. } = line;
        let space = if symbol.is_empty() { "" } else { " " };
        cut(&format!("{:indent$}{symbol}{space}{text}", "", indent = depth * 2))
    };
    lines.iter().map(line).collect()
}

/// A line that is not longer than anybody reads.
pub(super) fn cut(line: &str) -> String {
    if line.chars().count() <= MAX_LINE {
        return line.trim_end().to_owned();
    }
    let kept: String = line.chars().take(MAX_LINE - 1).collect();
    format!("{kept}…")
}
