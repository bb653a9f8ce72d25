//! Webhooks as they come in: who is heard at all, that nothing of what they say is believed, and how much of it is read.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use naksha_tests::{await_true, must};
use ring::hmac;
use serde_json::{Value, json};

use super::site::{SECRET, Site};

/// Nobody waits longer than this for a byte.
const WITHIN: Duration = Duration::from_secs(20);
/// Bytes that are sent at once; far more than the 25 MiB that are taken; and what is promised.
const CHUNK: usize = 1 << 20;
const FAR: usize = 256 << 20;
const PROMISED: u64 = 1 << 40;

fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// Sends a webhook as GitHub does, signed with this; what is answered.
fn send(site: &Site, event: &str, body: &Value, secret: &str) -> u16 {
    let text = body.to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("http://127.0.0.1:{}/webhooks/infra", site.port))
        .header("x-github-event", event)
        .header("x-hub-signature-256", signature(secret, &text))
        .body(text);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { request.send().await.unwrap().status().as_u16() })
}

#[test]
fn where_no_secret_is_configured_nothing_takes_webhooks() {
    let Some(site) = Site::with(&[]) else { return };
    let secret = site.installation.root().join("webhook-secret");
    let config = &site.installation.program.config;
    let (text, key) =
        (fs::read_to_string(config).unwrap(), format!(", webhook_secret_file = \"{}\"", secret.display()));
    assert!(text.contains(&key), "{text}");
    fs::write(config, text.replace(&key, "")).unwrap();
    let _daemon = site.begin();
    for secret in [SECRET, ""] {
        assert_eq!(send(&site, "ping", &json!({}), secret), 404);
    }
}

#[test]
fn a_secret_that_is_empty_or_gone_signs_nothing() {
    let Some(site) = Site::with(&[]) else { return };
    let secret = site.installation.root().join("webhook-secret");
    let daemon = site.begin();
    assert_eq!(send(&site, "ping", &json!({}), SECRET), 202);
    let check_that_nobody_is_heard = || {
        for secret in [SECRET, "", "\n"] {
            assert_eq!(send(&site, "ping", &json!({}), secret), 404);
        }
    };
    for nothing in ["", "\n"] {
        fs::write(&secret, nothing).unwrap();
        check_that_nobody_is_heard();
    }
    fs::remove_file(&secret).unwrap();
    check_that_nobody_is_heard();
    assert!(daemon.log().contains("a webhook is refused: its secret cannot be read"), "{}", daemon.log());
    // It is read for each.
    fs::write(&secret, SECRET).unwrap();
    assert_eq!(send(&site, "ping", &json!({}), SECRET), 202);
}

/// What is signed, and is not so.
fn lies(site: &Site, number: u64, head: &str) -> [(&'static str, Value); 5] {
    let (other, none) = ("0123456789".repeat(4), "0".repeat(40));
    let repository = json!({"full_name": site.forged.full_name});
    let pull = |state: &str, head: &str| {
        json!({"number": number, "state": state, "merged": state == "closed", "merge_commit_sha": head,
            "head": {"sha": head, "ref": "more"}, "base": {"ref": "main"}})
    };
    let comment =
        json!({"id": 1, "body": "/naksha suspend dev", "user": {"login": site.forged.writer.login}});
    [
        (
            "pull_request",
            json!({"action": "synchronize", "number": number, "pull_request": pull("open", &other),
            "repository": repository}),
        ),
        (
            "pull_request",
            json!({"action": "closed", "number": number, "pull_request": pull("closed", head),
            "repository": repository}),
        ),
        (
            "pull_request",
            json!({"action": "closed", "number": number, "pull_request": pull("closed", head),
            "repository": {"full_name": "somebody/else"}}),
        ),
        (
            "push",
            json!({"ref": "refs/heads/main", "before": head, "after": none, "deleted": true,
            "repository": repository}),
        ),
        (
            "issue_comment",
            json!({"action": "created", "issue": {"number": number}, "comment": comment,
            "repository": repository}),
        ),
    ]
}

#[test]
fn what_is_signed_and_not_so_wakes_and_does_nothing_else() {
    let Some(site) = Site::with(&[]) else { return };
    let (daemon, github) = (site.begin(), &site.forged.github);
    let (applied, number) =
        (github.head("main").unwrap(), site.propose("more", "replicas: 2", "replicas: 3"));
    let head = github.head("more").unwrap();
    await_true("the report to be over", || site.told("reported", number) > 0);
    let questions = || [github.count("GET", "/pulls?"), github.count("GET", "/issues/comments?")];
    let (before, known) = (site.writes().len(), questions());
    for (event, body) in lies(&site, number, &head) {
        assert_eq!(send(&site, event, &body, SECRET), 202);
    }
    await_true("everybody to be woken", || questions().iter().zip(known).all(|(now, before)| *now > before));

    // What came before this was looked at by the time that it is answered.
    must(site.forged.say(&site.forged.writer, number, "/naksha explain NK0101"));
    site.await_said(number, "an answer", |text| text.contains("# NK0101"));
    let writes = site.writes();
    let answers: Vec<_> = writes[before..].iter().map(|asked| asked.path.clone()).collect();
    assert!(answers.len() == 2 && answers.iter().all(|path| path.contains("/comments")), "{answers:?}");
    let status = daemon.await_state("dev", "synced");
    assert_eq!(status["applied"], applied, "{status}");
    assert_eq!(site.happened("dev", "Suspended"), 0);
}

#[test]
fn what_never_ends_is_refused_before_its_end() {
    let Some(site) = Site::with(&[]) else { return };
    let _daemon = site.begin();
    let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
    stream.set_write_timeout(Some(WITHIN)).unwrap();
    stream.set_read_timeout(Some(WITHIN)).unwrap();
    let mut listening = stream.try_clone().unwrap();
    // Who is refused hears of it while he speaks.
    let heard = std::thread::spawn(move || {
        let mut text = vec![0; 256];
        let length = listening.read(&mut text).unwrap_or_default();
        String::from_utf8_lossy(&text[..length]).into_owned()
    });
    let heading = format!(
        "POST /webhooks/infra HTTP/1.1\r\nhost: naksha\r\nx-hub-signature-256: {}\r\ncontent-length: {PROMISED}\r\n\r\n",
        signature(SECRET, "")
    );
    stream.write_all(heading.as_bytes()).unwrap();
    let (chunk, mut sent) = (vec![b' '; CHUNK], 0);
    while sent < FAR && stream.write_all(&chunk).is_ok() {
        sent += CHUNK;
    }
    let answer = heard.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(sent < FAR, "{sent} bytes were taken");
    // Others are heard as before.
    assert_eq!(send(&site, "ping", &json!({}), SECRET), 202);
}
