//! exposed-data-store.

use serde_json::Value;

use crate::found::{Found, named, path};
use crate::pod::{items, text};
use crate::rule::object::Object;

/// Ports that data stores listen on, and whose they are.
const DATA_PORTS: &[(u64, &str)] = &[
    (1433, "SQL Server"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (4222, "NATS"),
    (5432, "Postgres"),
    (5984, "CouchDB"),
    (6333, "Qdrant"),
    (6334, "Qdrant"),
    (6379, "Redis"),
    (7687, "Neo4j"),
    (8123, "ClickHouse"),
    (8200, "Vault"),
    (9042, "Cassandra"),
    (9200, "OpenSearch"),
    (11211, "memcached"),
    (19530, "Milvus"),
    (27017, "MongoDB"),
];

pub(super) fn rule(object: &Object<'_>, found: &mut Vec<Found>) {
    if !object.key.group.is_empty() || &*object.key.kind != "Service" {
        return;
    }
    let Some(spec) = object.body.get("spec") else { return };
    let Some(kind @ ("NodePort" | "LoadBalancer")) = text(spec, "type") else { return };
    for (index, port) in items(spec, "ports").enumerate() {
        let numbers = [port.get("port"), port.get("targetPort")].into_iter().flatten();
        let store = numbers
            .filter_map(Value::as_u64)
            .find_map(|number| DATA_PORTS.iter().find(|(port, _)| *port == number));
        if let Some((number, store)) = store {
            let field = named(&path(&["spec", "ports"]), text(port, "name"), index);
            let message = format!("port {number} of {store} is open to the outside by type {kind}");
            found.push(Found::new("exposed-data-store", field, message));
        }
    }
}
