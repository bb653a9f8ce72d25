//! The rules that are shipped, parsed once.

use std::sync::LazyLock;

use naksha_environments::source::TreePath;

use crate::read;
use crate::rule_set::RuleSet;

/// Every file of `rules/`.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("apps.yaml", include_str!("../rules/apps.yaml")),
    ("argo.yaml", include_str!("../rules/argo.yaml")),
    ("cert-manager.yaml", include_str!("../rules/cert-manager.yaml")),
    ("clouds.yaml", include_str!("../rules/clouds.yaml")),
    ("cluster-api.yaml", include_str!("../rules/cluster-api.yaml")),
    ("compute.yaml", include_str!("../rules/compute.yaml")),
    ("core.yaml", include_str!("../rules/core.yaml")),
    ("crossplane.yaml", include_str!("../rules/crossplane.yaml")),
    ("databases.yaml", include_str!("../rules/databases.yaml")),
    ("flux.yaml", include_str!("../rules/flux.yaml")),
    ("gateway.yaml", include_str!("../rules/gateway.yaml")),
    ("knative.yaml", include_str!("../rules/knative.yaml")),
    ("kubernetes.yaml", include_str!("../rules/kubernetes.yaml")),
    ("kubevirt.yaml", include_str!("../rules/kubevirt.yaml")),
    ("mesh.yaml", include_str!("../rules/mesh.yaml")),
    ("messaging.yaml", include_str!("../rules/messaging.yaml")),
    ("monitoring.yaml", include_str!("../rules/monitoring.yaml")),
    ("network.yaml", include_str!("../rules/network.yaml")),
    ("platform.yaml", include_str!("../rules/platform.yaml")),
    ("policy.yaml", include_str!("../rules/policy.yaml")),
    ("postgres.yaml", include_str!("../rules/postgres.yaml")),
    ("scaling.yaml", include_str!("../rules/scaling.yaml")),
    ("search.yaml", include_str!("../rules/search.yaml")),
    ("secrets.yaml", include_str!("../rules/secrets.yaml")),
    ("storage.yaml", include_str!("../rules/storage.yaml")),
    ("tekton.yaml", include_str!("../rules/tekton.yaml")),
];

static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let files = FILES.iter().map(|(name, text)| {
        let path = TreePath::parse(&format!("rules/{name}")).expect("should be a path");
        (path, *text)
    });
    let (layer, diagnostics) = read::read(files);
    assert!(diagnostics.is_empty(), "shipped rules should parse, as the tests check: {diagnostics:#?}");
    RuleSet::of(layer)
});

pub(crate) fn rules() -> &'static RuleSet {
    &RULES
}
