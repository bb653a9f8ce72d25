//! What is said of two revisions, from definitions as people write them.

use naksha_environments::source::SourceTree;

use super::*;
use crate::rules::loader;

const HEAD: &str = "apiVersion: naksha.dev/v1alpha1\n";
const ACKNOWLEDGED: &str = "0123456789abcdef0123456789abcdef";

/// Files of a repository, by path.
#[derive(Clone, Default)]
struct Repo(BTreeMap<String, String>);

impl Repo {
    fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }

    fn without(mut self, path: &str) -> Self {
        self.0.remove(path).expect("should be there");
        self
    }

    fn settings(self, spec: &str) -> Self {
        self.with(
            "naksha.yaml",
            &format!("{HEAD}kind: Repository\nmetadata: {{name: infra}}\nspec: {{{spec}}}\n"),
        )
    }

    fn environment(self, name: &str, spec: &str) -> Self {
        let text = format!("{HEAD}kind: Environment\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n");
        self.with(&format!("environments/{name}/environment.yaml"), &text)
    }

    fn policy(self, rule: &str, rest: &str) -> Self {
        let spec = format!("match: {{kinds: [Service]}}, rule: \"{rule}\", message: it is open, {rest}");
        let text = format!("{HEAD}kind: Policy\nmetadata: {{name: no-node-port}}\nspec: {{{spec}}}\n");
        self.with("policies/no-node-port.yaml", &text)
    }

    fn health(self, word: &str) -> Self {
        let spec = format!("group: example.org, kinds: {{Widget: {{phase: {{healthy: {word}}}}}}}");
        let text = format!("{HEAD}kind: HealthRules\nmetadata: {{name: widgets}}\nspec: {{{spec}}}\n");
        self.with("health/widgets.yaml", &text)
    }

    fn load(&self) -> Definitions {
        let files = self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        loader().load(&SourceTree::from_texts(files).unwrap()).definitions
    }
}

fn base() -> Repo {
    Repo::default().settings("").environment("prod", "target: {directory: objects/}")
}

/// `prod: …` or `everywhere: …`, in order.
fn told(before: &Repo, after: &Repo) -> Vec<String> {
    let Rules { everywhere, environments, acknowledged } = changed_rules(&before.load(), &after.load());
    let own =
        environments.iter().flat_map(|(name, lines)| lines.iter().map(move |line| format!("{name}: {line}")));
    let lists = [("everywhere", everywhere), ("a plan", acknowledged)];
    let lists = lists
        .into_iter()
        .flat_map(|(name, lines)| lines.into_iter().map(move |line| format!("{name}: {line}")));
    lists.chain(own).collect()
}

#[test]
fn nothing_is_said_of_what_is_judged_or_the_same() {
    let before = base().policy("object.spec.type != 'NodePort'", "").health("Fine");
    assert_eq!(told(&before, &before), [""; 0]);
    let after = before
        .clone()
        .settings("variables: {a: 1}, shared: [partials/*.tera]")
        .environment("prod", "\n  target: {directory: objects/}, variables: {a: 2}, units: [web]")
        .with(
            "units/web/unit.yaml",
            &format!("{HEAD}kind: Unit\nmetadata: {{name: web}}\nspec: {{manifests: [a.yaml]}}\n"),
        )
        .with(
            "environments/prod/lock.yaml",
            &format!("{HEAD}kind: Lock\nspec: {{source: {}}}\n", "a".repeat(40)),
        )
        .policy("object.spec.type != 'NodePort'", "fix: another word")
        .with("health/widgets.yaml", &before.0["health/widgets.yaml"].replace("spec", "# why\nspec"));
    let rules = changed_rules(&before.load(), &after.load());
    assert!(rules.is_empty(), "{rules:?}");
}

#[test]
fn who_may_is_said_as_it_counts() {
    let owned = |owners: &str| base().settings(&format!("owners: {{prod: {{{owners}}}}}"));
    let platform = owned("approve: ['@org/platform'], acknowledge: ['@org/sre', '@ann'], skip: ['@ann']");
    assert_eq!(
        told(&platform, &base()),
        [
            "prod: owners: has to approve: @org/platform → nobody",
            "prod: owners: may acknowledge: @ann, @org/sre → whoever may write",
            "prod: owners: may promote: nobody → whoever may write",
            "prod: owners: may skip gates: @ann → nobody",
        ]
    );
    let other = owned("approve: ['@org/platform'], acknowledge: ['@ann', '@org/sre'], skip: ['@bob']");
    assert_eq!(told(&platform, &other), ["prod: owners: may skip gates: @ann → @bob"]);
    // Of what is long, what differs.
    let names = |more: &str| {
        let names: Vec<_> = (0..20).map(|at| format!("'@org/team-{at}'")).collect();
        owned(&format!("approve: [{}, {more}]", names.join(", ")))
    };
    assert_eq!(
        told(&names("'@ann'"), &names("'@bob', '@cid'")),
        ["prod: owners: has to approve: no more @ann; also @bob, @cid"]
    );
}

