//! One unit that is not in the cache: read its files, run its templates, normalise what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use naksha_environments::codes::render as codes;
use naksha_environments::diagnostic::{Diagnostic, Place};
use naksha_environments::digest::{Digest, Hasher, canonical_json};
use naksha_environments::object::{DesiredObject, ObjectKey, Provenance, SecretValue, SharedObjects};
use naksha_environments::plan::FieldPath;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::SourceTree;
use naksha_environments::unit::{Unit, UnitSource};
use naksha_environments::yaml::Lines;
use naksha_environments::yaml::limits::MAX_MANIFEST_BYTES;
use serde_json::Value;

use crate::locate;
use crate::normalise::{Normaliser, Origin, Output, has_pods, references, secret_object};
use crate::template::{TemplateEngine, TemplateJob, TemplateSource};

use super::across::MAX_UNIT_OBJECTS;
use super::cache::{CustomKind, Keeping, UnitRender};
use super::dependencies::namespaces;
use super::failure::{self, Texts};
use super::files::{self, MAX_TEMPLATE_BYTES, MAX_TEMPLATES_BYTES, SourceFile, UnitFiles};

/// What rendering a unit takes.
#[derive(Debug)]
pub(super) struct UnitWork<'a> {
    pub(super) tree: &'a SourceTree,
    pub(super) unit: &'a Unit,
    pub(super) files: &'a UnitFiles,
    pub(super) namespace: &'a str,
    pub(super) key: &'a MarkKey,
    pub(super) engine: &'a dyn TemplateEngine,
    /// What templates see.
    pub(super) context: &'a Value,
}

/// Renders a unit. A fault of ours costs that unit, and nothing else.
pub(super) fn render(work: &UnitWork<'_>) -> UnitRender {
    // Nothing that a panic could leave half-done outlives it: all state is made in there, and the engine's own is
    // behind its own locks.
    catch_unwind(AssertUnwindSafe(|| render_unguarded(work))).unwrap_or_else(|_| {
        let unit = work.unit;
        let message =
            format!("unit `{}` could not be rendered, because of a fault of naksha itself", unit.name);
        let finding = Diagnostic::new(codes::RENDER_FAULT, message).at(unit.place.clone()).unit(&unit.name);
        let finding = finding.hint("the other units go on; the log says more, and a report of it is welcome");
        broken("naksha failed on it", vec![finding], Keeping::Never)
    })
}

fn render_unguarded(work: &UnitWork<'_>) -> UnitRender {
    let mut out = Output::default();
    let keeping = if matches!(work.unit.source, UnitSource::Templates(_)) {
        templates(work, &mut out)
    } else {
        manifests(work, &mut out);
        Keeping::Always
    };
    secrets(work, &mut out);
    out.objects.sort_by(|a, b| (a.wave, &a.key).cmp(&(b.wave, &b.key)));
    check_doubles(work.tree, &mut out);
    check_count(work.unit, &mut out);
    for finding in &mut out.diagnostics {
        finding.unit = Some(work.unit.name.clone());
    }
    if out.diagnostics.iter().any(Diagnostic::is_error) {
        return broken("it has errors", out.diagnostics, keeping);
    }
    finished(out, keeping)
}

/// A unit without objects.
pub(super) fn broken(reason: &str, diagnostics: Vec<Diagnostic>, keeping: Keeping) -> UnitRender {
    UnitRender {
        objects: Arc::from([]),
        broken: Some(reason.to_owned()),
        diagnostics,
        references: Vec::new(),
        namespaces: BTreeSet::new(),
        custom_kinds: Vec::new(),
        digest: digest(&[]),
        keeping,
    }
}

fn finished(out: Output, keeping: Keeping) -> UnitRender {
    let Output { objects, diagnostics } = out;
    let mut needed = BTreeSet::new();
    let mut custom_kinds = Vec::new();
    for object in &objects {
        let custom =
            (&*object.key.group, &*object.key.kind) == ("apiextensions.k8s.io", "CustomResourceDefinition");
        // Only bodies that can say something are parsed again.
        if custom || has_pods(&object.key) {
            let body = object.body.value();
            needed.extend(references(&object.key, &body));
            custom_kinds.extend(custom.then(|| custom_kind(&body)).flatten());
        }
    }
    let objects: SharedObjects = objects.into_iter().map(Arc::new).collect();
    let digest = digest(&objects);
    let references = needed.into_iter().collect();
    let namespaces = namespaces(&objects);
    UnitRender { objects, broken: None, diagnostics, references, namespaces, custom_kinds, digest, keeping }
}

fn custom_kind(definition: &Value) -> Option<CustomKind> {
    let spec = definition.get("spec")?;
    let cluster_scoped = spec.get("scope")? == "Cluster";
    let group = spec.get("group")?.as_str()?.to_owned();
    let kind = spec.pointer("/names/kind")?.as_str()?.to_owned();
    Some(CustomKind { group, kind, cluster_scoped })
}

/// Digest of a unit's objects: the same on every machine. The value of a secret takes no part in it, nor does a
/// hash of it: only that there is one.
pub(super) fn digest(objects: &[Arc<DesiredObject>]) -> Digest {
    let mut hasher = Hasher::new("naksha/unit/1");
    for object in objects {
        hasher.add(object.api_version.as_bytes());
        if object.secrets.values().any(|value| matches!(value, SecretValue::Inline(_))) {
            hasher.add(canonical_json(&without_marks(object)));
        } else {
            hasher.add(object.body.digest().as_bytes());
        }
    }
    hasher.finish()
}

