//! privileged, host-namespaces, host-ports, host-path, docker-socket, added-capabilities, privilege-escalation,
//! run-as-root: the baseline and parts of the restricted level of the Kubernetes Pod Security Standards.

use serde_json::Value;

use crate::found::Found;
use crate::pod::{Container, Pod, Role, is_true, items, text};
use crate::rule::object::Object;

/// What the baseline level lets a container add.
const BASELINE_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Sockets of container runtimes.
const RUNTIME_SOCKETS: &[&str] = &["docker.sock", "containerd.sock", "crio.sock", "podman.sock"];

pub(super) fn rule(object: &Object<'_>, found: &mut Vec<Found>) {
    let Some(pod) = &object.pod else { return };
    namespaces(pod, found);
    volumes(pod, found);
    for container in pod.containers() {
        privileges(&container, found);
        ports(&container, found);
        capabilities(&container, found);
        if container.role != Role::Ephemeral {
            root(pod, &container, found);
        }
    }
}

fn namespaces(pod: &Pod<'_>, found: &mut Vec<Found>) {
    for (key, what) in [("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "IPC")] {
        if is_true(pod.spec, key) {
            let message = format!("pods share the {what} of their node");
            found.push(Found::new("host-namespaces", pod.path.key(key), message));
        }
    }
}

fn volumes(pod: &Pod<'_>, found: &mut Vec<Found>) {
    for (volume, path) in pod.volumes() {
        let Some(host) = volume.get("hostPath") else { continue };
        let folder = text(host, "path").unwrap_or_default();
        let field = path.key("hostPath");
        let made = if RUNTIME_SOCKETS.iter().any(|socket| folder.ends_with(socket)) {
            Found::new("docker-socket", field, format!("a volume is the runtime's socket `{folder}`"))
        } else {
            Found::new("host-path", field, format!("a volume is the node's folder `{folder}`"))
        };
        found.push(made);
    }
}

fn privileges(container: &Container<'_>, found: &mut Vec<Found>) {
    let words = container.words();
    let context = container.value.get("securityContext");
    let path = container.path.key("securityContext");
    if context.is_some_and(|context| is_true(context, "privileged")) {
        found.push(Found::new("privileged", path.key("privileged"), format!("{words} is privileged")));
    } else if context.and_then(|context| context.get("allowPrivilegeEscalation")) != Some(&Value::Bool(false))
    {
        let message = format!("{words} may gain more privileges than it starts with");
        found.push(Found::new("privilege-escalation", path.key("allowPrivilegeEscalation"), message));
    }
}

fn ports(container: &Container<'_>, found: &mut Vec<Found>) {
    for (index, port) in items(container.value, "ports").enumerate() {
        if let Some(host) = port.get("hostPort").and_then(Value::as_u64).filter(|port| *port != 0) {
            let list = container.path.key("ports");
            let field = crate::found::named(&list, text(port, "name"), index).key("hostPort");
            let message = format!("{} takes port {host} of its node", container.words());
            found.push(Found::new("host-ports", field, message));
        }
    }
}

fn capabilities(container: &Container<'_>, found: &mut Vec<Found>) {
    let capabilities = container.value.get("securityContext").and_then(|context| context.get("capabilities"));
    let Some(capabilities) = capabilities else { return };
    for added in items(capabilities, "add").filter_map(Value::as_str) {
        let plain = added.strip_prefix("CAP_").unwrap_or(added);
        if !BASELINE_CAPABILITIES.contains(&plain) {
            let field = container.path.key("securityContext").key("capabilities").key("add").key(plain);
            let message = format!("{} adds the capability {plain}", container.words());
            found.push(Found::new("added-capabilities", field, message));
        }
    }
}

/// The container's own setting wins over the pod's.
fn root(pod: &Pod<'_>, container: &Container<'_>, found: &mut Vec<Found>) {
    let contexts = [container.value.get("securityContext"), pod.spec.get("securityContext")];
    let setting = |key: &str| contexts.iter().flatten().find_map(|context| context.get(key));
    let never = setting("runAsNonRoot").and_then(Value::as_bool) == Some(true);
    let user = setting("runAsUser").and_then(Value::as_i64);
    if user == Some(0) || (!never && user.is_none()) {
        let field = container.path.key("securityContext").key("runAsNonRoot");
        found.push(Found::new("run-as-root", field, format!("{} may run as root", container.words())));
    }
}
