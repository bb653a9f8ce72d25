//! What a proposal would do to one environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use naksha_environments::codes::plan as codes;
use naksha_environments::diagnostic::Diagnostic;
use naksha_environments::environment::{Approval, Environment, Follows, Lock};
use naksha_environments::facts::Facts;
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::inventory::Inventory;
use naksha_environments::object::{Mark, ObjectKey, Observation};
use naksha_environments::plan::{Plan, PlanId, Preconditions};
use naksha_environments::rendered::Rendered;
use naksha_environments::repository::Unreviewed;
use naksha_environments::verdict::{Acknowledgement, Shown};
use naksha_environments::wire::{DiagnosticDocument, PlanDocument};
use naksha_environments::workflow_change::Contexts;
use naksha_executor::port::review::ShownPlan;
use naksha_executor::port::store::Scope;
use naksha_executor::port::target::{SharedTarget, Wanted};
use naksha_policies::{AdmitInput, FindingCache, admit};
use naksha_renderer::plan::{
    PlanInput, diagnostics as plan_diagnostics, inventory_of, objects_to_compare, plan, plan_between,
};

use super::proposal::{Branched, Proposal};
use crate::failure::chain;
use crate::git::{GitError, RefName};
use crate::judgement::{Base, Begun, Bench, by_file, judge, may_acknowledge, planner};
use crate::looking::LookError;
use crate::promotion::{Record, ahead};
use crate::scene::Scene;
use crate::secrets::not_theirs;
use crate::target::try_out;
use crate::task::{Feed, LoadedRevision, RefState, Shared};

/// What is said of an environment that stays as it is.
pub(super) const UNAFFECTED: &str = "nothing affected";

/// One environment, as it would be.
#[derive(Debug)]
pub struct Outlook {
    pub environment: EnvironmentName,
    pub prospect: Prospect,
    /// What it gets when the change is promoted to it; nothing: it gets nothing then, or has it at once.
    pub later: Option<Box<PlanDocument>>,
    /// What it was given past those before it.
    pub ahead: Option<String>,
}

#[derive(Debug)]
pub enum Prospect {
    /// Nothing of it would change, and why not.
    Nothing(String),
    /// It would change like this. `live`: compared with what is there, and not only with the base.
    Plan { document: Box<PlanDocument>, live: bool },
    /// That cannot be told.
    Unknown(String),
}

/// An environment on one side: the base, or what merging would give.
struct Side {
    environment: Arc<Environment>,
    rendered: Rendered,
    control: Arc<LoadedRevision>,
    content: Arc<LoadedRevision>,
    /// What is wrong with its lock.
    misrecorded: Option<Diagnostic>,
    /// Secrets that it may not read.
    not_theirs: Vec<Diagnostic>,
}

/// Its target as it is now, and what is owned there.
struct Live {
    observation: Observation,
    inventory: Arc<Inventory>,
}

/// Everything that is needed beside the proposal.
#[derive(Clone)]
struct Ground {
    shared: Arc<Shared>,
    feed: Feed,
    scope: Scope,
    facts: Arc<Facts>,
    /// What its loop works with; absent: it has not opened it yet.
    scene: Option<Arc<Scene>>,
}

/// What `proposal` would do to each environment that it or its base defines, by name.
pub async fn outlook(shared: &Arc<Shared>, feed: &Feed, proposal: &Proposal) -> Vec<Outlook> {
    let sides = [&proposal.base, &proposal.merged];
    let mut names: Vec<_> =
        sides.iter().flat_map(|side| side.loaded.definitions.environments.keys().cloned()).collect();
    names.sort();
    names.dedup();
    let mut outlooks = Vec::new();
    for environment in names {
        let ground = Ground::of(shared, feed, environment.clone());
        let later = ground.clone().later(proposal).await;
        let ahead = ground.clone().ahead(proposal).await;
        let prospect = ground.prospect(proposal).await;
        outlooks.push(Outlook { environment, prospect, later, ahead });
    }
    outlooks
}

/// What that shows, environment by environment.
pub fn shown(outlooks: &[Outlook]) -> Vec<ShownPlan> {
    let plan = |Outlook { environment, prospect, .. }: &Outlook| match prospect {
        Prospect::Nothing(_) | Prospect::Unknown(_) => None,
        Prospect::Plan { document, .. } => Some(ShownPlan {
            environment: environment.clone(),
            plan: PlanId::parse(&document.id).ok()?,
            actions: document.own_actions(),
            document: serde_json::to_string(document).expect("should write a document of texts and numbers"),
        }),
    };
    outlooks.iter().filter_map(plan).collect()
}

