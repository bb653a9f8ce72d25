//! The Markdown writer against text that wants out of its place.

use naksha_environments::wire::{
    AcknowledgementDocument, ActionDocument, ApplyDocument, ChangeDocument, ConflictDocument, CountsDocument,
    DecisionDocument, EdgeDocument, FindingDocument, GrantDocument, HoldDocument, LeftDocument,
    LeftFieldDocument, PLAN_VERSION, PictureDocument, PictureEdge, PictureNode, PlaceDocument, PlanDocument,
    PreconditionsDocument, ReasonDocument, ShownDocument, StandingDocument, StepDocument, StoredPlanDocument,
    SubjectDocument, WorkflowChangeDocument,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;

use crate::present::{Style, markdown, stored, stored_markdown, text};

/// Text by somebody who wants to be noticed.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "`",
        "```",
        "````",
        "~~~",
        "\n",
        "\n\n",
        "\n```\n",
        "</details>",
        "<details>",
        "<summary>",
        "</summary>",
        "<!--",
        "@org/team",
        "#12",
        "|",
        "\n|---|\n",
        "[x](javascript:alert)",
        "![x](http://evil)",
        "https://evil.example",
        "www.evil.example",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{200b}",
        "\u{0}",
        "\r",
        "\"]",
        "--> n0",
        ":::",
        "\\",
        "*",
        "_",
        "$x$",
        "a",
        "spec.x",
        "é",
        "日本",
        " ",
        "    ",
    ]);
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn subject() -> impl Strategy<Value = SubjectDocument> {
    // Of some kinds more is said.
    let kinds = prop_oneof![
        3 => hostile().prop_map(|kind| (String::new(), kind)),
        1 => Just(("rbac.authorization.k8s.io".to_owned(), "ClusterRole".to_owned())),
    ];
    (kinds, hostile(), prop::option::of(hostile()))
        .prop_map(|((group, kind), name, namespace)| SubjectDocument { group, kind, namespace, name })
}

fn shown() -> impl Strategy<Value = Option<ShownDocument>> {
    let secret = (prop::option::of(hostile()), prop::option::of(0..3_u32));
    prop::option::of(prop_oneof![
        hostile().prop_map(|text| ShownDocument::Value(json!(text))),
        (hostile(), hostile()).prop_map(|(key, text)| ShownDocument::Value(json!({key: [text]}))),
        secret.prop_map(|(reference, same)| ShownDocument::Secret { reference, same }),
    ])
}

fn workflow() -> impl Strategy<Value = WorkflowChangeDocument> {
    (prop::collection::vec((hostile(), hostile()), 0..3), hostile()).prop_map(|(names, change)| {
        let node = |(node, uses): &(String, String)| PictureNode {
            node: node.clone(),
            uses: uses.clone(),
            change: change.clone(),
        };
        let edge = |(from, to): &(String, String)| PictureEdge {
            from: from.clone(),
            to: to.clone(),
            change: change.clone(),
        };
        let gained =
            |(from, to): &(String, String)| EdgeDocument { from: from.clone(), to: to.clone(), gained: true };
        let grant = |(kind, name): &(String, String)| GrantDocument {
            kind: kind.clone(),
            name: name.clone(),
            gained: true,
        };
        let edges = names.iter().map(edge).collect();
        WorkflowChangeDocument {
            before: Some(change.clone()),
            after: None,
            nodes: vec![],
            edges: names.iter().map(gained).collect(),
            settings: vec![],
            grants: names.iter().map(grant).collect(),
            picture: PictureDocument { nodes: names.iter().map(node).collect(), edges },
        }
    })
}

fn action() -> impl Strategy<Value = ActionDocument> {
    let verb = prop_oneof![
        Just("create".to_owned()),
        Just("delete".to_owned()),
        Just("replace".to_owned()),
        hostile()
    ];
    let changes = prop::collection::vec((hostile(), shown(), shown()), 0..4);
    let flags = (any::<bool>(), any::<bool>());
    (
        prop::option::of(hostile()),
        subject(),
        verb,
        changes,
        flags,
        prop::option::of(hostile()),
        prop::option::of(workflow()),
    )
        .prop_map(|(unit, subject, verb, changes, (stateful, from_base), manager, workflow)| {
            ActionDocument {
                digest: String::new(),
                unit,
                subject,
                verb,
                from: manager.clone(),
                cause: "change".to_owned(),
                stateful,
                from_base,
                wave: 0,
                place: None,
                changes: changes
                    .into_iter()
                    .map(|(path, before, after)| ChangeDocument { path, before, after, set_by: None })
                    .collect(),
                conflicts: manager
                    .map(|who| ConflictDocument {
                        path: who.clone(),
                        manager: Some(who),
                        resolution: "refuse".to_owned(),
                    })
                    .into_iter()
                    .collect(),
                workflow,
            }
        })
}

