//! What an object refers to, and what controllers make of it.

use std::collections::BTreeSet;

use naksha_environments::object::ObjectKey;
use naksha_environments::plan::{FieldPath, Segment};
use serde_json::Value;

use crate::found::{named, path};
use crate::pod::{Container, Pod, is_true, items, text};
use crate::rule::object::Object;

/// A reference to an object in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) field: FieldPath,
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    /// Another namespace than the object's own.
    pub(crate) namespace: Option<String>,
    /// A key of the Secret or ConfigMap.
    pub(crate) key: Option<String>,
    /// What it is for, for a sentence.
    pub(crate) who: String,
}

impl Reference {
    /// The object that it means, when it stands in `by`.
    pub(super) fn target(&self, by: &ObjectKey) -> ObjectKey {
        let namespace = self.namespace.as_deref().or(by.namespace.as_deref());
        ObjectKey::new(self.group, self.kind, namespace, &self.name)
    }
}

/// An object that a controller makes, in the namespace of the one that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

pub(super) fn data_keys(object: &Object<'_>) -> Option<BTreeSet<String>> {
    let key = object.key;
    if !key.group.is_empty() || !matches!(&*key.kind, "Secret" | "ConfigMap") {
        return None;
    }
    let keys = ["data", "binaryData", "stringData"].into_iter();
    let maps = keys.filter_map(|field| object.body.get(field).and_then(Value::as_object));
    Some(maps.flat_map(|map| map.keys().cloned()).collect())
}

