//! What this version sees of `tests/fixtures/legacy`, defect by defect: the claims of its `EXPECTED.md`, checked.
//!
//! A defect is seen (a code of `check`, a rule of `plan`), or its unit waits for a driver and the program says so.

#![allow(clippy::unwrap_used, reason = "a failed expectation ends a test")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use naksha_tests::Installation;
use naksha_tests::program::Printed;
use serde_json::Value;

/// Every value that somebody wrote in clear into the fixture.
const SECRETS: [&str; 4] = ["naksha-pass", "minio-access", "minio-secret", "naksha-rds-pass"];
const DEPLOYMENT: &str = "k8s/manifests/langgraph-deployment.yaml";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/legacy")
}

/// The fixture in a repository of its own, committed.
fn installation() -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    installation.repository.copy_from(&fixture()).commit("as it is");
    installation
}

fn run(arguments: &[&str]) -> Printed {
    let legacy = installation();
    legacy.program.run(legacy.repository.folder(), arguments)
}

/// Everything that was said of the fixture.
struct Seen {
    check: Value,
    plan: Value,
}

/// Read once: the tests only look.
static SEEN: LazyLock<Seen> = LazyLock::new(|| Seen {
    check: run(&["check", "--format", "json"]).expect_code(1).json(),
    plan: run(&["plan", "--base", "none", "--format", "json"]).expect_code(1).json(),
});

/// `path:line`, or the path alone.
fn place(value: &Value) -> String {
    let place = &value["place"];
    let path = place["path"].as_str().unwrap_or_default();
    place["line"].as_u64().map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"))
}

/// Places of what `check` says with this code.
fn codes(code: &str) -> Vec<String> {
    let all = SEEN.check["diagnostics"].as_array().unwrap();
    all.iter().filter(|found| found["code"] == code).map(place).collect()
}

fn findings() -> &'static [Value] {
    SEEN.plan["plans"][0]["findings"].as_array().unwrap()
}

/// Place and message of what a rule found.
fn rule(rule: &str) -> Vec<(String, String)> {
    let of_rule = findings().iter().filter(|found| found["rule"] == rule);
    of_rule.map(|found| (place(found), found["message"].as_str().unwrap().to_owned())).collect()
}

/// Nothing of the unit is applied, and the plan says why.
fn is_blocked(unit: &str, kind: &str) {
    let blocked = SEEN.plan["plans"][0]["blocked"].as_array().unwrap();
    let why = blocked.iter().find(|blocked| blocked["unit"] == unit).map(|blocked| &blocked["kind"]);
    assert_eq!(why, Some(&Value::from(kind)), "{blocked:?}");
}

/// `EXPECTED.md` says which driver the defect waits for.
fn waits_for(defect: &str, driver: &str) {
    let page = std::fs::read_to_string(fixture().join("EXPECTED.md")).unwrap();
    let row = page.lines().find(|line| line.starts_with(&format!("| {defect} |"))).unwrap();
    let waits = row.trim_end_matches('|').rsplit('|').next().unwrap();
    assert!(waits.trim().starts_with(driver), "{row}");
}

