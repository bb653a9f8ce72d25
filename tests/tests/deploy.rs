//! What deploy/ ships is what the program takes.

use std::path::Path;

use naksha::config::{Overrides, load};

#[test]
fn the_example_configuration_is_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/naksha.example.toml");
    let config = load(Some(&file), &Overrides::default()).expect("should be read");
    assert_eq!(config.repository.len(), 1);
    assert_eq!(config.socket(), Path::new("/var/lib/naksha/naksha.sock"));
    naksha::supervisor::check(&config).expect("should be fine");
}
