//! What GitHub's description lets through, and what it does not.

use super::*;
use crate::programs::are_there;

fn described() -> Option<&'static Description> {
    are_there(&[FILE]).then(Description::shared)
}

#[test]
fn what_is_asked_is_found_by_its_path() {
    let Some(description) = described() else { return };
    let found = |method: &str, path: &str| {
        description.find(method, path).map(|(operation, parts)| (operation.id.clone(), parts))
    };
    let parts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Parts>()
    };
    let (id, _) = found("GET", "/repos/o/r/issues/comments").expect("should be known");
    assert_eq!(id, "issues/list-comments-for-repo");
    let (id, at) = found("GET", "/repos/o/r/contents/a/b%20c.yaml").expect("should be known");
    assert_eq!(
        (id.as_str(), at),
        ("repos/get-content", parts(&[("owner", "o"), ("repo", "r"), ("path", "a/b c.yaml")]))
    );
    let (id, at) = found("GET", "/repos/o/r/commits/promote/staging/status").expect("should be known");
    assert_eq!(id, "repos/get-combined-status-for-ref");
    assert_eq!(at["ref"], "promote/staging");
    for (method, path) in [
        ("GET", "/repos/o/r/pulls/x"),
        ("GET", "/repos/o/r/pulls/"),
        ("PUT", "/repos/o/r/pulls/1"),
        ("GET", "/repos/o/r/nothing"),
    ] {
        assert!(found(method, path).is_none(), "{method} {path}");
    }
}

#[test]
fn requests_say_nothing_that_github_does_not_know() {
    let Some(description) = described() else { return };
    let (operation, _) = description.find("POST", "/repos/o/r/check-runs").expect("should be known");
    let wrong = |body: Value| description.check_request(operation, &BTreeMap::new(), Some(&body)).join("; ");
    let output = json!({"title": "t", "summary": "s"});
    assert_eq!(wrong(json!({"name": "n", "head_sha": "s", "output": output})), "");
    for (body, words) in [
        (json!({"name": "n"}), "head_sha"),
        (json!({"name": "n", "head_sha": "s", "text": "x"}), "text"),
        (json!({"name": "n", "head_sha": "s", "output": {"title": "t", "summary": "s", "more": 1}}), "more"),
        (json!({"name": "n", "head_sha": "s", "status": "done"}), "done"),
        (json!({"name": 1, "head_sha": "s"}), "string"),
        (json!({"name": "n", "head_sha": "s", "output": {"title": "t"}}), "summary"),
    ] {
        let wrong = wrong(body.clone());
        assert!(wrong.contains(words), "{body}: {wrong}");
    }

    let (operation, _) = description.find("PATCH", "/repos/o/r/check-runs/1").expect("should be known");
    let wrong = |body: Value| description.check_request(operation, &BTreeMap::new(), Some(&body));
    assert!(wrong(json!({"status": "completed", "conclusion": "success"})).is_empty());
    assert!(wrong(json!({"status": "in_progress", "output": {"summary": "s"}})).is_empty());
    assert!(!wrong(json!({"status": "completed"})).is_empty(), "completed without a conclusion");
    assert!(!wrong(json!({"status": "in_progress", "head_sha": "s"})).is_empty(), "it has its commit");

    let (operation, _) = description.find("GET", "/repos/o/r/pulls").expect("should be known");
    let wrong = |name: &str, value: &str| {
        let query = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        !description.check_request(operation, &query, None).is_empty()
    };
    assert!(!wrong("state", "open") && !wrong("per_page", "100"));
    assert!(wrong("limit", "50") && wrong("state", "merged") && wrong("per_page", "many"));
}

#[test]
fn answers_have_what_those_of_github_have_and_no_more() {
    let Some(description) = described() else { return };
    let (operation, _) = description.find("GET", "/repos/o/r/git/ref/heads/main").expect("should be known");
    let wrong = |status, body: Option<Value>| description.check_answer(operation, status, body.as_ref());
    let object = json!({"type": "commit", "sha": "0".repeat(40), "url": "https://x/y"});
    let whole = json!({"ref": "r", "node_id": "n", "url": "https://x", "object": object});
    assert!(wrong(200, Some(whole.clone())).is_empty());
    for (field, value) in [("url", json!("no address")), ("ref", Value::Null), ("more", json!(1))] {
        let mut other = whole.clone();
        other[field] = value;
        assert!(!wrong(200, Some(other)).is_empty(), "{field}");
    }
    let mut less = whole.clone();
    less["object"] = json!({"type": "commit", "sha": "s"});
    assert!(!wrong(200, Some(less)).is_empty());
    assert!(!wrong(201, Some(whole)).is_empty() && !wrong(200, None).is_empty());
    assert!(!description.check_webhook("pull-request-opened", &json!({"action": "opened"})).is_empty());
}
