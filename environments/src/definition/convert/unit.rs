//! `units/<name>/unit.yaml`.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use crate::codes::definition as codes;
use crate::definition::expressions::infrastructure_read;
use crate::definition::reading::{At, Reading};
use crate::definition::references::{Claim, Mentioned};
use crate::definition::v1alpha1::{
    ConflictWord, HelmSpec, IgnoreSpec, ImmutableWord, TerraformSpec, UnitSpec, ValuesEntry,
};
use crate::diagnostic::Place;
use crate::expression::{Expression, Text};
use crate::globs::Globs;
use crate::ids::UnitName;
use crate::secret::SecretRef;
use crate::unit::{
    ConflictPolicy, HelmSource, IgnoreRule, ImmutablePolicy, TerraformSource, Unit, UnitSource, ValuesFile,
};
use crate::variables::Layer;

/// How long objects may take to become healthy: image pulls and volumes take minutes, more is a fault.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// What the condition of an ignore rule sees: the two versions of an object.
const IGNORE_ROOTS: [&str; 2] = ["live", "desired"];

pub(in crate::definition) fn unit(
    reading: &mut Reading<'_>,
    name: UnitName,
    mut spec: UnitSpec,
    root: At<'_>,
) -> Option<Unit> {
    let at = root.key("spec");
    let source = source(reading, &mut spec, at);
    let UnitSpec { depends_on, variables, secrets, outputs, conflicts, immutable, ignore, timeout, .. } =
        spec;
    let depends_on = dependencies(reading, &name, &depends_on, at.key("dependsOn"));
    let variables = reading.variables(&variables, Layer::Unit, at.key("variables"));
    let secrets = secret_references(reading, &secrets, at.key("secrets"));
    let outputs = output_texts(reading, &outputs, at.key("outputs"));
    let ignore = ignore.iter().enumerate();
    let ignore =
        ignore.filter_map(|(index, spec)| ignore_rule(reading, spec, at.key("ignore").item(index))).collect();
    let timeout = timeout.and_then(|text| reading.duration(&text.0, at.key("timeout")));
    Some(Unit {
        name,
        folder: reading.folder(),
        place: reading.place(root.key("metadata").key("name")),
        depends_on,
        source: source?,
        variables,
        secrets,
        outputs,
        conflicts: match conflicts {
            ConflictWord::Refuse => ConflictPolicy::Refuse,
            ConflictWord::Take => ConflictPolicy::Take,
            ConflictWord::Leave => ConflictPolicy::Leave,
        },
        immutable: match immutable {
            ImmutableWord::Fail => ImmutablePolicy::Fail,
            ImmutableWord::Recreate => ImmutablePolicy::Recreate,
        },
        ignore,
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
    })
}

fn source(reading: &mut Reading<'_>, spec: &mut UnitSpec, at: At<'_>) -> Option<UnitSource> {
    const WORDS: [&str; 7] = ["manifests", "templates", "helm", "kustomize", "terraform", "buckets", "vault"];
    let given: Vec<&str> = WORDS.into_iter().filter(|word| at.key(word).exists()).collect();
    if given.len() != 1 {
        let (message, own) = match given.as_slice() {
            // Told as an unknown key already, with the word that was meant.
            [] if at.has_key_like(&WORDS) => return None,
            [] => ("the unit has no source".to_owned(), at),
            [_, second, ..] => {
                (format!("the unit has {} sources, and one is allowed", given.len()), at.key(second))
            }
            [_] => return None,
        };
        let hint = "keep exactly one of `manifests`, `templates`, `helm`, `kustomize`, `terraform`, `buckets`, `vault`";
        reading.key_problem(codes::NOT_EXACTLY_ONE, own, message, hint);
        return None;
    }
    let own = at.key(given[0]);
    // A source that was reported as malformed is absent from the twin.
    match given[0] {
        "manifests" => pattern_source(reading, spec.manifests.take()?, own).map(UnitSource::Manifests),
        "templates" => {
            let globs = pattern_source(reading, spec.templates.take()?, own)?;
            claim_partials(reading);
            Some(UnitSource::Templates(globs))
        }
        "helm" => helm(reading, spec.helm.take()?, own).map(UnitSource::Helm),
        "kustomize" => {
            let path = spec.kustomize.take()?.path;
            let own = own.key("path");
            let text = reading.text(&path, own)?;
            reading.visit_text(&text, own, &mut infrastructure_read);
            claim_text(reading, &text, own, Tail::Folder, false);
            Some(UnitSource::Kustomize { path: text })
        }
        "terraform" => terraform(reading, spec.terraform.take()?, own).map(UnitSource::Terraform),
        "buckets" => {
            let buckets = spec.buckets.take()?;
            reading.infrastructure(own);
            Some(UnitSource::Buckets(buckets.into_iter().map(|(name, map)| (name, map.into())).collect()))
        }
        _ => {
            spec.vault.take()?;
            reading.infrastructure(own);
            Some(UnitSource::Vault(own.node()?.to_json()))
        }
    }
}

