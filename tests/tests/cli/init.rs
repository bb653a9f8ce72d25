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

/// The part of the daemon's configuration, out of what was printed.
fn configuration(installation: &Installation, arguments: &[&str]) -> String {
    let arguments = [&["init", "--secrets", "/run/secrets"], arguments, &["--format", "json"]].concat();
    let printed = run(installation, &arguments).expect_code(0).json();
    printed["configuration"].as_str().unwrap().to_owned()
}

#[test]
fn what_it_says_to_configure_is_a_configuration() {
    let gitea = ["--gitea", "https://git.example", "--repository", "platform/Infra.Live"];
    let github = ["--github", "platform/infra"];
    let server = ["--github", "platform/infra", "--api", "https://ghes.example/api/v3", "--app", "77"];
    for (arguments, lines) in [
        (
            &gitea[..],
            &[
                "name = \"infra-live\"",
                "api = \"https://git.example/api/v1\"",
                "url = \"https://git.example/platform/Infra.Live.git\"",
            ][..],
        ),
        (
            &github,
            &[
                "name = \"infra\"",
                "url = \"https://github.com/platform/infra.git\"",
                "app = {id = \"APP_ID\", key_file = \"/run/secrets/infra-app.pem\"}",
            ],
        ),
        (
            &server,
            &[
                "api = \"https://ghes.example/api/v3\"",
                "url = \"https://ghes.example/platform/infra.git\"",
                "app = {id = \"77\"",
            ],
        ),
    ] {
        let empty = empty();
        let block = configuration(&empty, arguments);
        for line in lines {
            assert!(block.contains(line), "{line}: {block}");
        }
        std::fs::write(&empty.program.config, format!("{block}\n")).unwrap();
        let checked = run(&empty, &["daemon", "--check-config"]).expect_code(1);
        // Nothing but the files, which are not there yet.
        assert!(!checked.out.contains("error:") && checked.out.contains("/run/secrets/"), "{}", checked.out);
    }
}

#[test]
fn a_github_app_is_asked_for_what_the_daemon_uses() {
    let empty = empty();
    let arguments = ["init", "--github", "platform/infra", "--address", "https://naksha.firm.example/"];
    let printed = run(&empty, &[&arguments[..], &["--format", "json"]].concat()).expect_code(0).json();
    let manifest = &printed["manifest"];
    let rights = serde_json::json!({"checks": "write", "contents": "write", "deployments": "write", "issues": "write",
        "metadata": "read", "pull_requests": "write", "statuses": "read", "members": "read"});
    assert_eq!(manifest["default_permissions"], rights);
    assert_eq!(
        manifest["default_events"],
        serde_json::json!(["push", "pull_request", "pull_request_review", "issue_comment"])
    );
    let hook = serde_json::json!({"url": "https://naksha.firm.example/webhooks/infra", "active": true});
    assert_eq!((&manifest["hook_attributes"], &manifest["public"]), (&hook, &false.into()));

    let text = run(&empty, &arguments).expect_code(0).out;
    let form = "https://github.com/organizations/platform/settings/apps/new?name=naksha%20platform&";
    for words in
        [form, "&checks=write&", "&events%5B%5D=issue_comment", "https://github.com/settings/apps/new"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let heads: Vec<_> =
        text.lines().filter(|line| line.starts_with(|sign: char| sign.is_ascii_digit())).collect();
    let expected = [
        "1. A GitHub App",
        "2. A webhook",
        "3. Tell the daemon",
        "4. The first pull request",
        "5. Require the check `naksha`, from the App",
    ];
    assert_eq!(heads, expected);
    let server = ["init", "--github", "o/r", "--api", "https://ghes.example/api/v3"];
    let text = run(&empty, &server).expect_code(0).out;
    assert!(text.contains("https://ghes.example/organizations/o/settings/apps/new"), "{text}");
}

#[test]
fn the_command_for_a_secret_makes_one_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let empty = empty();
    let folder = empty.root().display().to_string();
    let arguments = ["init", "--gitea", "https://git.example", "--repository", "o/r", "--secrets", &folder];
    let text = run(&empty, &arguments).expect_code(0).out;
    let command = text.lines().find(|line| line.contains("/dev/urandom")).unwrap().trim();
    let status = std::process::Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(status.success(), "{command}");
    let file = empty.root().join("r-webhook-secret");
    let secret = std::fs::read_to_string(&file).unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_names_no_repository_is_refused() {
    let empty = empty();
    refused(&empty, &["init", "--github", "infra"], "write it as the forge does: `owner/name`");
    refused(&empty, &["init", "--gitea", "https://git.example"], "--repository");
    refused(&empty, &["init", "--gitea", "http://git.example", "--repository", "o/r"], "clear text");
    refused(&empty, &["init", "--github", "o/r", "--perform"], "--token-file");
    refused(&empty, &["init", "--github", "o/r", "--address", "naksha.example"], "`https://HOST`");
    refused(&empty, &["init", "new", "--github", "o/r"], "cannot be used with");
}
