//! What the API server fills in where nothing is said: a field that has such a value does not change when nobody sets
//! it any more. Source: the reference of the Kubernetes API.

use serde_json::Value;

use crate::object::ObjectKey;
use crate::plan::{FieldPath, Segment};

/// Kind (empty: wherever pods are described), the end of the field's path, and the value as JSON. `*`: whatever it is,
/// because the server works it out anew.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("", "containers.imagePullPolicy", "*"),
    ("", "initContainers.imagePullPolicy", "*"),
    ("", "resources", "{}"),
    ("", "terminationMessagePath", r#""/dev/termination-log""#),
    ("", "terminationMessagePolicy", r#""File""#),
    ("", "ports.protocol", r#""TCP""#),
    ("", "fieldRef.apiVersion", r#""v1""#),
    ("", "httpGet.scheme", r#""HTTP""#),
    ("", "Probe.failureThreshold", "3"),
    ("", "Probe.periodSeconds", "10"),
    ("", "Probe.successThreshold", "1"),
    ("", "Probe.timeoutSeconds", "1"),
    ("", "configMap.defaultMode", "420"),
    ("", "secret.defaultMode", "420"),
    ("", "projected.defaultMode", "420"),
    ("", "emptyDir", "{}"),
    ("", "hostPath.type", r#""""#),
    ("", "spec.dnsPolicy", r#""ClusterFirst""#),
    ("", "spec.enableServiceLinks", "true"),
    ("", "spec.restartPolicy", r#""Always""#),
    ("", "spec.schedulerName", r#""default-scheduler""#),
    ("", "spec.securityContext", "{}"),
    ("", "spec.serviceAccount", "*"),
    ("", "spec.terminationGracePeriodSeconds", "30"),
    ("CronJob", "spec.concurrencyPolicy", r#""Allow""#),
    ("CronJob", "spec.failedJobsHistoryLimit", "1"),
    ("CronJob", "spec.successfulJobsHistoryLimit", "3"),
    ("CronJob", "spec.suspend", "false"),
    ("DaemonSet", "spec.revisionHistoryLimit", "10"),
    ("DaemonSet", "rollingUpdate.maxSurge", "0"),
    ("DaemonSet", "rollingUpdate.maxUnavailable", "1"),
    ("DaemonSet", "updateStrategy.type", r#""RollingUpdate""#),
    ("Deployment", "spec.progressDeadlineSeconds", "600"),
    ("Deployment", "spec.replicas", "1"),
    ("Deployment", "spec.revisionHistoryLimit", "10"),
    ("Deployment", "rollingUpdate.maxSurge", r#""25%""#),
    ("Deployment", "rollingUpdate.maxUnavailable", r#""25%""#),
    ("Deployment", "strategy.type", r#""RollingUpdate""#),
    ("HorizontalPodAutoscaler", "spec.minReplicas", "1"),
    ("Job", "spec.backoffLimit", "6"),
    ("Job", "spec.completionMode", r#""NonIndexed""#),
    ("Job", "spec.completions", "1"),
    ("Job", "spec.manualSelector", "false"),
    ("Job", "spec.parallelism", "1"),
    ("Job", "spec.podReplacementPolicy", r#""TerminatingOrFailed""#),
    ("Job", "spec.suspend", "false"),
    ("Namespace", "labels.kubernetes.io/metadata.name", "*"),
    ("PersistentVolumeClaim", "spec.volumeMode", r#""Filesystem""#),
    ("PersistentVolumeClaim", "spec.volumeName", "*"),
    ("Secret", "type", r#""Opaque""#),
    ("Service", "spec.clusterIP", "*"),
    ("Service", "spec.clusterIPs", "*"),
    ("Service", "spec.externalTrafficPolicy", r#""Cluster""#),
    ("Service", "spec.internalTrafficPolicy", r#""Cluster""#),
    ("Service", "spec.ipFamilies", "*"),
    ("Service", "spec.ipFamilyPolicy", "*"),
    ("Service", "spec.sessionAffinity", r#""None""#),
    ("Service", "spec.type", r#""ClusterIP""#),
    ("Service", "ports.protocol", r#""TCP""#),
    ("Service", "ports.targetPort", "*"),
    ("StatefulSet", "whenDeleted", r#""Retain""#),
    ("StatefulSet", "whenScaled", r#""Retain""#),
    ("StatefulSet", "spec.podManagementPolicy", r#""OrderedReady""#),
    ("StatefulSet", "spec.replicas", "1"),
    ("StatefulSet", "spec.revisionHistoryLimit", "10"),
    ("StatefulSet", "rollingUpdate.partition", "0"),
    ("StatefulSet", "updateStrategy.type", r#""RollingUpdate""#),
];

/// Groups of the kinds above.
const GROUPS: &[&str] = &["", "apps", "autoscaling", "batch"];

/// Whether a field has the value that it gets where nobody sets it. False where that is not known.
pub fn is_default(key: &ObjectKey, path: &FieldPath, value: &Value) -> bool {
    if !GROUPS.contains(&&*key.group) {
        return false;
    }
    let names = path.0.iter().filter_map(|segment| match segment {
        Segment::Key(name) => Some(name.as_str()),
        Segment::Item(_) | Segment::Index(_) => None,
    });
    let path = names.collect::<Vec<_>>().join(".");
    let is_meant = |(kind, field, default): &&(&str, &str, &str)| {
        (kind.is_empty() || **kind == *key.kind) && ends_with(&path, field) && is_like(value, default)
    };
    DEFAULTS.iter().any(|default| is_meant(&default))
}

/// `…livenessProbe.periodSeconds` ends with `Probe.periodSeconds`; other names are compared whole.
fn ends_with(path: &str, field: &str) -> bool {
    let Some(before) = path.strip_suffix(field) else { return false };
    before.is_empty() || before.ends_with('.') || field.starts_with("Probe")
}

fn is_like(value: &Value, default: &str) -> bool {
    default == "*" || serde_json::from_str::<Value>(default).is_ok_and(|default| default == *value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: &str, path: &[&str], value: &Value) -> bool {
        let group = if kind == "Service" { "" } else { "apps" };
        let path = path.iter().fold(FieldPath::default(), |path, name| match name.strip_prefix('=') {
            Some(item) => path.with(Segment::Item(vec![("name".to_owned(), item.to_owned())])),
            None => path.key(name),
        });
        is_default(&ObjectKey::new(group, kind, Some("n"), "web"), &path, value)
    }

    #[test]
    fn a_default_is_known_by_kind_field_and_value() {
        assert!(check("Deployment", &["spec", "progressDeadlineSeconds"], &json!(600)));
        assert!(!check("Deployment", &["spec", "progressDeadlineSeconds"], &json!(60)));
        assert!(!check("StatefulSet", &["spec", "progressDeadlineSeconds"], &json!(600)));
        let container = ["spec", "template", "spec", "containers", "=app"];
        let probe: Vec<&str> = container.into_iter().chain(["livenessProbe", "periodSeconds"]).collect();
        assert!(check("Deployment", &probe, &json!(10)) && !check("Deployment", &probe, &json!(5)));
        let pull: Vec<&str> = container.into_iter().chain(["imagePullPolicy"]).collect();
        assert!(check("Deployment", &pull, &json!("Always")));
        assert!(check("Service", &["spec", "clusterIP"], &json!("10.0.0.1")));
        assert!(!check("Service", &["spec", "selector", "type"], &json!("ClusterIP")));
        let custom = ObjectKey::new("example.com", "Service", Some("n"), "web");
        assert!(!is_default(&custom, &FieldPath::default().key("spec").key("clusterIP"), &json!("x")));
    }
}