pub(super) fn made(object: &Object<'_>) -> Vec<Made> {
    let name = object.key.name.to_string();
    let spec = object.body.get("spec");
    let at = |keys: &[&str]| {
        let found = keys.iter().try_fold(spec?, |value, key| value.get(*key))?;
        found.as_str().map(str::to_owned)
    };
    let made = |kind, name| Made { kind, name };
    match (&*object.key.group, &*object.key.kind) {
        ("cert-manager.io", "Certificate") => {
            at(&["secretName"]).map(|name| made("Secret", name)).into_iter().collect()
        }
        ("external-secrets.io", "ExternalSecret") => {
            vec![made("Secret", at(&["target", "name"]).unwrap_or(name))]
        }
        ("bitnami.com", "SealedSecret") => vec![made("Secret", name)],
        ("secrets.hashicorp.com", _) => {
            at(&["destination", "name"]).map(|name| made("Secret", name)).into_iter().collect()
        }
        ("postgresql.cnpg.io", "Cluster") => {
            let secrets = ["app", "superuser", "ca", "server"];
            let services = ["rw", "ro", "r"];
            let secrets = secrets.map(|end| made("Secret", format!("{name}-{end}")));
            let services = services.map(|end| made("Service", format!("{name}-{end}")));
            secrets.into_iter().chain(services).collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn references(object: &Object<'_>) -> Vec<Reference> {
    let mut found = Vec::new();
    if let Some(pod) = &object.pod {
        of_pod(pod, &mut found);
    }
    let spec = object.body.get("spec");
    match (&*object.key.group, &*object.key.kind) {
        ("apps", "StatefulSet") => {
            if let Some(name) =
                spec.and_then(|spec| text(spec, "serviceName")).filter(|name| !name.is_empty())
            {
                found.push(reference(
                    "Service",
                    name,
                    path(&["spec", "serviceName"]),
                    "the names of its pods",
                ));
            }
        }
        ("networking.k8s.io", "Ingress") => of_ingress(object, spec, &mut found),
        ("autoscaling", "HorizontalPodAutoscaler") => of_autoscaler(spec, &mut found),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => of_binding(object, &mut found),
        _ => {}
    }
    found
}

fn reference(kind: &'static str, name: &str, field: FieldPath, who: &str) -> Reference {
    let group = match kind {
        "Deployment" | "StatefulSet" => "apps",
        "Role" => "rbac.authorization.k8s.io",
        _ => "",
    };
    let (name, who) = (name.to_owned(), who.to_owned());
    Reference { field, group, kind, name, namespace: None, key: None, who }
}

fn of_pod(pod: &Pod<'_>, found: &mut Vec<Reference>) {
    if let Some(name) = text(pod.spec, "serviceAccountName").filter(|name| !matches!(*name, "" | "default")) {
        found.push(reference("ServiceAccount", name, pod.path.key("serviceAccountName"), "its pods"));
    }
    for (index, secret) in items(pod.spec, "imagePullSecrets").enumerate() {
        if let Some(name) = text(secret, "name") {
            let field = named(&pod.path.key("imagePullSecrets"), Some(name), index);
            found.push(reference("Secret", name, field, "pulling its images"));
        }
    }
    for container in pod.containers() {
        of_env(&container, found);
    }
    for (volume, field) in pod.volumes() {
        of_volume(volume, &field, found);
    }
}

fn of_env(container: &Container<'_>, found: &mut Vec<Reference>) {
    for (index, variable) in items(container.value, "env").enumerate() {
        let name = text(variable, "name");
        let field = named(&container.path.key("env"), name, index);
        let who = format!("variable `{}` of {}", name.unwrap_or_default(), container.words());
        let from = variable.get("valueFrom");
        for (key, kind) in [("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")] {
            let Some(source) = from.and_then(|from| from.get(key)) else { continue };
            let field = field.key("valueFrom").key(key);
            found.extend(
                optional(source, "name", kind, field, &who)
                    .map(|reference| Reference { key: text(source, "key").map(str::to_owned), ..reference }),
            );
        }
        if let Some(value) = text(variable, "value") {
            found.extend(service_in(value).map(|(name, namespace)| Reference {
                namespace,
                ..reference("Service", &name, field.key("value"), &who)
            }));
        }
    }
    for (index, source) in items(container.value, "envFrom").enumerate() {
        let field = container.path.key("envFrom").with(Segment::Index(index));
        let who = format!("the variables of {}", container.words());
        for (key, kind) in [("secretRef", "Secret"), ("configMapRef", "ConfigMap")] {
            if let Some(source) = source.get(key) {
                found.extend(optional(source, "name", kind, field.key(key), &who));
            }
        }
    }
}

fn of_volume(volume: &Value, field: &FieldPath, found: &mut Vec<Reference>) {
    let who = format!("volume `{}`", text(volume, "name").unwrap_or_default());
    let sources = [("secret", "secretName", "Secret"), ("configMap", "name", "ConfigMap")];
    for (key, name, kind) in sources {
        if let Some(source) = volume.get(key) {
            of_files(source, name, kind, &field.key(key), &who, found);
        }
    }
    if let Some(claim) = volume.get("persistentVolumeClaim").and_then(|claim| text(claim, "claimName")) {
        let field = field.key("persistentVolumeClaim").key("claimName");
        found.push(reference("PersistentVolumeClaim", claim, field, &who));
    }
    let projected = volume.get("projected");
    for (index, source) in projected.into_iter().flat_map(|projected| items(projected, "sources")).enumerate()
    {
        let field = field.key("projected").key("sources").with(Segment::Index(index));
        for (key, kind) in [("secret", "Secret"), ("configMap", "ConfigMap")] {
            if let Some(source) = source.get(key) {
                of_files(source, "name", kind, &field.key(key), &who, found);
            }
        }
    }
}

/// A Secret or ConfigMap as files: the whole of it, or the keys that are listed.
fn of_files(
    source: &Value,
    name: &str,
    kind: &'static str,
    field: &FieldPath,
    who: &str,
    found: &mut Vec<Reference>,
) {
    let Some(whole) = optional(source, name, kind, field.key(name), who) else { return };
    let keys: Vec<&str> = items(source, "items").filter_map(|item| text(item, "key")).collect();
    if keys.is_empty() {
        found.push(whole);
        return;
    }
    for (index, key) in keys.into_iter().enumerate() {
        let field = field.key("items").with(Segment::Index(index));
        found.push(Reference { field, key: Some(key.to_owned()), ..whole.clone() });
    }
}

fn optional(
    source: &Value,
    name: &str,
    kind: &'static str,
    field: FieldPath,
    who: &str,
) -> Option<Reference> {
    let name = text(source, name).filter(|name| !name.is_empty())?;
    // Every namespace has it.
    let given = kind == "ConfigMap" && name == "kube-root-ca.crt";
    (!is_true(source, "optional") && !given).then(|| reference(kind, name, field, who))
}

fn of_ingress(object: &Object<'_>, spec: Option<&Value>, found: &mut Vec<Reference>) {
    let Some(spec) = spec else { return };
    let annotations = object.body.get("metadata").and_then(|metadata| metadata.get("annotations"));
    let annotations = annotations.and_then(Value::as_object);
    let issued = annotations.is_some_and(|all| all.keys().any(|key| key.starts_with("cert-manager.io/")));
    for (index, tls) in items(spec, "tls").enumerate() {
        if let Some(name) = text(tls, "secretName").filter(|_| !issued) {
            let field = path(&["spec", "tls"]).with(Segment::Index(index)).key("secretName");
            found.push(reference("Secret", name, field, "its certificate"));
        }
    }
    let service =
        |backend: &Value| backend.get("service").and_then(|service| text(service, "name")).map(str::to_owned);
    if let Some(name) = spec.get("defaultBackend").and_then(service) {
        found.push(reference("Service", &name, path(&["spec", "defaultBackend"]), "its default backend"));
    }
    for (index, rule) in items(spec, "rules").enumerate() {
        let paths = rule.get("http").into_iter().flat_map(|http| items(http, "paths"));
        for (position, one) in paths.enumerate() {
            if let Some(name) = one.get("backend").and_then(service) {
                let rules = path(&["spec", "rules"]).with(Segment::Index(index));
                let field = rules.key("http").key("paths").with(Segment::Index(position)).key("backend");
                let who = format!("path `{}`", text(one, "path").unwrap_or("/"));
                found.push(reference("Service", &name, field, &who));
            }
        }
    }
}

fn of_autoscaler(spec: Option<&Value>, found: &mut Vec<Reference>) {
    let Some(target) = spec.and_then(|spec| spec.get("scaleTargetRef")) else { return };
    let kind = match text(target, "kind") {
        Some("Deployment") => "Deployment",
        Some("StatefulSet") => "StatefulSet",
        _ => return,
    };
    if let Some(name) = text(target, "name") {
        found.push(reference(kind, name, path(&["spec", "scaleTargetRef"]), "scaling it"));
    }
}

fn of_binding(object: &Object<'_>, found: &mut Vec<Reference>) {
    if let Some(role) = object.body.get("roleRef").filter(|role| text(role, "kind") == Some("Role"))
        && let Some(name) = text(role, "name")
    {
        found.push(reference("Role", name, path(&["roleRef"]), "binding it"));
    }
    for (index, subject) in items(object.body, "subjects").enumerate() {
        let account = text(subject, "kind") == Some("ServiceAccount");
        if let Some(name) = text(subject, "name").filter(|name| account && *name != "default") {
            let field = path(&["subjects"]).with(Segment::Index(index));
            found.push(Reference {
                namespace: text(subject, "namespace").map(str::to_owned),
                ..reference("ServiceAccount", name, field, "binding it")
            });
        }
    }
}

/// The Service that a URL clearly means: `http://name:8080`, `nats://name.namespace.svc`, and its namespace.
fn service_in(value: &str) -> Option<(String, Option<String>)> {
    let (scheme, rest) = value.split_once("://")?;
    if !scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+') {
        return None;
    }
    let authority = rest.split(['/', '?', '#', ',']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?.trim_end_matches('.');
    let label = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let parts: Vec<&str> = host.split('.').collect();
    if !parts.iter().all(label) {
        return None;
    }
    match parts.iter().position(|part| *part == "svc") {
        Some(at) if at >= 2 => Some((parts[at - 2].to_owned(), Some(parts[at - 1].to_owned()))),
        // `file://` and the like have no host; a name without a letter is an address.
        None if parts.len() == 1
            && parts[0] != "localhost"
            && parts[0].starts_with(|c: char| c.is_ascii_lowercase()) =>
        {
            let network = !matches!(scheme, "file" | "unix" | "s3" | "gs" | "oci" | "data" | "vault");
            network.then(|| (parts[0].to_owned(), None))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_in_urls() {
        let found = |value: &str| {
            service_in(value).map(|(name, namespace)| format!("{name} {}", namespace.unwrap_or_default()))
        };
        assert_eq!(found("http://web:8080/x").as_deref(), Some("web "));
        assert_eq!(found("postgres://app@db-0.db.data.svc.cluster.local:5432/x").as_deref(), Some("db data"));
        assert_eq!(found("nats://nats.naksha.svc:4222").as_deref(), Some("nats naksha"));
        for none in [
            "https://docs.example/feed",
            "http://localhost:80",
            "s3://bucket/key",
            "http://10.0.0.1:80",
            "http://$(HOST):80",
            "web:8080",
            "file:///etc/x",
        ] {
            assert_eq!(found(none), None, "{none}");
        }
    }
}
