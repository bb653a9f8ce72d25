//! `naksha render --env ENV`

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use naksha_environments::diagnostic::{Diagnostic, Place, did_you_mean};
use naksha_environments::ids::{EnvironmentName, UnitName};
use naksha_environments::rendered::{Rendered, RenderedUnit};
use naksha_environments::wire::{DiagnosticDocument, scrub_value};
use naksha_environments::yaml;
use naksha_renderer::present;
use naksha_renderer::variables::{Explained, Overridden};
use serde_json::{Value, json};

use super::{Context, Outcome};
use crate::laptop::{EnvironmentView, Laptop, Side};

/// Prints the objects that an environment would have, secrets masked.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// The repository, or a folder in it
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Environment; several may be given [default: all]
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<EnvironmentName>,
    /// Only this unit
    #[arg(long)]
    unit: Option<UnitName>,
    /// Render this revision instead of the files on disk
    #[arg(long, value_name = "REV")]
    revision: Option<String>,
    /// Tell where each value came from, instead of printing objects
    #[arg(long)]
    explain_values: bool,
}

impl Render {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Self { folder, environments, unit, revision, explain_values } = self;
        let progress = context.terminal.progress("rendering");
        let laptop = Laptop::open(&folder)?;
        let side = laptop.side(revision.as_deref())?;
        let selected = laptop.select(&side, &environments)?;
        let views = laptop.views(&side, &selected);
        progress.finish_and_clear();
        let mut diagnostics = laptop.diagnostics(&side, &views)?;
        // Warnings about files are for `check`.
        diagnostics.retain(|found| found.is_error() || !side.loaded.diagnostics.contains(found));
        if let Some(unit) = &unit {
            check_unit(unit, &views)?;
        }
        let wanted = |candidate: &RenderedUnit| unit.as_ref().is_none_or(|unit| *unit == candidate.name);
        if context.terminal.is_json() {
            let document = |view: &EnvironmentView| {
                if explain_values {
                    values_document(&laptop, &side, view, wanted)
                } else {
                    document(&view.rendered, wanted)
                }
            };
            let documents: Vec<Value> = views.iter().map(document).collect();
            let diagnostics = DiagnosticDocument::all(&diagnostics);
            context.terminal.json(&json!({"environments": documents, "diagnostics": diagnostics}));
        } else {
            for view in &views {
                let text = if explain_values {
                    values_text(&laptop, &side, view, wanted)
                } else {
                    objects_text(&view.rendered, wanted)
                };
                context.terminal.print(&text);
            }
            if !diagnostics.is_empty() {
                context.terminal.note(&present::diagnostics(
                    &DiagnosticDocument::all(&diagnostics),
                    present::Style::new(context.terminal.colour),
                ));
            }
        }
        let failed = diagnostics.iter().any(Diagnostic::is_error);
        Ok(if failed { Outcome::Found } else { Outcome::Fine })
    }
}

fn check_unit(unit: &UnitName, views: &[EnvironmentView]) -> anyhow::Result<()> {
    let known: BTreeSet<_> = views.iter().flat_map(|view| view.rendered.units.keys()).collect();
    if known.contains(unit) {
        return Ok(());
    }
    let near = did_you_mean(unit.as_str(), known.iter().map(|known| known.as_str()));
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    bail!("no environment that is rendered lists a unit `{unit}`{hint}")
}

fn objects_text(rendered: &Rendered, wanted: impl Fn(&RenderedUnit) -> bool) -> String {
    let mut text = String::new();
    for unit in rendered.units.values().filter(|unit| wanted(unit)) {
        for object in unit.objects() {
            let line = object.provenance.line;
            text.push_str(&format!(
                "---\n# {}/{}: {}:{line}\n",
                rendered.environment, unit.name, object.provenance.path
            ));
            text.push_str(&yaml::emit(&scrub_value(&object.body.value())));
        }
    }
    text
}

/// Every variable of the wanted units, with the layer that won and the ones it replaced.
fn values_text(
    laptop: &Laptop,
    side: &Side,
    view: &EnvironmentView,
    wanted: impl Fn(&RenderedUnit) -> bool,
) -> String {
    let mut text = String::new();
    for unit in view.rendered.units.values().filter(|unit| wanted(unit)) {
        text.push_str(&format!("{}/{}\n", view.environment.name, unit.name));
        for explained in laptop.explain(side, view, &unit.name) {
            let Explained { name, value, written, layer, place, overridden } = explained;
            let shown = |value: &Value| masked(&name, value).to_string();
            let value = value.map_or_else(|| "(not known yet)".to_owned(), |value| shown(&value));
            let written =
                written.map(|written| format!(", written as {}", shown(&written))).unwrap_or_default();
            text.push_str(&format!(
                "  {name} = {value}  from {}{}{written}\n",
                layer.as_str(),
                at(place.as_ref())
            ));
            for Overridden { layer, place, value } in overridden {
                let value = shown(&value);
                text.push_str(&format!("    over {value}  from {}{}\n", layer.as_str(), at(place.as_ref())));
            }
        }
    }
    text
}

/// A variable's value as it may be shown: what is behind a telling name, or looks like a secret, is not.
fn masked(name: &str, value: &Value) -> Value {
    let mut shown = scrub_value(&json!({ name: value }));
    shown.get_mut(name).map(Value::take).unwrap_or_default()
}

fn at(place: Option<&Place>) -> String {
    place.map(|place| format!(" ({place})")).unwrap_or_default()
}

fn values_document(
    laptop: &Laptop,
    side: &Side,
    view: &EnvironmentView,
    wanted: impl Fn(&RenderedUnit) -> bool,
) -> Value {
    let units = view.rendered.units.values().filter(|unit| wanted(unit)).map(|unit| {
        let values: Vec<Value> = laptop
            .explain(side, view, &unit.name)
            .into_iter()
            .map(|explained| {
                let name = &explained.name;
                let value = explained.value.as_ref().map(|value| masked(name, value));
                let place = explained.place.map(|place| place.to_string());
                let over: Vec<Value> = explained
                    .overridden
                    .iter()
                    .map(|lower| {
                        let place = lower.place.as_ref().map(ToString::to_string);
                        let value = masked(name, &lower.value);
                        json!({"value": value, "layer": lower.layer.as_str(), "place": place})
                    })
                    .collect();
                json!({
                    "name": name, "value": value, "layer": explained.layer.as_str(),
                    "place": place, "overridden": over,
                })
            })
            .collect();
        json!({"unit": unit.name, "values": values})
    });
    json!({"environment": view.environment.name, "units": units.collect::<Vec<_>>()})
}

fn document(rendered: &Rendered, wanted: impl Fn(&RenderedUnit) -> bool) -> Value {
    let units = rendered.units.values().filter(|unit| wanted(unit)).map(|unit| {
        let objects: Vec<Value> =
            unit.objects().iter().map(|object| scrub_value(&object.body.value())).collect();
        json!({"unit": unit.name, "digest": unit.digest.to_string(), "objects": objects})
    });
    json!({
        "environment": rendered.environment,
        "digest": rendered.digest().to_string(),
        "units": units.collect::<Vec<_>>(),
    })
}
