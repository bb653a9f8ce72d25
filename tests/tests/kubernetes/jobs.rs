//! Objects that run once: done and gone is no drift, and another template is another run.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{Installation, await_true, must};
use reqwest::Method;
use serde_json::Value;

use super::shop::installed;

const NAME: &str = "runs";

const UNIT: &str =
    "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: NAME}\nspec: {manifests: [all.yaml]}\n";

/// Nodes are only played, and end the pods of Jobs at once.
const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec:
  ttlSecondsAfterFinished: 1
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

fn runs() -> Option<Runs> {
    let plane = ControlPlane::shared(Parts::Nodes)?;
    let kubeconfig = must(plane.kubeconfig("admin"));
    let (namespace, installation) =
        installed(plane, NAME, &kubeconfig, "own_rights = true", &["migrate", "after"]);
    let after = UNIT.replace("NAME", "after").replace("spec: {", "spec: {dependsOn: [migrate], ");
    installation
        .repository
        .write("units/migrate/unit.yaml", &UNIT.replace("NAME", "migrate"))
        .write("units/migrate/all.yaml", JOB)
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
    let Some(runs) = runs() else { return };
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
    repository.edit("units/migrate/all.yaml", "ttlSecondsAfterFinished: 1", "ttlSecondsAfterFinished: 3600");
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
