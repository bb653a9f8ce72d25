//! Builders for tests: objects from YAML, and a small world of units, inventory and plan around them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use naksha_environments::diagnostic::Place;
use naksha_environments::digest::Hasher;
use naksha_environments::environment::{Environment, Follows, Gates, Guards, Lifecycle, Sync, TargetRef};
use naksha_environments::expression::Expression;
use naksha_environments::ids::{RuleName, UnitName};
use naksha_environments::inventory::{Inventory, Owned};
use naksha_environments::load::Loader;
use naksha_environments::object::{Body, DesiredObject, ObjectKey, Provenance};
use naksha_environments::plan::{
    Action, Cause, Change, FieldPath, Payload, Plan, PlanId, Shown, Subject, Verb,
};
use naksha_environments::policy::{Policy, PolicyMatch};
use naksha_environments::rendered::{ObjectIndex, Rendered, RenderedUnit, UnitState};
use naksha_environments::repository::{Definitions, PolicySettings, Repository};
use naksha_environments::source::{SourceTree, TreePath};
use naksha_environments::unit::{ConflictPolicy, ImmutablePolicy};
use naksha_environments::variables::Variables;
use naksha_environments::verdict::{Acknowledgement, Finding, Standing, Verdict};
use naksha_environments::yaml::{self, Dialect};
use serde_json::Value;

use crate::{CheckInput, FindingCache, PolicySet, Sources, check};

/// A value that must never be seen in anything that is made of it.
pub(crate) const CANARY: &str = "c4n4ry-s3cr3t-v4lu3";

pub(crate) fn now() -> Timestamp {
    "2030-06-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

pub(crate) fn unit(name: &str) -> UnitName {
    UnitName::parse(name).unwrap()
}

/// The objects of a text, as rendering leaves them: values of Secrets are marks.
pub(crate) fn objects(text: &str) -> Vec<DesiredObject> {
    let file = path("units/app/manifests/all.yaml");
    let (documents, diagnostics) = yaml::parse(text, &file, Dialect::Manifest);
    assert_eq!(diagnostics, []);
    documents
        .into_iter()
        .map(|document| {
            let mut body = document.root.to_json();
            mask(&mut body);
            desired(&body, Provenance { path: file.clone(), line: document.line, rendered: false })
        })
        .collect()
}

fn mask(body: &mut Value) {
    if body["kind"] == "Secret" {
        for value in body["data"].as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
            if !value.as_str().is_some_and(|text| text.starts_with("ref:")) {
                *value = "mark:0011223344556677".into();
            }
        }
    }
}

fn desired(body: &Value, provenance: Provenance) -> DesiredObject {
    let api_version = body["apiVersion"].as_str().unwrap();
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let metadata = &body["metadata"];
    let key = ObjectKey::new(
        group,
        body["kind"].as_str().unwrap(),
        metadata["namespace"].as_str(),
        metadata["name"].as_str().unwrap(),
    );
    DesiredObject {
        key,
        api_version: api_version.into(),
        body: Body::new(body),
        secrets: BTreeMap::new(),
        wave: 0,
        provenance,
    }
}

/// Everything that a check needs, with nothing in it.
pub(crate) struct World {
    pub(crate) environment: Environment,
    pub(crate) repository: Repository,
    pub(crate) custom: BTreeMap<RuleName, Arc<Policy>>,
    pub(crate) rendered: Rendered,
    pub(crate) base: Option<Rendered>,
    pub(crate) inventory: Inventory,
    pub(crate) plan: Plan,
    pub(crate) sources: Option<(Definitions, SourceTree)>,
    pub(crate) acknowledgements: Vec<Acknowledgement>,
    pub(crate) now: Timestamp,
    pub(crate) cache: FindingCache,
}

impl World {
    pub(crate) fn new() -> Self {
        let environment = environment();
        Self {
            repository: repository(),
            custom: BTreeMap::new(),
            rendered: rendered(&environment, &[]),
            base: None,
            inventory: Inventory::default(),
            plan: Plan::empty(&environment.name),
            sources: None,
            acknowledgements: Vec::new(),
            now: now(),
            cache: FindingCache::new(),
            environment,
        }
    }

