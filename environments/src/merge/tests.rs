//! What a write leaves of an object.

use serde_json::{Value, json};

use super::{UNCONFIRMED, merge, widen, without};
use crate::plan::{FieldPath, Segment};

fn check(live: &Value, previous: Option<&Value>, desired: &Value, leave: &[FieldPath], expected: &Value) {
    let merged = merge("Deployment", Some(live), previous, desired, leave);
    assert_eq!(&merged, expected);
    let again = merge("Deployment", Some(&merged), Some(desired), desired, leave);
    assert_eq!(again, merged, "a second merge changes nothing");
}

fn container(name: &str) -> Segment {
    Segment::Item(vec![("name".to_owned(), name.to_owned())])
}

#[test]
fn fields_of_others_stay_and_ours_that_were_dropped_go() {
    let live =
        json!({"metadata": {"labels": {"a": "1", "theirs": "x"}}, "spec": {"replicas": 3, "old": true}});
    let previous = json!({"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 2, "old": true}});
    let desired = json!({"metadata": {"labels": {"a": "2"}}, "spec": {"replicas": 2}});
    let expected = json!({"metadata": {"labels": {"a": "2", "theirs": "x"}}, "spec": {"replicas": 2}});
    check(&live, Some(&previous), &desired, &[], &expected);
}

#[test]
fn items_of_list_maps_are_merged_one_by_one() {
    let live = json!({"containers": [{"name": "sidecar", "image": "s"}, {"name": "app", "image": "1", "tty": true},
        {"name": "gone", "image": "g"}]});
    let previous = json!({"containers": [{"name": "app", "image": "1"}, {"name": "gone", "image": "g"}]});
    let desired = json!({"containers": [{"name": "app", "image": "2"}]});
    let expected = json!({"containers": [{"name": "app", "image": "2", "tty": true}, {"name": "sidecar", "image": "s"}]});
    check(&live, Some(&previous), &desired, &[], &expected);
}

#[test]
fn what_is_left_to_others_is_neither_set_nor_removed() {
    let replicas = FieldPath::default().key("spec").key("replicas");
    let image = FieldPath::default().key("containers").with(container("app")).key("image");
    let live = json!({"spec": {"replicas": 7}, "containers": [{"name": "app", "image": "theirs"}]});
    let previous = json!({"spec": {"replicas": 2}, "containers": [{"name": "app", "image": "1"}]});
    let desired = json!({"spec": {"paused": true}, "containers": [{"name": "app", "image": "2"}]});
    let leave = [replicas, image.clone()];
    let expected =
        json!({"spec": {"replicas": 7, "paused": true}, "containers": [{"name": "app", "image": "theirs"}]});
    check(&live, Some(&previous), &desired, &leave, &expected);
    assert_eq!(
        without(&desired, &[image]),
        json!({"spec": {"paused": true}, "containers": [{"name": "app"}]})
    );
}

#[test]
fn what_the_target_writes_is_never_ours() {
    let live = json!({"metadata": {"uid": "1", "name": "a"}, "status": {"ready": true}});
    let desired = json!({"metadata": {"uid": "2", "name": "a"}, "status": {}});
    check(&live, Some(&live), &desired, &[], &live);
}

#[test]
fn onto_nothing_the_desired_object_is_the_result() {
    let desired = json!({"kind": "Deployment", "spec": {"x": null, "y": 1}});
    assert_eq!(
        merge("Deployment", None, None, &desired, &[]),
        json!({"kind": "Deployment", "spec": {"y": 1}})
    );
}

#[test]
fn a_write_on_its_way_widens_what_may_be_ours() {
    let applied = json!({"metadata": {"finalizers": ["a"]}, "spec": {"replicas": 1, "old": true, "args": ["x"]},
        "containers": [{"name": "app", "image": "1"}]});
    let desired = json!({"metadata": {"finalizers": ["b"], "labels": {"l": "1"}},
        "spec": {"replicas": 2, "new": {"deep": [1]}, "args": ["y"], "none": null, "empty": {}},
        "containers": [{"name": "app", "image": "2", "tty": true}, {"name": "side", "image": "s"}]});
    let x = UNCONFIRMED;
    let expected = json!({"metadata": {"finalizers": ["a", "b"], "labels": {"l": x}},
        "spec": {"replicas": 1, "old": true, "args": ["x"], "new": {"deep": x}, "empty": x},
        "containers": [{"name": "app", "image": "1", "tty": x}, {"name": "side", "image": x}]});
    let widened = widen(&applied, &desired);
    assert_eq!(widened, expected);
    assert_eq!(widen(&widened, &desired), widened, "a second time adds nothing");
    assert_eq!(widen(&desired, &applied)["spec"]["old"], x);
    // Killed after the write and reverted: nothing of it stays.
    let live = merge("Deployment", Some(&applied), Some(&applied), &desired, &[]);
    let reverted = merge("Deployment", Some(&live), Some(&widened), &applied, &[]);
    assert_eq!(reverted, applied);
    // A change of values alone widens nothing.
    assert_eq!(widen(&applied, &json!({"spec": {"replicas": 9, "args": []}})), applied);
}