#[test]
fn how_strictly_it_is_judged_is_said() {
    let before = "unreviewed: hold, trunk: main, policies: {sets: [baseline], severity: {prod: {image-latest-or-untagged: error}}, \
        waivers: [{rule: image-no-digest, subject: a.yaml, reason: old, expires: 2027-01-31}]}";
    let waiver = "rule: image-no-digest, subject: Deployment naksha/web, environment: prod, reason: soon, expires: 2027-03-31";
    let after = format!(
        "ignore: [vendor/**], policies: {{sets: [], severity: {{prod: {{image-latest-or-untagged: 'off', image-no-digest: info}}}}, \
         waivers: [{{rule: image-no-digest, subject: a.yaml, reason: new, expires: 2028-01-31}}, {{{waiver}}}]}}"
    );
    assert_eq!(
        told(&base().settings(before), &base().settings(&after)),
        [
            "everywhere: unreviewed: hold → not said",
            "everywhere: policy sets: baseline → all",
            "everywhere: trunk: main → not said",
            "everywhere: ignored files: none → vendor/**",
            "everywhere: waiver of image-no-digest for a.yaml: until 2027-01-31 → 2028-01-31",
            "prod: severity of image-latest-or-untagged: error → off",
            "prod: severity of image-no-digest: not said → info",
            "prod: waiver of image-no-digest for Deployment naksha/web until 2027-03-31: added",
        ]
    );
}

#[test]
fn rules_of_its_own_are_said_by_name() {
    let (policy, health) = (base().policy("object.spec.type != 'NodePort'", ""), base().health("Fine"));
    assert_eq!(told(&base(), &policy), ["everywhere: policy no-node-port: added"]);
    assert_eq!(told(&policy, &base()), ["everywhere: policy no-node-port: removed"]);
    let weaker = base().policy("object.spec.type != 'LoadBalancer'", "severity: info");
    assert_eq!(told(&policy, &weaker), ["everywhere: policy no-node-port: changed, severity error → info"]);
    assert_eq!(told(&health, &base()), ["everywhere: health rules widgets: removed"]);
    assert_eq!(told(&health, &base().health("Poor")), ["everywhere: health rules widgets: changed"]);
    assert_eq!(
        told(&health, &base().with("health/widgets.yaml", "spec: [")),
        ["everywhere: health rules widgets: cannot be read any more"]
    );
}

#[test]
fn what_guards_an_environment_is_said() {
    let before = base().environment(
        "prod",
        "target: {directory: objects/, namespace: naksha}, production: true, promotesFrom: [staging], \
         gates: {soak: 24h, verify: [smoke]}, guards: {maxDeletions: 3}, sync: {interval: 1m}, \
         windows: [{kind: allow, schedule: '0 9 * * 1-5', duration: 8h, timeZone: Europe/Berlin}]",
    );
    let after = base().environment(
        "prod",
        "target: {kubernetes: {cluster: main}}, sealed: true, branch: release, gates: {soak: 90m, autoMerge: true}, \
         guards: {maxDeletions: 300, maxDeletionPercent: 100}, lifecycle: disown, sync: {prune: false, selfHeal: false}, \
         windows: [{kind: deny, schedule: '0 14 * * 5', duration: 90m}]",
    );
    assert_eq!(after.load().environments.len(), 1, "it can be read");
    assert_eq!(
        told(&before, &after),
        [
            "prod: production: yes → no",
            "prod: sealed: no → yes",
            "prod: target: directory objects, namespace naksha → cluster main",
            "prod: follows: promotions from staging → branch release",
            "prod: gate soak: 24h → 1h 30m",
            "prod: gate verify: smoke → none",
            "prod: autoMerge of promotions: no → yes",
            "prod: guard maxDeletions: 3 → 300",
            "prod: guard maxDeletionPercent: 50 → 100",
            "prod: lifecycle: active → disown",
            "prod: sync prune: yes → no",
            "prod: sync selfHeal: yes → no",
            "prod: sync interval: 1m → 5m",
            "prod: allow window `0 9 * * 1-5` for 8h (Europe/Berlin): removed",
            "prod: deny window `0 14 * * 5` for 1h 30m (UTC): added",
        ]
    );
}

