//! The rules that come from the repository beside what is shipped: what a loader knows of them, and the health rules that
//! are in force.

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::health_rules::AllHealthRules;
use naksha_environments::load::Loader;
use naksha_environments::repository::Definitions;
use naksha_kubernetes_health::RuleSet;

/// A loader that knows the shipped policies, and tells what is wrong in health rules.
pub fn loader() -> Loader {
    Loader::new(naksha_policies::known_rules()).reading_health(read)
}

fn read(rules: &AllHealthRules) -> Vec<Diagnostic> {
    RuleSet::of_repository(rules).1
}

/// What judges health in an environment: the shipped rules, and the repository's own in front of them.
///
/// A definition that cannot be read, and a rule in it that is wrong, are what they were while they were good. What never was
/// good in this process judges nothing: a kind with such a rule is Unknown, and of a file that cannot be read at all the
/// shipped rules stand.
#[derive(Debug, Clone)]
pub struct HealthRulesInForce {
    /// The definitions that they were read from.
    definitions: AllHealthRules,
    own: RuleSet,
    all: RuleSet,
}

impl Default for HealthRulesInForce {
    fn default() -> Self {
        let (definitions, own) = (AllHealthRules::default(), RuleSet::default());
        Self { definitions, own, all: RuleSet::bundled().clone() }
    }
}

impl HealthRulesInForce {
    /// The rules to judge by.
    pub fn rules(&self) -> &RuleSet {
        &self.all
    }

    /// Follows a revision. True: something may be judged in another way than before.
    pub fn follow(&mut self, control: &Definitions) -> bool {
        let mut definitions = control.health_rules.clone();
        for name in &control.broken.health_rules {
            if let Some(before) = self.definitions.get(name) {
                definitions.insert(name.clone(), before.clone());
            }
        }
        if definitions == self.definitions {
            return false;
        }
        let own = RuleSet::of_repository(&definitions).0.mended_by(&self.own);
        self.all = RuleSet::bundled().with(&own);
        (self.definitions, self.own) = (definitions, own);
        true
    }
}

#[cfg(test)]
mod tests {
    use naksha_environments::load::Loaded;
    use naksha_environments::source::SourceTree;
    use serde_json::json;

    use super::*;

    const GOOD: &str = "apiVersion: naksha.dev/v1alpha1
kind: HealthRules
metadata: {name: widgets}
spec: {group: example.org, kinds: {Widget: {phase: {healthy: Fine}}}}
";

    fn load(text: Option<&str>) -> Loaded {
        let files = text.map(|text| ("health/widgets.yaml", text));
        loader().load(&SourceTree::from_texts(files).unwrap())
    }

    fn judged(rules: &HealthRulesInForce) -> String {
        let object = json!({"apiVersion": "example.org/v1", "kind": "Widget", "status": {"phase": "Fine"}});
        rules.rules().judge(&object).health.word().to_owned()
    }

    #[test]
    fn what_was_good_stands_until_it_is_good_again_or_gone() {
        let mut rules = HealthRulesInForce::default();
        assert!(!rules.follow(&load(None).definitions));
        assert_eq!(judged(&rules), "Unknown", "nobody knows the word");
        assert!(rules.follow(&load(Some(GOOD)).definitions));
        assert!(!rules.follow(&load(Some(GOOD)).definitions), "the same");
        assert_eq!(judged(&rules), "Healthy");

        let broken = [GOOD.replace("healthy", "helthy"), GOOD.replace("kinds", "kind"), "spec: [".to_owned()];
        for text in broken {
            let loaded = load(Some(&text));
            assert!(loaded.has_errors(), "{text}");
            rules.follow(&loaded.definitions);
            assert_eq!(judged(&rules), "Healthy", "{text}");
        }
        assert!(rules.follow(&load(Some(&GOOD.replace("Fine", "Good"))).definitions));
        assert_eq!(judged(&rules), "Unknown");
        rules.follow(&load(Some(GOOD)).definitions);
        assert!(rules.follow(&load(None).definitions));
        assert_eq!(judged(&rules), "Unknown", "the rule is gone");
    }

    #[test]
    fn what_never_was_good_calls_nothing_healthy() {
        let mut rules = HealthRulesInForce::default();
        let text = GOOD.replace("Widget: {phase: {healthy: Fine}}", "Widget: {otherwise: Helthy}");
        let loaded = load(Some(&text));
        let found: Vec<_> = loaded.diagnostics.iter().map(|found| found.code.id()).collect();
        assert_eq!(found, ["NK1003"], "{:?}", loaded.diagnostics);
        rules.follow(&loaded.definitions);
        assert_eq!(judged(&rules), "Unknown");
    }
}
