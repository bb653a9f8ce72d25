//! Any text as a template. The scan sees every include that the language sees, and every output of another unit
//! that a render reads: caches and orders of units are made from it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_renderer::template::scan::{Scan, scan};
use naksha_renderer::template::{InProcess, TemplateEngine, TemplateFailure, TemplateJob, TemplateSource};
use serde_json::{Map, Value, json};

const NAME: &str = "entry.tera";

fuzz_target!(|text: &str| {
    let found = scan(text);
    let includes = found.includes.iter().map(|(_, span)| span);
    for span in includes.chain(found.outputs.values()).chain(found.problems.iter().map(|(_, span)| span)) {
        naksha_fuzz::check_span(*span, text);
    }
    // The language has no bound of its own on time and memory; that is what worker processes are for.
    let long_number = text.as_bytes().windows(4).any(|bytes| bytes.iter().all(u8::is_ascii_digit));
    if long_number || text.contains("for") || text.contains("component") {
        return;
    }
    includes_are_complete(text, &found);
    if found.problems.is_empty() {
        reads_are_complete(text, &found);
    }
});

fn render(text: &str, found: &Scan, units: &Value) -> Result<Vec<Option<String>>, TemplateFailure> {
    let source = |name: &str, text: &str| TemplateSource { name: name.to_owned(), text: text.to_owned() };
    let mut sources = vec![source(NAME, text)];
    for (name, _) in &found.includes {
        if !sources.iter().any(|source| source.name == *name) {
            sources.push(source(name, "included"));
        }
    }
    let context = json!({"units": units, "variables": {"a": 1, "b": "text", "c": [1, 2], "d": {"e": true}}});
    let output = InProcess::new().render(&TemplateJob { sources, entries: 1, context })?;
    Ok(output.files.into_iter().map(Result::ok).collect())
}

fn includes_are_complete(text: &str, found: &Scan) {
    if let Err(TemplateFailure::Broken(problems)) = render(text, found, &json!({})) {
        for problem in problems {
            let lacks = ["unknown template", "it extends"];
            assert!(!lacks.iter().any(|words| problem.message.starts_with(words)), "{}", problem.message);
        }
    }
}

/// A render that is given only what the scan saw is the render that is given everything.
fn reads_are_complete(text: &str, found: &Scan) {
    let all = json!({
        "a": {"outputs": {"x": "1", "y": [2, 3]}},
        "db": {"outputs": {"url": "u", "x": {"y": 4}}},
    });
    let mut seen = Map::new();
    for (unit, output) in found.outputs.keys() {
        let Some(outputs) = all.get(unit).map(|unit| &unit["outputs"]) else { continue };
        let seen = seen.entry(unit).or_insert_with(|| json!({"outputs": {}}));
        if let Some(value) = outputs.get(output) {
            seen["outputs"][output] = value.clone();
        }
    }
    let (full, limited) = (render(text, found, &all), render(text, found, &Value::Object(seen)));
    assert_eq!(full, limited, "{:?}", found.outputs);
    assert_eq!(full, render(text, found, &all), "twice the same");
}