impl Ground {
    fn of(shared: &Arc<Shared>, feed: &Feed, name: EnvironmentName) -> Self {
        let scope = Scope { repository: feed.name().clone(), environment: name };
        let scene = shared.registry.get(&scope).and_then(|handle| handle.window.look());
        let facts = scene.as_ref().map(|scene| Arc::clone(&scene.facts)).unwrap_or_default();
        Self { shared: Arc::clone(shared), feed: feed.clone(), facts, scope, scene }
    }

    async fn prospect(&self, proposal: &Proposal) -> Prospect {
        // Most units are as they were when the environment judged them.
        let findings = self.scene.as_ref().map(|scene| Arc::clone(&scene.findings)).unwrap_or_default();
        // pure but for reading commits: what it is, and what it would be
        let ran = match self.shared.store.environment(&self.scope).await {
            Ok(record) => record.ran,
            Err(error) => return Prospect::Unknown(chain(&error)),
        };
        let (both, own) = (proposal.clone(), self.clone());
        let sides = tokio::task::spawn_blocking(move || {
            let branch = both.branch.as_ref();
            let base = own.side(&both.base, branch.map(|branch| (branch, &branch.base)))?;
            let mut merged = own.side(&both.merged, branch.map(|branch| (branch, &branch.merged)))?;
            if let Some(merged) = &mut merged {
                merged.misrecorded = own.misrecorded(base.as_ref(), merged, &ran);
                merged.not_theirs = not_theirs(&own.shared.config, &own.scope, &merged.rendered);
            }
            Ok::<_, GitError>((base, merged))
        });
        let (base, merged) = match sides.await {
            Ok(Ok(sides)) => sides,
            Ok(Err(error)) => return Prospect::Unknown(error.to_string()),
            Err(_) => {
                return Prospect::Unknown("rendering it ended abnormally; the log has its place".to_owned());
            }
        };
        let Some(merged) = merged else { return without(base.is_some(), &self.scope.environment, proposal) };
        if base.as_ref().is_some_and(|base| is_same(base, &merged)) {
            return Prospect::Nothing(UNAFFECTED.to_owned());
        }
        // I/O: what is there; nothing of a stranger is compared with it
        let scene = self.scene.as_ref().filter(|_| proposal.is_trusted);
        let target = scene.map(|scene| Arc::clone(&scene.target));
        let live = match &target {
            None => None,
            Some(target) => {
                match look(&self.shared, &self.scope, target, [Some(&merged), base.as_ref()]).await {
                    Ok(live) => Some(live),
                    Err(error) => return Prospect::Unknown(chain(&error)),
                }
            }
        };
        // I/O: what people said of plans already
        let mut given = match self.shared.store.acknowledgements(&self.scope).await {
            Ok(given) => given,
            Err(error) => return Prospect::Unknown(chain(&error)),
        };
        // A stranger brings no words.
        if proposal.is_trusted {
            given.extend(brought(base.as_ref(), &merged));
        }
        // pure: what to do about it, and what the rules of the base say
        let planned =
            tokio::task::spawn_blocking(move || planned(base.as_ref(), &merged, live, (given, &findings)));
        let Ok(Planned { plan, mut document, live }) = planned.await else {
            return Prospect::Unknown("planning it ended abnormally; the log has its place".to_owned());
        };
        // I/O: what the target itself would refuse
        if let (Some(target), Some(live)) = (&target, &live) {
            let refused = try_out(&plan, &live.inventory, &self.scope, target).await;
            document.diagnostics.extend(DiagnosticDocument::all(&refused));
        }
        Prospect::Plan { document: Box::new(document), live: live.is_some() }
    }

    /// What it gets when the change is promoted to it, by the definitions alone: by the same rules, with the units of before and of after.
    /// What cannot be told is told when it is proposed.
    async fn later(self, proposal: &Proposal) -> Option<Box<PlanDocument>> {
        if proposal.branch.is_some() {
            return None;
        }
        let (before, after) = (Arc::clone(&proposal.base), Arc::clone(&proposal.merged));
        let document = move || {
            let (before, after) = (self.promoted(&after, &before)?, self.promoted(&after, &after)?);
            if before.rendered.digest() == after.rendered.digest() {
                return None;
            }
            let from = Some((&before.rendered, &*before.environment));
            let contexts = Contexts {
                before: Some(&before.content.loaded.definitions.contexts),
                after: Some(&after.content.loaded.definitions.contexts),
            };
            let plan =
                plan_between(from, &after.rendered, &after.environment, contexts, Preconditions::default());
            Some(Box::new(PlanDocument::of(&plan)))
        };
        tokio::task::spawn_blocking(document).await.ok().flatten()
    }

