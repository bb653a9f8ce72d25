//! `naksha check`

use naksha_tests::Installation;
use serde_json::Value;

use crate::{DEV, REPOSITORY, SETTINGS, STAGING, files, refused, run, shop};

/// What somebody does to a repository.
type Change<'a> = &'a dyn Fn(&Installation);

/// What a check finds: `NK0101 path:line` for files, `rule subject environments` for policies.
fn found(shop: &Installation, arguments: &[&str]) -> Vec<String> {
    let document = run(shop, &[&["check", "--format", "json"], arguments].concat()).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let file = |one: &Value| {
        let place = &one["place"];
        format!("{} {}:{}", text(&one["code"]), text(&place["path"]), place["line"])
    };
    let finding = |one: &Value| {
        let environments: Vec<_> = one["environments"].as_array().unwrap().iter().map(text).collect();
        format!("{} {} {}", text(&one["rule"]), text(&one["subject"]["name"]), environments.join("+"))
    };
    let files = document["diagnostics"].as_array().unwrap().iter().map(file);
    files.chain(document["findings"].as_array().unwrap().iter().map(finding)).collect()
}

#[test]
fn nothing_wrong_is_said() {
    let printed = run(&shop(), &["check"]).expect_code(0);
    assert_eq!(printed.out, "2 environments: nothing is wrong\n");
    let found = run(&shop(), &["check", "--format", "json"]).expect_code(0).json();
    let nothing =
        serde_json::json!({"errors": 0, "warnings": 0, "diagnostics": [], "findings": [], "known": 0});
    assert_eq!(found, nothing);
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
    refused(&shop, &["check", "nowhere"], "there is no folder `nowhere`");
}

#[test]
fn an_environment_that_cannot_be_read_fails_the_check() {
    let shop = shop();
    shop.repository.write("environments/dev/environment.yaml", &DEV.replace("spec:", "spec: ["));
    run(&shop, &["check"]).expect_code(1);
}

const LATEST: &str = "image: \"docker.io/library/nginx:latest\"";

#[test]
fn policies_judge_what_is_rendered() {
    let shop = shop();
    shop.repository
        .edit("units/web/web.yaml.tera", "image: \"docker.io/library/nginx:1.29.3\"", LATEST)
        .edit("environments/staging/environment.yaml", "spec:", "spec:\n  production: true");
    // One finding each: what is a warning in dev is an error in production.
    assert_eq!(
        found(&shop, &[]),
        ["image-latest-or-untagged web staging", "image-latest-or-untagged web dev"]
    );
    let text = run(&shop, &["check"]).expect_code(1).out;
    for part in
        ["error[image-latest-or-untagged]: ", "--> units/web/web.yaml.tera:", "= help: name a version"]
    {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains("apps/Deployment shop/web, ") && text.contains(", in staging"), "{text}");
    assert!(text.contains("1 error and 1 warning in 1 file"), "{text}");
}

#[test]
fn what_was_there_before_does_not_count_on_a_branch() {
    let shop = shop();
    shop.repository.edit("units/web/web.yaml.tera", "image: \"docker.io/library/nginx:1.29.3\"", LATEST);
    shop.repository.commit("latest");
    assert_eq!(found(&shop, &[]), ["image-latest-or-untagged web dev+staging"], "all counts on the trunk");
    shop.repository.branch("change");
    shop.repository.edit("units/web/web.yaml.tera", "runAsNonRoot: true", "runAsNonRoot: false");
    assert_eq!(found(&shop, &[]), ["run-as-root web dev+staging"]);
    assert!(run(&shop, &["check"]).out.contains("2 findings of policies not shown"), "of two environments");
    assert_eq!(found(&shop, &["--base", "none"]).len(), 2);
    assert_eq!(found(&shop, &["--base", "HEAD"]), ["run-as-root web dev+staging"]);
    refused(&shop, &["check", "--base", "elsewhere"], "`elsewhere` is not in repository");
}

