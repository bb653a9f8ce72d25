//! The rules that are shipped: their names, severities and words, from `bundled/*.yaml`. What they look at is code,
//! in [`crate::rule`].

use std::fmt::Write as _;
use std::sync::LazyLock;

use naksha_environments::diagnostic::Severity;
use naksha_environments::ids::RuleName;
use naksha_environments::load::KnownRules;
use naksha_environments::source::TreePath;
use naksha_environments::yaml::{self, Dialect};
use serde::Deserialize;

const BASELINE: &str = include_str!("../bundled/baseline.yaml");

/// Names of the shipped sets.
pub const SETS: &[&str] = &["baseline"];

/// One shipped rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledRule {
    pub name: RuleName,
    pub set: String,
    pub family: String,
    pub severity: Severity,
    pub production: Severity,
    pub sealed: Option<Severity>,
    /// It needs an acknowledgement, and can be neither waived nor lowered.
    pub guard: bool,
    /// A repository cannot lower it.
    pub locked: bool,
    pub finds: String,
    pub fix: String,
}

/// The file's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFile {
    set: String,
    rules: Vec<RuleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: RuleName,
    family: String,
    severity: Word,
    production: Option<Word>,
    sealed: Option<Word>,
    #[serde(default)]
    guard: bool,
    #[serde(default)]
    locked: bool,
    finds: String,
    fix: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Info,
    Warning,
    Error,
}

impl From<Word> for Severity {
    fn from(word: Word) -> Self {
        match word {
            Word::Info => Severity::Info,
            Word::Warning => Severity::Warning,
            Word::Error => Severity::Error,
        }
    }
}

static RULES: LazyLock<Vec<BundledRule>> = LazyLock::new(|| [BASELINE].into_iter().flat_map(read).collect());

/// Every shipped rule, in the order of the files.
pub fn bundled_rules() -> &'static [BundledRule] {
    &RULES
}

/// The names that a repository may use, for the loader of definitions.
pub fn known_rules() -> KnownRules {
    KnownRules {
        rules: bundled_rules().iter().map(|rule| rule.name.clone()).collect(),
        sets: SETS.iter().map(|set| (*set).to_owned()).collect(),
    }
}

/// The texts that the rules come from; part of the digest of every policy set.
pub(crate) fn source() -> &'static str {
    BASELINE
}

fn read(text: &str) -> Vec<BundledRule> {
    let path = TreePath::parse("bundled.yaml").expect("should be a path");
    let (documents, diagnostics) = yaml::parse(text, &path, Dialect::Manifest);
    assert!(diagnostics.is_empty(), "bundled rules should parse: {diagnostics:?}");
    let documents = documents.into_iter().map(|document| document.root.to_json());
    let files = documents.map(|json| {
        serde_json::from_value::<SetFile>(json).expect("should be a set of rules, as the tests check")
    });
    files.flat_map(|file| rules(&file.set, file.rules)).collect()
}

fn rules(set: &str, files: Vec<RuleFile>) -> Vec<BundledRule> {
    let rule = |file: RuleFile| {
        let RuleFile { name, family, severity, production, sealed, guard, locked, finds, fix } = file;
        BundledRule {
            name,
            set: set.to_owned(),
            family,
            severity: severity.into(),
            production: production.unwrap_or(severity).into(),
            sealed: sealed.map(Into::into),
            guard,
            locked: locked || guard,
            finds,
            fix,
        }
    };
    files.into_iter().map(rule).collect()
}

/// The table of docs/policies.md.
pub fn rule_table() -> String {
    let mut table = String::from("| Rule | Severity | Finds | Fix |\n|---|---|---|---|\n");
    for rule in bundled_rules() {
        let mut severity = rule.severity.to_string();
        if rule.production != rule.severity {
            let _ = write!(severity, "; production: {}", rule.production);
        }
        if let Some(sealed) = rule.sealed {
            let _ = write!(severity, "; sealed: {sealed}");
        }
        if rule.guard {
            severity.push_str(" until acknowledged");
        } else if rule.locked {
            severity.push_str(", cannot be lowered");
        }
        let (name, finds, fix) = (&rule.name, cell(&rule.finds), cell(&rule.fix));
        let _ = writeln!(table, "| {name} | {severity} | {finds} | {fix} |");
    }
    table
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sets_are_listed() {
        let mut names: Vec<_> = bundled_rules().iter().map(|rule| &rule.name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(bundled_rules().iter().all(|rule| SETS.contains(&rule.set.as_str())));
    }

    #[test]
    fn the_documentation_has_the_table() {
        let docs = include_str!("../../docs/policies.md");
        assert!(docs.contains(&rule_table()), "docs/policies.md should have this table:\n{}", rule_table());
    }

    #[test]
    fn the_documentation_has_the_functions() {
        let docs = include_str!("../../docs/policies.md");
        for function in naksha_environments::expression::FUNCTIONS {
            assert!(
                docs.contains(&format!("`{}`", function.form)),
                "docs/policies.md lacks {}",
                function.form
            );
        }
    }
}
