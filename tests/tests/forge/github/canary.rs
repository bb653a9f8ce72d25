//! A secret that flew into every place from which words go to the forge is in nothing that is said there.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use naksha_tests::github::{AppKey, Asked};
use naksha_tests::{DaemonProcess, await_true, must};
use serde_json::Value;

use super::site::{FILE, SECRET, STAGING, Site, TEMPLATE, staging};
use crate::site::MARKER;

const CANARY: &str = "Tr0ub4dor-canary";
/// How each proof of an App begins: `{"alg":` in base64.
const PROOF: &str = "eyJhbGciOi";

/// Its message is told where somebody asks for seven.
fn policy() -> String {
    format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Policy\nmetadata: {{name: not-seven}}\nspec:\n  match: {{kinds: [ConfigMap]}}\n  \
         rule: \"!has(object.data.replicas) || object.data.replicas != '7'\"\n  message: \"as it says in password={CANARY}\"\n  \
         severity: error\n"
    )
}

/// A Secret, and what should be one.
fn secrets() -> String {
    let metadata = |name: &str| format!("metadata: {{name: {name}, namespace: shop}}");
    format!(
        "---\napiVersion: v1\nkind: Secret\n{}\nstringData: {{login: {CANARY}}}\n---\napiVersion: v1\nkind: ConfigMap\n{}\n\
         data: {{password: {CANARY}}}\n",
        metadata("login"),
        metadata("leaky")
    )
}

fn site() -> Option<Site> {
    let site = Site::with(&[("policies/not-seven.yaml", &policy()), (STAGING, &staging("{soak: 0s}"))])?;
    site.installation.configure("\n[log]\nlevel = \"debug\"\n");
    Some(site)
}

fn suspend(site: &Site, environment: &str) {
    site.run(&["suspend", environment, "--reason", &format!("until password={CANARY} is known")]);
}

/// A commit whose subject tells a secret is proposed to an environment that is suspended for a reason with another one.
fn promote(site: &Site, daemon: &DaemonProcess) {
    suspend(site, "staging");
    let head = site.change("more", FILE, "replicas: 2", "replicas: 3");
    let number = must(site.forged.open("more", &format!("with token={CANARY}")));
    site.await_check(&head, "naksha", "success");
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);
    let title = format!("Promote {} to staging", &commit[..10]);
    await_true("it to be proposed", || {
        must(site.forged.open_pulls()).into_iter().any(|(_, _, proposed)| proposed == title)
    });
    let proposed = site.forged.github.head("promote/staging").unwrap();
    site.await_check(&proposed, "naksha/promote: order", "failure");
    site.await_check(&proposed, "naksha", "failure");
}

/// A pull request that is red for many reasons, and merged all the same.
fn leak(site: &Site, daemon: &DaemonProcess) {
    let (repository, forged) = (&site.installation.repository, &site.forged);
    must(forged.pull(repository.folder(), "main"));
    must(forged.branch(repository.folder(), "leak", "main"));
    let template = format!("{}{}", repository.read(TEMPLATE), secrets());
    let head =
        repository.write(TEMPLATE, &template).edit(FILE, "replicas: 3", "replicas: 7").commit("a change");
    must(forged.push(repository.folder(), "leak", &forged.writer));
    let number = must(forged.open("leak", "a change"));
    site.await_comment(number, &head);
    site.await_check(&head, "naksha", "failure");
    site.merge(number, "merge");
    daemon.await_state("dev", "held");
    site.await_said(number, "a call", |text| text.starts_with("<!-- naksha: call dev -->"));
    suspend(site, "dev");
    let is_told = |text: &str| text.starts_with(MARKER) && text.contains("suspended by");
    site.await_said(number, "that it is suspended", is_told);
}

/// What was sent with a request, also where that is in base64.
fn sent(asked: &Asked) -> String {
    let content = asked.body["content"].as_str().and_then(|content| BASE64_STANDARD.decode(content).ok());
    format!("{}{}", asked.body, String::from_utf8_lossy(&content.unwrap_or_default()))
}

#[test]
fn what_is_secret_is_in_nothing_that_is_said() {
    let Some(site) = site() else { return };
    site.ask_often();
    let daemon = site.begin();
    promote(&site, &daemon);
    leak(&site, &daemon);

    let encoded = BASE64_STANDARD.encode(CANARY);
    // The end depends on what follows.
    let encoded = &encoded[..encoded.len() - 4];
    let writes = site.writes();
    for part in ["/comments", "/check-runs", "/pulls", "/deployments", "/statuses", "/contents/"] {
        assert!(writes.iter().any(|asked| asked.path.contains(part)), "nothing was said by {part}");
    }
    let tells = |asked: &&Asked| {
        let sent = sent(asked);
        sent.contains(CANARY) || sent.contains(encoded)
    };
    let leaks: Vec<_> = writes.iter().filter(tells).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn no_credential_is_in_an_address_or_in_the_log() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let number = site.propose("more", "replicas: 2", "replicas: 3");
    must(site.forged.say(&site.forged.writer, number, "/naksha explain NK0101"));
    site.await_said(number, "an answer", |text| text.contains("# NK0101"));
    let commit = site.merge(number, "squash");
    daemon.await_applied("dev", &commit);

    let log = daemon.log();
    assert!(log.contains("DEBUG"), "it tells everything: {log}");
    let key = AppKey::First.pem().lines().find(|line| !line.starts_with('-') && line.len() > 40);
    let asked: Vec<Asked> = site.forged.github.asked();
    for secret in ["ghs_", "ghp_", PROOF, key.expect("should have a line of digits"), SECRET] {
        assert!(!log.contains(secret), "{secret} is in the log");
        let told = asked.iter().find(|asked| asked.path.contains(secret));
        assert_eq!(told, None, "{secret} is in an address");
    }
    let made = asked.iter().filter(|asked| asked.path.ends_with("/access_tokens"));
    let narrowed: Vec<&Value> = made.map(|asked| &asked.body["repositories"]).collect();
    assert_eq!(narrowed, [&Value::from(vec!["infra"])]);
}
