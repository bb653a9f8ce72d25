//! Any texts in every place of a stored plan, as a comment and on a terminal. A reader of Markdown that is not ours
//! finds only what we put there: within its budget, no HTML, link, image, mention or heading from outside, every
//! fence and fold closed, nothing that hides or that a terminal obeys.
//!
//! The input holds the texts, one after the other, with a record separator (U+001E) between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::wire::{PlanDocument, StatusDocument};
use naksha_renderer::present::{COMMENT_BUDGET, Style, markdown, status, text};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};

const SEPARATOR: char = '\u{1e}';
const ZERO_WIDTH_SPACE: char = '\u{200b}';

fuzz_target!(|input: &str| {
    let plans =
        if input.len() % 2 == 0 { [plan(input, "new", false)] } else { [plan(input, "acknowledged", true)] };
    for budget in [700, COMMENT_BUDGET] {
        let page = markdown(&plans, budget);
        assert!(page.len() <= budget, "{} bytes, {budget} are allowed", page.len());
        check_characters(&page);
        check_structure(&page);
    }
    let on_terminal = [text(&plans[0], Style::new(false)), status(&[state(input)], Style::new(false))];
    for shown in on_terminal {
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        assert!(!shown.contains(['\u{202e}', '\u{2066}', ZERO_WIDTH_SPACE, '\u{e0041}']), "{shown:?}");
    }
});

/// The texts of the input, over and over.
struct Texts<'t>(std::iter::Cycle<std::str::Split<'t, char>>);

impl<'t> Texts<'t> {
    fn of(input: &'t str) -> Self {
        Self(input.split(SEPARATOR).cycle())
    }

    fn one(&mut self) -> Value {
        self.0.next().unwrap_or_default().into()
    }

    fn subject(&mut self) -> Value {
        json!({"group": self.one(), "kind": self.one(), "namespace": self.one(), "name": self.one()})
    }

    fn place(&mut self) -> Value {
        json!({"path": self.one(), "line": 3, "column": 4, "width": 5, "text": self.one()})
    }

    fn change(&mut self) -> Value {
        json!({"path": self.one(), "before": {"value": self.one()}, "after": {"value": {"list": [self.one()]}}})
    }

    fn long_change(&mut self) -> Value {
        let (before, after) = (self.one(), format!("a\n{}\nb", self.one().as_str().unwrap_or_default()));
        json!({"path": self.one(), "before": {"value": before}, "after": {"value": after}})
    }

    fn action(&mut self, verb: &str, from_base: bool) -> Value {
        json!({
            "digest": "", "unit": self.one(), "subject": self.subject(), "verb": verb, "cause": "change",
            "from": self.one(), "stateful": true, "fromBase": from_base,
            "changes": [
                self.change(), self.long_change(),
                {"path": self.one(), "after": {"secret": {"reference": self.one()}}},
            ],
            "conflicts": [{"path": self.one(), "manager": self.one(), "resolution": "refuse"}],
        })
    }

    fn workflow(&mut self) -> Value {
        let (one, two) = (self.one(), self.one());
        json!({
            "digest": "", "subject": self.subject(), "verb": "update", "cause": "change",
            "workflow": {
                "nodes": [{"node": one, "change": "changed", "fields": [{"field": self.one(), "after": self.one()}]}],
                "edges": [{"from": one, "to": two, "gained": true}],
                "settings": [{"field": self.one(), "before": self.one()}],
                "grants": [{"kind": self.one(), "name": self.one(), "gained": true}],
                "picture": {
                    "nodes": [
                        {"node": one, "uses": self.one(), "change": "added"},
                        {"node": two, "uses": "", "change": self.one()},
                    ],
                    "edges": [{"from": one, "to": two, "change": self.one()}],
                },
            },
        })
    }

    fn finding(&mut self, standing: &str, blocks: bool) -> Value {
        json!({
            "severity": self.one(), "rule": self.one(), "unit": self.one(), "subject": self.subject(),
            "field": self.one(), "place": self.place(), "message": self.one(), "fix": self.one(),
            "standing": {"state": standing, "by": self.one(), "reason": self.one()}, "blocks": blocks,
        })
    }

    fn diagnostic(&mut self, severity: &str) -> Value {
        json!({
            "code": self.one(), "severity": severity, "message": self.one(), "place": self.place(),
            "hint": self.one(), "notes": [{"place": self.place(), "message": self.one()}],
        })
    }
}

