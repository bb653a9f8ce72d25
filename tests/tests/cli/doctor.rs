//! `naksha doctor`, without a forge: the configuration, and whether Git answers.

use std::fs;

use naksha_tests::Installation;

use crate::{refused, run, shop};

/// The findings about the first repository that this configuration names.
fn found(shop: &Installation, from: &str, to: &str, code: i32) -> String {
    let text = fs::read_to_string(&shop.program.config).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&shop.program.config, text.replace(from, to)).unwrap();
    let printed = run(shop, &["doctor"]).expect_code(code);
    fs::write(&shop.program.config, text).unwrap();
    printed.out
}

#[test]
fn a_repository_of_this_machine_is_fine_without_a_forge() {
    let shop = shop();
    let text = run(&shop, &["doctor"]).expect_code(0).out;
    assert!(
        text.contains("configuration\n  ok       it can be read, and nothing in it is wrong\ninfra\n"),
        "{text}"
    );
    assert!(text.contains("answers; the trunk is `main`"), "{text}");
    assert!(text.contains("none is configured: nobody looks at pull requests\nnothing is wrong\n"), "{text}");
    let document = run(&shop, &["doctor", "--format", "json"]).expect_code(0).json();
    assert_eq!(
        (&document["errors"], &document["repositories"][0]["findings"][0]["level"]),
        (&0.into(), &"ok".into())
    );
}

#[test]
fn a_remote_that_does_not_answer_is_told_with_its_code() {
    let shop = shop();
    let url = format!("url = \"{}\"", shop.repository.folder().display());
    let text = found(&shop, &url, "url = \"http://127.0.0.1:9/infra.git\"", 1);
    assert!(
        text.contains("error    git") && text.contains("[NK0701]") && text.contains("= hint: "),
        "{text}"
    );
    let text = found(&shop, &url, "url = \"/nowhere/at/all\"", 1);
    assert!(text.contains("warning  ") && text.contains("there is nothing at `/nowhere/at/all`"), "{text}");
    let text = found(&shop, &url, &format!("{url}\ntrunk = \"production\""), 1);
    assert!(text.contains("has no branch `production`"), "{text}");
}

#[test]
fn what_is_wrong_with_the_configuration_is_told_with_its_line() {
    let shop = shop();
    let text = found(&shop, "[targets]", "[targetz]", 1);
    assert!(
        text.contains("error    ") && text.contains("naksha.toml:7:2: unknown field `targetz`"),
        "{text}"
    );
    fs::remove_file(&shop.program.config).unwrap();
    refused(&shop, &["doctor"], "cannot be read");
}