    /// What it would be ahead of those before it by. What cannot be read is told elsewhere.
    async fn ahead(self, proposal: &Proposal) -> Option<String> {
        let control = Arc::clone(&proposal.merged);
        let words = move || {
            let definitions = &control.loaded.definitions;
            let now = definitions.environments.get(&self.scope.environment)?;
            let Follows::Promotion { from } = &now.follows else { return None };
            let source = &definitions.locks.get(&self.scope.environment)?.source;
            let then = self.feed.revisions.read(source).ok()?;
            let then = then.loaded.definitions.environments.get(&self.scope.environment)?;
            let upstream = from.iter().filter_map(|name| definitions.environments.get(name));
            ahead(then, now, &upstream.map(|environment| &**environment).collect::<Vec<_>>())
        };
        tokio::task::spawn_blocking(words).await.ok().flatten()
    }

    /// An environment that is locked, by these rules, as it would be with what another revision has. Blocks.
    fn promoted(&self, control: &Arc<LoadedRevision>, content: &Arc<LoadedRevision>) -> Option<Side> {
        let definitions = &control.loaded.definitions;
        let environment = definitions.environments.get(&self.scope.environment)?;
        let is_locked = definitions.locks.contains_key(&self.scope.environment);
        if !is_locked || !matches!(environment.follows, Follows::Promotion { .. }) {
            return None;
        }
        let rendered = self.shared.render(control, content, &self.scope.environment, &self.facts);
        let (control, content) = (Arc::clone(control), Arc::clone(content));
        Some(Side {
            environment: Arc::clone(environment),
            rendered,
            control,
            content,
            misrecorded: None,
            not_theirs: Vec::new(),
        })
    }
}

/// It has no desired state on the merged side.
fn without(was_there: bool, name: &EnvironmentName, proposal: &Proposal) -> Prospect {
    let definitions = &proposal.merged.loaded.definitions;
    if definitions.broken.locks.contains(name) {
        return Prospect::Unknown(format!("environments/{name}/lock.yaml cannot be read"));
    }
    if let Some(environment) = definitions.environments.get(name) {
        let words = match &environment.follows {
            Follows::Branch(branch) => format!("its branch {branch} is looked at from the merge on"),
            Follows::Trunk | Follows::Promotion { .. } => "not promoted yet: nothing is applied".to_owned(),
        };
        return Prospect::Nothing(words);
    }
    if definitions.broken.environments.contains(name) || !definitions.broken.nameless.is_empty() {
        return Prospect::Unknown("its definition cannot be read".to_owned());
    }
    let words = if was_there {
        "its definition goes: it is frozen and listed, and nothing is deleted"
    } else {
        "it has no definition"
    };
    Prospect::Nothing(words.to_owned())
}

fn is_same(base: &Side, merged: &Side) -> bool {
    base.rendered.digest() == merged.rendered.digest() && base.environment == merged.environment
}

impl Ground {
    /// The head of a branch that is followed. Nothing: it is not there, or nobody followed it until now.
    fn followed(
        &self,
        control: &Arc<LoadedRevision>,
        branch: &str,
    ) -> Result<Option<Arc<LoadedRevision>>, GitError> {
        let name = RefName::branch(branch)?;
        if self.feed.trunk().as_ref() == Some(&name) {
            return Ok(Some(Arc::clone(control)));
        }
        match self.feed.at(&name) {
            RefState::At(head) => self.feed.revisions.read(&head).map(Some),
            RefState::Gone { .. } | RefState::Missing => Ok(None),
        }
    }

    /// `changed`: a branch, as it is on this side. Blocks. Absent: there is no desired state.
    fn side(
        &self,
        control: &Arc<LoadedRevision>,
        changed: Option<(&Branched, &Arc<LoadedRevision>)>,
    ) -> Result<Option<Side>, GitError> {
        let definitions = &control.loaded.definitions;
        let Some(environment) = definitions.environments.get(&self.scope.environment).cloned() else {
            return Ok(None);
        };
        let content = match &environment.follows {
            Follows::Trunk => Arc::clone(control),
            Follows::Branch(branch) => match changed {
                Some((changed, content)) if changed.name == *branch => Arc::clone(content),
                _ => match self.followed(control, branch)? {
                    Some(content) => content,
                    None => return Ok(None),
                },
            },
            Follows::Promotion { .. } => match definitions.locks.get(&self.scope.environment) {
                Some(lock) => self.feed.revisions.read(&lock.source)?,
                None => return Ok(None),
            },
        };
        let rendered = self.shared.render(control, &content, &self.scope.environment, &self.facts);
        Ok(Some(Side {
            environment,
            rendered,
            control: Arc::clone(control),
            content,
            misrecorded: None,
            not_theirs: Vec::new(),
        }))
    }

