//! A plan of one environment, judged, with a base revision in place of a target: what `check` and `plan` show.

use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::diagnostic::{Diagnostic, Severity};
use naksha_environments::environment::Environment;
use naksha_environments::ids::{EnvironmentName, RuleName};
use naksha_environments::plan::{Plan, Preconditions};
use naksha_environments::verdict::{Acknowledgement, Verdict};
use naksha_environments::workflow_change::Contexts;
use naksha_policies::FindingCache;
use naksha_renderer::plan::{inventory_of, plan_between};

use super::{EnvironmentView, Laptop, LaptopError, Side};
use crate::judgement::{self, Begun, Bench, judge, planner};

/// What a side is compared with.
#[derive(Debug, Clone)]
pub enum Base {
    At(Arc<Side>),
    /// With what a daemon applied last: the rules that it went by, and what they were about.
    Applied {
        control: Arc<Side>,
        content: Arc<Side>,
    },
    /// With nothing, and why.
    Nothing(String),
}

impl Base {
    pub fn side(&self) -> Option<&Arc<Side>> {
        match self {
            Self::At(side) | Self::Applied { control: side, content: _ } => Some(side),
            Self::Nothing(_) => None,
        }
    }
}

impl std::fmt::Display for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(side) | Self::Applied { control: _, content: side } => match &side.revision {
                Some(revision) => f.write_str(revision.short()),
                None => f.write_str("the files on disk"),
            },
            Self::Nothing(why) => write!(f, "nothing ({why}): everything is new"),
        }
    }
}

/// One environment: its plan, and what policies say of it.
#[derive(Debug)]
pub struct Planned {
    pub view: EnvironmentView,
    pub plan: Plan,
    pub verdict: Verdict,
    /// Words about this plan that count.
    pub acknowledgements: Vec<Acknowledgement>,
    /// How many warnings and errors were there before.
    pub known: usize,
    /// Findings about the rules themselves.
    pub rules: Vec<Diagnostic>,
}

impl Laptop {
    /// Where a branch left the trunk; `None` on the trunk itself, which is not compared with itself.
    ///
    /// `asked` is what a person wants instead: a revision, or `none`.
    pub fn base(&self, head: &Side, asked: Option<&str>) -> Result<Option<Base>, LaptopError> {
        match asked {
            Some("none") => return Ok(Some(Base::Nothing("as asked".to_owned()))),
            Some(base) => return Ok(Some(Base::At(self.at(base)?))),
            None => {}
        }
        let nothing = |why: &str| Ok(Some(Base::Nothing(why.to_owned())));
        let Some(objects) = self.work.objects() else { return nothing("this is no Git repository") };
        let Some(trunk) = self.trunk(head)? else {
            return nothing(if self.work.head()?.is_none() {
                "there is no commit yet"
            } else {
                "the trunk is not in this clone"
            });
        };
        let Some(point) = head.revision.clone().or(self.work.head()?) else {
            return nothing("there is no commit yet");
        };
        let Some(base) = objects.merge_base(&point, &trunk.revision)? else {
            return nothing("it has no commit in common with the trunk");
        };
        // A revision of the trunk, or a checkout of one without a branch, is the trunk. A branch is one from its start.
        let on_trunk = match head.revision {
            Some(_) => base == point,
            None => self.work.is_on(&trunk)? || (base == point && self.work.branch()?.is_none()),
        };
        if on_trunk { Ok(None) } else { Ok(Some(Base::At(self.at(base.as_str())?))) }
    }

    /// An environment as its base has it.
    fn before(&self, base: &Base, name: &EnvironmentName) -> Option<EnvironmentView> {
        let environment = base.side()?.loaded.definitions.environments.get(name)?;
        match base {
            Base::At(side) => Some(self.view(side, environment)),
            Base::Applied { control, content } => Some(EnvironmentView {
                environment: Arc::clone(environment),
                rendered: self.render(control, content, environment),
                content: Arc::clone(content),
                preview: None,
            }),
            Base::Nothing(_) => None,
        }
    }

    /// Plans and judges one environment of `head`.
    pub fn plan(&self, head: &Arc<Side>, environment: &Arc<Environment>, base: &Base) -> Planned {
        let view = self.view(head, environment);
        let before = self.before(base, &environment.name);
        let contexts = Contexts {
            before: before.as_ref().map(|before| &before.content.loaded.definitions.contexts),
            after: Some(&view.content.loaded.definitions.contexts),
        };
        let preconditions = Preconditions {
            control: head.revision.clone(),
            content: view.content.revision.clone(),
            policies: None,
            planner: planner(),
        };
        let from = before.as_ref().map(|before| (&before.rendered, &*before.environment));
        let inventory = from.map(|(rendered, environment)| inventory_of(rendered, environment));
        let inventory = inventory.unwrap_or_default();
        let plan = plan_between(from, &view.rendered, environment, contexts, preconditions);
        let bench = Bench {
            control: &head.loaded.definitions,
            content: &view.content.loaded.definitions,
            tree: &view.content.tree,
            environment,
            rendered: &view.rendered,
            base: before.as_ref().map(|before| judgement::Base {
                rendered: &before.rendered,
                definitions: &before.content.loaded.definitions,
                tree: &before.content.tree,
            }),
            inventory: &inventory,
            acknowledgements: &[],
            begun: &Begun::default(),
            before: base.side().map(|base| &base.loaded.definitions),
            cache: &FindingCache::new(),
        };
        let now = Timestamp::now();
        let judged = judge(&bench, &plan, now);
        let mut acknowledgements = judged.acknowledgements;
        acknowledgements.retain(|given| given.counts(&plan.id, now));
        let told = |rule: &&RuleName| judged.policies.severity(rule) >= Some(Severity::Warning);
        let known = judged.verdict.known.iter().filter(|(rule, _)| told(rule)).map(|(_, count)| count).sum();
        Planned { view, plan, verdict: judged.verdict, acknowledgements, known, rules: judged.diagnostics }
    }
}
