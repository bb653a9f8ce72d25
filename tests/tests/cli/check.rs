//! `naksha check`

use crate::{DEV, files, refused, run, shop};

#[test]
fn nothing_wrong_is_said() {
    let printed = run(&shop(), &["check"]).expect_code(0);
    assert_eq!(printed.out, "2 environments: nothing is wrong\n");
    let found = run(&shop(), &["check", "--format", "json"]).expect_code(0).json();
    assert_eq!(found, serde_json::json!({"errors": 0, "warnings": 0, "diagnostics": []}));
}

#[test]
fn everything_wrong_is_said_at_once() {
    let shop = shop();
    shop.repository.edit("units/web/unit.yaml", "templates", "templatse");
    shop.repository.edit("environments/dev/environment.yaml", "units: [web,", "units: [wbe,");
    let found = run(&shop, &["check", "--format", "json"]).expect_code(1).json();
    let line = |found: &serde_json::Value| {
        let place = &found["place"];
        format!("{} {}:{}", found["code"], place["path"], place["line"]).replace('"', "")
    };
    let lines: Vec<_> = found["diagnostics"].as_array().unwrap().iter().map(line).collect();
    for expected in ["NK0101 units/web/unit.yaml:5", "NK0201 environments/dev/environment.yaml:7"] {
        assert!(lines.contains(&expected.to_owned()), "{lines:#?}");
    }
    let text = run(&shop, &["check"]).expect_code(1).out;
    assert!(text.contains("error[NK0101]") && text.contains("did you mean `templates`?"), "{text}");
}

#[test]
fn warnings_fail_when_they_shall() {
    let shop = shop();
    shop.repository.write("notes.txt", "nobody reads this\n");
    let found = run(&shop, &["check", "--format", "json"]).expect_code(0).json();
    assert_eq!((&found["errors"], &found["warnings"]), (&0.into(), &1.into()));
    run(&shop, &["check", "--strict"]).expect_code(1);
}

#[test]
fn a_revision_is_checked_instead_of_the_files() {
    let shop = shop();
    shop.repository.edit("units/web/unit.yaml", "templates", "templatse");
    run(&shop, &["check", "--revision", "HEAD"]).expect_code(0);
    refused(&shop, &["check", "--revision", "elsewhere"], "`elsewhere` is not in repository");
}

#[test]
fn it_works_from_any_folder_of_the_repository_and_without_commits() {
    let shop = files();
    let inside = shop.repository.folder().join("units/web");
    let printed = shop.program.run(&inside, &["check"]).expect_code(0);
    assert_eq!(printed.out, "2 environments: nothing is wrong\n");
    refused(&shop, &["check", "--revision", "HEAD"], "`HEAD` is not in repository");
}

#[test]
fn a_folder_without_git_is_checked_too() {
    let shop = files();
    std::fs::remove_dir_all(shop.repository.folder().join(".git")).unwrap();
    run(&shop, &["check"]).expect_code(0);
    refused(&shop, &["check", "--revision", "HEAD"], "needs a Git repository");
    refused(&shop, &["check", "nowhere"], "no Git repository at `nowhere`");
}

#[test]
fn an_environment_that_cannot_be_read_fails_the_check() {
    let shop = shop();
    shop.repository.write("environments/dev/environment.yaml", &DEV.replace("spec:", "spec: ["));
    run(&shop, &["check"]).expect_code(1);
}