fn without_marks(object: &DesiredObject) -> Value {
    let mut body = object.body.value();
    for (name, value) in &object.secrets {
        if let (SecretValue::Inline(_), Some(mark)) =
            (value, body.get_mut("data").and_then(|data| data.get_mut(name)))
        {
            *mark = Value::String("inline".to_owned());
        }
    }
    body
}

fn normaliser<'a>(work: &UnitWork<'a>) -> Normaliser<'a> {
    Normaliser { default_namespace: work.namespace, key: work.key }
}

fn manifests(work: &UnitWork<'_>, out: &mut Output) {
    for file in &work.files.entries {
        match work.tree.read_text(&file.path, MAX_MANIFEST_BYTES as u64) {
            Ok(text) => normaliser(work).text(Origin::Manifest(&Lines::new(&file.path, &text)), out),
            Err(error) => out.diagnostics.push(files::unreadable(&file.path, &error)),
        }
    }
}

fn templates(work: &UnitWork<'_>, out: &mut Output) -> Keeping {
    let mut texts = Texts::new();
    let mut sources = Vec::new();
    let mut bytes = 0;
    for file in work.files.entries.iter().chain(&work.files.partials) {
        match work.tree.read_text(&file.path, MAX_TEMPLATE_BYTES) {
            Ok(text) => {
                bytes += text.len();
                sources.push(TemplateSource { name: file.name.clone(), text: text.to_string() });
                texts.insert(file.name.clone(), (file.path.clone(), text));
            }
            Err(error) => out.diagnostics.push(files::unreadable(&file.path, &error)),
        }
    }
    if bytes > MAX_TEMPLATES_BYTES {
        let message =
            format!("the unit's templates have {bytes} bytes, and {MAX_TEMPLATES_BYTES} are read at most");
        let finding = Diagnostic::new(codes::SOURCE_UNREADABLE, message).at(work.unit.place.clone());
        out.diagnostics.push(finding.hint("split the unit"));
    }
    if out.diagnostics.iter().any(Diagnostic::is_error) {
        return Keeping::Always;
    }
    let entries = work.files.entries.len();
    let job = TemplateJob { sources, entries, context: work.context.clone() };
    let output = match work.engine.render(&job) {
        Ok(output) => output,
        Err(error) => {
            let (findings, keeping) = failure::of_unit(&error, work.unit, &texts);
            out.diagnostics.extend(findings);
            return keeping;
        }
    };
    for (file, result) in work.files.entries.iter().zip(&output.files) {
        match result {
            Ok(text) => rendered(work, file, text, &texts, out),
            Err(problem) => out.diagnostics.push(failure::of_template(problem, work.unit, &texts)),
        }
    }
    Keeping::Always
}

fn rendered(work: &UnitWork<'_>, file: &SourceFile, text: &str, texts: &Texts, out: &mut Output) {
    let Some((path, template)) = texts.get(&file.name) else { return };
    let (template, rendered) = (Lines::new(path, template), Lines::new(path, text));
    normaliser(work).text(Origin::Template { template: &template, rendered: &rendered }, out);
}

/// The Secrets that the unit's definition asks for.
fn secrets(work: &UnitWork<'_>, out: &mut Output) {
    let place = &work.unit.place;
    let line = place.line.as_ref().map_or(1, |line| line.number);
    for (name, keys) in &work.unit.secrets {
        let values: BTreeMap<_, _> = keys
            .iter()
            .map(|(key, reference)| (key.clone(), SecretValue::Reference(reference.clone())))
            .collect();
        let provenance = Provenance { path: place.path.clone(), line, rendered: false };
        out.objects.push(secret_object(name, work.namespace, values, provenance, work.key));
    }
}

/// Two documents of the unit that want one object. The objects are sorted by key within their wave, but two of
/// one key may stand in different waves.
fn check_doubles(tree: &SourceTree, out: &mut Output) {
    let mut first: BTreeMap<&ObjectKey, &DesiredObject> = BTreeMap::new();
    for object in &out.objects {
        if let Some(other) = first.insert(&object.key, object) {
            let message = format!("{} is wanted twice by one unit", object.key);
            let finding = Diagnostic::new(codes::OBJECT_TWICE, message).at(name_place(tree, object));
            out.diagnostics.push(finding.note(Some(name_place(tree, other)), "the other one is here"));
        }
    }
}

/// Where an object's name was written.
pub(super) fn name_place(tree: &SourceTree, object: &DesiredObject) -> Place {
    let field = FieldPath::default().key("metadata").key("name");
    let own = &object.provenance;
    locate::place(tree, object, &field).unwrap_or_else(|| Place::at_line(&own.path, own.line, 1))
}

fn check_count(unit: &Unit, out: &mut Output) {
    let count = out.objects.len();
    if count > MAX_UNIT_OBJECTS {
        let message =
            format!("unit `{}` makes {count} objects, and a unit may make {MAX_UNIT_OBJECTS}", unit.name);
        out.diagnostics.push(
            Diagnostic::new(codes::TOO_MANY_OBJECTS, message).at(unit.place.clone()).hint("split the unit"),
        );
    }
}