    /// With these units rendered.
    pub(crate) fn rendering(mut self, units: &[(&str, &str)]) -> Self {
        self.rendered = rendered(&self.environment, units);
        self
    }

    pub(crate) fn based_on(mut self, units: &[(&str, &str)]) -> Self {
        self.base = Some(rendered(&self.environment, units));
        self
    }

    /// With these objects applied before.
    pub(crate) fn owning(mut self, units: &[(&str, &str)]) -> Self {
        for (name, text) in units {
            for object in objects(text) {
                let owned = Owned {
                    unit: unit(name),
                    api_version: object.api_version.clone(),
                    desired: object.digest(),
                    applied: object.body.clone(),
                    mark: None,
                    secrets: BTreeMap::new(),
                    stateful: naksha_environments::stateful::is_stateful(&object.key),
                    end: None,
                };
                self.inventory.own(object.key.clone(), owned.into());
            }
        }
        self
    }

    pub(crate) fn policy(mut self, name: &str, kinds: &[&str], rule: &str) -> Self {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        self.add_policy(name, PolicyMatch::Objects { kinds }, rule);
        self
    }

    pub(crate) fn add_policy(&mut self, name: &str, matches: PolicyMatch, rule: &str) {
        let policy = policy(name, matches, rule);
        self.custom.insert(policy.name.clone(), Arc::new(policy));
    }

    /// With a plan that does this to what is owned or rendered.
    pub(crate) fn planning(mut self, actions: Vec<Action>) -> Self {
        let id = PlanId::of(&self.environment.name, &actions);
        self.plan = Plan { id, actions, ..Plan::empty(&self.environment.name) };
        self
    }

    /// With definitions and files, loaded from texts.
    pub(crate) fn reading(mut self, files: &[(&str, &str)]) -> Self {
        let tree = SourceTree::from_texts(files.iter().copied()).unwrap();
        let loaded = Loader::default().load(&tree);
        let errors: Vec<_> = loaded.diagnostics.iter().filter(|one| one.is_error()).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        self.rendered.workflows = loaded.definitions.workflows.clone();
        self.sources = Some((loaded.definitions, tree));
        self
    }

    pub(crate) fn policies(&self) -> PolicySet {
        let (policies, diagnostics) =
            PolicySet::build(Some(&self.repository), &self.custom, &self.environment);
        assert_eq!(diagnostics, []);
        policies
    }

    pub(crate) fn check(&self) -> Verdict {
        let policies = self.policies();
        let place = |object: &DesiredObject, _: &FieldPath| {
            Some(Place::at_line(&object.provenance.path, object.provenance.line, 1))
        };
        let sources = self.sources.as_ref().map(|(definitions, tree)| Sources { definitions, tree });
        check(CheckInput {
            plan: &self.plan,
            rendered: &self.rendered,
            base: self.base.as_ref(),
            inventory: &self.inventory,
            environment: &self.environment,
            policies: &policies,
            sources,
            base_sources: sources,
            acknowledgements: &self.acknowledgements,
            now: self.now,
            locate: &place,
            cache: &self.cache,
        })
    }

    /// The findings of one rule, a line each.
    pub(crate) fn of(&self, rule: &str) -> Vec<String> {
        let verdict = self.check();
        verdict.findings.iter().filter(|finding| finding.rule.as_str() == rule).map(line).collect()
    }
}

/// A finding in one line.
pub(crate) fn line(finding: &Finding) -> String {
    let mut line = format!("{} {}", finding.severity, finding.rule);
    if let Some(subject) = &finding.subject {
        write!(line, " {subject}").unwrap();
    }
    if let Some(field) = &finding.field {
        write!(line, " {field}").unwrap();
    }
    write!(line, ": {}", finding.message).unwrap();
    match &finding.standing {
        Standing::New => {}
        other => write!(line, " [{other:?}]").unwrap(),
    }
    line
}

