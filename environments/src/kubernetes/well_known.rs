//! Kinds of well-known projects whose objects have no namespace: so that a laptop, which can ask no cluster, does not give
//! them one. A definition in the repository, or the cluster itself, knows better.

/// Groups and their kinds without a namespace, sorted by group.
const CLUSTER_KINDS: &[(&str, &[&str])] = &[
    (
        "apiextensions.crossplane.io",
        &[
            "CompositeResourceDefinition",
            "Composition",
            "CompositionRevision",
            "EnvironmentConfig",
            "ManagedResourceActivationPolicy",
            "ManagedResourceDefinition",
            "Usage",
        ],
    ),
    ("argoproj.io", &["ClusterAnalysisTemplate", "ClusterWorkflowTemplate"]),
    ("cdi.kubevirt.io", &["CDI", "CDIConfig", "StorageProfile"]),
    ("cert-manager.io", &["ClusterIssuer"]),
    (
        "cilium.io",
        &[
            "CiliumBGPAdvertisement",
            "CiliumBGPClusterConfig",
            "CiliumBGPPeerConfig",
            "CiliumCIDRGroup",
            "CiliumClusterwideEnvoyConfig",
            "CiliumClusterwideNetworkPolicy",
            "CiliumEgressGatewayPolicy",
            "CiliumL2AnnouncementPolicy",
            "CiliumLoadBalancerIPPool",
        ],
    ),
    (
        "crd.projectcalico.org",
        &[
            "BGPConfiguration",
            "BGPPeer",
            "FelixConfiguration",
            "GlobalNetworkPolicy",
            "GlobalNetworkSet",
            "IPPool",
        ],
    ),
    ("external-secrets.io", &["ClusterExternalSecret", "ClusterPushSecret", "ClusterSecretStore"]),
    ("gateway.networking.k8s.io", &["GatewayClass"]),
    ("instancetype.kubevirt.io", &["VirtualMachineClusterInstancetype", "VirtualMachineClusterPreference"]),
    ("karpenter.azure.com", &["AKSNodeClass"]),
    ("karpenter.k8s.aws", &["EC2NodeClass"]),
    ("karpenter.sh", &["NodeClaim", "NodePool"]),
    ("keda.sh", &["ClusterTriggerAuthentication"]),
    (
        "kueue.x-k8s.io",
        &["AdmissionCheck", "ClusterQueue", "Cohort", "ResourceFlavor", "Topology", "WorkloadPriorityClass"],
    ),
    ("kyverno.io", &["ClusterCleanupPolicy", "ClusterPolicy", "GlobalContextEntry"]),
    ("nfd.k8s-sigs.io", &["NodeFeatureRule"]),
    ("nvidia.com", &["ClusterPolicy", "NVIDIADriver"]),
    (
        "operator.tekton.dev",
        &["TektonChain", "TektonConfig", "TektonDashboard", "TektonPipeline", "TektonTrigger"],
    ),
    ("operator.tigera.io", &["APIServer", "Installation"]),
    ("operators.coreos.com", &["OLMConfig", "Operator"]),
    (
        "pkg.crossplane.io",
        &[
            "Configuration",
            "ConfigurationRevision",
            "DeploymentRuntimeConfig",
            "Function",
            "FunctionRevision",
            "ImageConfig",
            "Provider",
            "ProviderRevision",
        ],
    ),
    (
        "policy.networking.k8s.io",
        &["AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy"],
    ),
    ("snapshot.storage.k8s.io", &["VolumeSnapshotClass", "VolumeSnapshotContent"]),
    ("templates.gatekeeper.sh", &["ConstraintTemplate"]),
    ("trust.cert-manager.io", &["Bundle"]),
];

/// Every kind of such a group lies in no namespace: each is made by a template.
const CLUSTER_GROUPS: &[&str] = &["constraints.gatekeeper.sh"];

/// Whether the kinds of a group are known, so that one that is not listed lies in namespaces.
pub(super) fn is_known(group: &str) -> bool {
    CLUSTER_KINDS.binary_search_by(|(name, _)| (*name).cmp(group)).is_ok() || CLUSTER_GROUPS.contains(&group)
}

pub(super) fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    let at = CLUSTER_KINDS.binary_search_by(|(name, _)| (*name).cmp(group));
    at.is_ok_and(|at| CLUSTER_KINDS[at].1.contains(&kind)) || CLUSTER_GROUPS.contains(&group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_sorted_and_found() {
        assert!(CLUSTER_KINDS.is_sorted_by(|one, two| one.0 < two.0));
        for (group, kinds) in CLUSTER_KINDS {
            assert!(kinds.iter().all(|kind| is_cluster_scoped(group, kind)), "{group}");
        }
        assert!(is_cluster_scoped("constraints.gatekeeper.sh", "K8sRequiredLabels"));
        assert!(
            !is_cluster_scoped("cert-manager.io", "Issuer") && !is_cluster_scoped("example.com", "Provider")
        );
    }
}