fn pattern_source(reading: &mut Reading<'_>, patterns: Vec<String>, at: At<'_>) -> Option<Globs> {
    if patterns.is_empty() {
        reading.key_problem(
            codes::EMPTY_TEXT,
            at,
            "the list of patterns is empty",
            "write `[manifests/*.yaml]`",
        );
        return None;
    }
    let folder = reading.folder();
    let globs = reading.globs(&patterns, at, folder.as_ref())?;
    let places = (0..patterns.len()).map(|index| reading.place(at.item(index))).collect();
    reading.claims.push(Claim::Patterns { globs: globs.clone(), places, written: patterns, optional: false });
    Some(globs)
}

/// Templates may include every `.tera` file of their unit.
fn claim_partials(reading: &mut Reading<'_>) {
    let folder = reading.folder();
    if let Ok(globs) = Globs::parse(folder.as_ref(), &["**/*.tera".to_owned()]) {
        reading.claims.push(Claim::Partials { globs });
    }
}

fn helm(reading: &mut Reading<'_>, spec: HelmSpec, at: At<'_>) -> Option<HelmSource> {
    let HelmSpec { chart, version, values } = spec;
    let own = at.key("chart");
    let chart = reading.filled(&chart, "`chart`", own)?;
    let remote = chart.starts_with("oci://") || chart.starts_with("https://");
    if !remote && chart.contains("://") {
        let message = format!("charts are not read from `{chart}`");
        reading.problem(
            codes::INVALID_PATH,
            own,
            message,
            "use `oci://…`, `https://…` or a folder of the repository",
        );
        return None;
    }
    if remote {
        let written = version.as_deref();
        // One that is no text was reported.
        let is_reported = written.is_none() && at.key("version").exists();
        if !is_reported && !written.is_some_and(is_exact_version) {
            let message = match written {
                Some(version) => format!("`{version}` is no exact version of a chart"),
                None => "the chart has no version, so that it changes by itself".to_owned(),
            };
            reading.problem(
                codes::INEXACT_VERSION,
                at.key("version"),
                message,
                "write all three numbers: `2.14.2`",
            );
        }
    } else {
        let path = reading.path(&chart, own)?;
        let place = reading.place(own);
        reading.claims.push(Claim::Folder { path, place });
    }
    let values = values.iter().enumerate();
    let values = values
        .filter_map(|(index, entry)| values_file(reading, entry, at.key("values").item(index)))
        .collect();
    Some(HelmSource { chart, version, values })
}

fn values_file(reading: &mut Reading<'_>, entry: &ValuesEntry, at: At<'_>) -> Option<ValuesFile> {
    let (file, own, optional) = match entry {
        ValuesEntry::File(file) => (file, at, false),
        ValuesEntry::Entry(spec) => (&spec.file, at.key("file"), spec.optional),
    };
    let text = reading.text(file, own)?;
    reading.visit_text(&text, own, &mut infrastructure_read);
    claim_text(reading, &text, own, Tail::File, optional);
    Some(ValuesFile { file: text, optional, place: reading.place(own) })
}

/// What a path leads to.
#[derive(Clone, Copy, PartialEq)]
enum Tail {
    File,
    Folder,
}

/// Claims what a path with `${{ }}` in it may lead to: an expression stands for any one part.
fn claim_text(reading: &mut Reading<'_>, text: &Text, at: At<'_>, tail: Tail, optional: bool) {
    let place = reading.place(at);
    if text.is_plain() {
        let Some(path) = reading.path(&text.source, at) else { return };
        reading.claims.push(match tail {
            Tail::File => Claim::File { path, optional, place },
            Tail::Folder => Claim::Folder { path, place },
        });
        return;
    }
    let mut pattern = String::new();
    let mut rest = &*text.source;
    while let Some(open) = rest.find("${{") {
        pattern.push_str(&rest[..open]);
        pattern.push('*');
        rest = rest[open..].split_once("}}").map_or("", |(_, rest)| rest);
    }
    pattern.push_str(rest);
    if tail == Tail::Folder {
        pattern.push_str("/**");
    }
    let folder = reading.folder();
    if let Some(globs) = reading.globs(std::slice::from_ref(&pattern), at, folder.as_ref()) {
        let written = vec![text.source.to_string()];
        reading.claims.push(Claim::Patterns { globs, places: vec![place], written, optional });
    }
}

fn is_exact_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.strip_prefix('v').unwrap_or(core).split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

fn terraform(reading: &mut Reading<'_>, spec: TerraformSpec, at: At<'_>) -> Option<TerraformSource> {
    let TerraformSpec { path, tool, inputs } = spec;
    let own = at.key("path");
    let folder = reading.path(&path, own);
    if let Some(path) = &folder {
        let place = reading.place(own);
        reading.claims.push(Claim::Folder { path: path.clone(), place });
    }
    let exact = match tool.split_once('@') {
        Some(("tofu" | "terraform", version)) => is_exact_version(version),
        _ => false,
    };
    if !exact {
        let message = format!("`{tool}` names no program with an exact version");
        reading.problem(
            codes::INEXACT_VERSION,
            at.key("tool"),
            message,
            "write `tofu@1.12.6` or `terraform@1.11.4`",
        );
    }
    reading.infrastructure(at.key("inputs"));
    Some(TerraformSource { path: folder?, tool, inputs: inputs.into_iter().collect() })
}

