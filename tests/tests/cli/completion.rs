//! `naksha completion`

use crate::{refused, run, shop};

#[test]
fn scripts_know_the_commands_and_not_the_hidden_ones() {
    let shop = shop();
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&shop, &["completion", shell]).expect_code(0).out;
        assert!(script.contains("promote"), "{shell}");
        assert!(script.contains("explain-values") && script.contains("socket"), "{shell}");
        assert!(!script.contains("render-worker"), "{shell}");
    }
}

#[test]
fn an_unknown_shell_is_refused() {
    refused(&shop(), &["completion", "tcsh"], "possible values: bash");
}