/// Nothing but cleartext is said of the file: what is said of its keys would be invented.
fn only_cleartext(file: &str) {
    let all = SEEN.plan["diagnostics"].as_array().unwrap().iter().chain(findings());
    let others: Vec<_> =
        all.filter(|found| place(found).starts_with(file) && found["rule"] != "cleartext-secret").collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn l1_dead_keys_of_postgres_wait_for_helm() {
    is_blocked("postgres", "broken");
    only_cleartext("k8s/helm-values/postgres-values.yaml");
    waits_for("L1", "helm");
}

#[test]
fn l2_dead_keys_of_minio_wait_for_helm() {
    is_blocked("minio", "broken");
    only_cleartext("k8s/helm-values/minio-values.yaml");
    waits_for("L2", "helm");
}

#[test]
fn l3_dead_keys_of_nats_wait_for_helm() {
    is_blocked("nats", "broken");
    only_cleartext("k8s/helm-values/nats-values.yaml");
    waits_for("L3", "helm");
}

#[test]
fn l4_values_that_nobody_uses_are_seen() {
    assert_eq!(codes("NK0222"), ["k8s/helm-values/langgraph-values.yaml"]);
}

#[test]
fn l5_references_to_what_nothing_makes_are_seen() {
    let expected = [
        (28, "nothing makes Secret `naksha-db-secret`, for variable `DATABASE_URL` of container `langgraph`"),
        (31, "nothing makes Service `vault`, for variable `VAULT_ADDR` of container `langgraph`"),
        (18, "nothing makes Secret `regcred`, for pulling its images"),
    ];
    let expected = expected.map(|(line, message)| (format!("{DEPLOYMENT}:{line}"), message.to_owned()));
    assert_eq!(rule("dangling-ref"), expected);
}

#[test]
fn l6_a_missing_output_waits_for_terraform() {
    is_blocked("terraform", "unsupported");
    assert_eq!(codes("NK0302"), ["units/terraform/unit.yaml:5"]);
    waits_for("L6", "terraform");
}

/// The password has a default in a file of Terraform, which nobody reads: it is in no output. See also below.
#[test]
fn l7_a_sensitive_value_waits_for_terraform() {
    waits_for("L7", "terraform");
    assert!(!SEEN.plan.to_string().contains("admin_password"));
}

#[test]
fn l8_charts_without_a_version_are_seen() {
    let expected = ["minio", "nats", "postgres"].map(|unit| format!("units/{unit}/unit.yaml:8"));
    assert_eq!(codes("NK0143"), expected);
    waits_for("L8", "helm");
}

#[test]
fn l9_a_moving_tag_is_seen_and_a_dead_image_waits_for_helm() {
    let message = "container `langgraph` uses image `ghcr.io/your-org/langgraph:latest`, whose tag moves";
    assert_eq!(rule("image-latest-or-untagged"), [(format!("{DEPLOYMENT}:21"), message.to_owned())]);
    waits_for("L9", "helm");
}

#[test]
fn l10_a_weak_pod_is_seen() {
    for name in ["privilege-escalation", "run-as-root", "missing-probes"] {
        let places: Vec<_> = rule(name).into_iter().map(|(place, _)| place).collect();
        assert_eq!(places.len(), 1, "{name}");
        assert!(places[0].starts_with(DEPLOYMENT), "{name} {places:?}");
    }
    waits_for("L10", "further rules");
}

#[test]
fn secrets_in_values_files_are_seen() {
    let expected = [
        ("minio-values.yaml:1", "`accessKey` holds one half of a key pair in clear"),
        ("minio-values.yaml:2", "`secretKey` holds one half of a key pair in clear"),
        ("postgres-values.yaml:4", "`postgresql.auth.password` holds a secret in clear"),
        ("langgraph-values.yaml:6", "`env.LANGGRAPH_DB_URL` holds a URL with its password in clear"),
    ];
    let expected = expected.map(|(place, message)| (format!("k8s/helm-values/{place}"), message.to_owned()));
    assert_eq!(rule("cleartext-secret"), expected);
}

#[test]
fn no_output_of_any_command_has_a_secret() {
    let legacy = installation();
    for command in
        [&["check"][..], &["render"], &["render", "--explain-values"], &["plan"], &["plan", "--base", "none"]]
    {
        for format in ["text", "json", "markdown"] {
            let arguments = [command, &["--format", format]].concat();
            let printed = legacy.program.run(legacy.repository.folder(), &arguments);
            for secret in SECRETS {
                let shown = format!("{}{}", printed.out, printed.err);
                assert!(!shown.contains(secret), "{arguments:?} shows {secret}:\n{shown}");
            }
        }
    }
}