fn finding() -> impl Strategy<Value = FindingDocument> {
    (hostile(), hostile(), prop::option::of(subject()), any::<bool>()).prop_map(
        |(rule, message, subject, blocks)| FindingDocument {
            severity: "error".to_owned(),
            rule,
            unit: None,
            subject,
            field: Some(message.clone()),
            place: Some(PlaceDocument {
                path: message.clone(),
                line: Some(1),
                column: None,
                width: None,
                text: None,
            }),
            fix: Some(message.clone()),
            standing: if blocks {
                StandingDocument::New
            } else {
                StandingDocument::Waived { reason: message.clone() }
            },
            message,
            blocks,
        },
    )
}

fn left((subject, text): &(SubjectDocument, String)) -> LeftDocument {
    let change = ChangeDocument {
        path: text.clone(),
        before: Some(ShownDocument::Value(json!(text))),
        after: None,
        set_by: Some(text.clone()),
    };
    let field = LeftFieldDocument { change, to: "rule".to_owned(), reason: text.clone(), place: None };
    LeftDocument { unit: text.clone(), subject: subject.clone(), fields: vec![field] }
}

fn plan() -> impl Strategy<Value = PlanDocument> {
    (
        (hostile(), hostile()),
        prop::collection::vec(action(), 0..5),
        prop::collection::vec(finding(), 0..3),
        prop::collection::vec((subject(), hostile()), 0..2),
        prop::option::of((hostile(), hostile())),
    )
        .prop_map(|((environment, id), actions, findings, unknown, hold)| PlanDocument {
            version: PLAN_VERSION,
            environment,
            id,
            counts: CountsDocument::default(),
            actions,
            drifted: vec![],
            left_alone: unknown.iter().map(left).collect(),
            unknown: unknown
                .into_iter()
                .map(|(subject, reason)| ReasonDocument { subject, reason })
                .collect(),
            kept: vec![],
            blocked: vec![],
            order: [("a".to_owned(), vec!["b".to_owned()])].into(),
            preconditions: PreconditionsDocument::default(),
            findings,
            known_findings: [("a".to_owned(), 1)].into(),
            acknowledgements: hold
                .iter()
                .map(|(by, reason)| AcknowledgementDocument {
                    by: by.clone(),
                    reason: reason.clone(),
                    at: Some(reason.clone()),
                    expires: None,
                    source: by.clone(),
                })
                .collect(),
            decision: hold.map(|(message, lift)| DecisionDocument {
                decision: "hold".to_owned(),
                holds: vec![HoldDocument { kind: "guard".to_owned(), message, lift }],
                reason: None,
                until: None,
                heals: 0,
            }),
            diagnostics: vec![],
        })
}

/// A plan as a daemon that was lied to would have stored it.
fn kept() -> impl Strategy<Value = (StoredPlanDocument, PlanDocument)> {
    let fates = prop::sample::select(vec![
        "applied",
        "failed",
        "held",
        "waiting",
        "suspended",
        "shown",
        "dropped",
        "?",
    ]);
    (plan(), fates, hostile(), hostile(), any::<bool>()).prop_map(|(plan, fate, one, other, has_apply)| {
        let apply = has_apply.then(|| ApplyDocument {
            id: 1,
            started: one.clone(),
            ended: Some(other.clone()),
            outcome: if fate == "failed" { "failed".to_owned() } else { one.clone() },
            detail: Some(other.clone()),
            steps: 1,
            failed: 1,
        });
        let step = StepDocument {
            subject: one.clone(),
            verb: other.clone(),
            outcome: one.clone(),
            reason: Some(other.clone()),
            attempts: 2,
            milliseconds: 1,
        };
        let document = StoredPlanDocument {
            version: 1,
            repository: one.clone(),
            environment: one.clone(),
            decision: "hold".to_owned(),
            reasons: vec![other.clone()],
            at: one,
            fate: fate.to_owned(),
            apply,
            plan: serde_json::Value::Null,
            steps: vec![step],
        };
        (document, plan)
    })
}

