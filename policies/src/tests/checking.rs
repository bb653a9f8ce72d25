//! What counts: new and old findings, waivers, custom policies, guards and acknowledgements.

use naksha_environments::inventory::Owned;
use naksha_environments::object::Mark;
use naksha_environments::plan::{Blocked, Cause, Verb};
use naksha_environments::policy::PolicyMatch;
use naksha_environments::repository::Waiver;
use naksha_environments::verdict::Standing;

use crate::testing::{World, acknowledged, action, path, unit};

const UNTAGGED: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: naksha}
spec:
  securityContext: {runAsNonRoot: true}
  containers:
    - name: app
      image: app
      securityContext: {allowPrivilegeEscalation: false}
      resources: {requests: {cpu: 1, memory: 1Gi}}
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: naksha}
spec: {type: NodePort, ports: [{port: 80}]}
";

fn standings(world: &World, rule: &str) -> Vec<Standing> {
    let found = world.check().findings.into_iter().filter(|finding| finding.rule.as_str() == rule);
    found.map(|finding| finding.standing).collect()
}

/// How often a rule found what was there before; it must have found nothing else.
fn known(world: &World, rule: &str) -> usize {
    assert_eq!(standings(world, rule), []);
    world.check().known.get(&rule.parse().unwrap()).copied().unwrap_or_default()
}

fn waiver(subject: &str, expires: &str, environment: Option<&str>) -> Waiver {
    Waiver {
        rule: "image-latest-or-untagged".parse().unwrap(),
        subject: subject.to_owned(),
        environment: environment.map(|name| name.parse().unwrap()),
        reason: "the vendor has no tags".to_owned(),
        expires: expires.parse().unwrap(),
        place: naksha_environments::diagnostic::Place::file(&path("naksha.yaml")),
    }
}

const RULE: &str = "image-latest-or-untagged";

#[test]
fn what_the_base_has_does_not_count() {
    let changed = UNTAGGED.replace("image: app", "image: other");
    let new = World::new().rendering(&[("app", UNTAGGED)]).based_on(&[("app", "")]);
    assert_eq!(standings(&new, RULE), [Standing::New]);
    // The same finding in another unit, and about another image: it is the same finding.
    let old = World::new().rendering(&[("moved", &changed)]).based_on(&[("app", UNTAGGED)]);
    assert_eq!(known(&old, RULE), 1);
    assert!(old.check().blocking().next().is_none());
}

#[test]
fn without_a_base_the_inventory_takes_its_place() {
    let changed = UNTAGGED.replace("cpu: 1", "cpu: 2");
    let fresh = World::new().rendering(&[("app", UNTAGGED)]);
    assert_eq!(standings(&fresh, RULE), [Standing::New]);
    let owned = World::new().owning(&[("app", UNTAGGED)]).rendering(&[("app", &changed)]);
    assert_eq!(known(&owned, RULE), 1);
}

#[test]
fn waivers_cover_until_their_day_is_over() {
    let waived = |waiver: Waiver| {
        let mut world = World::new().rendering(&[("app", UNTAGGED)]).based_on(&[("app", UNTAGGED)]);
        world.repository.policies.waivers.push(waiver);
        world
    };
    let good = waived(waiver("Pod naksha/web", "2030-06-01", None));
    assert_eq!(standings(&good, RULE), [Standing::Waived { reason: "the vendor has no tags".to_owned() }]);
    let by_file = waived(waiver("units/app/manifests/all.yaml", "2030-06-01", None));
    assert!(matches!(standings(&by_file, RULE)[..], [Standing::Waived { .. }]));

    // Over: what it covered counts again, although the base has it, too.
    let over = waived(waiver("Pod naksha/web", "2030-05-31", None));
    assert_eq!(standings(&over, RULE), [Standing::New]);
    assert_eq!(
        over.of("waiver-expired"),
        ["warning waiver-expired image-latest-or-untagged[\"Pod naksha/web\"]: the waiver of \
          `image-latest-or-untagged` for `Pod naksha/web` ended on 2030-05-31"]
    );

    let unused = waived(waiver("Pod naksha/gone", "2030-06-01", Some("dev")));
    assert_eq!(unused.of("waiver-unused").len(), 1);
    assert!(waived(waiver("Pod naksha/gone", "2030-06-01", None)).of("waiver-unused").is_empty());
    let elsewhere = waived(waiver("Pod naksha/web", "2030-06-01", Some("prod")));
    assert_eq!(known(&elsewhere, RULE), 1);
}

#[test]
fn severities_per_environment() {
    use naksha_environments::diagnostic::Severity;
    use naksha_environments::repository::SeveritySetting;
    let set = |setting| {
        let mut world = World::new().rendering(&[("app", UNTAGGED)]);
        let rules = world.repository.policies.severity.entry(world.environment.name.clone()).or_default();
        let place = naksha_environments::diagnostic::Place::file(&crate::testing::path("naksha.yaml"));
        rules.insert(RULE.parse().unwrap(), (setting, place));
        world
    };
    assert!(set(SeveritySetting::At(Severity::Error)).of(RULE)[0].starts_with("error"));
    assert!(set(SeveritySetting::Off).of(RULE).is_empty());
}

