//! Which objects hold data: deleting or replacing one loses what cannot be rendered again.

use crate::object::ObjectKey;

/// Group and kind. Built-in kinds first, then the custom resources of common operators.
const STATEFUL: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("apps", "StatefulSet"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("snapshot.storage.k8s.io", "VolumeSnapshot"),
    // databases
    ("postgresql.cnpg.io", "Cluster"),
    ("postgresql.cnpg.io", "Database"),
    ("acid.zalan.do", "postgresql"),
    ("postgres-operator.crunchydata.com", "PostgresCluster"),
    ("rds.services.k8s.aws", "DBCluster"),
    ("rds.services.k8s.aws", "DBInstance"),
    ("dynamodb.services.k8s.aws", "Table"),
    // buckets and keys
    ("s3.services.k8s.aws", "Bucket"),
    ("objectbucket.io", "ObjectBucketClaim"),
    ("minio.min.io", "Tenant"),
    ("kms.services.k8s.aws", "Key"),
    // Vault
    ("vault.banzaicloud.com", "Vault"),
    // JetStream
    ("jetstream.nats.io", "Stream"),
    ("jetstream.nats.io", "KeyValue"),
    ("jetstream.nats.io", "ObjectStore"),
    // vector stores
    ("milvus.io", "Milvus"),
    ("milvus.io", "MilvusCluster"),
];

/// Whether the object holds data.
pub fn is_stateful(key: &ObjectKey) -> bool {
    STATEFUL.iter().any(|(group, kind)| *group == &*key.group && *kind == &*key.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_kind_both_count() {
        assert!(is_stateful(&ObjectKey::new("apps", "StatefulSet", Some("naksha"), "postgres")));
        assert!(is_stateful(&ObjectKey::new("postgresql.cnpg.io", "Cluster", Some("naksha"), "pg")));
        assert!(!is_stateful(&ObjectKey::new("kafka.strimzi.io", "Cluster", Some("naksha"), "x")));
        assert!(!is_stateful(&ObjectKey::new("apps", "Deployment", Some("naksha"), "web")));
    }
}
