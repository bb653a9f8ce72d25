//! `naksha policy eval|test`

use naksha_tests::Installation;

use crate::{refused, run, shop};

const POLICY: &str = "apiVersion: naksha.dev/v1alpha1
kind: Policy
metadata: {name: no-node-port}
spec:
  match: {kinds: [Service]}
  rule: object.spec.type != 'NodePort'
  message: a NodePort opens a port of every node
  severity: error
";

fn service(kind: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{type: {kind}}}\n")
}

fn policies() -> Installation {
    let shop = shop();
    shop.repository
        .write("policies/no-node-port.yaml", POLICY)
        .write("good.yaml", &service("ClusterIP"))
        .write("bad.yaml", &service("NodePort"))
        .write("other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n");
    shop
}

#[test]
fn one_object_is_judged() {
    let shop = policies();
    let eval = |object: &str, code: i32| {
        let arguments = ["policy", "eval", "--policy", "policies/no-node-port.yaml", "--object", object];
        let text = run(&shop, &arguments).expect_code(code).out;
        let rows = run(&shop, &[&arguments[..], &["--format", "json"]].concat()).expect_code(code).json();
        (text, rows[0]["verdict"].as_str().unwrap().to_owned())
    };
    assert_eq!(eval("good.yaml", 0).1, "pass");
    assert_eq!(eval("other.yaml", 0).1, "not-matched");
    let (text, verdict) = eval("bad.yaml", 1);
    assert_eq!(verdict, "fail");
    assert!(text.contains("a NodePort opens a port of every node"), "{text}");
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let shop = policies();
    let eval = ["policy", "eval", "--policy", "policies/no-node-port.yaml", "--object"];
    refused(&shop, &[&eval[..], &["nowhere.yaml"]].concat(), "cannot read nowhere.yaml");
    shop.repository.write("two.yaml", &format!("{}---\n{}", service("A"), service("B")));
    refused(&shop, &[&eval[..], &["two.yaml"]].concat(), "holds 2 objects");
    shop.repository.edit("policies/no-node-port.yaml", "object.spec.type !=", "object.spec.type !");
    refused(&shop, &[&eval[..], &["good.yaml"]].concat(), "error[NK0136]");
}

#[test]
fn what_is_wrong_is_told_by_the_path_that_was_given() {
    let shop = policies();
    shop.repository.write("rules/deep/wrong.yaml", &POLICY.replace("!= 'NodePort'", "! 'NodePort'"));
    let wrong = shop.repository.folder().join("rules/deep/wrong.yaml").display().to_string();
    for policy in ["rules/deep/wrong.yaml", "./rules/deep/wrong.yaml", &wrong] {
        let printed =
            run(&shop, &["policy", "eval", "--policy", policy, "--object", "good.yaml"]).expect_code(2);
        assert!(printed.err.contains(&format!("--> {policy}:6:")), "{}", printed.err);
    }
    shop.repository.write("rules/deep/odd.yaml", "kind: Service\nspec: {type: {{ x }}}\n");
    let eval =
        ["policy", "eval", "--policy", "policies/no-node-port.yaml", "--object", "rules/deep/odd.yaml"];
    let printed = run(&shop, &eval).expect_code(2);
    assert!(printed.err.contains("--> rules/deep/odd.yaml:2:"), "{}", printed.err);
    // So is a rule that cannot judge, whatever its file is called.
    shop.repository.write("rules/rule.txt", POLICY).write("bare.yaml", "kind: Service\nspec: {}\n");
    let eval = ["policy", "eval", "--policy", "rules/rule.txt", "--object", "bare.yaml"];
    let unjudged = run(&shop, &eval).expect_code(1).out;
    assert!(
        unjudged.contains("could not judge") && unjudged.contains("\n  --> rules/rule.txt:6:9"),
        "{unjudged}"
    );
    // Cases, too.
    shop.repository.write("rules/deep/named.yaml", POLICY);
    let cases = "cases:\n  - name: an open one\n    expect: pass\n    object: {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort}}\n";
    shop.repository.write("rules/deep/named.test.yaml", cases);
    let failed = run(&shop, &["policy", "test", "rules"]).expect_code(1).out;
    assert!(failed.contains("\n      rules/deep/named.test.yaml:2:"), "{failed}");
    let json = run(&shop, &["policy", "test", "rules", "--format", "json"]).expect_code(1).json();
    assert!(
        json["cases"][0]["place"].as_str().unwrap().starts_with("rules/deep/named.test.yaml:2:"),
        "{json}"
    );
}

#[test]
fn the_cases_of_the_reference_product_are_as_expected() {
    let empty = Installation::new(env!("CARGO_BIN_EXE_naksha-under-test"));
    run(&empty, &["init", "--reference"]).expect_code(0);
    let text = run(&empty, &["policy", "test"]).expect_code(0).out;
    assert!(text.ends_with("cases, all as expected\n"), "{text}");
    let found = run(&empty, &["policy", "test", "--format", "json"]).expect_code(0).json();
    assert!(found["cases"].as_array().unwrap().iter().all(|case| case["ok"] == true), "{found}");
    empty.repository.edit("policies/no-node-port.test.yaml", "type: NodePort", "type: ClusterIP");
    let text = run(&empty, &["policy", "test"]).expect_code(1).out;
    let failed = text.lines().position(|line| line.starts_with("FAIL  no-node-port: ")).unwrap();
    let why = text.lines().nth(failed + 1).unwrap().trim();
    assert!(
        why.starts_with("policies/no-node-port.test.yaml:")
            && why.ends_with("expected `fail`; it says `pass`"),
        "{why}"
    );
    assert!(text.ends_with(", 1 not as expected\n"), "{text}");
}

#[test]
fn a_folder_without_cases_is_refused() {
    refused(&policies(), &["policy", "test"], "holds no .test.yaml file");
    refused(&policies(), &["policy", "test", "nowhere"], "there is no folder `nowhere`");
}

#[test]
fn cases_that_cannot_be_read_are_not_as_expected() {
    let shop = policies();
    shop.repository.write("policies/no-node-port.test.yaml", "cases: [{name: x, objct: {}, expect: pass}]\n");
    let printed = run(&shop, &["policy", "test"]).expect_code(1);
    assert_eq!(printed.out, "no case could be read\n", "{}", printed.err);
    assert!(printed.err.contains("--> policies/no-node-port.test.yaml:1:"), "{}", printed.err);
}
