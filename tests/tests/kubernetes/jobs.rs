//! Objects that run once: done and gone is no drift, failed and gone is no success, and another template is another run.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{Installation, await_true, must};
use reqwest::Method;
use serde_json::{Value, json};

use super::shop::installed;

const NAME: &str = "runs";

const UNIT: &str =
    "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: NAME}\nspec: {manifests: [all.yaml]}\n";

/// Nodes are only played, and end the pods of Jobs at once.
const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  ttlSecondsAfterFinished: 3
  template:
    spec:
      restartPolicy: Never
      containers: [{name: migrate, image: 'migrate:1', resources: {requests: {cpu: 100m}}}]
";

const AFTER: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: after}\ndata: {a: '1'}\n";

struct Runs {
    plane: &'static ControlPlane,
    namespace: String,
    installation: Installation,
}

/// `environment`: one of each name on a cluster.
fn runs(environment: &'static str, job: &str) -> Option<Runs> {
    let plane = ControlPlane::shared(Parts::Nodes)?;
    let kubeconfig = must(plane.kubeconfig("admin"));
    let (namespace, installation) =
        installed(plane, environment, &kubeconfig, "own_rights = true", &["migrate", "after"]);
    let after = UNIT.replace("NAME", "after").replace("spec: {", "spec: {dependsOn: [migrate], ");
    installation
        .repository
        .write("units/migrate/unit.yaml", &UNIT.replace("NAME", "migrate"))
        .write("units/migrate/all.yaml", job)
        .write("units/after/unit.yaml", &after)
        .write("units/after/all.yaml", AFTER)
        .commit("start");
    Some(Runs { plane, namespace, installation })
}

impl Runs {
    fn path(&self, rest: &str) -> String {
        format!("/apis/batch/v1/namespaces/{}/{rest}", self.namespace)
    }

    fn get(&self, path: &str) -> Option<Value> {
        let answer = must(self.plane.admin().send(Method::GET, path, None));
        (answer.status == 200).then_some(answer.body)
    }

    fn job(&self) -> Option<Value> {
        self.get(&self.path("jobs/migrate"))
    }

    /// Waits until the run of this image has ended; the identity of its Job.
    fn end(&self, image: &str) -> Value {
        let mut uid = Value::Null;
        await_true("the run to end", || {
            // Gone: it was done a moment ago.
            let Some(job) = self.job() else { return !uid.is_null() };
            if job["spec"]["template"]["spec"]["containers"][0]["image"] != image {
                return false;
            }
            uid = job["metadata"]["uid"].clone();
            job["status"]["conditions"].to_string().contains("Complete")
        });
        uid
    }
}

#[test]
fn what_is_done_and_gone_is_not_run_again_until_git_wants_another_run() {
    let Some(runs) = runs(NAME, JOB) else { return };
    let daemon = runs.installation.start();
    let repository = &runs.installation.repository;
    let first = runs.end("migrate:1");
    daemon.await_applied(NAME, &repository.head());
    await_true("the job to be gone", || runs.job().is_none());
    let after = format!("/api/v1/namespaces/{}/configmaps/after", runs.namespace);
    assert!(runs.get(&after).is_some(), "what waited for the run went on");

    // Passes come and go; nothing is run.
    for number in 0..3 {
        repository.edit("units/after/all.yaml", "\ndata: {", &format!("\ndata: {{b{number}: '1', "));
        repository.commit("something else");
        daemon.await_applied(NAME, &repository.head());
        assert_eq!(runs.job(), None, "it is done");
    }

    // Another template cannot be put into a Job: it is another run.
    repository.edit("units/migrate/all.yaml", "migrate:1", "migrate:2");
    repository.commit("the next migration");
    let second = runs.end("migrate:2");
    assert_ne!(first, second);
    daemon.await_applied(NAME, &repository.head());

    // While it is there, too.
    repository.edit("units/migrate/all.yaml", "ttlSecondsAfterFinished: 3", "ttlSecondsAfterFinished: 3600");
    repository.edit("units/migrate/all.yaml", "migrate:2", "migrate:3");
    repository.commit("one that stays");
    let third = runs.end("migrate:3");
    daemon.await_applied(NAME, &repository.head());
    assert_eq!(runs.job().expect("should stay")["metadata"]["uid"], third);
    repository.edit("units/migrate/all.yaml", "migrate:3", "migrate:4");
    repository.commit("the next one");
    let fourth = runs.end("migrate:4");
    assert_ne!(third, fourth, "replaced");
    daemon.await_applied(NAME, &repository.head());
}

const FAILS: &str = "failing-runs";
const GONE: &str = "Job/migrate failed before it was removed: ";

#[test]
fn what_failed_and_is_gone_stays_failed_until_git_wants_another_run() {
    let failing = "template:\n    metadata: {labels: {naksha.test/fails: exit}}";
    let job = JOB.replace("template:", &format!("backoffLimit: 0\n  {failing}"));
    let Some(runs) = runs(FAILS, &job) else { return };
    let repository = &runs.installation.repository;
    let after = format!("/api/v1/namespaces/{}/configmaps/after", runs.namespace);
    let is_told = |status: &Value| status["state"] == "degraded" && status["why"].to_string().contains(GONE);

    let daemon = runs.installation.start();
    daemon.await_status(FAILS, "degraded by what is gone", is_told);
    assert_eq!((runs.job(), runs.get(&after)), (None, None), "what waits for it does not start");

    // Another process knows it from the store, and another commit does not change it.
    daemon.kill();
    let daemon = runs.installation.start();
    repository.edit("units/after/all.yaml", "a: '1'", "a: '2'");
    repository.commit("another page");
    let status = daemon.await_status(FAILS, "degraded by what is gone", |status| {
        is_told(status) && status["content"] == repository.head()
    });
    let units = status["units"].as_array().expect("should list units");
    let migrate = units.iter().find(|unit| unit["unit"] == "migrate").expect("should have the unit");
    assert_eq!((&migrate["state"], &migrate["health"]), (&json!("synced"), &json!("Degraded")), "{status:#}");
    assert_eq!((runs.job(), runs.get(&after)), (None, None));

    // Also where there is nothing to do.
    let definition = format!("environments/{FAILS}/environment.yaml");
    repository.edit(&definition, "[migrate, after]", "[migrate]");
    repository.commit("nobody waits for it");
    let is_quiet = |status: &Value| is_told(status) && status["applied"] == repository.head();
    daemon.await_status(FAILS, "degraded and applied", is_quiet);

    // Another definition is another run.
    repository.edit(&definition, "[migrate]", "[migrate, after]");
    repository.edit("units/migrate/all.yaml", "naksha.test/fails: exit", "naksha.test/run: again");
    repository.commit("a migration that works");
    daemon.await_applied(FAILS, &repository.head());
    assert!(runs.get(&after).is_some(), "what waited for the run went on");
}
