//! The GitHub of these tests refuses what GitHub refuses: what the forge contract does not reach.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use naksha_executor::contract::forge::Stage as _;
use naksha_tests::github::{AppKey, Forged, GitHub};
use naksha_tests::{Api, Person, must};
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::github_stage::{GitHubStage, as_app, as_token};

/// The status of an answer and its words.
fn said(person: &Person, method: Method, path: &str, body: &Value) -> (u16, String) {
    let answer = must(person.api().send(method, path, Some(body)));
    (answer.status, answer.body.to_string())
}

/// A proof of the App with these claims.
fn proof(key: AppKey, algorithm: &str, claims: &Value) -> String {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&json!({"alg": algorithm, "typ": "JWT"})), encode(claims));
    let lines = key.pem().lines().filter(|line| !line.starts_with("-----"));
    let der = base64::prelude::BASE64_STANDARD.decode(lines.collect::<String>()).unwrap();
    let pair = RsaKeyPair::from_der(&der).or_else(|_| RsaKeyPair::from_pkcs8(&der)).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn asks(github: &GitHub, token: &str, path: &str) -> u16 {
    let api = must(Api::plain(github.url(), token));
    must(api.send(Method::GET, path, None)).status
}

#[test]
fn an_app_is_believed_for_ten_minutes_by_its_own_key() {
    let Some(GitHubStage { forged, .. }) = as_app() else { return };
    let github = &forged.github;
    let now = Timestamp::now().as_second();
    let (id, client_id) = github.app_ids();
    let claims =
        |issuer: &Value, from: i64, to: i64| json!({"iss": issuer, "iat": now + from, "exp": now + to});
    let good = claims(&json!(id), -60, 500);
    let status = |key, algorithm: &str, claims: &Value| asks(github, &proof(key, algorithm, claims), "/app");
    assert_eq!(status(AppKey::First, "RS256", &good), 200);
    assert_eq!(status(AppKey::First, "RS256", &claims(&json!(client_id), -60, 500)), 200);
    assert_eq!(status(AppKey::First, "RS256", &claims(&json!(id.parse::<u64>().unwrap()), -60, 500)), 200);
    for (why, key, algorithm, claims) in [
        ("another key", AppKey::Second, "RS256", good.clone()),
        ("another algorithm", AppKey::First, "HS256", good.clone()),
        ("another app", AppKey::First, "RS256", claims(&json!("78"), -60, 500)),
        ("from the future", AppKey::First, "RS256", claims(&json!(id), 30, 500)),
        ("over", AppKey::First, "RS256", claims(&json!(id), -600, -1)),
        ("for too long", AppKey::First, "RS256", claims(&json!(id), -60, 700)),
        ("without an end", AppKey::First, "RS256", json!({"iss": id, "iat": now - 60})),
    ] {
        assert_eq!(status(key, algorithm, &claims), 401, "{why}");
    }
    // It says who the App is, and nothing else.
    let token = proof(AppKey::First, "RS256", &good);
    assert_eq!(asks(github, &token, &format!("/repos/{}", forged.full_name)), 401);
    assert_eq!(asks(github, &forged.admin.token, "/app"), 401);
    github.replace_app_key();
    assert_eq!(status(AppKey::First, "RS256", &good), 401);
    assert_eq!(status(AppKey::Second, "RS256", &good), 200);
}