#[test]
fn what_comes_goes_or_breaks_is_said() {
    let dev = base().environment("dev", "target: {directory: dev/}");
    assert_eq!(told(&base(), &dev), ["dev: its definition: added"]);
    assert_eq!(told(&dev, &base()), ["dev: its definition: removed"]);
    let broken = dev.clone().environment("dev", "target: 3");
    assert_eq!(told(&dev, &broken), ["dev: its definition: cannot be read any more"]);
    assert_eq!(told(&broken, &dev), ["dev: its definition: could not be read before"]);
    assert_eq!(told(&broken, &broken), [""; 0]);
    assert_eq!(told(&base(), &broken), ["dev: its definition: added, and cannot be read"]);

    // Of what cannot be read nothing is guessed.
    let ruled = base().settings("unreviewed: hold, owners: {prod: {approve: ['@ann']}}");
    let broken = base().with("naksha.yaml", "spec: [");
    assert_eq!(told(&ruled, &broken), ["everywhere: naksha.yaml: cannot be read any more"]);
    assert_eq!(told(&broken, &ruled), ["everywhere: naksha.yaml: could not be read before"]);
    let none = ruled.clone().without("naksha.yaml");
    let gone = told(&ruled, &none);
    assert_eq!(gone[..2], ["everywhere: naksha.yaml: removed", "everywhere: unreviewed: hold → not said"]);
    assert!(gone.contains(&"prod: owners: has to approve: @ann → nobody".to_owned()), "{gone:?}");
    let unknown = ruled.clone().settings("policies: {sets: [basline]}");
    assert!(
        told(&ruled, &unknown)
            .contains(&"everywhere: naksha.yaml: names rules or sets that there are not".to_owned())
    );
}

#[test]
fn words_that_lift_holds_are_said() {
    let approval = |by: &str, expires: &str| {
        let spec = format!("plan: {ACKNOWLEDGED}, by: '{by}', reason: fine{expires}");
        base().with(
            &format!("approvals/{ACKNOWLEDGED}.yaml"),
            &format!("{HEAD}kind: Approval\nspec: {{{spec}}}\n"),
        )
    };
    let sam = approval("@sam", "");
    let line = |rest: &str| {
        vec![format!("a plan: acknowledgement of plan 0123456789ab by {rest}: added, lifts what holds it")]
    };
    assert_eq!(told(&base(), &sam), line("@sam"));
    assert_eq!(told(&sam, &sam), [""; 0]);
    assert_eq!(told(&sam, &base()), [""; 0], "what is used up may go");
    let until = approval("@sam", ", expires: 2027-01-31T18:00:00Z");
    assert_eq!(told(&sam, &until), line("@sam until 2027-01-31T18:00:00Z"));
}

#[test]
fn many_are_counted_and_none_is_long() {
    let waivers: Vec<_> = (0..30)
        .map(|at| format!("{{rule: image-no-digest, subject: a-{at:02}{}, environment: prod, reason: x, expires: 2027-01-31}}", "é".repeat(400)))
        .collect();
    let after = base()
        .settings(&format!("policies: {{waivers: [{}]}}", waivers.join(", ")))
        .environment("prod", "target: {directory: objects/}, production: true");
    let rules = changed_rules(&base().load(), &after.load());
    let prod = &rules.environments[&EnvironmentName::parse("prod").unwrap()];
    assert_eq!(prod.len(), MAX_LINES + 1);
    assert_eq!((&*prod[0], &*prod[MAX_LINES]), ("production: no → yes", "and 11 more"));
    assert!(prod.iter().all(|line| line.len() <= MAX_LINE + "…".len()), "{prod:?}");
    assert!(prod[1].ends_with("until 2027-01-31: added"), "{}", prod[1]);
}

#[test]
fn an_environment_has_its_own_and_those_of_all() {
    let after = base().settings("unreviewed: apply").environment("prod", "target: {directory: other/}");
    let rules = changed_rules(&base().load(), &after.load());
    let of = |name: &str| rules.of(&EnvironmentName::parse(name).unwrap());
    assert_eq!(of("prod"), ["target: directory objects → directory other", "unreviewed: not said → apply"]);
    assert_eq!(of("dev"), ["unreviewed: not said → apply"]);
}
