//! The daemon as an App, with nothing else to go by: it fetches, reports in check runs, and applies what was shown.

use std::fs;

use naksha_environments::ids::Revision;
use naksha_tests::github::{AppKey, Forged};
use naksha_tests::shop::{REPOSITORY, WEB};
use naksha_tests::{Installation, await_true, must};

const ENVIRONMENT: &str = "apiVersion: naksha.dev/v1alpha1
kind: Environment
metadata: {name: dev}
spec:
  target: {directory: out}
  variables: {replicas: 2}
  units: [web]
";
const TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data: {replicas: \"{{ variables.replicas }}\"}
";

/// An installation whose repository is on GitHub, and that is an App there.
fn begin() -> Option<(Forged, Installation)> {
    let forged = Forged::start("infra")?;
    let installation = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    let repository = &installation.repository;
    repository
        .write("naksha.yaml", REPOSITORY)
        .write("environments/dev/environment.yaml", ENVIRONMENT)
        .write("units/web/unit.yaml", WEB)
        .write("units/web/web.yaml.tera", TEMPLATE)
        .commit("begin");
    must(forged.push(repository.folder(), "main", &forged.writer));
    let (config, key) =
        (&installation.program.config, must(forged.key_file(installation.root(), AppKey::First)));
    let local = format!("url = \"{}\"", repository.folder().display());
    let remote = format!(
        "url = \"{}\"\npoll = \"1s\"\nforge = {{kind = \"github\", api = \"{}\", repository = \"{}\", poll = \"1s\", \
         app = {{id = \"{}\", key_file = \"{}\"}}}}",
        forged.clone_url(),
        forged.github.url(),
        forged.full_name,
        forged.github.app_ids().0,
        key.display(),
    );
    let text = fs::read_to_string(config).unwrap();
    fs::write(config, text.replace(&local, &remote)).unwrap();
    Some((forged, installation))
}

#[test]
fn a_daemon_needs_no_more_than_an_app() {
    let Some((forged, installation)) = begin() else { return };
    let (repository, github) = (&installation.repository, &forged.github);
    let daemon = installation.start();
    let waiting = daemon.await_state("dev", "held");
    let plan = waiting["plan"].as_str().expect("should have a plan");
    let word = ["ack", plan, "--reason", "it is the first"];
    installation.program.run(installation.root(), &word).expect_code(0);
    daemon.await_state("dev", "synced");

    must(forged.branch(repository.folder(), "more", "main"));
    let file = "environments/dev/environment.yaml";
    let head = repository.edit(file, "replicas: 2", "replicas: 3").commit("more");
    must(forged.push(repository.folder(), "more", &forged.writer));
    github.require(&["naksha"]);
    let number = must(forged.open("more", "more replicas"));
    let conclusion = |name: &str| {
        let runs = github.check_runs(&head);
        let run = runs.iter().rev().find(|run| run["name"] == name);
        run.and_then(|run| run["conclusion"].as_str().map(str::to_owned))
    };
    await_true(&format!("a check run: {}", daemon.log()), || conclusion("naksha").is_some());
    assert_eq!(conclusion("naksha").as_deref(), Some("success"));
    assert_eq!(conclusion("naksha/plan: dev").as_deref(), Some("success"));
    let said = must(forged.comments(number));
    let ours: Vec<_> = said.iter().filter(|(author, _)| *author == github.app_login()).collect();
    assert_eq!(ours.len(), 1, "{said:#?}");
    assert!(ours[0].1.contains(&head[..10]), "{}", ours[0].1);

    must(forged.merge(number, "squash"));
    let merged = Revision::parse(&github.head("main").expect("should be there")).unwrap();
    await_true(&format!("{merged} to be applied: {}", daemon.log()), || {
        let status = daemon.await_state("dev", "synced");
        status["applied"]["revision"] == merged.as_str() || status.to_string().contains(merged.as_str())
    });
    assert!(!daemon.log().contains("ghs_"), "no token is told");
}
