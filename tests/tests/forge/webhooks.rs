//! Webhooks of a real Gitea: what it says wakes the daemon, and what is not signed does not.

use std::fs;
use std::net::TcpListener;

use naksha_tests::must;
use reqwest::Method;

use crate::site::site;

const SECRET: &str = "nobody-knows";

#[test]
fn a_signed_webhook_wakes_and_nothing_else_does() {
    let Some(site) = site() else { return };
    let config = &site.installation.program.config;
    let secret = site.installation.root().join("webhook-secret");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    // Free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = fs::read_to_string(config).unwrap();
    let text = text
        .replace(
            "poll = \"1s\"}",
            &format!("poll = \"600s\", webhook_secret_file = \"{}\"}}", secret.display()),
        )
        .replace("poll = \"1s\"", "poll = \"600s\"")
        .replace("listen = \"off\"", &format!("listen = \"127.0.0.1:{port}\""));
    assert!(text.contains("600s\", webhook") && text.contains(&port.to_string()), "{text}");
    fs::write(config, text).unwrap();
    let daemon = site.begin();
    let url = format!("http://127.0.0.1:{port}/webhooks/infra");
    must(site.forged.hook(&url, SECRET));

    // Everything is told within seconds, and asked for every ten minutes.
    let number = site.propose(&daemon, 2, 3);
    must(site.forged.say(&site.forged.writer, number, "/naksha explain NK0101"));
    site.await_said(number, "an answer", |text| text.contains("# NK0101"));
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);

    let status = |url: &str, signature: Option<&str>| {
        let mut request = reqwest::Client::new().request(Method::POST, url).body("{}");
        if let Some(signature) = signature {
            request = request.header("x-hub-signature-256", signature);
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { request.send().await.unwrap().status().as_u16() })
    };
    assert_eq!(status(&url, None), 401);
    assert_eq!(status(&url, Some("sha256=00")), 401);
    assert_eq!(status(&url.replace("infra", "other"), None), 404);
    assert!(!daemon.log().contains(SECRET));
}
