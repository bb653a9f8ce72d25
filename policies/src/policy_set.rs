//! A policy set: the rules that judge one environment, how severe each is there, and what is waived.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::codes::policy as codes;
use naksha_environments::diagnostic::{Diagnostic, Severity};
use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::environment::Environment;
use naksha_environments::expression::Bindings;
use naksha_environments::ids::RuleName;
use naksha_environments::policy::{Policy, PolicyMatch};
use naksha_environments::repository::{PolicySettings, Repository, SeveritySetting, Waiver};
use serde_json::{Value, json};

use crate::bundled::{self, BundledRule, bundled_rules};

/// Changes when what the shipped rules look at changes, so that nothing is taken from an old cache.
const RULES_VERSION: &str = "1";

/// One rule as it applies in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRule {
    /// Absent: the rule is off.
    pub severity: Option<Severity>,
    pub guard: bool,
    pub fix: Option<String>,
}

#[derive(Debug, Clone)]
pub struct PolicySet {
    rules: BTreeMap<RuleName, ActiveRule>,
    pub(crate) custom: Vec<Arc<Policy>>,
    pub(crate) waivers: Vec<Waiver>,
    /// What custom policies see as `environment`.
    pub(crate) environment: Arc<Value>,
    digest: Digest,
}

impl PolicySet {
    /// Puts together what judges `environment`. Without a repository the shipped rules judge as they are.
    /// Names of rules and sets that there are not were reported when the definitions were loaded (give the loader
    /// [`crate::known_rules`]); they are passed over here. A setting that is not allowed is left out, never the rule.
    pub fn build(
        repository: Option<&Repository>,
        custom: &BTreeMap<RuleName, Arc<Policy>>,
        environment: &Environment,
    ) -> (PolicySet, Vec<Diagnostic>) {
        let default = PolicySettings::default();
        let settings = repository.map_or(&default, |repository| &repository.policies);
        let mut diagnostics = Vec::new();
        let mut rules = shipped(settings, environment);
        let mut own = Vec::new();
        for (name, policy) in custom {
            if bundled(name).is_some() {
                let message = format!("policy `{name}` has the name of a shipped rule");
                let hint = "rename it; shipped rules are changed under `policies.severity` in naksha.yaml";
                diagnostics
                    .push(Diagnostic::new(codes::NAME_TAKEN, message).at(policy.place.clone()).hint(hint));
                continue;
            }
            let severity = Some(policy.severity);
            rules.insert(name.clone(), ActiveRule { severity, guard: false, fix: policy.fix.clone() });
            own.push(Arc::clone(policy));
        }
        if let Some(repository) = repository {
            severities(repository, environment, &mut rules, &mut diagnostics);
        }
        let waivers = waivers(settings, environment, &rules, &mut diagnostics);
        diagnostics.sort();
        let environment = Arc::new(environment_value(environment));
        let digest = digest(&rules, &own, &waivers, &environment);
        (PolicySet { rules, custom: own, waivers, environment, digest }, diagnostics)
    }

    /// Digest of everything that judges.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Every rule, by name, the switched off ones included.
    pub fn rules(&self) -> &BTreeMap<RuleName, ActiveRule> {
        &self.rules
    }

    /// How severe a rule is here. `None`: it is off, or not part of the chosen sets.
    pub fn severity(&self, rule: &RuleName) -> Option<Severity> {
        self.rules.get(rule).and_then(|rule| rule.severity)
    }

    pub(crate) fn rule(&self, name: &RuleName) -> Option<&ActiveRule> {
        self.rules.get(name)
    }

    pub(crate) fn bindings(&self) -> Bindings {
        Bindings::new().with("environment", Arc::clone(&self.environment))
    }
}

fn bundled(name: &RuleName) -> Option<&'static BundledRule> {
    bundled_rules().iter().find(|rule| rule.name == *name)
}

