//! Any files as a repository: diagnostics at places that exist, the same ones each time, and never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::load::Loader;
use naksha_environments::source::SourceTree;

fuzz_target!(|text: &str| {
    let files = naksha_fuzz::files(text);
    let pairs = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let Ok(tree) = SourceTree::from_texts(pairs) else { return };
    let loader = Loader::default();
    let loaded = loader.load(&tree);
    naksha_fuzz::check_diagnostics(&loaded.diagnostics, |path| files.get(path).map(String::as_str));
    assert!(loaded.diagnostics.is_sorted_by(|one, two| one < two), "sorted, each once");
    // From what it remembers, and from nothing.
    for again in [loader.load(&tree), Loader::default().load(&tree)] {
        assert_eq!(again.diagnostics, loaded.diagnostics);
        assert_eq!(format!("{:?}", again.definitions), format!("{:?}", loaded.definitions));
    }
});