/// Reads Markdown as CommonMark does, as far as it matters here: fences, and our own HTML outside of them.
fn check_structure(page: &str) {
    let mut fence: Option<usize> = None;
    let mut depth = 0_i32;
    for line in page.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        let rest = &line[ticks..];
        match fence {
            Some(open) if ticks >= open && rest.trim().is_empty() => fence = None,
            Some(_) => {}
            None if ticks >= 3 && !rest.contains('`') => fence = Some(ticks),
            None => {
                assert!(!line.trim_start().starts_with("~~~"), "no other fence: {line}");
                match line {
                    "<details>" => depth += 1,
                    "</details>" => depth -= 1,
                    // An HTML block: Markdown is not read in it, HTML is.
                    line if line.starts_with("<summary>") => {
                        let inner =
                            line.strip_prefix("<summary>").and_then(|it| it.strip_suffix("</summary>"));
                        assert!(inner.is_some_and(|inner| !inner.contains('<')), "HTML in {line:?}");
                    }
                    line => check_prose(line),
                }
                assert!((0..=1).contains(&depth), "folds do not nest: {page}");
            }
        }
    }
    assert_eq!((fence, depth), (None, 0), "everything is closed: {page}");
}

/// Outside fences: no HTML but in code spans, which end where they began.
fn check_prose(line: &str) {
    let mut rest = line;
    while let Some(at) = rest.find(['`', '<', '\\']) {
        let after = &rest[at..];
        if after.starts_with('<') {
            panic!("HTML in {line:?}");
        } else if let Some(escaped) = after.strip_prefix('\\') {
            rest = &escaped[escaped.chars().next().map_or(0, char::len_utf8)..];
        } else {
            let ticks = after.chars().take_while(|c| *c == '`').count();
            let mut inner = &after[ticks..];
            loop {
                let Some(next) = inner.find('`') else { panic!("a code span stays open in {line:?}") };
                let run = inner[next..].chars().take_while(|c| *c == '`').count();
                inner = &inner[next + run..];
                if run == ticks {
                    break;
                }
            }
            rest = inner;
        }
    }
}

fn check_characters(page: &str) {
    let mut previous = ' ';
    for c in page.chars() {
        assert!(previous != '@' || c == '\u{200b}', "a mention: {page:?}");
        assert!(c == '\n' || !c.is_control(), "{c:?} in {page:?}");
        assert!(!matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'), "{c:?}");
        previous = c;
    }
    assert_ne!(previous, '@');
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn markdown_stays_whole_and_within_its_budget(plans in prop::collection::vec(plan(), 0..3), budget in 0..6000_usize) {
        for budget in [budget, 100_000] {
            let page = markdown(&plans, budget);
            prop_assert!(page.len() <= budget, "{} bytes of {budget}", page.len());
            check_structure(&page);
            check_characters(&page);
        }
    }

    #[test]
    fn a_stored_plan_stays_whole_too((document, plan) in kept(), budget in 0..6000_usize) {
        for budget in [budget, 100_000] {
            let page = stored_markdown(&document, &plan, budget);
            prop_assert!(page.len() <= budget, "{} bytes of {budget}", page.len());
            check_structure(&page);
            check_characters(&page);
        }
    }

    #[test]
    fn terminal_text_has_nothing_that_a_terminal_obeys((document, plan) in kept()) {
        for shown in [text(&plan, Style::new(false)), stored(&document, &plan, Style::new(false))] {
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
            let hidden = ['\u{202e}', '\u{200b}'];
            prop_assert!(!shown.contains(hidden));
        }
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut plan = plan().new_tree(&mut runner).unwrap().current();
    let action = action().new_tree(&mut runner).unwrap().current();
    plan.actions = vec![ActionDocument { verb: "delete".to_owned(), from_base: false, ..action }; 200];
    let page = markdown(&[plan], 4_000);
    assert!(page.contains("Left out for length: "), "{page}");
}
