//! Trees, events and differences: their form, and text from outside in them.

use naksha_environments::ids::EnvironmentName;
use naksha_environments::object::{Health, ObjectKey};
use naksha_environments::plan::Plan;
use naksha_environments::wire::{
    ChangeDocument, DIFF_VERSION, DiffDocument, DriftDocument, EVENTS_VERSION, EventDocument, EventsDocument,
    LeftDocument, LeftFieldDocument, PlanDocument, ShownDocument, SubjectDocument, TREE_VERSION,
    TreeDocument, TreeNodeDocument, UnitTreeDocument,
};
use serde_json::json;

use crate::present::{Style, diff, events, tree};

const HOSTILE: &str = "\u{1b}[31mred\u{202e}\nnext\u{7}";

fn key(kind: &str, name: &str) -> ObjectKey {
    ObjectKey::new(if kind == "Deployment" { "apps" } else { "" }, kind, Some("shop"), name)
}

fn node(kind: &str, name: &str, health: &Health, children: Vec<TreeNodeDocument>) -> TreeNodeDocument {
    TreeNodeDocument { children, ..TreeNodeDocument::of(&key(kind, name), health) }
}

fn plain() -> Style {
    Style::new(false)
}

#[test]
fn a_tree_is_drawn_with_boxes() {
    let why = Health::Degraded("container `web` cannot pull image `web:1`".to_owned());
    let pods =
        vec![node("Pod", "web-1-a", &Health::Healthy, Vec::new()), node("Pod", "web-1-b", &why, Vec::new())];
    let mut set = node("ReplicaSet", "web-1", &Health::Progressing("1 of 2".to_owned()), pods);
    set.subject.namespace = Some("elsewhere".to_owned());
    let mut web =
        node("Deployment", "web", &Health::Progressing("1 of 2 replicas ready".to_owned()), vec![set]);
    web.more = 2;
    let objects = vec![web, node("Service", "web", &Health::Healthy, Vec::new())];
    let unit = |unit: &str, objects: &[TreeNodeDocument], more: usize| UnitTreeDocument {
        unit: unit.to_owned(),
        objects: objects.to_vec(),
        more,
    };
    let mut document = TreeDocument {
        version: TREE_VERSION,
        repository: "infra".to_owned(),
        environment: "dev".to_owned(),
        units: vec![unit("web", &objects, 0), unit("settings", &objects[1..], 3)],
        gaps: vec!["pods of namespace shop: forbidden".to_owned()],
    };
    let drawn = tree(std::slice::from_ref(&document), plain());
    let expected = "infra/dev
├── web
│   ├── Deployment shop/web  Progressing: 1 of 2 replicas ready
│   │   ├── ReplicaSet elsewhere/web-1  Progressing: 1 of 2
│   │   │   ├── Pod shop/web-1-a  Healthy
│   │   │   └── Pod shop/web-1-b  Degraded: container `web` cannot pull image `web:1`
│   │   └── and 2 more
│   └── Service shop/web  Healthy
└── settings
    ├── Service shop/web  Healthy
    └── and 3 more
not looked at: pods of namespace shop: forbidden";
    assert_eq!(drawn, expected);

    document.units[0].objects[0].message = Some(HOSTILE.to_owned());
    document.units[0].objects[0].subject.name = HOSTILE.to_owned();
    let drawn = tree(&[document.clone()], plain());
    assert!(!drawn.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{drawn:?}");
    assert_eq!(drawn.lines().count(), expected.lines().count(), "no text makes a line");
    document.units.clear();
    document.gaps.clear();
    assert_eq!(tree(&[document], plain()), "infra/dev\n└── nothing is wanted or owned here");
    assert_eq!(tree(&[], plain()), "no environments");
}

fn event(at: &str, subject: Option<&ObjectKey>, reason: &str, message: &str, count: u64) -> EventDocument {
    EventDocument {
        at: at.to_owned(),
        repository: "infra".to_owned(),
        environment: "dev".to_owned(),
        source: "target".to_owned(),
        subject: subject.map(SubjectDocument::of_key),
        of: None,
        unit: None,
        warning: false,
        reason: reason.to_owned(),
        message: message.to_owned(),
        count,
    }
}

#[test]
fn events_are_a_table() {
    let mut document = EventsDocument {
        version: EVENTS_VERSION,
        since: "2030-01-01T00:00:00Z".to_owned(),
        events: vec![
            event("2030-01-01T00:00:01Z", Some(&key("Deployment", "web")), "Scaled", "up", 1),
            event("2030-01-01T00:00:02Z", Some(&key("Pod", "web-1-a")), "BackOff", "it waits", 7),
            event("2030-01-01T00:00:03Z", None, "Applied", "plan 0123", 1),
        ],
        more: 0,
        gaps: Vec::new(),
    };
    let expected = "2030-01-01T00:00:01Z  Deployment/web  Scaled   up
2030-01-01T00:00:02Z  Pod/web-1-a     BackOff  it waits (7 times)
2030-01-01T00:00:03Z  infra/dev       Applied  plan 0123";
    assert_eq!(events(&document, plain()), expected);

    document.events[2].environment = "prod".to_owned();
    document.more = 4;
    let text = events(&document, plain());
    assert!(text.starts_with("4 older ones are left out\n"), "{text}");
    assert!(text.contains("infra/dev Pod/web-1-a") && text.contains("infra/prod "), "{text}");

    document.events.truncate(1);
    document.events[0].message = HOSTILE.to_owned();
    document.events[0].reason = HOSTILE.to_owned();
    let text = events(&document, plain());
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']) && text.lines().count() == 2, "{text:?}");
    document.events.clear();
    (document.more, document.gaps) = (0, vec!["events of namespace shop: forbidden".to_owned()]);
    let text =
        "nothing happened since 2030-01-01T00:00:00Z\nnot looked at: events of namespace shop: forbidden";
    assert_eq!(events(&document, plain()), text);
}

#[test]
fn a_difference_says_what_is_there_what_is_wanted_and_who_set_it() {
    let environment = EnvironmentName::parse("dev").unwrap();
    let mut plan = PlanDocument::of(&Plan::empty(&environment));
    let mut document = DiffDocument {
        version: DIFF_VERSION,
        repository: "infra".to_owned(),
        environment: "dev".to_owned(),
        result: "same".to_owned(),
        reason: None,
        plan: plan.clone(),
    };
    document.plan.counts.unchanged = 3;
    assert_eq!(diff(&[document.clone()], plain()), "infra/dev is as Git wants it: 3 objects");

    let value = |value: serde_json::Value| Some(ShownDocument::Value(value));
    plan.drifted.push(DriftDocument {
        subject: SubjectDocument::of_key(&key("Deployment", "web")),
        changes: vec![
            ChangeDocument {
                path: "spec.replicas".to_owned(),
                before: value(json!(5)),
                after: value(json!(2)),
                set_by: Some("kubectl-edit".to_owned()),
            },
            ChangeDocument {
                path: "spec.paused".to_owned(),
                before: value(json!(true)),
                after: None,
                set_by: Some(HOSTILE.to_owned()),
            },
        ],
    });
    document = DiffDocument { result: "differs".to_owned(), plan, ..document };
    let expected = "infra/dev: 1 object is not as Git wants; 0 unchanged

Drifted, not taken back
  ~ apps/Deployment shop/web
      ~ spec.replicas: 5 → 2 (set by kubectl-edit)
      - spec.paused: true (set by red next)";
    assert_eq!(diff(&[document.clone()], plain()), expected);

    let left = LeftFieldDocument {
        change: ChangeDocument {
            path: "spec.replicas".to_owned(),
            before: value(json!(5)),
            after: value(json!(2)),
            set_by: Some("keda-operator".to_owned()),
        },
        to: "rule".to_owned(),
        reason: format!("scaled by KEDA{HOSTILE}"),
        place: None,
    };
    let mut same = PlanDocument::of(&Plan::empty(&environment));
    same.counts.unchanged = 3;
    same.left_alone.push(LeftDocument {
        unit: "web".to_owned(),
        subject: SubjectDocument::of_key(&key("Deployment", "web")),
        fields: vec![left],
    });
    let same = DiffDocument { result: "same".to_owned(), plan: same, ..document };
    let expected = "infra/dev is as Git wants it: 3 objects

Left alone
  apps/Deployment shop/web
      spec.replicas: 5, not 2 (scaled by KEDAred next; set by keda-operator)";
    assert_eq!(diff(&[same], plain()), expected);

    let unknown = DiffDocument::unknown("infra", &environment, "NK0601: it is away");
    let expected = "infra/dev could not be compared as a whole; 0 unchanged\n  NK0601: it is away";
    assert_eq!(diff(&[unknown], plain()), expected);
}