fn plan(input: &str, standing: &str, from_base: bool) -> PlanDocument {
    let mut texts = Texts::of(input);
    let odd = texts.one().as_str().unwrap_or_default().to_owned();
    let document = json!({
        "version": 1, "environment": texts.one(), "id": texts.one(), "counts": {},
        "actions": [
            texts.action("delete", false), texts.action("create", from_base),
            texts.action(&odd, from_base), texts.workflow(),
        ],
        "drifted": [{"subject": texts.subject(), "changes": [texts.change()]}],
        "unknown": [{"subject": texts.subject(), "reason": texts.one()}],
        "kept": [{"subject": texts.subject(), "reason": texts.one()}],
        "blocked": [{"unit": texts.one(), "kind": texts.one(), "reason": texts.one()}],
        "order": {texts.one().as_str().unwrap_or_default(): [texts.one()]},
        "findings": [texts.finding("new", true), texts.finding(standing, false)],
        "decision": {"decision": "hold", "holds": [{"kind": texts.one(), "message": texts.one(), "lift": texts.one()}]},
        "diagnostics": [texts.diagnostic("error"), texts.diagnostic(&odd)],
    });
    serde_json::from_value(document).expect("should be a plan")
}

fn state(input: &str) -> StatusDocument {
    let mut texts = Texts::of(input);
    let document = json!({
        "version": 1, "repository": texts.one(), "environment": texts.one(), "state": texts.one(),
        "why": [texts.one()], "holds": [{"kind": texts.one(), "message": texts.one(), "lift": texts.one()}],
        "until": texts.one(), "content": texts.one(), "applied": texts.one(), "plan": texts.one(), "objects": 1,
        "units": [{
            "unit": texts.one(), "state": texts.one(), "message": texts.one(), "health": texts.one(),
            "healthMessage": texts.one(), "objects": 1,
        }],
        "diagnostics": [texts.diagnostic("error")], "since": texts.one(),
    });
    serde_json::from_value(document).expect("should be a status")
}

fn check_characters(page: &str) {
    let mut after = page.chars().skip(1);
    for c in page.chars() {
        let next = after.next();
        assert!(c == '\n' || !c.is_control(), "{c:?} in {page:?}");
        assert!(
            !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}'),
            "{c:?}"
        );
        assert!(c != '@' || next == Some(ZERO_WIDTH_SPACE), "a mention in {page:?}");
    }
}

/// Only what we write is there.
fn check_structure(page: &str) {
    let mut options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    options |= Options::ENABLE_GFM | Options::ENABLE_FOOTNOTES | Options::ENABLE_MATH;
    let mut language = None;
    let mut folds = 0_i32;
    for event in Parser::new_ext(page, options) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => language = Some(info.to_string()),
            Event::Start(
                Tag::Paragraph
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::List(None)
                | Tag::Item
                | Tag::Strong
                | Tag::Emphasis
                | Tag::HtmlBlock,
            )
            | Event::SoftBreak
            | Event::Code(_) => {}
            Event::End(TagEnd::CodeBlock) => language = None,
            Event::End(_) => {}
            Event::Text(text) => match language.as_deref() {
                None => check_prose(&text),
                Some("mermaid") => check_picture(&text),
                Some("" | "diff") => {}
                Some(language) => panic!("a fence of {language:?} in {page:?}"),
            },
            Event::Html(html) => match html.trim_end() {
                "<details>" => folds += 1,
                "</details>" => folds -= 1,
                "" => {}
                line => {
                    let title = line.strip_prefix("<summary>").and_then(|it| it.strip_suffix("</summary>"));
                    assert!(title.is_some_and(|title| !title.contains('<')), "{line:?} in {page:?}");
                }
            },
            other => panic!("{other:?} in {page:?}"),
        }
        assert!((0..=1).contains(&folds), "folds do not nest: {page:?}");
    }
    assert!(folds == 0 && language.is_none(), "everything is closed: {page:?}");
}

/// No word that a forge makes a link of after Markdown was read.
fn check_prose(text: &str) {
    let lower = text.to_lowercase();
    for mark in ["://", "www.", "#", "gh-"] {
        let broken = |(at, _): (usize, &str)| {
            let next = lower[at + mark.len()..].chars().next();
            !next.is_some_and(|c| c.is_ascii_digit() || mark != "gh-" && c.is_alphanumeric())
        };
        assert!(lower.match_indices(mark).all(broken), "a link in {text:?}");
    }
}

/// Lines of a flowchart, and labels that cannot end early.
fn check_picture(text: &str) {
    for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        let ours = line == "flowchart LR" || line.starts_with("classDef ");
        let edge = ["==>", "-.->", "-->"].iter().any(|arrow| {
            let ends = line.split_once(arrow).map(|(from, to)| [from.trim(), to.trim()]);
            ends.is_some_and(|ends| ends.iter().all(|end| is_node(end)))
        });
        let node = line.split_once("[\"").is_some_and(|(id, rest)| {
            let label = rest.split_once("\"]:::").filter(|(_, class)| class.chars().all(char::is_alphabetic));
            is_node(id)
                && label.is_some_and(|(label, _)| !label.contains(['"', '<', '>', '#', '`', ';', '[', ']']))
        });
        assert!(ours || edge || node, "{line:?}");
    }
}

fn is_node(text: &str) -> bool {
    text.strip_prefix('n').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}
