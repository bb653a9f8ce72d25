//! The order within a unit: what others need goes first.

/// Overrides the order that the kind gives.
pub const WAVE_ANNOTATION: &str = "naksha.dev/wave";
/// Waves go from minus this to this: enough for any order, and a typing slip is noticed.
pub const MAX_WAVE: i32 = 1000;

/// The wave of a kind; a missing kind goes with the rest.
pub(crate) fn of_kind(group: &str, kind: &str) -> i32 {
    match (group, kind) {
        ("", "Namespace") => -50,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => -40,
        ("storage.k8s.io", "StorageClass" | "CSIDriver" | "VolumeAttributesClass")
        | ("scheduling.k8s.io", "PriorityClass")
        | ("node.k8s.io", "RuntimeClass")
        | ("networking.k8s.io", "IngressClass" | "NetworkPolicy")
        | ("rbac.authorization.k8s.io", _)
        | ("", "ServiceAccount" | "ResourceQuota" | "LimitRange") => -30,
        ("", "ConfigMap" | "Secret" | "PersistentVolume" | "PersistentVolumeClaim") => -20,
        // These judge or serve other writes: until what stands behind them runs, they would only refuse.
        ("admissionregistration.k8s.io", _) | ("apiregistration.k8s.io", "APIService") => 50,
        _ => 0,
    }
}

/// The wave that an annotation asks for.
pub(crate) fn parse(text: &str) -> Option<i32> {
    text.parse().ok().filter(|wave| (-MAX_WAVE..=MAX_WAVE).contains(wave))
}
