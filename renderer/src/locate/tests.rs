//! Places of fields, in manifests and in templates.

use naksha_environments::secret::MarkKey;
use naksha_environments::source::TreePath;

use super::*;
use crate::normalise::{Normaliser, Origin, Output};

/// Parses `app.kind=Deployment` style paths: keys by dots, items as `name=value`, positions as numbers.
fn field(text: &str) -> FieldPath {
    let segments = text.split('/').map(|part| match part.split_once('=') {
        Some((key, value)) => Segment::Item(vec![(key.to_owned(), value.to_owned())]),
        None => part.parse().map_or_else(|_| Segment::Key(part.to_owned()), Segment::Index),
    });
    FieldPath(segments.collect())
}

/// Finds fields of the objects of one text: `(object name, field)` → line and column, and the line's text.
fn find(text: &str, rendered: Option<&str>, fields: &[(&str, &str)]) -> Vec<String> {
    let path = TreePath::parse("a.yaml").unwrap();
    let tree = SourceTree::from_texts([("a.yaml", text)]).unwrap();
    let (written, made) = (Lines::new(&path, text), Lines::new(&path, rendered.unwrap_or(text)));
    let origin = match rendered {
        Some(_) => Origin::Template { template: &written, rendered: &made },
        None => Origin::Manifest(&written),
    };
    let mut out = Output::default();
    let key = MarkKey::new([1; 32]);
    Normaliser { default_namespace: "n", key: &key }.text(origin, &mut out);
    assert!(out.diagnostics.iter().all(|finding| !finding.is_error()), "{:?}", out.diagnostics);
    let places = fields.iter().map(|(name, path)| {
        let object = out.objects.iter().find(|object| &*object.key.name == *name).unwrap();
        let line = place(&tree, object, &field(path)).unwrap().line.unwrap();
        format!("{}:{} {}", line.number, line.column, line.text.as_deref().unwrap_or("-").trim())
    });
    places.collect()
}

const TWO: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: side
        image: side:1
      - name: app
        image: app:1
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData:
  password: x
";

#[test]
fn fields_of_manifests_are_found_exactly() {
    let found = find(
        TWO,
        None,
        &[
            ("web", "spec/replicas"),
            ("web", "spec/template/spec/containers/name=app/image"),
            ("web", "spec/template/spec/containers/name=app/resources"),
            ("web", "spec/strategy/type"),
            ("s", "data/password"),
        ],
    );
    assert_eq!(
        found,
        ["5:13 -", "12:16 -", "11:9 -", "5:3 -", "18:13 -"],
        "a file with a Secret is not quoted"
    );
    let alone = TWO.split("---\n").next().unwrap();
    assert_eq!(find(alone, None, &[("web", "spec/replicas")]), ["5:13 replicas: 2"]);
}

#[test]
fn items_of_lists_are_found() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n\
                - apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n  data:\n    k: v\n";
    assert_eq!(
        find(text, None, &[("b", "data/k"), ("a", "metadata/name")]),
        ["11:8 k: v", "6:20 metadata: {name: a}"]
    );
}

#[test]
fn fields_of_templates_are_found_by_likeness() {
    let template = "\
{% set app = 'web' -%}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ app }}
spec:
  replicas: {{ variables.replicas }}
  template:
    spec:
      containers:
      {%- for c in variables.list %}
      - name: {{ c }}
        image: example/{{ c }}:1
      {%- endfor %}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ app }}-service
spec:
  type: ClusterIP
";
    let rendered = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: a
        image: example/a:1
      - name: b
        image: example/b:1
---
apiVersion: v1
kind: Service
metadata:
  name: web-service
spec:
  type: ClusterIP
";
    let found = find(
        template,
        Some(rendered),
        &[
            ("web", "spec/replicas"),
            ("web", "metadata/name"),
            ("web", "spec/template/spec/containers/name=b/image"),
            ("web-service", "metadata/name"),
            ("web-service", "spec/type"),
            ("web-service", "spec/none/at/all"),
        ],
    );
    assert_eq!(
        found,
        [
            "7:3 replicas: {{ variables.replicas }}",
            "5:3 name: {{ app }}",
            "13:9 image: example/{{ c }}:1",
            "19:3 name: {{ app }}-service",
            "21:3 type: ClusterIP",
            "16:1 apiVersion: v1",
        ]
    );
}

#[test]
fn rendered_lines_lead_to_template_lines() {
    let template = "a: 1\n{% for x in list %}\n- name: {{ x }}\n  port: 80\n{% endfor %}\n{{ block }}\nz: {{ y }}-{{ x }}\n";
    let rendered = "a: 1\n\n- name: one\n  port: 80\n\n- name: two\n  port: 80\n\nfree text\nz: 1-2\n";
    let lines: Vec<_> = (1..=10).map(|number| template_line(template, rendered, number)).collect();
    let expect = [1, 2, 3, 4, 2, 3, 4, 5, 6, 7].map(Some);
    assert_eq!(lines[0], expect[0]);
    for number in [3, 4, 6, 7, 9, 10] {
        assert_eq!(lines[number - 1], expect[number - 1], "line {number}");
    }
    assert_eq!(template_line(template, rendered, 99), None);
    assert_eq!(template_line("", "", 1), None);
}
