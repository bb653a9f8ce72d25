//! What deploy/ ships is what the program takes.

use std::path::Path;

use naksha::config::{Overrides, ProblemKind, load, problems};

#[test]
fn the_example_configuration_is_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/naksha.example.toml");
    let loaded = load(Some(&file), &Overrides::default()).expect("should be read");
    let wrong = problems(&loaded).into_iter().filter(|problem| problem.kind == ProblemKind::Wrong);
    assert_eq!(wrong.collect::<Vec<_>>(), []);
    let config = loaded.config;
    assert_eq!(config.repository.len(), 1);
    assert_eq!(config.socket(), Path::new("/var/lib/naksha/naksha.sock"));
}
