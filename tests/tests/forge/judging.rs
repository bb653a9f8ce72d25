//! A change never judges itself: what it says of rules, owners and targets counts from when it is merged, and not before.

use std::fs;

use naksha_tests::{DaemonProcess, Repository, await_true, must};

use crate::site::{ENVIRONMENT, Site, site, site_of_two, site_with};

const FILE: &str = "environments/dev/environment.yaml";
const POLICY: &str = "policies/few-replicas.yaml";
const FEW_REPLICAS: &str = "apiVersion: naksha.dev/v1alpha1
kind: Policy
metadata: {name: few-replicas}
spec:
  match: {kinds: [ConfigMap]}
  rule: int(object.data.replicas) <= 4
  message: more than four replicas
  severity: error
";
const COPIES: &str = "apiVersion: naksha.dev/v1alpha1
kind: Unit
metadata: {name: copies}
spec:
  templates: [copies.yaml.tera]
";
/// As many as the environment says.
const COPIES_TEMPLATE: &str = "{% for n in range(end=variables.count) %}---
apiVersion: v1
kind: ConfigMap
metadata: {name: copy-{{ n }}, namespace: shop}
data: {replicas: \"1\"}
{% endfor %}";
const TOO_MANY: &str = "more than four replicas";
const TOO_FEW: &str = "2 objects would be deleted, more than 1";

/// A pull request that changes a rule, and does what the rule forbids.
struct Case {
    branch: &'static str,
    write: fn(&Repository),
    /// What `naksha/plan: dev` is, and says.
    state: &'static str,
    words: &'static str,
}

const CASES: [Case; 6] = [
    Case {
        branch: "no-policy",
        write: |repository| nine_replicas(repository.remove(POLICY)),
        state: "failure",
        words: TOO_MANY,
    },
    Case {
        branch: "mild-policy",
        write: |repository| nine_replicas(repository.edit(POLICY, "severity: error", "severity: info")),
        state: "failure",
        words: TOO_MANY,
    },
    Case {
        branch: "no-severity",
        write: |repository| {
            nine_replicas(with_policies(repository, "{severity: {dev: {few-replicas: \"off\"}}}"));
        },
        state: "failure",
        words: TOO_MANY,
    },
    Case {
        branch: "waiver",
        write: |repository| {
            let waiver =
                "{rule: few-replicas, subject: ConfigMap shop/web, reason: a fair, expires: 2999-01-01}";
            nine_replicas(with_policies(repository, &format!("{{waivers: [{waiver}]}}")));
        },
        state: "failure",
        words: TOO_MANY,
    },
    Case {
        branch: "loose-guard",
        write: |repository| one_copy(repository.edit(FILE, "maxDeletions: 1", "maxDeletions: 9")),
        state: "pending",
        words: TOO_FEW,
    },
    Case {
        branch: "no-guard",
        write: |repository| one_copy(repository.edit(FILE, "  guards: {maxDeletions: 1}\n", "")),
        state: "pending",
        words: TOO_FEW,
    },
];

fn nine_replicas(repository: &Repository) {
    repository.edit(FILE, "replicas: 2", "replicas: 9");
}

fn one_copy(repository: &Repository) {
    repository.edit(FILE, "count: 3", "count: 1");
}

fn with_policies<'a>(repository: &'a Repository, policies: &str) -> &'a Repository {
    repository.edit("naksha.yaml", "trunk: main", &format!("trunk: main\n  policies: {policies}"))
}

/// An environment with a policy and a guard of its own.
fn guarded() -> Option<Site> {
    let environment = ENVIRONMENT
        .replace(
            "variables: {replicas: 2}",
            "guards: {maxDeletions: 1}\n  variables: {replicas: 2, count: 3}",
        )
        .replace("units: [web]", "units: [web, copies]");
    site_with(&[
        (FILE, &environment),
        (POLICY, FEW_REPLICAS),
        ("units/copies/unit.yaml", COPIES),
        ("units/copies/copies.yaml.tera", COPIES_TEMPLATE),
    ])
}

#[test]
fn no_change_loosens_the_rules_that_judge_it() {
    let Some(site) = guarded() else { return };
    let daemon = site.begin();
    let proposed = CASES.map(|case| {
        let head = site.change_by("main", case.branch, case.write);
        (must(site.forged.open(case.branch, case.branch)), head, case)
    });
    for (number, head, Case { branch, state, words, .. }) in proposed {
        let comment = site.await_comment(&daemon, number, &head);
        assert!(comment.contains("**Changes the rules**"), "{branch}: {comment}");
        site.await_check(&head, "naksha", "failure");
        assert_eq!(site.await_check(&head, "naksha/policy", "failure"), "1 finding", "{branch}");
        let told = site.await_check(&head, "naksha/plan: dev", state);
        assert!(told.contains(words), "{branch}: {told}");
    }
}

