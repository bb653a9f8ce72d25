//! What a promotion writes: `environments/<name>/lock.yaml`. Pure.

use std::collections::BTreeMap;

use naksha_environments::digest::Digest;
use naksha_environments::environment::{Environment, Lock};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::source::TreePath;
use naksha_environments::yaml;
use serde_json::{Map, Value, json};

/// What a source means to an environment. Only the source decides; the rest tells people what that is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Absent: nothing is known of it.
    pub render: Option<Digest>,
    /// Name → tag or digest, as far as it is written that way.
    pub images: BTreeMap<String, String>,
    /// Name → digest of its graph.
    pub workflows: BTreeMap<String, String>,
}

impl Record {
    pub fn of(rendered: &Rendered) -> Self {
        let workflows = rendered.workflows.iter();
        let workflows = workflows.map(|(name, graph)| (name.to_string(), graph.digest().to_string()));
        let mut images = BTreeMap::new();
        for object in rendered.units.values().flat_map(RenderedUnit::objects) {
            collect_images(&object.body.value(), &mut images);
        }
        Self { render: Some(rendered.digest()), images, workflows: workflows.collect() }
    }
}

impl Record {
    /// The keys of a lock under which something else is recorded. What it does not record is nothing else.
    pub fn differs(&self, lock: &Lock) -> Vec<&'static str> {
        let Lock { source: _, place: _, render, charts: _, images, workflows } = lock;
        let workflows: BTreeMap<String, String> =
            workflows.iter().map(|(name, digest)| (name.to_string(), digest.to_string())).collect();
        let recorded = [
            ("render", render.is_some() && *render != self.render),
            ("images", !images.is_empty() && *images != self.images),
            ("workflows", !workflows.is_empty() && workflows != self.workflows),
        ];
        recorded.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

/// Beginning of the branches that are the daemon's own.
pub const BRANCHES: &str = "promote/";

/// The branch that a promotion is proposed on. The daemon writes to no other.
pub fn branch_of(environment: &EnvironmentName) -> String {
    format!("{BRANCHES}{environment}")
}

/// Where an environment's lock is.
pub fn lock_path(environment: &Environment) -> String {
    let folder = environment.place.path.parent().as_ref().map(TreePath::to_string).unwrap_or_default();
    format!("{folder}/lock.yaml")
}

pub fn lock_text(source: &Revision, record: &Record) -> String {
    let Record { render, images, workflows } = record;
    let mut spec = Map::new();
    spec.insert("source".to_owned(), json!(source));
    if let Some(render) = render {
        spec.insert("render".to_owned(), json!(render.to_string()));
    }
    spec.insert("images".to_owned(), json!(images));
    spec.insert("workflows".to_owned(), json!(workflows));
    let lock = json!({
        "apiVersion": "naksha.dev/v1alpha1",
        "kind": "Lock",
        "spec": Value::Object(spec),
    });
    format!(
        "# Written by `naksha promote` or the daemon. Only `source` decides; the rest is a record of it.\n{}",
        yaml::emit(&lock)
    )
}

fn collect_images(value: &Value, images: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            if let (Some(Value::String(image)), true) = (map.get("image"), map.contains_key("name")) {
                let (name, version) = split_image(image);
                images.insert(name.to_owned(), version.to_owned());
            }
            map.values().for_each(|value| collect_images(value, images));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_images(item, images)),
        _ => {}
    }
}

/// `registry:5000/name:tag@sha256:…` → name and what pins it.
fn split_image(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, digest);
    }
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    match image[slash..].find(':') {
        Some(colon) => (&image[..slash + colon], &image[slash + colon + 1..]),
        None => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use naksha_environments::diagnostic::Place;

    use super::*;

    #[test]
    fn a_record_is_what_it_says_or_says_nothing() {
        let images = BTreeMap::from([("nginx".to_owned(), "1.27".to_owned())]);
        let record = Record { render: Some(Digest::of_bytes(b"one")), images, workflows: BTreeMap::new() };
        let lock = |render: Option<&[u8]>, version: Option<&str>| Lock {
            source: Revision::parse(&"a".repeat(40)).unwrap(),
            place: Place::file(&TreePath::parse("environments/prod/lock.yaml").unwrap()),
            render: render.map(Digest::of_bytes),
            charts: BTreeMap::new(),
            images: version.map(|version| ("nginx".to_owned(), version.to_owned())).into_iter().collect(),
            workflows: BTreeMap::new(),
        };
        assert!(record.differs(&lock(None, None)).is_empty(), "only its source");
        assert!(record.differs(&lock(Some(b"one"), Some("1.27"))).is_empty());
        assert_eq!(record.differs(&lock(Some(b"two"), Some("1.26"))), ["render", "images"]);
    }

    #[test]
    fn an_image_is_a_name_and_what_pins_it() {
        assert_eq!(split_image("nginx"), ("nginx", "latest"));
        assert_eq!(split_image("nginx:1.27"), ("nginx", "1.27"));
        assert_eq!(split_image("host:5000/a/b"), ("host:5000/a/b", "latest"));
        assert_eq!(split_image("host:5000/a/b:2"), ("host:5000/a/b", "2"));
        assert_eq!(split_image("a/b:2@sha256:ff"), ("a/b:2", "sha256:ff"));
    }
}
