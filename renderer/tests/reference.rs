//! The reference repository renders: every environment, without an error.

use std::path::Path;

use naksha_environments::facts::Facts;
use naksha_environments::load::Loader;
use naksha_environments::rendered::UnitState;
use naksha_environments::secret::MarkKey;
use naksha_environments::source::SourceTree;
use naksha_renderer::locate;
use naksha_renderer::render::{RenderCache, RenderInput, render};
use naksha_renderer::template::InProcess;

fn read(folder: &Path, under: &str, files: &mut Vec<(String, String)>) {
    let entries = std::fs::read_dir(folder).expect("should list the reference repository");
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let name = if under.is_empty() { name } else { format!("{under}/{name}") };
        if path.is_dir() {
            read(&path, &name, files);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            files.push((name, text));
        }
    }
}

#[test]
fn every_environment_of_the_reference_repository_renders() {
    let mut files = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../environments/reference"), "", &mut files);
    let tree = SourceTree::from_texts(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let tree = tree.expect("should have paths that are allowed");
    let loaded = Loader::default().load(&tree);
    let (cache, engine, key) = (RenderCache::default(), InProcess::new(), MarkKey::new([0; 32]));
    assert!(!loaded.definitions.environments.is_empty());
    for environment in loaded.definitions.environments.keys() {
        let rendered = render(&RenderInput {
            control: &loaded.definitions,
            content: &loaded.definitions,
            tree: &tree,
            environment,
            facts: &Facts::default(),
            engine: &engine,
            cache: &cache,
            key: &key,
        });
        let problems: Vec<_> = rendered
            .diagnostics
            .iter()
            .map(|finding| format!("{} {:?} {}", finding.code, finding.place, finding.message))
            .collect();
        assert!(problems.is_empty(), "{environment}: {problems:#?}");
        for (name, unit) in &rendered.units {
            assert!(matches!(unit.state, UnitState::Rendered(_)), "{environment}/{name}: {:?}", unit.state);
            for object in unit.objects() {
                let place = locate::place(
                    &tree,
                    object,
                    &naksha_environments::plan::FieldPath::default().key("spec"),
                );
                assert!(place.is_some_and(|place| place.line.is_some()), "{} has no place", object.key);
            }
        }
    }
}