    /// What a lock that is changed records otherwise than its source brings: whoever merges it reads that. One that goes back to what `ran`
    /// there has the record of then, under the rules of then. Blocks.
    fn misrecorded(&self, base: Option<&Side>, merged: &Side, ran: &[Revision]) -> Option<Diagnostic> {
        let name = &self.scope.environment;
        let lock_of = |side: &Side| side.control.loaded.definitions.locks.get(name).cloned();
        let lock =
            lock_of(merged).filter(|_| matches!(merged.environment.follows, Follows::Promotion { .. }))?;
        let says_same = |before: &Lock| {
            let Lock { source, place: _, render, charts, images, workflows } = before;
            (source, render, charts, images, workflows)
                == (&lock.source, &lock.render, &lock.charts, &lock.images, &lock.workflows)
        };
        let before = base.and_then(lock_of);
        let goes_back =
            ran.contains(&lock.source) && before.as_ref().is_none_or(|before| before.source != lock.source);
        if goes_back || before.is_some_and(|before| says_same(&before)) {
            return None;
        }
        let mut differs = Record::of(&merged.rendered).differs(&lock);
        if !differs.is_empty() {
            // It is true to the rules that it was written under, and a laptop, which may have written it, knows no facts.
            let written = self.feed.revisions.read(&merged.control.revision).ok();
            let controls = [Some(&merged.control), written.as_ref()].into_iter().flatten();
            let with = |control, facts: &Facts| self.shared.render(control, &merged.content, name, facts);
            let none = Facts::default();
            let is_true = |rendered: Rendered| Record::of(&rendered).differs(&lock).is_empty();
            let mut written = controls.flat_map(|control| [with(control, &self.facts), with(control, &none)]);
            if written.any(is_true) {
                differs.clear();
            }
        }
        let keys: Vec<_> = differs.iter().map(|key| format!("`{key}`")).collect();
        let source = lock.source.short();
        let message = format!("the lock records {} that {source} does not bring there", keys.join(" and "));
        let hint = format!("`naksha promote {name} --source {source}` writes it anew; only `source` decides");
        let found = Diagnostic::new(codes::LOCK_RECORD, message).at(lock.place.clone()).hint(hint);
        Some(found).filter(|_| !differs.is_empty())
    }
}

/// Observes whatever one of the sides wants or the environment owns.
async fn look(
    shared: &Shared,
    scope: &Scope,
    target: &SharedTarget,
    sides: [Option<&Side>; 2],
) -> Result<Live, LookError> {
    let inventory = shared.store.inventory(scope).await.map_err(LookError::Store)?;
    let compared =
        sides.into_iter().flatten().flat_map(|side| objects_to_compare(&side.rendered, &inventory));
    let mut asked: BTreeMap<ObjectKey, Option<Mark>> = BTreeMap::new();
    for (key, mark) in compared {
        // What one side has to see whole is seen whole.
        asked.entry(key).and_modify(|known| *known = known.take().filter(|_| mark.is_some())).or_insert(mark);
    }
    let asked: Vec<Wanted> = asked.into_iter().map(|(key, mark)| Wanted { key, mark }).collect();
    let observation = target.observe(asked.into()).await.map_err(LookError::Target)?;
    Ok(Live { observation, inventory })
}

/// A plan, as it is and as it is told.
struct Planned {
    plan: Arc<Plan>,
    document: PlanDocument,
    live: Option<Live>,
}