fn dependencies(
    reading: &mut Reading<'_>,
    unit: &UnitName,
    names: &[String],
    at: At<'_>,
) -> Vec<(UnitName, Place)> {
    let mut out: Vec<(UnitName, Place)> = Vec::new();
    for (index, text) in names.iter().enumerate() {
        let own = at.item(index);
        let Some(name) = reading.name::<UnitName>(text, own) else { continue };
        if name == *unit {
            let message = format!("unit `{unit}` depends on itself");
            reading.problem(codes::CONFLICTING_KEYS, own, message, "remove it from its own `dependsOn`");
        } else if out.iter().any(|(known, _)| *known == name) {
            reading.problem(codes::REPEATED_ENTRY, own, format!("`{name}` is listed twice"), "list it once");
        } else {
            reading.mention(Mentioned::Unit, &name, own);
            out.push((name, reading.place(own)));
        }
    }
    out
}

fn secret_references(
    reading: &mut Reading<'_>,
    secrets: &IndexMap<String, IndexMap<String, String>>,
    at: At<'_>,
) -> BTreeMap<String, BTreeMap<String, SecretRef>> {
    let mut out = BTreeMap::new();
    for (object, keys) in secrets {
        let own = at.key(object);
        reading.object_name(object, own, Reading::key_place);
        let mut references = BTreeMap::new();
        for (key, text) in keys {
            match SecretRef::parse(text) {
                Ok(reference) => {
                    references.insert(key.clone(), reference);
                }
                Err(reason) => {
                    // The text is not repeated: it may be the secret itself.
                    let message = format!("the value of `{key}` is no reference to Vault: {reason}");
                    let place = reading.place(own.key(key)).without_text();
                    let diagnostic =
                        crate::diagnostic::Diagnostic::new(codes::INVALID_SECRET_REFERENCE, message);
                    let hint =
                        "write where the value is kept: `vault:kv/naksha/db#url`; never the value itself";
                    reading.found.push(diagnostic.at(place).hint(hint));
                }
            }
        }
        out.insert(object.clone(), references);
    }
    out
}

fn output_texts(
    reading: &mut Reading<'_>,
    outputs: &IndexMap<String, String>,
    at: At<'_>,
) -> IndexMap<String, Text> {
    let mut out = IndexMap::new();
    for (name, source) in outputs {
        let own = at.key(name);
        if let Some(text) = reading.text(source, own) {
            reading.visit_text(&text, own, &mut infrastructure_read);
            out.insert(name.clone(), text);
        }
    }
    out
}

fn ignore_rule(reading: &mut Reading<'_>, spec: &IgnoreSpec, at: At<'_>) -> Option<IgnoreRule> {
    let IgnoreSpec { kinds, names, fields, managers, when, reason } = spec;
    let own = at.key("fields");
    if fields.is_empty() && managers.is_empty() {
        reading.key_problem(
            codes::EMPTY_TEXT,
            own,
            "the list of fields is empty",
            "write `[/spec/replicas]`",
        );
    }
    for (index, pointer) in fields.iter().enumerate() {
        if let Err(reason) = check_pointer(pointer) {
            let message = format!("`{pointer}` is no JSON pointer: {reason}");
            let hint = "start with `/` and separate with `/`: `/spec/replicas`";
            reading.problem(codes::INVALID_JSON_POINTER, own.item(index), message, hint);
        }
    }
    let when = when.as_ref().map(|when| ignore_condition(reading, &when.0, at.key("when")));
    let reason = reading.filled(reason, "the reason", at.key("reason"))?;
    let (kinds, names, fields, managers) = (kinds.clone(), names.clone(), fields.clone(), managers.clone());
    let place = reading.place(at).without_text();
    // Without its condition it would leave more alone than was meant.
    let when = when.map_or(Some(None), |when| when.map(Some))?;
    Some(IgnoreRule { kinds, names, fields, managers, when, reason, place })
}

fn ignore_condition(reading: &mut Reading<'_>, source: &str, at: At<'_>) -> Option<Expression> {
    let when = reading.expression(source, at)?;
    reading.visit_expression(&when, at, &mut |reading, when, read, place| {
        reading.known_root(when, read, &place, &IGNORE_ROOTS);
    });
    reading.must_decide(&when, "`when`", at);
    Some(when)
}

/// RFC 6901; the empty pointer would ignore the whole object.
fn check_pointer(pointer: &str) -> Result<(), &'static str> {
    if pointer.is_empty() || pointer == "/" {
        return Err("it names the whole object");
    }
    if !pointer.starts_with('/') {
        return Err("it must start with `/`");
    }
    let mut rest = pointer;
    while let Some((_, after)) = rest.split_once('~') {
        if !after.starts_with(['0', '1']) {
            return Err("`~` must be written `~0`, and a `/` inside a name `~1`");
        }
        rest = after;
    }
    Ok(())
}