#[test]
fn what_names_another_target_is_planned_on_the_one_of_the_base() {
    let Some(site) = site() else { return };
    let daemon = site.begin();
    let elsewhere = site.installation.target("dev").with_file_name("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join(".naksha-target"), "").unwrap();
    let head = site.change_by("main", "elsewhere", |repository| {
        repository.edit(FILE, "directory: out", "directory: elsewhere");
        repository.edit(FILE, "replicas: 2", "replicas: 3");
    });
    let number = must(site.forged.open("elsewhere", "another target"));
    let comment = site.await_comment(&daemon, number, &head);
    assert!(comment.contains("**Changes the rules**") && comment.contains("elsewhere"), "{comment}");
    site.await_check(&head, "naksha", "success");
    // There, everything would have to be made.
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "success"), "1 to update");
}

/// How often it was reported on a head.
fn reports(daemon: &DaemonProcess, head: &str) -> usize {
    let is_report = |line: &&str| line.contains("reported") && line.contains(&head[..10]);
    daemon.log().lines().filter(is_report).count()
}

#[test]
fn who_has_to_approve_is_read_from_the_base() {
    let Some(site) = site() else { return };
    let forged = &site.forged;
    let colleague = must(forged.newcomer("colleague", "write"));
    let owners = |who: &str| format!("{{dev: {{approve: [\"@{who}\"]}}}}");
    let old = owners(&colleague.login);
    site.owned(&old);
    let daemon = site.begin();
    // One asks for nobody, one for its author, and one for somebody who then approves.
    let named = [
        ("nobody", "{}".to_owned()),
        ("mine", owners(&forged.writer.login)),
        ("theirs", owners(&forged.reader.login)),
    ];
    let waits = format!("1 to update; waits for an approval by @{}", colleague.login);
    let [_, (mine, _), (theirs, head)] = named.map(|(branch, new)| {
        let head = site.change_by("main", branch, |repository| {
            repository.edit("naksha.yaml", &old, &new).edit(FILE, "replicas: 2", "replicas: 3");
        });
        let number = must(forged.open(branch, "more replicas"));
        site.await_words(&head, "naksha", "waits for an approval, see dev");
        assert_eq!(site.await_check(&head, "naksha/plan: dev", "pending"), waits, "{branch}");
        (number, head)
    });
    assert!(forged.approve_as(&forged.writer, mine).is_err(), "no forge takes the author's own word");
    await_true("it to be shown", || reports(&daemon, &head) > 0);
    let before = reports(&daemon, &head);
    must(forged.approve_as(&forged.reader, theirs));
    await_true("that word to be looked at", || reports(&daemon, &head) > before);
    site.await_words(&head, "naksha", "waits for an approval, see dev");
    assert_eq!(site.await_check(&head, "naksha/plan: dev", "pending"), waits);
    must(forged.approve_as(&colleague, theirs));
    site.await_check(&head, "naksha", "success");
}

/// The plan that a comment asks for a word about, whole.
pub(crate) fn plan_of(comment: &str) -> &str {
    let (_, rest) = comment.split_once("commit approvals/").expect("it says which file lifts it");
    rest.split_once(".yaml").expect("a file has an end").0
}

#[test]
fn who_makes_himself_an_owner_acknowledges_nothing() {
    let Some(site) = site_of_two() else { return };
    let (forged, repository) = (&site.forged, &site.installation.repository);
    site.owned("{dev: {acknowledge: [\"@ann\"]}}");
    let daemon = site.begin();
    let head = site.change("less", FILE, "units: [web, extra]", "units: [web]");
    let number = must(forged.open("less", "less"));
    let comment = site.await_comment(&daemon, number, &head);
    site.await_check(&head, "naksha", "failure");
    let plan = plan_of(&comment);
    let push = |by: &str| {
        let word = format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Approval\nspec:\n  plan: {plan}\n  by: \"{by}\"\n  reason: nobody needs it\n"
        );
        let head = repository.write(&format!("approvals/{plan}.yaml"), &word).commit(by);
        must(forged.push(repository.folder(), "less", &forged.writer));
        head
    };
    repository.edit("naksha.yaml", "[\"@ann\"]", "[\"@ann\", \"@ben\"]");
    let by_ben = push("@ben");
    let comment = site.await_comment(&daemon, number, &by_ben);
    assert_eq!(plan_of(&comment), plan, "it is the same plan");
    assert_eq!(site.await_check(&by_ben, "naksha", "failure"), "1 finding");
    // Whom the base names does.
    let by_ann = push("@ann");
    site.await_check(&by_ann, "naksha", "success");
}
