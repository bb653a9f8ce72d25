//! Where a kind is served, and the addresses of its objects.

use std::fmt::Write as _;
use std::sync::Arc;

use naksha_environments::object::ObjectKey;

/// One kind in one version, as the server serves it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) group: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) kind: Arc<str>,
    /// The name in addresses: `deployments`.
    pub(crate) plural: Arc<str>,
    pub(crate) namespaced: bool,
}

impl Resource {
    /// The address of one object.
    pub(crate) fn object(&self, key: &ObjectKey) -> String {
        let mut path = self.collection(key.namespace.as_deref());
        path.push('/');
        escape(&key.name, &mut path);
        path
    }

    /// The address of all objects: of a namespace, or everywhere.
    pub(crate) fn collection(&self, namespace: Option<&str>) -> String {
        let mut path = if self.group.is_empty() { "/api/".to_owned() } else { "/apis/".to_owned() };
        if !self.group.is_empty() {
            escape(&self.group, &mut path);
            path.push('/');
        }
        escape(&self.version, &mut path);
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            escape(namespace, &mut path);
        }
        path.push('/');
        escape(&self.plural, &mut path);
        path
    }
}

/// Names come from Git: RBAC names may hold `:`, and none may leave its place in an address.
pub(crate) fn escape(name: &str, path: &mut String) {
    if matches!(name, "." | "..") {
        path.push_str(&name.replace('.', "%2E"));
        return;
    }
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").expect("should write to a string");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, plural: &str, namespaced: bool) -> Resource {
        Resource {
            group: group.into(),
            version: "v1".into(),
            kind: "Any".into(),
            plural: plural.into(),
            namespaced,
        }
    }

    #[test]
    fn addresses_stay_in_their_place() {
        let config = |name: &str| {
            resource("", "configmaps", true).object(&ObjectKey::new("", "ConfigMap", Some("ns"), name))
        };
        assert_eq!(config("one"), "/api/v1/namespaces/ns/configmaps/one");
        assert_eq!(config("../secrets/x?y#z"), "/api/v1/namespaces/ns/configmaps/..%2Fsecrets%2Fx%3Fy%23z");
        assert_eq!(config(".."), "/api/v1/namespaces/ns/configmaps/%2E%2E");
        let role = ObjectKey::new("rbac.authorization.k8s.io", "ClusterRole", None, "system:view");
        assert_eq!(
            resource("rbac.authorization.k8s.io", "clusterroles", false).object(&role),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:view"
        );
        assert_eq!(resource("apps", "deployments", true).collection(None), "/apis/apps/v1/deployments");
    }
}
