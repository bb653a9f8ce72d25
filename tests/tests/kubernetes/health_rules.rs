//! Health rules of the repository, on a real API server: they judge, they are changed without a restart, and broken ones
//! call nothing healthy.

use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{DaemonProcess, Installation, await_true, must};
use reqwest::Method;
use serde_json::{Value, json};

use super::shop::installed;

/// Environment, and the group of the kind: nobody else's.
const NAME: &str = "ruled";

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: teas.ruled.example.org}
spec:
  group: ruled.example.org
  scope: Namespaced
  names: {plural: teas, singular: tea, kind: Tea, listKind: TeaList}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const TEA: &str = "apiVersion: ruled.example.org/v1
kind: Tea
metadata: {name: green}
spec: {minutes: 3}
";

const RULES: &str = "apiVersion: naksha.dev/v1alpha1
kind: HealthRules
metadata: {name: teas}
spec:
  group: ruled.example.org
  kinds:
    Tea:
      phase: {healthy: Fine, progressing: Brewing, degraded: Bitter}
";

struct Teas {
    plane: &'static ControlPlane,
    namespace: String,
    installation: Installation,
}

fn teas() -> Option<Teas> {
    let plane = ControlPlane::shared(Parts::Nodes)?;
    let kubeconfig = must(plane.kubeconfig("admin"));
    let (namespace, installation) =
        installed(plane, NAME, &kubeconfig, "own_rights = true", &["kinds", "teas"]);
    let unit = |name: &str| {
        format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: {name}}}\nspec: {{manifests: [all.yaml]}}\n"
        )
    };
    installation
        .repository
        .write("units/kinds/unit.yaml", &unit("kinds"))
        .write("units/kinds/all.yaml", DEFINITION)
        .write("units/teas/unit.yaml", &unit("teas").replace("spec: {", "spec: {dependsOn: [kinds], "))
        .write("units/teas/all.yaml", TEA)
        .write("health/teas.yaml", RULES)
        .commit("start");
    Some(Teas { plane, namespace, installation })
}

impl Teas {
    fn path(&self) -> String {
        format!("/apis/ruled.example.org/v1/namespaces/{}/teas/green", self.namespace)
    }

    /// As its controller would.
    fn set_phase(&self, phase: &str) {
        let admin = self.plane.admin();
        await_true("the status to be taken", || {
            let Ok(mut tea) = admin.get(&self.path()) else { return false };
            tea["status"] = json!({"phase": phase});
            let answer = must(admin.send(Method::PUT, &format!("{}/status", self.path()), Some(&tea)));
            answer.status == 200
        });
    }

    fn edit_rules(&self, from: &str, to: &str) {
        self.installation.repository.edit("health/teas.yaml", from, to);
        self.installation.repository.commit("another rule");
    }

    fn await_health(&self, daemon: &DaemonProcess, health: &str, message: &str) -> Value {
        let head = self.installation.repository.head();
        daemon.await_status(NAME, &format!("{health}: {message}"), |status| {
            let unit =
                status["units"].as_array().and_then(|units| units.iter().find(|one| one["unit"] == "teas"));
            status["control"] == head.as_str()
                && unit.is_some_and(|unit| {
                    unit["health"] == health && unit["healthMessage"].to_string().contains(message)
                })
        })
    }
}

#[test]
fn a_rule_of_the_repository_judges_and_is_changed_without_a_restart() {
    let Some(teas) = teas() else { return };
    let daemon = teas.installation.start();
    let head = teas.installation.repository.head();
    teas.set_phase("Brewing");
    daemon.await_status(NAME, "waiting for the tea", |status| {
        status["why"].to_string().contains("its phase is Brewing")
            || status["units"].to_string().contains("its phase is Brewing")
    });
    teas.set_phase("Fine");
    daemon.await_applied(NAME, &head);

    teas.edit_rules("healthy: Fine", "healthy: Good");
    teas.await_health(&daemon, "Unknown", "its phase is `Fine`");
    teas.edit_rules("degraded: Bitter", "degraded: [Bitter, Fine]");
    teas.await_health(&daemon, "Degraded", "its phase is Fine");

    // The last good rule stands, and the mistake is told.
    teas.edit_rules("healthy: Good", "helthy: Good");
    let status = teas.await_health(&daemon, "Degraded", "its phase is Fine");
    let told = status["diagnostics"].to_string();
    assert!(told.contains("NK1002") && told.contains("health/teas.yaml"), "{status}");

    // What never was good in this process says nothing good.
    teas.set_phase("Good");
    drop(daemon);
    let daemon = teas.installation.start();
    teas.await_health(&daemon, "Unknown", "its health rule cannot be read (health/teas.yaml:7:5)");
    teas.edit_rules("helthy: Good", "healthy: Good");
    daemon.await_applied(NAME, &teas.installation.repository.head());
}