#[test]
fn one_mistake_is_told_once() {
    let unit = |spec: &str| {
        format!("apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: NAME}}\nspec:\n  {spec}\n")
    };
    let cases: [(&str, Change, &[&str]); 5] = [
        (
            "a unit that is not there",
            &|shop| {
                shop.repository.edit(
                    "environments/dev/environment.yaml",
                    "[web, settings]",
                    "[wbe, settings]",
                );
            },
            &["NK0201 environments/dev/environment.yaml:7"],
        ),
        (
            "a workflow that is not there",
            &|shop| {
                shop.repository.edit(
                    "environments/dev/environment.yaml",
                    "  units:",
                    "  workflows: [hi]\n  units:",
                );
            },
            &["NK0202 environments/dev/environment.yaml:7"],
        ),
        (
            "units that wait for each other",
            &|shop| {
                shop.repository.edit("units/web/unit.yaml", "spec:", "spec:\n  dependsOn: [settings]");
                shop.repository.edit("units/settings/unit.yaml", "spec:", "spec:\n  dependsOn: [web]");
            },
            &["NK0212 units/settings/unit.yaml:3"],
        ),
        (
            "a pattern that matches nothing, so that the unit is empty",
            &|shop| {
                let text = unit("manifests: [manifest/*.yaml]").replace("NAME", "web");
                shop.repository.write("units/web/unit.yaml", &text).remove("units/web/web.yaml.tera");
            },
            &["NK0221 units/web/unit.yaml:5"],
        ),
        (
            "an output that there is not",
            &|shop| {
                let text =
                    unit("templates: [web.yaml.tera]\n  outputs: {a: \"${{ units.settings.outputs.b }}\"}");
                shop.repository.write("units/web/unit.yaml", &text.replace("NAME", "web"));
            },
            &["NK0207 units/web/unit.yaml:6"],
        ),
    ];
    for (what, change, expected) in cases {
        let shop = shop();
        change(&shop);
        assert_eq!(found(&shop, &[]), expected, "{what}");
        run(&shop, &["check"]).expect_code(1);
        // The same in a plan and in a render.
        for command in ["plan", "render"] {
            let document = run(&shop, &[command, "--format", "json"]).expect_code(1).json();
            let codes: Vec<_> =
                document["diagnostics"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
            assert_eq!(codes, [&expected[0][..6]], "{what}: {command}");
        }
    }
}

#[test]
fn what_nobody_can_carry_out_is_said() {
    let shop = shop();
    let workflow = "apiVersion: naksha.dev/v1alpha1\nkind: Workflow\nmetadata: {name: hi}\nspec: {nodes: {a: {uses: htpp}}}\n";
    let policy = "apiVersion: naksha.dev/v1alpha1\nkind: Policy\nmetadata: {name: few}\nspec: {match: {kinds: []}, rule: size(object.metadata.name), message: m}\n";
    shop.repository.write("workflows/hi.yaml", workflow).write("policies/few.yaml", policy).edit(
        "environments/staging/environment.yaml",
        "target: {directory: out, namespace: shop}",
        "target: {fromUnit: web, namespace: shop}",
    );
    let expected = [
        "NK0151 environments/staging/environment.yaml:6",
        "NK0136 policies/few.yaml:4",
        "NK0169 workflows/hi.yaml:4",
    ];
    assert_eq!(found(&shop, &[]), expected);
    let text = run(&shop, &["check"]).expect_code(1).out;
    assert!(
        text.contains("warning[NK0151]: this version cannot apply to a cluster that a unit makes yet"),
        "{text}"
    );
    assert!(text.contains("did you mean `http`?"), "{text}");
    assert!(text.contains("the rule must give true or false, and gives a number"), "{text}");
    let plan = run(&shop, &["plan"]).expect_code(1);
    assert_eq!(plan.err.matches("warning[NK0151]").count(), 1, "{}", plan.err);
}

#[test]
fn guards_are_for_plans() {
    let shop = shop();
    shop.repository.branch("change");
    shop.repository.edit("environments/dev/environment.yaml", "[web, settings]", "[settings]");
    assert_eq!(found(&shop, &[]), Vec::<String>::new());
}

#[test]
fn a_finding_in_a_shared_file_is_one_finding() {
    let shop = shop();
    let secret = "dbPassword: hunter2hunter2\n";
    shop.repository.edit(
        "naksha.yaml",
        "trunk: main",
        "trunk: main\n  variables: {dbPassword: hunter2hunter2}",
    );
    shop.repository.write("old-values.yaml", secret);
    let findings: Vec<_> = found(&shop, &[]).into_iter().filter(|one| one.starts_with("cleartext")).collect();
    assert_eq!(findings, ["cleartext-secret  dev+staging", "cleartext-secret  dev+staging"]);
}

#[test]
fn errors_of_the_commit_that_is_promoted_are_told() {
    let shop = shop();
    shop.repository.edit("units/web/unit.yaml", "templates", "templatse");
    let broken = shop.repository.commit("broken");
    shop.repository.edit("units/web/unit.yaml", "templatse", "templates");
    let lock = format!("apiVersion: naksha.dev/v1alpha1\nkind: Lock\nspec: {{source: {broken}}}\n");
    shop.repository.write("environments/staging/lock.yaml", &lock).commit("mended");
    let text = run(&shop, &["check"]).expect_code(1).out;
    assert!(text.contains("unknown key `templatse`"), "{text}");
    let note = format!("in {}, which environment `staging` is locked to", &broken[..10]);
    assert!(text.contains(&note), "{text}");
    assert!(!text.contains("NK0304"), "{text}");
}

#[test]
fn the_trunk_of_the_file_and_of_the_remote_should_agree() {
    let shop = shop();
    let repository = shop.repository.open();
    let head = repository.head().unwrap().peel_to_commit().unwrap().id();
    repository.reference("refs/remotes/origin/trunk", head, true, "test").unwrap();
    repository
        .reference_symbolic("refs/remotes/origin/HEAD", "refs/remotes/origin/trunk", true, "test")
        .unwrap();
    let said = "naksha.yaml says that `main` is the trunk, and the remote's HEAD says `trunk`";
    let text = run(&shop, &["check"]).expect_code(0).out;
    assert!(text.contains("warning[NK0718]") && text.contains(said), "{text}");
    assert!(run(&shop, &["plan"]).err.contains(said));
    shop.repository.write("naksha.yaml", &REPOSITORY.replace("  trunk: main\n", "  unreviewed: apply\n"));
    assert_eq!(run(&shop, &["check"]).expect_code(0).out, "2 environments: nothing is wrong\n");
}

#[test]
fn a_lock_whose_commit_was_never_merged_is_told() {
    let shop = shop();
    shop.repository.branch("idea").edit("environments/dev/environment.yaml", "replicas: 2", "replicas: 9");
    let idea = shop.repository.commit("never merged");
    shop.repository.switch("main");
    let lock =
        |source: &str| format!("apiVersion: naksha.dev/v1alpha1\nkind: Lock\nspec: {{source: {source}}}\n");
    shop.repository.write("environments/staging/lock.yaml", &lock(&idea));
    let text = run(&shop, &["check"]).expect_code(1).out;
    let said = format!("error[NK0727]: the lock's source {} is not on the trunk `main`", &idea[..10]);
    assert!(text.contains(&said) && text.contains("--> environments/staging/lock.yaml:3:16"), "{text}");
    assert!(run(&shop, &["plan"]).expect_code(1).err.contains(&said));
    // Where the trunk is not known, nothing is said; nor of what is on it.
    shop.repository.edit("naksha.yaml", "trunk: main", "trunk: elsewhere");
    assert!(!run(&shop, &["check"]).out.contains("NK0727"));
    shop.repository.edit("naksha.yaml", "trunk: elsewhere", "trunk: main");
    shop.repository.write("environments/staging/lock.yaml", &lock(&shop.repository.head()));
    run(&shop, &["check"]).expect_code(0);
}

#[test]
fn a_lock_whose_commit_is_not_here_is_no_promotion() {
    let shop = shop();
    let lock =
        format!("apiVersion: naksha.dev/v1alpha1\nkind: Lock\nspec: {{source: {}}}\n", "a1".repeat(20));
    shop.repository
        .write("environments/staging/lock.yaml", &lock)
        .write("environments/staging/environment.yaml", STAGING);
    let text = run(&shop, &["plan", "--env", "staging"]).expect_code(0).out;
    assert!(text.contains("the commit of its lock is not in this clone"), "{text}");
}

#[test]
fn a_rule_that_cannot_be_evaluated_is_told_where_it_stands() {
    let shop = shop();
    let rule = "object.spec.template.metadata.annotations['team']";
    let policy = format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Policy\nmetadata: {{name: team}}\nspec:\n  match: {{kinds: [Deployment]}}\n  rule: {rule}\n  message: nobody owns it\n"
    );
    shop.repository.write("policies/team.yaml", &policy);
    let text = run(&shop, &["check"]).expect_code(1).out;
    assert!(text.contains("error[team]: could not judge: "), "{text}");
    assert!(text.contains("--> policies/team.yaml:6:9"), "{text}");
    // A value that is neither true nor false, which only the object decides.
    shop.repository.edit("policies/team.yaml", rule, "object.spec.replicas");
    let text = run(&shop, &["check"]).expect_code(1).out;
    assert!(text.contains("error[team]: could not judge: the rule gives neither true nor false"), "{text}");
    assert!(
        text.contains("--> policies/team.yaml:6:9")
            && text.contains("apps/Deployment shop/web, in dev, staging"),
        "{text}"
    );
}

