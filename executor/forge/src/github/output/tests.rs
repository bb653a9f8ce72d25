//! What a check run shows: never too long, never half a fence.

use proptest::prelude::*;

use super::*;

fn check(summary: &str, text: Option<&str>) -> Check {
    Check {
        name: "naksha/plan: dev".to_owned(),
        state: CheckState::Failed,
        summary: summary.to_owned(),
        text: text.map(str::to_owned),
        annotations: Vec::new(),
    }
}

fn is_closed(text: &str) -> bool {
    text.split_inclusive('\n').fold(None, Fence::after).is_none()
}

#[test]
fn what_fits_is_what_it_was() {
    let short = Output::of(&check("1 to update", Some("```diff\n+ a\n```\n")));
    assert_eq!((short.title.as_str(), short.summary.as_str()), ("1 to update", "```diff\n+ a\n```\n"));
    assert_eq!(short.text, None);
    let without = Output::of(&check("fine", None));
    assert_eq!((without.title.as_str(), without.summary.as_str()), ("fine", "fine"));
    assert_eq!(Output::of(&check("", None)).summary, "failed", "an empty field is refused");
    assert_eq!(Output::of(&check("fine", Some(""))).summary, "fine");
}

#[test]
fn a_title_that_is_cut_is_whole_in_the_summary() {
    let long = "é".repeat(300);
    let output = Output::of(&check(&long, Some("more")));
    assert_eq!(output.title, "é".repeat(127), "not half a character");
    assert_eq!(output.summary, format!("{long}\n\nmore"));
}

#[test]
fn a_fence_is_closed_on_one_page_and_opened_on_the_next() {
    let line = "+ value\n";
    let text = format!("before\n````diff\n{}````\nafter\n", line.repeat(10_000));
    let output = Output::of(&check("plan", Some(&text)));
    let rest = output.text.unwrap();
    assert!(output.summary.ends_with("+ value\n````\n") && rest.starts_with("````diff\n+ value\n"));
    assert!(rest.ends_with("````\nafter\n"));
    let lines = |text: &str| text.matches(line).count();
    assert_eq!(lines(&output.summary) + lines(&rest), 10_000);
    assert!(output.summary.len() > MAX_TEXT - 40, "{}", output.summary.len());
}

#[test]
fn what_is_left_out_is_counted() {
    let text = format!("```\n{}```\n", "x\n".repeat(100_000));
    let output = Output::of(&check("plan", Some(&text)));
    let rest = output.text.unwrap();
    assert!(rest.len() <= MAX_TEXT && output.summary.len() <= MAX_TEXT);
    assert!(is_closed(&output.summary) && is_closed(&rest));
    let (_, note) = rest.rsplit_once("\n\n").unwrap();
    let told: usize = note.trim_start_matches('*').split(' ').next().unwrap().parse().unwrap();
    let shown = |text: &str| text.matches("x\n").count();
    // The lines of the fence that is opened again and closed are among those that are left out.
    assert_eq!(shown(&output.summary) + shown(&rest) + told, 100_000 + 2, "{note}");
    assert!(note.contains("`naksha show PLAN`"), "{note}");
}

#[test]
fn one_long_line_is_cut_between_characters() {
    for before in ["", "a\n", "```\n"] {
        let output = Output::of(&check("plan", Some(&format!("{before}{}", "é".repeat(60_000)))));
        let rest = output.text.unwrap();
        let count = |text: &str| text.matches('é').count();
        assert_eq!(count(&output.summary) + count(&rest), 60_000, "{before:?}");
        assert!(output.summary.len() > MAX_TEXT - 20, "{before:?}");
    }
}

#[test]
fn an_annotation_has_a_line_and_words() {
    let annotation = |title: &str, message: &str| Annotation {
        path: "a/unit.yaml".to_owned(),
        line: 0,
        is_error: false,
        title: title.to_owned(),
        message: message.to_owned(),
    };
    let told = annotated(&annotation(&"t".repeat(300), ""));
    assert_eq!((&told["start_line"], &told["annotation_level"]), (&json!(1), &json!("warning")));
    assert_eq!((&told["title"], &told["message"]), (&json!("t".repeat(255)), &json!("t".repeat(255))));
    assert_eq!(annotated(&annotation("t", &"m".repeat(20_000)))["message"], json!("m".repeat(MAX_MESSAGE)));
}

proptest! {
    #[test]
    fn no_page_is_too_long_and_none_leaves_a_fence_open(
        lines in prop::collection::vec("(`{3,6}[a-z]{0,90}|~{3,6}|  ```|    ```|é{0,40}|[a-z`~ ]{0,30})\n", 0..60),
        budget in 200_usize..400,
    ) {
        let (kept, rest) = page(&lines.concat(), budget);
        prop_assert!(kept.len() <= budget, "{} of {budget}", kept.len());
        prop_assert!(rest.is_empty() || is_closed(&kept), "{kept:?}");
    }

    #[test]
    fn every_field_is_within_its_limit(summary in "[é`a-z ]{0,300}", line in "[é`~a-z]{0,80}\n", count in 0_usize..4_000) {
        let output = Output::of(&check(&summary, Some(&line.repeat(count))));
        prop_assert!(output.title.len() <= MAX_TITLE && !output.title.trim().is_empty());
        prop_assert!(output.summary.len() <= MAX_TEXT && !output.summary.trim().is_empty());
        prop_assert!(output.text.is_none_or(|text| text.len() <= MAX_TEXT));
    }
}