/// The rules of the chosen sets, at the severity that fits the environment.
fn shipped(settings: &PolicySettings, environment: &Environment) -> BTreeMap<RuleName, ActiveRule> {
    // Guards do not depend on sets: choosing none must not open the way to losing data.
    let chosen =
        |rule: &&BundledRule| settings.sets.is_empty() || rule.locked || settings.sets.contains(&rule.set);
    let active = |rule: &BundledRule| {
        let plain = if environment.production { rule.production } else { rule.severity };
        let severity = rule.sealed.filter(|_| environment.sealed).map_or(plain, |sealed| sealed.max(plain));
        let rule_here =
            ActiveRule { severity: Some(severity), guard: rule.guard, fix: Some(rule.fix.clone()) };
        (rule.name.clone(), rule_here)
    };
    bundled_rules().iter().filter(chosen).map(active).collect()
}

/// Puts the repository's severities over the rules' own.
fn severities(
    repository: &Repository,
    environment: &Environment,
    rules: &mut BTreeMap<RuleName, ActiveRule>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let settings = repository.policies.severity.get(&environment.name);
    for (name, (setting, place)) in settings.into_iter().flatten() {
        let Some(rule) = rules.get_mut(name) else { continue };
        let wanted = match setting {
            SeveritySetting::Off => None,
            SeveritySetting::At(severity) => Some(*severity),
        };
        let locked = bundled(name).is_some_and(|rule| rule.locked);
        if locked && wanted < rule.severity {
            let message = format!("the severity of `{name}` cannot be lowered");
            let hint = "acknowledge a plan, or waive one finding with a reason and a day";
            diagnostics.push(Diagnostic::new(codes::LOCKED_SEVERITY, message).at(place.clone()).hint(hint));
            continue;
        }
        rule.severity = wanted;
    }
}

fn waivers(
    settings: &PolicySettings,
    environment: &Environment,
    rules: &BTreeMap<RuleName, ActiveRule>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Waiver> {
    let mut kept = Vec::new();
    let here = |waiver: &&Waiver| waiver.environment.as_ref().is_none_or(|name| *name == environment.name);
    for waiver in settings.waivers.iter().filter(here) {
        match rules.get(&waiver.rule) {
            None => {}
            Some(rule) if rule.guard => {
                let message = format!("`{}` is a guard and cannot be waived", waiver.rule);
                let hint = "acknowledge the plan that it stops: `naksha ack PLAN --reason …`";
                diagnostics
                    .push(Diagnostic::new(codes::GUARD_WAIVED, message).at(waiver.place.clone()).hint(hint));
            }
            Some(_) => kept.push(waiver.clone()),
        }
    }
    kept
}

fn environment_value(environment: &Environment) -> Value {
    let variables: serde_json::Map<String, Value> = environment
        .variables
        .0
        .iter()
        .map(|(name, variable)| (name.clone(), variable.value.clone()))
        .collect();
    json!({
        "name": environment.name.as_str(),
        "production": environment.production,
        "sealed": environment.sealed,
        "variables": variables,
    })
}

fn digest(
    rules: &BTreeMap<RuleName, ActiveRule>,
    custom: &[Arc<Policy>],
    waivers: &[Waiver],
    environment: &Value,
) -> Digest {
    let mut hasher = Hasher::new("naksha/policies/1").part(RULES_VERSION).part(bundled::source());
    for (name, rule) in rules {
        hasher.add(name.as_str());
        hasher.add(rule.severity.map_or("off", Severity::as_str));
    }
    for policy in custom {
        hasher.add(policy.name.as_str());
        hasher.add(policy.rule.source.as_bytes());
        hasher.add(&policy.message);
        hasher.add(policy.fix.as_deref().unwrap_or_default());
        hasher.add(match &policy.matches {
            PolicyMatch::Objects { kinds } => format!("objects {}", kinds.join(" ")),
            PolicyMatch::Workflows => "workflows".to_owned(),
            PolicyMatch::Plan => "plan".to_owned(),
        });
    }
    for waiver in waivers {
        hasher.add(waiver.rule.as_str());
        hasher.add(&waiver.subject);
        hasher.add(&waiver.reason);
        hasher.add(waiver.expires.to_string());
    }
    hasher.add(naksha_environments::digest::canonical_json(environment));
    hasher.finish()
}
