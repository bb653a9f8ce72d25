//! Trees from lists.

use naksha_environments::digest::Digest;
use naksha_environments::object::{Mark, Uid};
use serde_json::json;

use super::*;

fn resource(group: &str, kind: &str) -> Resource {
    let plural = format!("{}s", kind.to_lowercase());
    let version = "v1".into();
    Resource { group: group.into(), version, kind: kind.into(), plural: plural.into(), namespaced: true }
}

fn ours(uid: Option<&str>, kind: &str, name: &str) -> Wanted {
    let mark = uid.map(|uid| Mark {
        uid: Some(Uid(uid.into())),
        version: "1".into(),
        fingerprint: Digest::of_bytes(b""),
    });
    Wanted { key: ObjectKey::new("apps", kind, Some("shop"), name), mark }
}

fn item(name: &str, uid: &str, owners: &[&str], rest: &Value) -> Value {
    let owners: Vec<Value> = owners.iter().map(|uid| json!({"uid": uid})).collect();
    let mut item =
        json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "ownerReferences": owners}});
    for (field, value) in rest.as_object().into_iter().flatten() {
        item[field] = value.clone();
    }
    item
}

fn kin_of(lists: &[(Resource, Vec<Value>)]) -> Kin {
    let mut kin = Kin::default();
    for (resource, items) in lists {
        kin.take(items.iter().filter_map(|item| kinsman(resource, item.clone())).collect());
    }
    kin
}

fn lines(made: &Made, depth: usize, out: &mut Vec<String>) {
    for Descendant { key, health, made } in &made.children {
        out.push(format!("{:depth$}{} {}", "", key.short(), health.word()));
        lines(made, depth + 1, out);
    }
    if made.more > 0 {
        out.push(format!("{:depth$}+{}", "", made.more));
    }
}

fn tree(kin: &Kin, of: &Wanted) -> Vec<String> {
    let ours = HashSet::from([uid(of).unwrap()]);
    let mut out = Vec::new();
    lines(&kin.made(uid(of).unwrap(), &ours, &mut HashSet::new(), MAX_DEPTH), 0, &mut out);
    out
}

fn running() -> Value {
    json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

#[test]
fn children_are_found_from_uid_to_uid() {
    let current = json!({"spec": {"replicas": 2}, "status": {"replicas": 2}});
    let old = json!({"spec": {"replicas": 0}, "status": {"replicas": 0}});
    let kin = kin_of(&[
        (
            resource("apps", "ReplicaSet"),
            vec![
                item("web-2", "rs2", &["d"], &current),
                item("web-1", "rs1", &["d"], &old),
                item("other-1", "rs3", &["x"], &current),
            ],
        ),
        (
            resource("", "Pod"),
            vec![
                item("web-2-b", "p2", &["rs2"], &running()),
                item("web-2-a", "p1", &["rs2"], &json!({"status": {"phase": "Pending"}})),
                item("web-2-c", "p3", &["rs3"], &running()),
                json!({"metadata": {"name": "alone", "uid": "p4"}}),
            ],
        ),
    ]);
    let web = ours(Some("d"), "Deployment", "web");
    let expected = ["ReplicaSet/web-2 Progressing", " Pod/web-2-a Progressing", " Pod/web-2-b Healthy", "+1"];
    assert_eq!(tree(&kin, &web), expected, "that which is scaled to nothing is counted");
    let belonging = kin.belonging(std::slice::from_ref(&web));
    assert_eq!(belonging.get("p2"), Some(&web.key));
    assert_eq!(belonging.get("rs1"), Some(&web.key), "what happened to it is told all the same");
    assert_eq!((belonging.get("p3"), belonging.get("p4")), (None, None));
}

#[test]
fn circles_end_and_many_are_cut() {
    let ring = kin_of(&[(
        resource("", "Pod"),
        vec![item("a", "a", &["d", "b"], &running()), item("b", "b", &["a"], &running())],
    )]);
    let of = ours(Some("d"), "DaemonSet", "web");
    assert_eq!(tree(&ring, &of), ["Pod/a Healthy", " Pod/b Healthy"]);
    assert_eq!(ring.belonging(std::slice::from_ref(&of)).len(), 3);

    let mut pods: Vec<Value> =
        (0..150).map(|n| item(&format!("p{n:03}"), &format!("p{n}"), &["d"], &running())).collect();
    pods.push(item("z-broken", "z", &["d"], &json!({"status": {"phase": "Failed"}})));
    let lines = tree(&kin_of(&[(resource("", "Pod"), pods)]), &of);
    assert_eq!(lines.len(), MAX_CHILDREN + 1);
    assert_eq!(lines[MAX_CHILDREN - 1], "Pod/z-broken Degraded", "what is not well is not cut");
    assert_eq!(lines[MAX_CHILDREN], "+51");
}

#[test]
fn what_is_ours_is_no_child_of_ours() {
    let kin = kin_of(&[(resource("", "Pod"), vec![item("a", "a", &["d"], &running())])]);
    let both = HashSet::from(["d", "a"]);
    assert_eq!(kin.made("d", &both, &mut HashSet::new(), MAX_DEPTH), Made::default());
}

#[test]
fn a_pod_says_why_it_is_not_well() {
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [
        {"name": "web", "image": "web:1", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]}});
    let pod = kinsman(&resource("", "Pod"), item("a", "a", &["d"], &status)).unwrap();
    let why = "container `web` cannot pull image `web:1`: not found";
    assert_eq!(pod.health, Health::Degraded(why.to_owned()));
}

#[test]
fn only_what_may_be_there_is_looked_for() {
    let mut catalogue = Catalogue::default();
    for (group, kind) in
        WORKLOADS.iter().chain(&[("cert-manager.io", "Certificate"), ("acme.cert-manager.io", "Order")])
    {
        catalogue.add(resource(group, kind));
    }
    let names = |of: &[Wanted]| -> Vec<String> {
        let places = places(&catalogue, of);
        places.values().flatten().map(|resource| resource.kind.to_string()).collect()
    };
    assert_eq!(names(&[ours(Some("d"), "Deployment", "web")]), ["Pod", "ReplicaSet"]);
    assert!(names(&[ours(None, "Deployment", "web")]).is_empty(), "nothing is known of it yet");
    let with = |group: &str, kind: &str| {
        let key = ObjectKey::new(group, kind, Some("shop"), "a");
        names(&[Wanted { key, ..ours(Some("d"), "Deployment", "web") }])
    };
    assert!(with("", "ConfigMap").is_empty());
    let of_certificate = with("cert-manager.io", "Certificate");
    assert!(of_certificate.contains(&"Order".to_owned()) && of_certificate.contains(&"Pod".to_owned()));
    assert!(!with("example.com", "Database").contains(&"Order".to_owned()));
    assert!(!is_sibling("snapshot.storage.k8s.io", "metrics.k8s.io"));
    assert!(is_sibling("infrastructure.cluster.x-k8s.io", "cluster.x-k8s.io"));
    assert!(!is_sibling("cluster.x-k8s.io", "kueue.x-k8s.io"));
}
