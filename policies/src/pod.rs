//! Pods, wherever they are: inside every controller kind, with init and ephemeral containers.

use naksha_environments::object::ObjectKey;
use naksha_environments::plan::FieldPath;
use serde_json::Value;

use crate::found::{named, path};

/// Group, kind, and the keys that lead to what has `metadata` and `spec` of a pod.
const CONTROLLERS: &[(&str, &str, &[&str])] = &[
    ("", "Pod", &[]),
    ("", "ReplicationController", &["spec", "template"]),
    ("apps", "Deployment", &["spec", "template"]),
    ("apps", "StatefulSet", &["spec", "template"]),
    ("apps", "DaemonSet", &["spec", "template"]),
    ("apps", "ReplicaSet", &["spec", "template"]),
    ("batch", "Job", &["spec", "template"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template"]),
];

/// Kinds whose pods run until somebody stops them.
const LONG_RUNNING: &[&str] = &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"];

/// A pod, or the template of pods.
#[derive(Debug, Clone)]
pub(crate) struct Pod<'a> {
    pub(crate) spec: &'a Value,
    /// Of `spec`, in the object.
    pub(crate) path: FieldPath,
    pub(crate) labels: Option<&'a Value>,
    pub(crate) long_running: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Main,
    Init,
    Ephemeral,
}

#[derive(Debug, Clone)]
pub(crate) struct Container<'a> {
    pub(crate) value: &'a Value,
    pub(crate) name: &'a str,
    pub(crate) path: FieldPath,
    pub(crate) role: Role,
}

impl<'a> Pod<'a> {
    pub(crate) fn of(key: &ObjectKey, body: &'a Value) -> Option<Self> {
        let (_, kind, keys) =
            CONTROLLERS.iter().find(|(group, kind, _)| *group == &*key.group && *kind == &*key.kind)?;
        let template = keys.iter().try_fold(body, |value, key| value.get(*key))?;
        Some(Self {
            spec: template.get("spec")?,
            path: path(keys).key("spec"),
            labels: template.get("metadata").and_then(|metadata| metadata.get("labels")),
            long_running: LONG_RUNNING.contains(kind),
        })
    }

    pub(crate) fn containers(&self) -> impl Iterator<Item = Container<'a>> {
        let lists = [
            ("containers", Role::Main),
            ("initContainers", Role::Init),
            ("ephemeralContainers", Role::Ephemeral),
        ];
        let spec = self.spec;
        let base = self.path.clone();
        lists.into_iter().flat_map(move |(key, role)| {
            let list = base.key(key);
            items(spec, key).enumerate().map(move |(index, value)| {
                let name = text(value, "name");
                let path = named(&list, name, index);
                Container { value, name: name.unwrap_or_default(), path, role }
            })
        })
    }

    pub(crate) fn volumes(&self) -> impl Iterator<Item = (&'a Value, FieldPath)> {
        let list = self.path.key("volumes");
        items(self.spec, "volumes")
            .enumerate()
            .map(move |(index, volume)| (volume, named(&list, text(volume, "name"), index)))
    }
}

impl Container<'_> {
    /// What it is called in a sentence.
    pub(crate) fn words(&self) -> String {
        match self.role {
            Role::Main => format!("container `{}`", self.name),
            Role::Init => format!("init container `{}`", self.name),
            Role::Ephemeral => format!("ephemeral container `{}`", self.name),
        }
    }
}

/// The items of a list; none when it is not there or no list.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

pub(crate) fn is_true(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}
