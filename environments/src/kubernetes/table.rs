//! The kinds of Kubernetes, as data.
//!
//! Served: everything that can be created in Kubernetes 1.37, its alpha versions too, as `api/openapi-spec/swagger.json`
//! of kubernetes/kubernetes v1.37.2 has it. Removed: <https://kubernetes.io/docs/reference/using-api/deprecation-guide/>
//! and the lifecycles in k8s.io/api; an empty release is one that neither of them names.

use super::Scope;
use super::Scope::{Cluster, Namespace};

/// A group and its kinds, both by name.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) kinds: &'static [Kind],
}

/// A kind that is served.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    /// Best first.
    pub(super) served: &'static [&'static str],
    /// Versions that were, and since which release they are not.
    pub(super) removed: &'static [(&'static str, &'static str)],
}

/// A kind that is served no more in a group.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) group: &'static str,
    pub(super) kind: &'static str,
    pub(super) scope: Scope,
    pub(super) since: &'static str,
    pub(super) instead: Instead,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Instead {
    /// The same kind is served as this `apiVersion`.
    ApiVersion(&'static str),
    /// What does its work now.
    Words(&'static str),
}

type Versions = &'static [&'static str];
type Removed = &'static [(&'static str, &'static str)];

const fn group(name: &'static str, kinds: &'static [Kind]) -> Group {
    Group { name, kinds }
}

const fn kind(name: &'static str, scope: Scope, served: Versions, removed: Removed) -> Kind {
    Kind { name, scope, served, removed }
}

const fn gone(
    group: &'static str,
    kind: &'static str,
    scope: Scope,
    since: &'static str,
    instead: Instead,
) -> Gone {
    Gone { group, kind, scope, since, instead }
}

pub(super) const GROUPS: &[Group] = &[
    group(
        "",
        &[
            kind("Binding", Namespace, &["v1"], &[]),
            kind("ComponentStatus", Cluster, &["v1"], &[]),
            kind("ConfigMap", Namespace, &["v1"], &[]),
            kind("Endpoints", Namespace, &["v1"], &[]),
            kind("Event", Namespace, &["v1"], &[]),
            kind("LimitRange", Namespace, &["v1"], &[]),
            kind("Namespace", Cluster, &["v1"], &[]),
            kind("Node", Cluster, &["v1"], &[]),
            kind("PersistentVolume", Cluster, &["v1"], &[]),
            kind("PersistentVolumeClaim", Namespace, &["v1"], &[]),
            kind("Pod", Namespace, &["v1"], &[]),
            kind("PodTemplate", Namespace, &["v1"], &[]),
            kind("ReplicationController", Namespace, &["v1"], &[]),
            kind("ResourceQuota", Namespace, &["v1"], &[]),
            kind("Secret", Namespace, &["v1"], &[]),
            kind("Service", Namespace, &["v1"], &[]),
            kind("ServiceAccount", Namespace, &["v1"], &[]),
        ],
    ),
    group(
        "admissionregistration.k8s.io",
        &[
            kind("MutatingAdmissionPolicy", Cluster, &["v1", "v1beta1", "v1alpha1"], &[]),
            kind("MutatingAdmissionPolicyBinding", Cluster, &["v1", "v1beta1", "v1alpha1"], &[]),
            kind("MutatingWebhookConfiguration", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("ValidatingAdmissionPolicy", Cluster, &["v1"], &[("v1beta1", "1.34"), ("v1alpha1", "1.32")]),
            kind(
                "ValidatingAdmissionPolicyBinding",
                Cluster,
                &["v1"],
                &[("v1beta1", "1.34"), ("v1alpha1", "1.32")],
            ),
            kind("ValidatingWebhookConfiguration", Cluster, &["v1"], &[("v1beta1", "1.22")]),
        ],
    ),
    group(
        "apiextensions.k8s.io",
        &[kind("CustomResourceDefinition", Cluster, &["v1"], &[("v1beta1", "1.22")])],
    ),
    group("apiregistration.k8s.io", &[kind("APIService", Cluster, &["v1"], &[("v1beta1", "1.22")])]),
    group(
        "apps",
        &[
            kind("ControllerRevision", Namespace, &["v1"], &[("v1beta2", "1.16"), ("v1beta1", "1.16")]),
            kind("DaemonSet", Namespace, &["v1"], &[("v1beta2", "1.16")]),
            kind("Deployment", Namespace, &["v1"], &[("v1beta2", "1.16"), ("v1beta1", "1.16")]),
            kind("ReplicaSet", Namespace, &["v1"], &[("v1beta2", "1.16")]),
            kind("StatefulSet", Namespace, &["v1"], &[("v1beta2", "1.16"), ("v1beta1", "1.16")]),
        ],
    ),
    group(
        "authentication.k8s.io",
        &[
            kind("SelfSubjectReview", Cluster, &["v1"], &[("v1beta1", "1.33"), ("v1alpha1", "1.32")]),
            kind("TokenReview", Cluster, &["v1"], &[("v1beta1", "1.22")]),
        ],
    ),
    group(
        "authorization.k8s.io",
        &[
            kind("LocalSubjectAccessReview", Namespace, &["v1"], &[("v1beta1", "1.22")]),
            kind("SelfSubjectAccessReview", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("SelfSubjectRulesReview", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("SubjectAccessReview", Cluster, &["v1"], &[("v1beta1", "1.22")]),
        ],
    ),
    group(
        "autoscaling",
        &[kind(
            "HorizontalPodAutoscaler",
            Namespace,
            &["v2", "v1"],
            &[("v2beta2", "1.26"), ("v2beta1", "1.25")],
        )],
    ),
    group(
        "batch",
        &[
            kind("CronJob", Namespace, &["v1"], &[("v1beta1", "1.25"), ("v2alpha1", "")]),
            kind("Job", Namespace, &["v1"], &[]),
        ],
    ),
    group(
        "certificates.k8s.io",
        &[
            kind("CertificateSigningRequest", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("ClusterTrustBundle", Cluster, &["v1", "v1beta1"], &[("v1alpha1", "1.37")]),
            kind("PodCertificateRequest", Namespace, &["v1", "v1beta1"], &[("v1alpha1", "1.35")]),
        ],
    ),
    group(
        "coordination.k8s.io",
        &[
            kind("Lease", Namespace, &["v1"], &[("v1beta1", "1.22")]),
            kind("LeaseCandidate", Namespace, &["v1beta1", "v1alpha2"], &[("v1alpha1", "1.32")]),
        ],
    ),
    group(
        "discovery.k8s.io",
        &[kind("EndpointSlice", Namespace, &["v1"], &[("v1beta1", "1.25"), ("v1alpha1", "")])],
    ),
    group("events.k8s.io", &[kind("Event", Namespace, &["v1"], &[("v1beta1", "1.25")])]),
    group(
        "flowcontrol.apiserver.k8s.io",
        &[
            kind(
                "FlowSchema",
                Cluster,
                &["v1"],
                &[("v1beta3", "1.32"), ("v1beta2", "1.29"), ("v1beta1", "1.26"), ("v1alpha1", "")],
            ),
            kind(
                "PriorityLevelConfiguration",
                Cluster,
                &["v1"],
                &[("v1beta3", "1.32"), ("v1beta2", "1.29"), ("v1beta1", "1.26"), ("v1alpha1", "")],
            ),
        ],
    ),
    group("internal.apiserver.k8s.io", &[kind("StorageVersion", Cluster, &["v1alpha1"], &[])]),
    group(
        "lifecycle.k8s.io",
        &[
            kind("Eviction", Namespace, &["v1alpha1"], &[]),
            kind("EvictionRequest", Namespace, &["v1alpha1"], &[]),
        ],
    ),
    group(
        "networking.k8s.io",
        &[
            kind("IPAddress", Cluster, &["v1"], &[("v1beta1", "1.37"), ("v1alpha1", "1.34")]),
            kind("Ingress", Namespace, &["v1"], &[("v1beta1", "1.22")]),
            kind("IngressClass", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("NetworkPolicy", Namespace, &["v1"], &[]),
            kind("ServiceCIDR", Cluster, &["v1"], &[("v1beta1", "1.37"), ("v1alpha1", "1.34")]),
        ],
    ),
    group("node.k8s.io", &[kind("RuntimeClass", Cluster, &["v1"], &[("v1beta1", "1.25"), ("v1alpha1", "")])]),
    group("policy", &[kind("PodDisruptionBudget", Namespace, &["v1"], &[("v1beta1", "1.25")])]),
    group(
        "rbac.authorization.k8s.io",
        &[
            kind("ClusterRole", Cluster, &["v1"], &[("v1beta1", "1.22"), ("v1alpha1", "1.23")]),
            kind("ClusterRoleBinding", Cluster, &["v1"], &[("v1beta1", "1.22"), ("v1alpha1", "1.23")]),
            kind("Role", Namespace, &["v1"], &[("v1beta1", "1.22"), ("v1alpha1", "1.23")]),
            kind("RoleBinding", Namespace, &["v1"], &[("v1beta1", "1.22"), ("v1alpha1", "1.23")]),
        ],
    ),
    group(
        "resource.k8s.io",
        &[
            kind("DeviceClass", Cluster, &["v1", "v1beta2", "v1beta1"], &[("v1alpha3", "1.34")]),
            kind("DeviceTaintRule", Cluster, &["v1", "v1beta2", "v1alpha3"], &[]),
            kind(
                "ResourceClaim",
                Namespace,
                &["v1", "v1beta2", "v1beta1"],
                &[("v1alpha3", "1.34"), ("v1alpha2", "1.31"), ("v1alpha1", "1.27")],
            ),
            kind(
                "ResourceClaimTemplate",
                Namespace,
                &["v1", "v1beta2", "v1beta1"],
                &[("v1alpha3", "1.34"), ("v1alpha2", "1.31"), ("v1alpha1", "1.27")],
            ),
            kind("ResourcePoolStatusRequest", Cluster, &["v1alpha3"], &[]),
            kind(
                "ResourceSlice",
                Cluster,
                &["v1", "v1beta2", "v1beta1"],
                &[("v1alpha3", "1.34"), ("v1alpha2", "1.31")],
            ),
        ],
    ),
    group(
        "scheduling.k8s.io",
        &[
            kind("CompositePodGroup", Namespace, &["v1alpha3"], &[]),
            kind("PodGroup", Namespace, &["v1beta1", "v1alpha3"], &[("v1alpha2", "1.37")]),
            kind("PriorityClass", Cluster, &["v1"], &[("v1beta1", "1.22"), ("v1alpha1", "1.23")]),
            kind(
                "Workload",
                Namespace,
                &["v1beta1", "v1alpha3"],
                &[("v1alpha2", "1.37"), ("v1alpha1", "1.36")],
            ),
        ],
    ),
    group(
        "storage.k8s.io",
        &[
            kind("CSIDriver", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("CSINode", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("CSIStorageCapacity", Namespace, &["v1"], &[("v1beta1", "1.27"), ("v1alpha1", "1.24")]),
            kind("StorageClass", Cluster, &["v1"], &[("v1beta1", "1.22")]),
            kind("VolumeAttachment", Cluster, &["v1"], &[("v1beta1", "1.22"), ("v1alpha1", "1.24")]),
            kind("VolumeAttributesClass", Cluster, &["v1"], &[("v1beta1", "1.37"), ("v1alpha1", "1.35")]),
        ],
    ),
    group(
        "storagemigration.k8s.io",
        &[kind("StorageVersionMigration", Cluster, &["v1", "v1beta1"], &[("v1alpha1", "")])],
    ),
];

/// `Namespace` labels that took over from PodSecurityPolicy, and what takes the rest.
const POD_SECURITY: Instead =
    Instead::Words("label the Namespace for Pod Security Admission, or write a ValidatingAdmissionPolicy");
const APPS: Instead = Instead::ApiVersion("apps/v1");
const NETWORKING: Instead = Instead::ApiVersion("networking.k8s.io/v1");

pub(super) const GONE: &[Gone] = &[
    gone(
        "auditregistration.k8s.io",
        "AuditSink",
        Cluster,
        "1.19",
        Instead::Words("configure the API server's audit webhook"),
    ),
    gone("extensions", "DaemonSet", Namespace, "1.16", APPS),
    gone("extensions", "Deployment", Namespace, "1.16", APPS),
    gone("extensions", "Ingress", Namespace, "1.22", NETWORKING),
    gone("extensions", "NetworkPolicy", Namespace, "1.16", NETWORKING),
    gone("extensions", "PodSecurityPolicy", Cluster, "1.16", POD_SECURITY),
    gone("extensions", "ReplicaSet", Namespace, "1.16", APPS),
    gone(
        "extensions",
        "ThirdPartyResource",
        Cluster,
        "1.8",
        Instead::Words("write a CustomResourceDefinition, `apiVersion: apiextensions.k8s.io/v1`"),
    ),
    gone(
        "networking.k8s.io",
        "ClusterCIDR",
        Cluster,
        "1.29",
        Instead::Words("leave it out: there is nothing in its place"),
    ),
    gone("policy", "PodSecurityPolicy", Cluster, "1.25", POD_SECURITY),
    gone(
        "resource.k8s.io",
        "PodSchedulingContext",
        Namespace,
        "1.32",
        Instead::Words("leave it out: the scheduler works without it"),
    ),
    gone(
        "resource.k8s.io",
        "ResourceClaimParameters",
        Namespace,
        "1.31",
        Instead::Words("write them into the ResourceClaim"),
    ),
    gone(
        "resource.k8s.io",
        "ResourceClass",
        Cluster,
        "1.31",
        Instead::Words("write a DeviceClass, `apiVersion: resource.k8s.io/v1`"),
    ),
    gone(
        "resource.k8s.io",
        "ResourceClassParameters",
        Namespace,
        "1.31",
        Instead::Words("write them into the DeviceClass"),
    ),
    gone(
        "settings.k8s.io",
        "PodPreset",
        Namespace,
        "1.20",
        Instead::Words("write the values into the pods, or use a MutatingAdmissionPolicy"),
    ),
];
