//! Any text as a definition and as a manifest: diagnostics, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::load::Loader;
use naksha_environments::source::SourceTree;

fuzz_target!(|text: &str| {
    let files = [("naksha.yaml", text), ("units/a/unit.yaml", text), ("workflows/w.yaml", text)];
    let tree = SourceTree::from_texts(files).expect("should make a tree of fixed paths");
    let loaded = Loader::default().load(&tree);
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.message.is_empty());
    }
});