#[test]
fn one_line_that_is_wrong_for_many_objects_is_one_finding() {
    let shop = shop();
    let many = "{% for name in [\"a\", \"b\", \"c\", \"d\", \"e\"] %}---\napiVersion: v1\nkind: Service\nmetadata: {name: {{ name }}}\nspec: {type: NodePort, ports: [{port: 5432}]}\n{% endfor %}";
    shop.repository.write("units/settings/settings.yaml.tera", many);
    let text = run(&shop, &["check"]).expect_code(1).out;
    assert_eq!(text.matches("error[exposed-data-store]").count(), 1, "{text}");
    assert!(text.contains("= note: Service shop/a, ") && text.contains("= note: and 2 more\n"), "{text}");
    let found = run(&shop, &["check", "--format", "json"]).expect_code(1).json();
    let stores =
        found["findings"].as_array().unwrap().iter().filter(|one| one["rule"] == "exposed-data-store");
    assert_eq!(stores.count(), 5, "programs get each");
}

#[test]
fn a_severity_that_cannot_be_lowered_is_told_where_it_stands() {
    let shop = shop();
    let severity = "  policies:\n    severity:\n      dev: {image-no-digest: info, privileged: warning}\n";
    shop.repository.write("naksha.yaml", &format!("{}{severity}", naksha_tests::shop::REPOSITORY));
    let found = run(&shop, &["check", "--format", "json"]).expect_code(1).json();
    let first = &found["diagnostics"][0];
    assert_eq!(
        (&first["code"], &first["place"]["line"], &first["place"]["column"]),
        (&"NK0501".into(), &8.into(), &36.into()),
        "{found}"
    );
}

