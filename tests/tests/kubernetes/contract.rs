//! The contract of targets, against a real API server.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use naksha_environments::object::ObjectKey;
use naksha_environments::secret::MarkKey;
use naksha_executor::contract::target::Fixture;
use naksha_executor::contract::target::samples::scope;
use naksha_executor::port::target::SharedTarget;
use naksha_executor_kubernetes::{Access, ClusterTarget, Source};
use naksha_tests::kubernetes::{Api, ControlPlane, Parts};
use naksha_tests::must;
use reqwest::Method;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// All cases write as one environment: what one of them does would wake the others.
static ONE_AT_A_TIME: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

naksha_executor::target_contract!(fresh, Option);

async fn fresh() -> Option<Cluster> {
    let plane = ControlPlane::shared(Parts::Api)?;
    let turn = Arc::clone(&ONE_AT_A_TIME).lock_owned().await;
    let namespace = must(plane.fresh_namespace());
    Some(Cluster { plane, namespace, target: open(plane).await, _turn: turn })
}

async fn open(plane: &ControlPlane) -> SharedTarget {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let path = must(plane.kubeconfig("admin"));
    let source = Source::File { path, context: None };
    let access = Access { cluster: "test".into(), source, identity: None, exec_plugins: false };
    let target = ClusterTarget::open(&access, &scope(), MarkKey::new([7; 32])).await;
    Arc::new(target.expect("should open"))
}

struct Cluster {
    plane: &'static ControlPlane,
    namespace: String,
    target: SharedTarget,
    _turn: OwnedMutexGuard<()>,
}

impl Cluster {
    fn admin(&self) -> &Api {
        self.plane.admin()
    }
}

fn collection(key: &ObjectKey) -> String {
    let namespace = key.namespace.as_deref().expect("should have a namespace");
    let root = if key.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}/v1", key.group) };
    format!("{root}/namespaces/{namespace}/{}s", key.kind.to_lowercase())
}

fn path(key: &ObjectKey) -> String {
    format!("{}/{}", collection(key), key.name)
}

#[async_trait]
impl Fixture for Cluster {
    fn target(&self) -> SharedTarget {
        Arc::clone(&self.target)
    }

    async fn reopen(&self) -> SharedTarget {
        open(self.plane).await
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    async fn peek(&self, key: &ObjectKey) -> Option<Value> {
        let answer = must(self.admin().send(Method::GET, &path(key), None));
        (answer.status == 200).then_some(answer.body)
    }

    async fn put(&self, key: &ObjectKey, object: &Value) {
        if self.peek(key).await.is_none() {
            must(self.admin().create(&collection(key), object));
            return;
        }
        let put = |path: &str, object: &Value| {
            let answer = must(self.admin().send(Method::PUT, path, Some(object)));
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            answer.body
        };
        let mut now = put(&path(key), object);
        if let Some(status) = object.get("status") {
            now["status"] = status.clone();
            put(&format!("{}/status", path(key)), &now);
        }
    }

    fn sees_at_once(&self) -> bool {
        false
    }

    async fn erase(&self, key: &ObjectKey) {
        must(self.admin().delete(&path(key)));
    }

    async fn garble(&self, _key: &ObjectKey) -> bool {
        false
    }

    async fn half_write(&self, _key: &ObjectKey) -> bool {
        false
    }

    async fn litter(&self) -> usize {
        0
    }
}