pub(crate) fn environment() -> Environment {
    Environment {
        name: "dev".parse().unwrap(),
        place: Place::file(&path("environments/dev/environment.yaml")),
        follows: Follows::Trunk,
        gates: Gates::default(),
        windows: Vec::new(),
        target: TargetRef::Directory { path: "out".to_owned(), namespace: None },
        variables: Variables::default(),
        units: Vec::new(),
        workflows: Vec::new(),
        sync: Sync { prune: true, self_heal: true, interval: Duration::from_mins(5) },
        guards: Guards { max_deletions: 10, max_deletion_percent: 30 },
        lifecycle: Lifecycle::Active,
        production: false,
        sealed: false,
    }
}

fn repository() -> Repository {
    Repository {
        name: "infra".parse().unwrap(),
        place: Place::file(&path("naksha.yaml")),
        trunk: None,
        shared: naksha_environments::globs::Globs::none(),
        ignore: naksha_environments::globs::Globs::none(),
        owners: BTreeMap::new(),
        policies: PolicySettings::default(),
        variables: Variables::default(),
        unreviewed: None,
    }
}

pub(crate) fn rendered(environment: &Environment, units: &[(&str, &str)]) -> Rendered {
    let units = units.iter().map(|(name, text)| {
        let objects: Vec<Arc<DesiredObject>> = objects(text).into_iter().map(Arc::new).collect();
        (unit(name), rendered_unit(name, UnitState::Rendered(objects.into())))
    });
    Rendered {
        environment: environment.name.clone(),
        units: units.collect(),
        workflows: BTreeMap::new(),
        broken_workflows: std::collections::BTreeSet::new(),
        diagnostics: Vec::new(),
        broken: false,
        index: ObjectIndex::default(),
    }
}

pub(crate) fn rendered_unit(name: &str, state: UnitState) -> RenderedUnit {
    let mut digest = Hasher::new("test");
    if let UnitState::Rendered(objects) = &state {
        objects.iter().for_each(|object| digest.add(object.body.digest().as_bytes()));
    }
    RenderedUnit {
        name: unit(name),
        state,
        depends_on: BTreeMap::new(),
        variables: Arc::new(Variables::default()),
        conflicts: ConflictPolicy::default(),
        immutable: ImmutablePolicy::Fail,
        ignore: Vec::new().into(),
        digest: digest.finish(),
    }
}

pub(crate) fn policy(name: &str, matches: PolicyMatch, rule: &str) -> Policy {
    Policy {
        name: RuleName::parse(name).unwrap(),
        place: Place::file(&path(&format!("policies/{name}.yaml"))),
        matches,
        rule: Expression::parse(rule, None).unwrap(),
        message: format!("breaks {name}"),
        fix: None,
        severity: naksha_environments::diagnostic::Severity::Error,
    }
}

/// An action on the first object of a text.
pub(crate) fn action(unit_name: &str, text: &str, verb: Verb, cause: Cause) -> Action {
    let object = objects(text).remove(0);
    let subject = Subject::Object(object.key.clone());
    let changes = vec![Change {
        path: FieldPath::default().key("spec").key("x"),
        before: None,
        after: Some(Shown::Value(Value::from(1))),
    }];
    let payload = match verb {
        Verb::Delete | Verb::Disown => Payload::Remove { expect: None },
        _ => Payload::Write { desired: Arc::new(object.clone()), expect: None, leave: Vec::new() },
    };
    Action {
        digest: Action::digest_of(&subject, &verb, &changes),
        unit: Some(unit(unit_name)),
        subject,
        verb,
        cause,
        changes,
        conflicts: Vec::new(),
        stateful: naksha_environments::stateful::is_stateful(&object.key),
        wave: 0,
        payload,
    }
}

pub(crate) fn acknowledged(plan: &Plan, expires: Option<&str>) -> Acknowledgement {
    Acknowledgement {
        plan: plan.id.clone(),
        by: "@sam".to_owned(),
        reason: "the data was copied".to_owned(),
        at: None,
        expires: expires.map(|text| text.parse().unwrap()),
        source: "approvals".to_owned(),
    }
}
