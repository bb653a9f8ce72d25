//! Reports on pull requests, in words.

use naksha_environments::plan::Plan;

use super::*;
use crate::pulls::words::outside_code;

#[test]
fn a_promotion_tells_its_gates_and_none_is_silent() {
    let name = |text| EnvironmentName::parse(text).unwrap();
    let verdict = |gate, state, words: &str| GateVerdict { gate, state, words: words.to_owned() };
    let gates = Gates::from([(
        name("staging"),
        [
            verdict(Gate::Order, GateState::Open, "dev runs it and is well"),
            verdict(
                Gate::Soak,
                GateState::Waits { until: None },
                "30m are over at 2030-06-01 12:30Z, if dev stays well",
            ),
            verdict(Gate::Verify, GateState::Open, "none is asked for"),
            verdict(Gate::Window, GateState::Open, "open | <b> @everybody"),
        ],
    )]);
    let outlooks = [
        Outlook {
            environment: name("dev"),
            prospect: Prospect::Nothing(UNAFFECTED.to_owned()),
            later: None,
            ahead: None,
        },
        Outlook {
            environment: name("staging"),
            prospect: Prospect::Nothing(UNAFFECTED.to_owned()),
            later: None,
            ahead: None,
        },
    ];
    let revision = |digit: char| Revision::parse(&digit.to_string().repeat(40)).unwrap();
    let (head, base) = (revision('a'), revision('b'));
    let Report { checks, comment } = report(
        &Subject {
            head: &head,
            base: &base,
            gates: &gates,
            lacking: &Lacking::new(),
            rules: &Rules::default(),
            seen: None,
        },
        &outlooks,
        &[],
    );
    let checks: Vec<_> =
        checks.iter().map(|check| format!("{}: {:?}: {}", check.name, check.state, check.summary)).collect();
    insta::assert_snapshot!(format!("{}\n\n{comment}", checks.join("\n")));
    let none = report(
        &Subject {
            head: &head,
            base: &base,
            gates: &Gates::new(),
            lacking: &Lacking::new(),
            rules: &Rules::default(),
            seen: None,
        },
        &outlooks,
        &[],
    );
    let says_none = |check: &&Check| check.summary == "not a promotion";
    assert_eq!(none.checks.iter().filter(says_none).count(), Gate::ALL.len());
    assert_eq!(none.checks.last().map(|check| check.name.as_str()), Some(AGGREGATE));
}

#[test]
fn another_base_alone_is_no_news() {
    let revision = |digit: char| Revision::parse(&digit.to_string().repeat(40)).unwrap();
    let (gates, outlook) = (Gates::new(), |words: &str| Outlook {
        environment: EnvironmentName::parse("dev").unwrap(),
        prospect: Prospect::Nothing(words.to_owned()),
        later: None,
        ahead: None,
    });
    let told = |head, base, words| {
        let subject = Subject {
            head: &revision(head),
            base: &revision(base),
            gates: &gates,
            lacking: &Lacking::new(),
            rules: &Rules::default(),
            seen: None,
        };
        report(&subject, &[outlook(words)], &[]).comment
    };
    let comment = told('a', 'b', UNAFFECTED);
    assert!(is_said(&comment, &comment) && is_said(comment.trim_end(), &comment));
    assert!(is_said(&comment, &told('a', 'c', UNAFFECTED)));
    assert!(!is_said(&comment, &told('c', 'b', UNAFFECTED)), "another head");
    assert!(!is_said(&comment, &told('a', 'b', "it has no definition")), "something else comes of it");
    assert!(!is_said("words", &comment) && !is_said("", &comment));
}

#[test]
fn what_comes_later_and_whose_word_is_waited_for_is_said() {
    let name = |text| EnvironmentName::parse(text).unwrap();
    let document = |text| Box::new(PlanDocument::of(&Plan::empty(&name(text))));
    let changed = Prospect::Plan { document: document("prod"), live: true };
    let outlooks = [
        Outlook {
            environment: name("staging"),
            prospect: Prospect::Nothing(UNAFFECTED.to_owned()),
            later: Some(document("staging")),
            ahead: Some("ahead of dev by `variables.replicas`".to_owned()),
        },
        Outlook { environment: name("prod"), prospect: changed, later: None, ahead: None },
    ];
    let revision = Revision::parse(&"a".repeat(40)).unwrap();
    let lacking = Lacking::from([(name("prod"), "waits for an approval by @ann or @org/ops".to_owned())]);
    let (gates, rules) = (Gates::new(), Rules::default());
    let subject = Subject {
        head: &revision,
        base: &revision,
        gates: &gates,
        lacking: &lacking,
        rules: &rules,
        seen: None,
    };
    let Report { checks, comment } = report(&subject, &outlooks, &[]);
    let told = |name: &str| {
        let check = checks.iter().find(|check| check.name == name).unwrap();
        (check.state, check.summary.clone())
    };
    let later = "nothing now; reaches staging by promotion".to_owned();
    assert_eq!(told("naksha/plan: staging"), (CheckState::Passed, later));
    let waits = "no changes; waits for an approval by @ann or @org/ops".to_owned();
    assert_eq!(told("naksha/plan: prod"), (CheckState::Waits, waits));
    assert_eq!(told(AGGREGATE), (CheckState::Waits, "waits for an approval, see prod".to_owned()));
    assert!(!comment.contains("@ann"), "nobody is called: {comment}");
    let ahead =
        "**staging**: nothing now; reaches staging by promotion; ahead of dev by `variables.replicas`\n";
    assert!(comment.contains(ahead), "{comment}");

    // A queue waits for nobody.
    let queued = report(&Subject { seen: Some(&Seen::new()), ..subject }, &outlooks, &[]);
    let sum = queued.checks.iter().find(|check| check.name == AGGREGATE).unwrap();
    assert_eq!((sum.state, sum.summary.as_str()), (CheckState::Failed, "see prod"));
}

