//! What is particular to single kinds.

/// Kinds without a status: that they exist is all that there is to know, and their watch tells no more than metadata.
const PLAIN: &[(&str, &[&str])] = &[
    ("", &["ConfigMap", "Secret", "ServiceAccount", "LimitRange", "Endpoints", "PodTemplate"]),
    ("rbac.authorization.k8s.io", &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]),
    ("networking.k8s.io", &["NetworkPolicy", "IngressClass"]),
    ("storage.k8s.io", &["StorageClass", "CSIDriver", "CSINode", "CSIStorageCapacity"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("coordination.k8s.io", &["Lease"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("apps", &["ControllerRevision"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
            "ValidatingAdmissionPolicyBinding",
        ],
    ),
];

/// Whether objects of the kind are told as a whole, because their status says how they do.
pub(crate) fn is_read_whole(group: &str, kind: &str) -> bool {
    !PLAIN.iter().any(|(name, kinds)| *name == group && kinds.contains(&kind))
}