#[test]
fn a_broken_naksha_yaml_does_not_make_shared_files_lost() {
    let shop = shop();
    shop.repository.write("partials/labels.tera", "{app: web}\n");
    let text = "  shared: [\"partials/*.tera\"]\n  ignore: docs\n";
    shop.repository.write("naksha.yaml", &format!("{}{text}", naksha_tests::shop::REPOSITORY));
    let printed = run(&shop, &["check"]).expect_code(1);
    assert!(printed.out.contains("write it as a list: `[docs]`"), "{}", printed.out);
    assert!(!printed.out.contains("belong to no definition"), "{}", printed.out);
}

#[test]
fn kinds_that_kubernetes_does_not_have_are_told_where_they_stand() {
    let shop = shop();
    let manifests = "apiVersion: v9\nkind: ConfgMap\nmetadata: {name: a}\n---\n\
                     apiVersion: apps/v1beta7\nkind: Deployment\nmetadata: {name: b}\n---\n\
                     apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: c}\n---\n\
                     apiVersion: example.com/v9\nkind: Anything\nmetadata: {name: d}\n";
    shop.repository
        .write(
            "units/settings/unit.yaml",
            &SETTINGS.replace("templates: [settings.yaml.tera]", "manifests: [all.yaml]"),
        )
        .write("units/settings/all.yaml", manifests)
        .remove("units/settings/settings.yaml.tera");
    let found = run(&shop, &["check", "--format", "json"]).expect_code(0).json();
    let of = |one: &Value| {
        let (place, hint) = (&one["place"], one["hint"].as_str().unwrap());
        let hint = hint.split(',').next().unwrap();
        format!("{} {}:{} {hint}", one["code"].as_str().unwrap(), place["line"], place["column"])
    };
    let told: Vec<_> = found["diagnostics"].as_array().unwrap().iter().map(of).collect();
    assert_eq!(
        told,
        [
            "NK0353 2:7 did you mean `ConfigMap`? It is `apiVersion: v1`",
            "NK0353 5:13 write `apiVersion: apps/v1`",
            "NK0353 9:13 write `apiVersion: networking.k8s.io/v1`",
        ],
        "{found}"
    );
    run(&shop, &["check", "--strict"]).expect_code(1);
}

#[test]
fn a_folder_that_is_not_there_is_told_and_nothing_about_access() {
    let shop = shop();
    for command in ["check", "plan", "render"] {
        let printed = run(&shop, &[command, "/nowhere/at/all"]).expect_code(2);
        assert_eq!(printed.err, "error: there is no folder `/nowhere/at/all`\n", "{command}");
    }
}