#[test]
fn a_token_of_an_installation_may_what_it_was_made_for() {
    let Some(GitHubStage { forged, .. }) = as_app() else { return };
    let github = &forged.github;
    let now = Timestamp::now().as_second();
    let claims = json!({"iss": github.app_ids().0, "iat": now - 60, "exp": now + 500});
    let app = must(Api::plain(github.url(), &proof(AppKey::First, "RS256", &claims)));
    let root = format!("/repos/{}", forged.full_name);
    let installation = must(app.get(&format!("{root}/installation")));
    let tokens = format!("/app/installations/{}/access_tokens", installation["id"]);
    let ask = |body: &Value| must(app.send(Method::POST, &tokens, Some(body)));
    assert_eq!(ask(&json!({"permissions": {"administration": "write"}})).status, 422);
    assert_eq!(ask(&json!({"repositories": ["another"]})).status, 422);
    let made =
        ask(&json!({"repositories": ["infra"], "permissions": {"checks": "read", "contents": "write"}}));
    assert_eq!((made.status, &made.body["permissions"]["metadata"]), (201, &json!("read")));
    let token = made.body["token"].as_str().unwrap();
    assert_eq!(asks(github, token, &root), 200);
    assert_eq!(asks(github, token, &format!("{root}/commits/main/check-runs")), 200);
    assert_eq!(asks(github, token, &format!("{root}/pulls")), 403);
    assert_eq!(asks(github, token, "/user"), 403);
    let installed = must(Api::plain(github.url(), token));
    let head = github.head("main").unwrap();
    let body = json!({"name": "naksha", "head_sha": head});
    let refused = must(installed.send(Method::POST, &format!("{root}/check-runs"), Some(&body)));
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (403, &json!("Resource not accessible by integration"))
    );
    github.advance(SignedDuration::from_mins(61));
    assert_eq!(asks(github, token, &root), 401);
}

#[test]
fn texts_have_limits_and_check_runs_are_for_apps() {
    let Some(stage) = as_token() else { return };
    let (forged, head) = (&stage.forged, stage.push("change"));
    let root = format!("/repos/{}", forged.full_name);
    let Forged { writer, reader, stranger, .. } = forged;
    let body = json!({"name": "naksha", "head_sha": head.as_str(), "conclusion": "success"});
    let (status, words) = said(writer, Method::POST, &format!("{root}/check-runs"), &body);
    assert_eq!((status, words.contains("GitHub App")), (403, true));

    let number = must(forged.open("change", "a change"));
    let comments = format!("{root}/issues/{number}/comments");
    let say = |length: usize| said(writer, Method::POST, &comments, &json!({"body": "é".repeat(length)})).0;
    assert_eq!((say(65_536), say(65_537), say(0)), (201, 422, 422));
    let statuses = format!("{root}/statuses/{head}");
    let set = |person, length: usize| {
        let body = json!({"state": "success", "context": "x", "description": "x".repeat(length)});
        said(person, Method::POST, &statuses, &body).0
    };
    assert_eq!((set(writer, 140), set(writer, 141), set(reader, 1)), (201, 422, 403));
    let nothing = format!("{root}/statuses/{}", "0123456789".repeat(4));
    assert_eq!(said(writer, Method::POST, &nothing, &json!({"state": "success"})).0, 422);
    forged.github.limit_content(None);
    for _ in 1..1_000 {
        assert_eq!(set(writer, 1), 201);
    }
    assert_eq!(set(writer, 1), 422);
    assert_eq!(said(stranger, Method::PUT, &format!("{root}/pulls/{number}/merge"), &json!({})).0, 403);
}

#[test]
fn branches_go_forward_and_files_know_what_they_replace() {
    let Some(stage) = as_token() else { return };
    let (forged, root) = (&stage.forged, format!("/repos/{}", stage.forged.full_name));
    let (old, writer) = (forged.github.head("main").unwrap(), &forged.writer);
    let head = stage.push("change");
    let refs = format!("{root}/git/refs");
    let make = |name: &str, sha: &str| said(writer, Method::POST, &refs, &json!({"ref": name, "sha": sha}));
    assert_eq!(make("refs/heads/new", head.as_str()).0, 201);
    assert_eq!(make("refs/heads/new", head.as_str()), (422, make("refs/heads/new", &old).1));
    assert_eq!((make("new", &old).0, make("refs/heads/other", &"1".repeat(40)).0), (422, 422));
    let update = |body: Value| said(writer, Method::PATCH, &format!("{refs}/heads/new"), &body).0;
    assert_eq!(update(json!({"sha": old})), 422);
    assert_eq!(update(json!({"sha": old, "force": true})), 200);
    assert_eq!(update(json!({"sha": head.as_str()})), 200);
    assert_eq!(said(writer, Method::DELETE, &format!("{refs}/heads/nothing"), &json!({})).0, 422);

    let file = format!("{root}/contents/deep/file.txt");
    let put = |sha: Option<&str>, text: &str| {
        let content = base64::prelude::BASE64_STANDARD.encode(text);
        let mut body = json!({"message": "m", "branch": "new", "content": content});
        if let Some(sha) = sha {
            body["sha"] = json!(sha);
        }
        let answer = must(writer.api().send(Method::PUT, &file, Some(&body)));
        (answer.status, answer.body["content"]["sha"].as_str().map(str::to_owned))
    };
    let (status, first) = put(None, "one\n");
    assert_eq!(status, 201);
    assert_eq!(put(None, "two\n").0, 422);
    assert_eq!(put(Some(&"1".repeat(40)), "two\n").0, 409);
    assert_eq!(put(first.as_deref(), "two\n").0, 200);
    let head = forged.github.head("new").unwrap();
    assert_eq!(must(forged.github.file(&head, "deep/file.txt")), b"two\n");
    let told = must(writer.api().get(&format!("{file}?ref=new")));
    assert_eq!(told["content"], "dHdvCg==\n");
}

