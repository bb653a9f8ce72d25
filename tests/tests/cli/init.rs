//! `naksha init`

use naksha_tests::Installation;

use crate::{refused, run};

fn empty() -> Installation {
    Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"))
}

#[test]
fn what_it_writes_is_fine() {
    for (flags, environments) in [
        (&[][..], "1 environment: nothing is wrong\n"),
        (&["--reference"], "3 environments: nothing is wrong\n"),
    ] {
        let empty = empty();
        let printed = run(&empty, &[&["init"], flags].concat()).expect_code(0);
        assert!(printed.out.starts_with("wrote ") && printed.out.contains("naksha.yaml"), "{}", printed.out);
        assert_eq!(run(&empty, &["check", "--strict"]).expect_code(0).out, environments);
        run(&empty, &["plan"]).expect_code(0);
    }
}

#[test]
fn the_reference_product_lives_in_its_own_namespace() {
    let empty = empty();
    run(&empty, &["init", "--reference"]).expect_code(0);
    let found = run(&empty, &["render", "--format", "json"]).expect_code(0).json();
    for environment in found["environments"].as_array().unwrap() {
        for object in environment["units"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|unit| unit["objects"].as_array().unwrap())
        {
            let namespace = object["metadata"]["namespace"].as_str();
            assert!(namespace.is_none_or(|namespace| namespace == "naksha"), "{object}");
        }
    }
}

#[test]
fn nothing_is_overwritten() {
    let empty = empty();
    empty.repository.write("units/web/unit.yaml", "mine\n");
    refused(&empty, &["init"], "units/web/unit.yaml exists already; nothing was written");
    assert!(!empty.repository.folder().join("naksha.yaml").exists());
    assert_eq!(empty.repository.read("units/web/unit.yaml"), "mine\n");
}

#[test]
fn what_a_new_repository_has_is_kept() {
    for reference in [&["init"][..], &["init", "--reference"]] {
        let empty = empty();
        for file in ["README.md", "LICENSE", ".gitignore", ".github/workflows/ci.yaml"] {
            empty.repository.write(file, "mine\n");
        }
        let printed = run(&empty, reference).expect_code(0);
        assert!(printed.out.contains("kept ./README.md, which was there\n"), "{}", printed.out);
        for file in ["README.md", "LICENSE", ".gitignore", ".github/workflows/ci.yaml"] {
            assert_eq!(empty.repository.read(file), "mine\n");
        }
        run(&empty, &["check", "--strict"]).expect_code(0);
    }
}

#[test]
fn the_files_are_listed_and_the_folder_is_made() {
    let empty = empty();
    let found = run(&empty, &["init", "some/where", "--format", "json"]).expect_code(0).json();
    for file in found["files"].as_array().unwrap() {
        assert!(empty.repository.folder().join(file.as_str().unwrap()).is_file(), "{file}");
    }
    empty.repository.write("file", "");
    refused(&empty, &["init", "file/below"], "cannot write file/below/");
}