#[test]
fn custom_policies_judge_objects() {
    let world = World::new()
        .rendering(&[("app", SERVICE)])
        .policy("no-node-port", &["Service"], "object.spec.type != 'NodePort'")
        .policy("named", &["apps/Service", "Deployment"], "false")
        .policy("all", &[], "object.metadata.namespace == unit.name + 'naksha' || environment.name == 'dev'");
    let lines: Vec<_> = world.check().findings.iter().map(crate::testing::line).collect();
    assert_eq!(lines, ["error no-node-port Service naksha/web: breaks no-node-port"]);
    let existing = world.based_on(&[("app", SERVICE)]);
    assert_eq!(known(&existing, "no-node-port"), 1);
}

#[test]
fn what_cannot_be_judged_blocks() {
    let rule = "object.spec.clusterIP == 'None'";
    let world = World::new().rendering(&[("app", SERVICE)]).policy("headless", &["Service"], rule);
    assert_eq!(
        world.of("headless"),
        ["error headless Service naksha/web: could not judge: there is no `clusterIP`"]
    );
    // It could not be judged before, either: only an object that did not change is no news.
    let same = World::new().rendering(&[("app", SERVICE)]).based_on(&[("app", SERVICE)]);
    let same = same.policy("headless", &["Service"], rule);
    assert_eq!(known(&same, "headless"), 1);
    let changed = SERVICE.replace("port: 80", "port: 81");
    let changed = World::new().rendering(&[("app", &changed)]).based_on(&[("app", SERVICE)]);
    let changed = changed.policy("headless", &["Service"], rule);
    assert_eq!(standings(&changed, "headless"), [Standing::New]);

    let place = world.check().findings[0].place.as_ref().map(|place| place.path.to_string());
    assert_eq!(place.as_deref(), Some("policies/headless.yaml"), "where it is mended");

    let number = World::new().rendering(&[("app", SERVICE)]).policy("number", &[], "1 + 1");
    assert_eq!(
        number.of("number"),
        ["error number Service naksha/web: could not judge: the rule gives neither true nor false"]
    );
}

#[test]
fn rules_see_the_object_before() {
    let grown = SERVICE.replace("NodePort", "LoadBalancer");
    let world = World::new()
        .owning(&[("app", SERVICE)])
        .rendering(&[("app", &grown)])
        .planning(vec![action("app", &grown, Verb::Update, Cause::Change)])
        .policy("keeps-type", &["Service"], "oldObject == null || oldObject.spec.type == object.spec.type")
        .policy("no-update", &["Service"], "action != 'update'");
    assert_eq!(world.of("keeps-type").len(), 1);
    assert_eq!(standings(&world, "no-update"), [Standing::New]);
    let fresh = World::new().rendering(&[("app", &grown)]);
    let fresh = fresh.policy("keeps-type", &["Service"], "oldObject == null || false");
    assert!(fresh.of("keeps-type").is_empty());
}

#[test]
fn what_is_done_to_an_unchanged_unit_counts() {
    let world = World::new()
        .rendering(&[("app", SERVICE)])
        .based_on(&[("app", SERVICE)])
        .planning(vec![action("app", SERVICE, Verb::Update, Cause::Drift)])
        .policy("no-update", &["Service"], "action != 'update'")
        .policy("no-node-port", &["Service"], "object.spec.type != 'NodePort'");
    assert_eq!(standings(&world, "no-update"), [Standing::New]);
    assert_eq!(known(&world, "no-node-port"), 1);
}

#[test]
fn a_reference_that_another_unit_breaks_is_new() {
    let pod =
        UNTAGGED.replace("image: app", "image: app:1\n      envFrom: [{configMapRef: {name: settings}}]");
    let settings = "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: naksha}\n";
    let both = World::new().based_on(&[("app", &pod), ("settings", settings)]);
    let gone = both.rendering(&[("app", &pod), ("settings", "")]);
    assert_eq!(standings(&gone, "dangling-ref"), [Standing::New]);
    let never = World::new().based_on(&[("app", &pod)]).rendering(&[("app", &pod)]);
    assert_eq!(known(&never, "dangling-ref"), 1);
}

#[test]
fn custom_policies_judge_the_plan() {
    let mut world = World::new().owning(&[("app", SERVICE)]).planning(vec![action(
        "app",
        SERVICE,
        Verb::Delete,
        Cause::Change,
    )]);
    let rule = "plan.deletes == 0 || plan.actions.exists(a, a.verb == 'create' && a.kind == 'Service')";
    world.add_policy("keep-one", PolicyMatch::Plan, rule);
    assert_eq!(world.of("keep-one"), ["error keep-one: breaks keep-one"]);
}

#[test]
fn a_bomb_is_judged_once_and_named() {
    let many: Vec<_> = (0..30).map(|at| SERVICE.replace("name: web", &format!("name: web{at}"))).collect();
    let bomb = "lists.range(20000).all(a, lists.range(20000).all(b, a + b >= 0))";
    let world = World::new().rendering(&[("app", &many.join("---"))]).policy("bomb", &["Service"], bomb);
    assert_eq!(
        world.of("bomb"),
        [
            "error bomb: it costs too much to judge everything with it: 29 left unjudged",
            "error bomb Service naksha/web0: could not judge: evaluation stopped: it takes more than 1000000 steps",
        ]
    );
}

