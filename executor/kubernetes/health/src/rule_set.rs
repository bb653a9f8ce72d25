//! Sets of rules: ours, and a user's own in front of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::health_rules::AllHealthRules;
use naksha_environments::object::Health;
use naksha_environments::source::TreePath;
use serde_json::Value;

use crate::bundled;
use crate::conventions;
use crate::judge::{self, Judged};
use crate::read;
use crate::rule::{Form, KindRule};

/// The rules of many kinds. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// The first that knows a kind judges it.
    layers: Vec<Arc<Layer>>,
}

/// Rules that were read together. No two are for the same kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    /// By group, then by kind; the kind `*` stands for all others of its group.
    pub(crate) groups: Kinds,
    /// Groups that end in this, such as `.services.k8s.aws`.
    pub(crate) endings: Kinds,
}

/// Every kind of a group or of an ending.
pub(crate) const ANY_KIND: &str = "*";

/// What is known of one kind: for tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRules {
    /// Starts with `*.` where it stands for all groups that end so.
    pub group: String,
    pub kind: String,
    /// Healthy as soon as it exists.
    pub data: bool,
    /// Its states by name, each with its word.
    pub states: Vec<(String, &'static str)>,
}

impl RuleSet {
    /// The rules that are shipped.
    pub fn bundled() -> &'static Self {
        bundled::rules()
    }

    /// The rules of a file, and everything that is wrong with it. An object whose kind has a wrong rule is Unknown.
    pub fn parse(text: &str, path: &TreePath) -> (Self, Vec<Diagnostic>) {
        let (layer, diagnostics) = read::read([(path.clone(), text)]);
        (Self::of(layer), diagnostics)
    }

    /// The rules of a repository, as [`Self::parse`].
    pub fn of_repository(rules: &AllHealthRules) -> (Self, Vec<Diagnostic>) {
        if rules.is_empty() {
            return (Self::default(), Vec::new());
        }
        let (layer, diagnostics) = read::definitions(rules.values().map(AsRef::as_ref));
        (Self::of(layer), diagnostics)
    }

    /// These rules, where a broken one is what it was in `before`, if it was good there.
    #[must_use]
    pub fn mended_by(&self, before: &Self) -> Self {
        let layers = self.layers.iter().map(|layer| match layer.mended_by(before) {
            Some(mended) => Arc::new(mended),
            None => Arc::clone(layer),
        });
        Self { layers: layers.collect() }
    }

    pub(crate) fn of(layer: Layer) -> Self {
        Self { layers: vec![Arc::new(layer)] }
    }

    /// These rules with `own` in front: where both know a kind, `own` judges it.
    #[must_use]
    pub fn with(&self, own: &Self) -> Self {
        Self { layers: own.layers.iter().chain(&self.layers).cloned().collect() }
    }

    /// What the status of `object`, as the API server has it, says about whether it does its work.
    pub fn judge(&self, object: &Value) -> Judged {
        let Some((group, kind)) = judge::group_kind(object) else {
            let health = Health::Unknown("it is no Kubernetes object".to_owned());
            return Judged { health, rule: "no object".to_owned() };
        };
        if let Some(judged) = judge::being_deleted(object) {
            return judged;
        }
        match self.find(group, kind) {
            Some(rule) => judge::by_rule(rule, object),
            None => conventions::judge(object, "any kind"),
        }
    }

    /// Whether a status says something about objects of this kind. Not so for plain data, whose existence is its
    /// health, and which need not be read with its status.
    pub fn has_status_rules(&self, group: &str, kind: &str) -> bool {
        !self.find(group, kind).is_some_and(|rule| matches!(rule.form, Form::Data))
    }

    /// Every kind with a rule, by group and name; where several layers know one, the one that judges it.
    pub fn kinds(&self) -> Vec<KindRules> {
        let mut all = BTreeMap::new();
        for layer in self.layers.iter().rev() {
            let endings = layer.endings.iter().map(|(ending, kinds)| (format!("*{ending}"), kinds));
            let groups = layer.groups.iter().map(|(group, kinds)| (group.clone(), kinds));
            for (group, kinds) in groups.chain(endings) {
                for (kind, rule) in kinds {
                    all.insert((group.clone(), kind.clone()), rule);
                }
            }
        }
        let known = |((group, kind), rule): ((String, String), &KindRule)| {
            let states = match &rule.form {
                Form::Judged(judging) => judge::names(judging),
                Form::Data | Form::Conventions | Form::Broken(_) => Vec::new(),
            };
            KindRules { group, kind, data: matches!(rule.form, Form::Data), states }
        };
        all.into_iter().map(known).collect()
    }

    pub(crate) fn find(&self, group: &str, kind: &str) -> Option<&KindRule> {
        self.layers.iter().find_map(|layer| layer.find(group, kind))
    }
}

impl Layer {
    /// Absent: nothing can be mended.
    fn mended_by(&self, before: &RuleSet) -> Option<Self> {
        let of_group = |group: &str| before.layers.iter().find_map(|layer| layer.groups.get(group));
        let of_ending = |ending: &str| before.layers.iter().find_map(|layer| layer.endings.get(ending));
        let (groups, endings) = (good(&self.groups, of_group), good(&self.endings, of_ending));
        (!groups.is_empty() || !endings.is_empty()).then(|| {
            let mut mended = self.clone();
            mend(&mut mended.groups, groups);
            mend(&mut mended.endings, endings);
            mended
        })
    }

    fn find(&self, group: &str, kind: &str) -> Option<&KindRule> {
        let own = self.groups.get(group).and_then(|kinds| of_kinds(kinds, kind));
        own.or_else(|| {
            let mut endings = self.endings.iter().filter(|(ending, _)| group.ends_with(ending.as_str()));
            endings.find_map(|(_, kinds)| of_kinds(kinds, kind))
        })
    }
}

/// By group or ending, then by kind.
type Kinds = BTreeMap<String, HashMap<String, KindRule>>;

/// Rules that were good before and are broken now.
fn good<'r>(
    kinds: &Kinds,
    before: impl Fn(&str) -> Option<&'r HashMap<String, KindRule>>,
) -> Vec<(String, String, KindRule)> {
    let is_broken = |rule: &KindRule| matches!(rule.form, Form::Broken(_));
    let mut good = Vec::new();
    for (group, kinds) in kinds {
        let Some(before) = before(group) else { continue };
        let broken = kinds.iter().filter(|(_, rule)| is_broken(rule));
        let was =
            broken.filter_map(|(kind, _)| Some((kind, before.get(kind).filter(|was| !is_broken(was))?)));
        good.extend(was.map(|(kind, was)| (group.clone(), kind.clone(), was.clone())));
    }
    good
}

fn mend(kinds: &mut Kinds, good: Vec<(String, String, KindRule)>) {
    for (group, kind, rule) in good {
        kinds.entry(group).or_default().insert(kind, rule);
    }
}

fn of_kinds<'r>(kinds: &'r HashMap<String, KindRule>, kind: &str) -> Option<&'r KindRule> {
    kinds.get(kind).or_else(|| kinds.get(ANY_KIND))
}