#[test]
fn changed_rules_stand_open_and_do_nothing_else() {
    let name = |text: String| EnvironmentName::parse(&text).unwrap();
    let outlook = Outlook {
        environment: name("prod".to_owned()),
        prospect: Prospect::Plan {
            document: Box::new(PlanDocument::of(&Plan::empty(&name("prod".to_owned())))),
            live: true,
        },
        later: None,
        ahead: None,
    };
    let (head, gates, lacking) = (Revision::parse(&"a".repeat(40)).unwrap(), Gates::new(), Lacking::new());
    let told = |rules: &Rules| {
        let subject =
            Subject { head: &head, base: &head, gates: &gates, lacking: &lacking, rules, seen: None };
        report(&subject, std::slice::from_ref(&outlook), &[]).comment
    };
    assert!(!told(&Rules::default()).contains("Changes the rules"));

    let line = "owners: has to approve: @org/platform, </details> <b> → nobody".to_owned();
    let one = Rules {
        everywhere: vec!["unreviewed: hold → apply".to_owned()],
        environments: BTreeMap::from([(name("prod".to_owned()), vec![line.clone()])]),
        ..Rules::default()
    };
    let comment = told(&one);
    let expected = "\n**Changes the rules** (this change is judged by the old ones)\n\n\
        - everywhere: unreviewed: hold → apply\n\
        - prod: owners: has to approve: @\u{200b}org/platform, &lt;/details&gt; &lt;b&gt; → nobody\n\n|";
    assert!(comment.contains(expected), "{comment}");

    // Every one of many is seen, and the plan is still there.
    let many = (0..8).map(|at| (name(format!("prod-{at}")), vec![line.clone(); 21])).collect();
    let comment = told(&Rules { environments: many, ..one });
    for at in 0..8 {
        assert!(comment.contains(&format!("- prod-{at}: owners")), "{comment}");
    }
    assert!(comment.contains("- More than fits here"), "{comment}");
    assert!(comment.contains("| prod | 0 | 0 |"), "{comment}");
    let (_, rest) = comment.split_once("**Changes the rules**").unwrap();
    assert!(rest.split_once("| Environment").unwrap().0.len() <= 4_000, "{rest}");
}

#[test]
fn nothing_is_too_long_to_be_said_and_no_secret_is() {
    let name = |at: usize| EnvironmentName::parse(&format!("env-{at}")).unwrap();
    let hostile =
        |at: usize| ["&", "@", "<b>", "`", "\n```\n", "</details>", "|", "日本"][at % 8].repeat(400);
    let prospect = |at: usize| match at % 3 {
        0 => Prospect::Unknown(format!("token=hunter2hunter2 {}", hostile(at))),
        1 => Prospect::Nothing(hostile(at)),
        _ => Prospect::Plan { document: Box::new(PlanDocument::of(&Plan::empty(&name(at)))), live: true },
    };
    let outlook = |at| Outlook { environment: name(at), prospect: prospect(at), later: None, ahead: None };
    let outlooks: Vec<Outlook> = (0..300).map(outlook).collect();
    let verdict = |at, gate| GateVerdict { gate, state: GateState::Shut, words: hostile(at) };
    let gates: Gates = (0..100).map(|at| (name(at), Gate::ALL.map(|gate| verdict(at, gate)))).collect();
    let rules = Rules { everywhere: (0..100).map(hostile).collect(), ..Rules::default() };
    let lacking: Lacking = (0..300).map(|at| (name(at), hostile(at))).collect();
    let errors: Vec<_> = (0..100)
        .map(|at| {
            Diagnostic::new(naksha_environments::codes::plan::DRIFT, hostile(at))
                .hint("secret: hunter2hunter2")
        })
        .collect();
    let head = Revision::parse(&"a".repeat(40)).unwrap();
    let subject =
        Subject { head: &head, base: &head, gates: &gates, lacking: &lacking, rules: &rules, seen: None };
    let Report { checks, comment } = report(&subject, &outlooks, &errors);
    assert!(comment.len() <= COMMENT_BUDGET, "{}", comment.len());
    assert!(comment.contains("more environments\n") && comment.ends_with("</sub>\n"), "{comment}");
    for outside in ["@@", "<b>", "\n</details>\n</details>", "hunter2"] {
        assert!(!outside_code(&comment).contains(outside), "{outside}: {comment}");
    }
    assert!(!comment.contains("hunter2"), "{comment}");
    assert!(
        checks
            .iter()
            .all(|check| check.summary.len() <= MAX_SUMMARY + 3 && !check.summary.contains("hunter2"))
    );
    let paths: BTreeSet<String> = (0..1000).map(|at| format!("{at} {}", hostile(at))).collect();
    let comment = conflict(&subject, &paths).comment;
    assert!(
        comment.len() <= COMMENT_BUDGET && !comment.contains("@@") && comment.contains("and 980 more"),
        "{comment}"
    );
}