#[test]
fn a_warm_cache_changes_nothing() {
    let world = World::new().rendering(&[("app", UNTAGGED), ("web", SERVICE)]).policy(
        "no-node-port",
        &["Service"],
        "object.spec.type != 'NodePort'",
    );
    let cold = world.check();
    assert_eq!(cold, world.check());
    assert_eq!(cold.policies, world.policies().digest());
    assert!(cold.findings.len() >= 2);
}

#[test]
fn guards_are_lifted_by_an_acknowledgement_of_this_plan() {
    let claim = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: naksha}
";
    let mut world = World::new()
        .owning(&[("app", claim)])
        .rendering(&[("app", SERVICE)])
        .planning(vec![action("app", claim, Verb::Delete, Cause::Change)]);
    assert_eq!(standings(&world, "guard-stateful"), [Standing::NeedsAcknowledgement]);
    world.acknowledgements = vec![acknowledged(&world.plan, Some("2030-06-01T11:59:59Z"))];
    assert_eq!(standings(&world, "guard-stateful"), [Standing::NeedsAcknowledgement]);
    world.acknowledgements = vec![acknowledged(&world.plan, Some("2030-06-02T00:00:00Z"))];
    assert!(matches!(standings(&world, "guard-stateful")[..], [Standing::Acknowledged { .. }]));
    assert!(world.check().blocking().next().is_none());
}

#[test]
fn what_is_known_only_from_the_target_is_not_deleted_without_a_word() {
    let mut world = World::new()
        .owning(&[("app", SERVICE), ("web", UNTAGGED)])
        .rendering(&[("app", UNTAGGED)])
        .planning(vec![action("app", SERVICE, Verb::Delete, Cause::Change)]);
    assert!(world.of("guard-recovered").is_empty());
    let owned: Vec<_> =
        world.inventory.iter().map(|(key, owned)| (key.clone(), Owned::clone(owned))).collect();
    for (key, owned) in owned {
        world.inventory.own(key, Owned { desired: Owned::recovered(), ..owned }.into());
    }
    let found = world.of("guard-recovered");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("would be deleted: Service naksha/web"), "{found:?}");
    assert_eq!(standings(&world, "guard-recovered"), [Standing::NeedsAcknowledgement]);
}

#[test]
fn what_runs_once_is_not_made_without_a_word_after_a_recovery() {
    let job = |name: &str, spec: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, namespace: naksha}}\nspec: {{{spec}}}\n"
        )
    };
    let (goes, stays) = (job("migrate", "ttlSecondsAfterFinished: 60"), job("stays", ""));
    let create = |text: &str| action("app", text, Verb::Create, Cause::Change);
    let mut world = World::new().rendering(&[("app", &format!("{goes}---\n{stays}"))]).planning(vec![
        create(&goes),
        create(&stays),
        create(SERVICE),
    ]);
    assert!(world.of("guard-recovered").is_empty(), "a first apply");
    world.inventory.recovered = true;
    let found = world.of("guard-recovered");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("would run again: batch/Job naksha/migrate ["), "no other: {found:?}");
    assert!(found[0].contains("may have run already"), "{found:?}");
    assert_eq!(standings(&world, "guard-recovered"), [Standing::NeedsAcknowledgement]);
    world.plan.actions.remove(0);
    assert!(world.of("guard-recovered").is_empty(), "others show themselves where they are");
}

#[test]
fn what_would_be_left_in_another_target_is_counted() {
    let mut world = World::new()
        .owning(&[("app", SERVICE), ("web", UNTAGGED)])
        .rendering(&[("app", SERVICE)])
        .planning(vec![action("app", SERVICE, Verb::Create, Cause::Change)]);
    let count = |world: &World| {
        let found =
            world.check().findings.into_iter().find(|found| found.rule.as_str() == "guard-target-moved");
        found.map(|found| found.message)
    };
    world.inventory.place = Some("directory before".into());
    assert_eq!(count(&world), None, "nothing that was only intended is anywhere");
    let owned: Vec<_> =
        world.inventory.iter().map(|(key, owned)| (key.clone(), Owned::clone(owned))).collect();
    for (key, owned) in owned {
        let mark = Mark { uid: None, version: "1".into(), fingerprint: owned.desired };
        world.inventory.own(key, Owned { mark: Some(mark), ..owned }.into());
    }
    let words = count(&world).unwrap();
    assert!(
        words.starts_with("the target was `directory before` and is `directory out` now: 1 object"),
        "{words}"
    );
    // Nothing is planned of a broken unit; what it owns is left there all the same.
    let why = Blocked::Broken("it does not render".to_owned());
    world.plan.blocked.insert(unit("web"), why);
    assert!(count(&world).unwrap().contains("2 objects would be left there"));
    world.inventory.place = Some("directory out".into());
    assert_eq!(count(&world), None);
}