#[test]
fn too_much_is_refused_and_what_is_known_costs_nothing() {
    let Some(GitHubStage { forged, .. }) = as_token() else { return };
    let (github, login) = (&forged.github, &forged.reader.login);
    let root = format!("/repos/{}", forged.full_name);
    let ask = |tag: Option<&str>| {
        let mut request = reqwest::Client::new().get(format!("{}{root}", github.url()));
        request = request.bearer_auth(&forged.reader.token).header("user-agent", "a test");
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let answer = runtime.block_on(request.send()).unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), header("etag"), header("x-ratelimit-remaining"))
    };
    github.limit_requests(2);
    let (status, tag, left) = ask(None);
    assert_eq!((status, left.as_deref()), (200, Some("1")));
    assert_eq!(ask(tag.as_deref()), (304, tag.clone(), Some("1".to_owned())));
    assert_eq!((ask(None).0, ask(None).0, github.requests_left(login)), (200, 403, 0));
    github.advance(SignedDuration::from_hours(1));
    assert_eq!(ask(None).0, 200);

    github.limit_requests(5_000);
    github.limit_content(Some(1));
    let body = json!({"ref": "refs/heads/x", "sha": github.head("main")});
    must(forged.writer.api().create(&format!("{root}/git/refs"), &body));
    let status = json!({"state": "success"});
    let set = || {
        said(&forged.writer, Method::POST, &format!("{root}/statuses/{}", github.head("x").unwrap()), &status)
    };
    assert_eq!(set().0, 201);
    let (status, words) = set();
    assert_eq!((status, words.contains("secondary rate limit")), (403, true));
}

#[test]
fn deployments_have_the_defaults_that_surprise() {
    let Some(stage) = as_token() else { return };
    let (forged, root) = (&stage.forged, format!("/repos/{}", stage.forged.full_name));
    let writer = &forged.writer;
    let head = stage.push("behind");
    stage.push("ahead");
    let number = must(forged.open("ahead", "another"));
    must(forged.merge(number, "squash"));
    let deploy = |body: &Value| said(writer, Method::POST, &format!("{root}/deployments"), body).0;
    let quiet = json!({"ref": head.as_str(), "auto_merge": false, "required_contexts": []});
    assert_eq!(deploy(&json!({"ref": head.as_str()})), 409, "a commit cannot be merged into");
    assert_eq!(deploy(&json!({"ref": "behind"})), 202, "merged first");
    assert_ne!(forged.github.head("behind").unwrap(), head.as_str());
    must(forged.set_status(head.as_str(), "build", "failure"));
    assert_eq!(deploy(&json!({"ref": head.as_str(), "auto_merge": false})), 409, "a status is red");
    assert_eq!(deploy(&quiet), 201);
}

#[test]
fn what_github_does_not_know_fails_a_test() {
    let Some(GitHubStage { forged, .. }) = as_token() else { return };
    let root = format!("/repos/{}", forged.full_name);
    let writer = &forged.writer;
    for (method, path, body) in [
        (Method::GET, format!("{root}/pulls?limit=50"), None),
        (Method::POST, format!("{root}/issues/comments/1"), Some(json!({"body": "x"}))),
        (
            Method::POST,
            format!("{root}/git/refs"),
            Some(json!({"ref": "refs/heads/x", "sha": "x", "from": "main"})),
        ),
    ] {
        assert_eq!(must(writer.api().send(method, &path, body.as_ref())).status, 500, "{path}");
    }
    assert_eq!(forged.github.take_violations().len(), 3);
}
