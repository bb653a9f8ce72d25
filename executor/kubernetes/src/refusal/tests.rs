//! Answers as the server gives them, and what they are taken for.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

fn answer(code: u16, body: &Value) -> Answer {
    Answer {
        status: StatusCode::from_u16(code).unwrap(),
        is_json: true,
        content_type: "application/json".to_owned(),
        retry_after: None,
        body: Bytes::from(body.to_string()),
    }
}

fn text(code: u16, words: &str) -> Answer {
    let body = Bytes::from(words.to_owned());
    Answer { is_json: false, content_type: "text/plain".to_owned(), body, ..answer(code, &Value::Null) }
}

fn check(answer: &Answer) -> Refusal {
    Refusal::of(answer).expect("should be refused")
}

#[test]
fn conflicts_name_field_and_manager() {
    let causes = json!([
        {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1", "field": ".data.a"},
        {"reason": "FieldManagerConflict", "message": "conflict with \"kube-controller-manager\" with subresource \"scale\" using apps/v1", "field": ".spec.replicas"},
    ]);
    let body = json!({"reason": "Conflict", "message": "Apply failed with 2 conflicts", "details": {"causes": causes}});
    let Refusal::Conflicts(found) = check(&answer(409, &body)) else { unreachable!("it is a conflict") };
    let found: Vec<_> = found.iter().map(|one| (one.field.as_str(), one.manager.as_str())).collect();
    assert_eq!(found, [(".data.a", "kubectl-edit"), (".spec.replicas", "kube-controller-manager")]);
}

#[test]
fn answers_are_told_apart() {
    let status = |code: u16, reason: &str, message: &str, details: Value| {
        check(&answer(code, &json!({"reason": reason, "message": message, "details": details})))
    };
    assert_eq!(status(401, "Unauthorized", "Unauthorized", json!({})), Refusal::Unauthorized);
    assert_eq!(
        status(
            403,
            "Forbidden",
            "configmaps \"a\" is forbidden: User \"u\" cannot patch resource",
            json!({})
        ),
        Refusal::Forbidden("configmaps \"a\" is forbidden: User \"u\" cannot patch resource".to_owned())
    );
    assert_eq!(
        status(
            403,
            "Forbidden",
            "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1",
            json!({})
        ),
        Refusal::Quota("exceeded quota: q, requested: pods=1, used: pods=1".to_owned())
    );
    assert_eq!(
        status(403, "Forbidden", "…", json!({"causes": [{"reason": "NamespaceTerminating"}]})),
        Refusal::NamespaceTerminating
    );
    assert_eq!(status(404, "NotFound", "…", json!({"kind": "namespaces"})), Refusal::NamespaceMissing);
    assert_eq!(status(404, "NotFound", "…", json!({"kind": "configmaps"})), Refusal::Missing);
    assert_eq!(check(&text(404, "404 page not found")), Refusal::NotServed);
    assert!(matches!(
        status(409, "Conflict", "Operation cannot be fulfilled: uid mismatch", json!({})),
        Refusal::Stale(_)
    ));
    assert_eq!(check(&text(429, "Too many requests")), Refusal::Throttled(None));
    assert_eq!(
        status(503, "ServiceUnavailable", "…", json!({"retryAfterSeconds": 2})),
        Refusal::Throttled(Some(Duration::from_secs(2)))
    );
    assert!(matches!(check(&text(502, "<html>")), Refusal::Unavailable(_)));
    assert_eq!(status(410, "Expired", "too old resource version", json!({})), Refusal::Expired);
    assert_eq!(
        status(
            500,
            "",
            "failed to create typed patch object (ns/a; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema",
            json!({})
        ),
        Refusal::Invalid { field: None, reason: ".spec.foo: field not declared in schema".to_owned() }
    );
}

#[test]
fn what_the_server_quotes_is_not_passed_on() {
    let dump = "Invalid value: {\"env\":[{\"name\":\"PASSWORD\",\"value\":\"hunter2\"}]}: field is immutable";
    let body = json!({
        "reason": "Invalid",
        "message": format!("Deployment.apps \"web\" is invalid: spec.selector: {dump}"),
        "details": {"causes": [{"reason": "FieldValueInvalid", "message": dump, "field": "spec.selector"}]},
    });
    let refusal = check(&answer(422, &body));
    let expected =
        Refusal::Invalid { field: Some("spec.selector".to_owned()), reason: "field is immutable".to_owned() };
    assert_eq!(refusal, expected);
    let secret = ObjectKey::new("", "Secret", Some("ns"), "db");
    let error = Refusal::Invalid { field: None, reason: "hunter2".to_owned() };
    assert!(!error.to_write_error(&secret).to_string().contains("hunter2"));
}