/// Pure. The plan of the merged side, judged by the base. `given`: words about plans.
fn planned(
    base: Option<&Side>,
    merged: &Side,
    live: Option<Live>,
    (given, findings): (Vec<Acknowledgement>, &FindingCache),
) -> Planned {
    let environment = judged_by(base, &merged.environment);
    let preconditions = Preconditions {
        control: Some(merged.control.revision.clone()),
        content: Some(merged.content.revision.clone()),
        policies: None,
        planner: planner(),
    };
    let contexts = Contexts {
        before: base.map(|base| &base.content.loaded.definitions.contexts),
        after: Some(&merged.content.loaded.definitions.contexts),
    };
    let from = base.map(|base| (&base.rendered, &*base.environment));
    let (plan, of_base) = match &live {
        Some(Live { observation, inventory }) => {
            let input = PlanInput::new(&merged.rendered, observation, inventory, &environment);
            let of_base = base
                .map(|base| plan(&PlanInput::new(&base.rendered, observation, inventory, &base.environment)));
            (plan(&PlanInput { preconditions, contexts, ..input }), of_base)
        }
        None => (plan_between(from, &merged.rendered, &environment, contexts, preconditions), None),
    };
    let of_base_alone = || from.map(|(base, environment)| Arc::new(inventory_of(base, environment)));
    let inventory = match &live {
        Some(live) => Arc::clone(&live.inventory),
        None => of_base_alone().unwrap_or_default(),
    };
    let plan = Arc::new(plan);
    let known = (&*inventory, &given[..], findings);
    let document = judged(base, merged, &environment, (&plan, of_base.as_ref()), known);
    Planned { plan, document, live }
}

/// Approval files that the change brings, by whom the base lets: beside those of the base, which are judged with it.
fn brought(base: Option<&Side>, merged: &Side) -> Vec<Acknowledgement> {
    let Some(base) = base else { return Vec::new() };
    let (before, after) = (&base.control.loaded.definitions, &merged.control.loaded.definitions);
    let may = |by: &String| may_acknowledge(before, &merged.environment.name, by);
    let is_new = |approval: &&Arc<Approval>| before.approvals.iter().all(|known| known.path != approval.path);
    let new = after.approvals.iter().filter(is_new).filter(|approval| may(&approval.by));
    new.map(|approval| by_file(approval)).collect()
}

/// As the change would have it, with the target of the base, and with everything that guards it.
fn judged_by(base: Option<&Side>, merged: &Environment) -> Environment {
    let mut environment = merged.clone();
    if let Some(base) = base {
        environment.target.clone_from(&base.environment.target);
        environment.guards = base.environment.guards;
        environment.windows.clone_from(&base.environment.windows);
        environment.gates.clone_from(&base.environment.gates);
        // They make rules stricter.
        environment.production = base.environment.production;
        environment.sealed = base.environment.sealed;
    }
    environment
}

fn judged(
    base: Option<&Side>,
    merged: &Side,
    environment: &Environment,
    (plan, of_base): (&Arc<Plan>, Option<&Plan>),
    (inventory, acknowledgements, cache): (&Inventory, &[Acknowledgement], &FindingCache),
) -> PlanDocument {
    let (begun, now) = (Begun::default(), Timestamp::now());
    // A change never judges itself. Where there is no base, it is judged by what it brings.
    let rules = base.map_or(&merged.control, |base| &base.control);
    let bench = Bench {
        control: &rules.loaded.definitions,
        content: &merged.content.loaded.definitions,
        tree: &merged.content.tree,
        environment,
        rendered: &merged.rendered,
        base: base.map(|base| Base {
            rendered: &base.rendered,
            definitions: &base.content.loaded.definitions,
            tree: &base.content.tree,
        }),
        inventory,
        acknowledgements,
        before: base.map(|base| &base.control.loaded.definitions),
        begun: &begun,
        cache,
    };
    let judged = judge(&bench, plan, now);
    let mut diagnostics: Vec<Diagnostic> = judged.diagnostics;
    diagnostics.extend(merged.rendered.diagnostics.iter().cloned());
    diagnostics.extend(plan_diagnostics(plan, &merged.rendered));
    diagnostics.extend(merged.misrecorded.clone());
    diagnostics.extend(merged.not_theirs.iter().cloned());
    let actions = plan.actions.iter().map(|action| action.digest).collect();
    let shown = Shown { actions, ..Shown::default() };
    let admission = admit(
        AdmitInput {
            plan: Arc::clone(plan),
            verdict: &judged.verdict,
            shown: &shown,
            unreviewed: Unreviewed::Hold,
            acknowledgements: &judged.acknowledgements,
            ignored: &judged.ignored,
            history: None,
            unreadable: &rules.loaded.definitions.broken.policies,
            windows: &environment.windows,
            // They are checks of their own.
            gates: &[],
            rollback: false,
            now,
        },
        || Plan::empty(&environment.name),
    );
    let mut counts = judged.acknowledgements;
    counts.retain(|given| given.counts(&plan.id, now));
    let document = PlanDocument::of(plan)
        .with_verdict(&judged.verdict)
        .with_admission(&admission)
        .with_acknowledgements(&counts)
        .with_diagnostics(&diagnostics);
    match of_base {
        Some(of_base) => document.with_base(of_base),
        None => document,
    }
}
