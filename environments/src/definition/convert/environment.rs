//! `environments/<name>/environment.yaml`.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::codes::definition as codes;
use crate::definition::reading::{At, Reading};
use crate::definition::references::Mentioned;
use crate::definition::v1alpha1::{
    EnvironmentSpec, GatesSpec, GuardsSpec, LifecycleWord, SyncSpec, TargetSpec, UnitEntry, WindowKindWord,
    WindowSpec,
};
use crate::environment::{Environment, Follows, Gates, Guards, Lifecycle, Sync, TargetRef, UnitUse};
use crate::ids::{EnvironmentName, UnitName, WorkflowName};
use crate::source::TreePath;
use crate::variables::{Layer, Variables};
use crate::window::{MAX_WINDOW, Window, WindowKind, never_opens};

/// How often to look at what cannot be watched. Flux's habit is 10 minutes, Argo CD's 3.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(5);
/// Shorter intervals would keep the target's API busy with nothing.
const MIN_INTERVAL: Duration = Duration::from_secs(10);
/// Deletions in one plan that need no acknowledgement.
const DEFAULT_MAX_DELETIONS: usize = 10;
/// The same, as a share of what is owned.
const DEFAULT_MAX_DELETION_PERCENT: u8 = 50;

/// None when it has no target: everything else has a default.
pub(in crate::definition) fn environment(
    reading: &mut Reading<'_>,
    name: EnvironmentName,
    spec: EnvironmentSpec,
    root: At<'_>,
) -> Option<Environment> {
    let at = root.key("spec");
    let follows = follows(reading, &name, &spec, at);
    let EnvironmentSpec {
        promotes_from: _,
        branch: _,
        gates: gates_spec,
        windows,
        target: target_spec,
        variables,
        units,
        workflows,
        sync: sync_spec,
        guards: guards_spec,
        lifecycle,
        production,
        sealed,
    } = spec;
    let windows = self::windows(reading, &windows, at.key("windows"));
    let gates = gates(reading, gates_spec, at.key("gates"));
    let target = target(reading, &target_spec, at.key("target"));
    let sync = sync(reading, &sync_spec, at.key("sync"));
    let variables = reading.variables(&variables, Layer::Environment, at.key("variables"));
    let units = unit_uses(reading, &units, at.key("units"));
    let workflows = workflow_uses(reading, &workflows, at.key("workflows"));
    Some(Environment {
        name,
        place: reading.place(root.key("metadata").key("name")),
        follows,
        gates,
        windows,
        target: target?,
        variables,
        units,
        workflows,
        sync,
        guards: guards(&guards_spec),
        lifecycle: match lifecycle {
            LifecycleWord::Active => Lifecycle::Active,
            LifecycleWord::Destroy => Lifecycle::Destroy,
            LifecycleWord::Disown => Lifecycle::Disown,
        },
        production,
        sealed,
    })
}

fn follows(reading: &mut Reading<'_>, name: &EnvironmentName, spec: &EnvironmentSpec, at: At<'_>) -> Follows {
    let mut from: Vec<EnvironmentName> = Vec::new();
    for (index, text) in spec.promotes_from.iter().enumerate() {
        let own = at.key("promotesFrom").item(index);
        let Some(upstream) = reading.name::<EnvironmentName>(text, own) else { continue };
        if upstream == *name {
            let message = format!("environment `{name}` promotes from itself");
            reading.problem(
                codes::CONFLICTING_KEYS,
                own,
                message,
                "name the environment that runs a change before",
            );
        } else if from.contains(&upstream) {
            reading.problem(
                codes::REPEATED_ENTRY,
                own,
                format!("`{upstream}` is listed twice"),
                "list it once",
            );
        } else {
            reading.mention(Mentioned::Environment, &upstream, own);
            from.push(upstream);
        }
    }
    match &spec.branch {
        Some(_) if !spec.promotes_from.is_empty() => {
            let message = "`branch` and `promotesFrom` exclude each other";
            reading.key_problem(codes::CONFLICTING_KEYS, at.key("branch"), message, "keep one of the two");
            Follows::Promotion { from }
        }
        Some(branch) => {
            Follows::Branch(reading.filled(branch, "`branch`", at.key("branch")).unwrap_or_default())
        }
        None if from.is_empty() => Follows::Trunk,
        None => Follows::Promotion { from },
    }
}

fn gates(reading: &mut Reading<'_>, spec: GatesSpec, at: At<'_>) -> Gates {
    let GatesSpec { soak, verify, auto_merge } = spec;
    let soak = soak.and_then(|text| reading.duration(&text.0, at.key("soak"))).unwrap_or_default();
    let mut workflows: Vec<WorkflowName> = Vec::new();
    for (index, text) in verify.iter().enumerate() {
        let own = at.key("verify").item(index);
        if let Some(name) = reading.name(text, own) {
            reading.mention(Mentioned::Workflow, &name, own);
            workflows.push(name);
        }
    }
    Gates { soak, verify: workflows, auto_merge }
}

fn windows(reading: &mut Reading<'_>, specs: &[WindowSpec], at: At<'_>) -> Vec<Window> {
    let each = specs.iter().enumerate();
    let windows: Vec<_> = each.filter_map(|(index, spec)| window(reading, spec, at.item(index))).collect();
    if windows.len() == specs.len() && never_opens(&windows) {
        let hint = "nothing would ever be applied here; `naksha suspend` stops an environment, and says who did and why";
        reading.key_problem(codes::NEVER_OPENS, at, "the windows never open", hint);
    }
    windows
}

fn window(reading: &mut Reading<'_>, spec: &WindowSpec, at: At<'_>) -> Option<Window> {
    let WindowSpec { kind, schedule, duration, time_zone } = spec;
    let schedule = reading.schedule(schedule, at.key("schedule"));
    let length = reading.duration(&duration.0, at.key("duration"));
    if length.is_some_and(|length| length.is_zero() || length > MAX_WINDOW) {
        let message = "a window stays open for more than nothing and at most 31 days";
        let hint = "write how long it stays open: `8h`; what always holds needs no window";
        reading.problem(codes::INVALID_DURATION, at.key("duration"), message, hint);
    }
    let time_zone = reading.time_zone(time_zone.as_deref(), at.key("timeZone"));
    Some(Window {
        kind: match kind {
            WindowKindWord::Allow => WindowKind::Allow,
            WindowKindWord::Deny => WindowKind::Deny,
        },
        schedule: schedule?,
        duration: length?,
        time_zone: time_zone?,
    })
}

fn target(reading: &mut Reading<'_>, spec: &TargetSpec, at: At<'_>) -> Option<TargetRef> {
    let TargetSpec { kubernetes, from_unit, namespace, directory } = spec;
    if namespace.is_some() && from_unit.is_none() && directory.is_none() {
        let message = "`namespace` belongs to `fromUnit` or `directory`";
        let hint = "with `kubernetes`, write it inside: `kubernetes: {cluster: …, namespace: …}`";
        reading.key_problem(codes::CONFLICTING_KEYS, at.key("namespace"), message, hint);
    }
    match (kubernetes, from_unit, directory) {
        (Some(spec), None, None) => {
            let own = at.key("kubernetes");
            let cluster = reading.filled(&spec.cluster, "`cluster`", own.key("cluster"))?;
            let namespace = namespace_name(reading, spec.namespace.as_deref(), own.key("namespace"));
            Some(TargetRef::Kubernetes { cluster, namespace })
        }
        (None, Some(unit), None) => {
            let unit = reading.name(unit, at.key("fromUnit"))?;
            reading.mention(Mentioned::Unit, &unit, at.key("fromUnit"));
            let namespace = namespace_name(reading, namespace.as_deref(), at.key("namespace"));
            unsupported(reading, at.key("fromUnit"));
            Some(TargetRef::FromUnit { unit, namespace })
        }
        (None, None, Some(directory)) => {
            let path = directory_path(reading, directory, at.key("directory"))?;
            let namespace = namespace_name(reading, namespace.as_deref(), at.key("namespace"));
            Some(TargetRef::Directory { path, namespace })
        }
        (kubernetes, from_unit, directory) => {
            let count = [kubernetes.is_some(), from_unit.is_some(), directory.is_some()];
            let count = count.into_iter().filter(|given| *given).count();
            let message = format!("a target is exactly one of three things, and here are {count}");
            let hint = "write `kubernetes: {cluster: …}`, `fromUnit: …` or `directory: …/`";
            reading.key_problem(codes::NOT_EXACTLY_ONE, at, message, hint);
            None
        }
    }
}

/// Said where it is written, so that nobody waits for an apply that does not come.
fn unsupported(reading: &mut Reading<'_>, at: At<'_>) {
    let message = "this version cannot apply to a cluster that a unit makes yet";
    let hint = "it is checked and planned; `kubernetes: {cluster: …}` and `directory: …/` are applied to";
    reading.key_problem(codes::TARGET_UNSUPPORTED, at, message, hint);
}

fn namespace_name(reading: &mut Reading<'_>, text: Option<&str>, at: At<'_>) -> Option<String> {
    text.and_then(|text| reading.object_name(text, at, Reading::place))
}

/// A relative folder. Where it lies on disk is the daemon's business.
fn directory_path(reading: &mut Reading<'_>, text: &str, at: At<'_>) -> Option<String> {
    if text.starts_with('/') {
        let message = format!("the folder `{text}` is absolute");
        let hint = "write it relative to the folder that the daemon's configuration names";
        reading.problem(codes::INVALID_PATH, at, message, hint);
        return None;
    }
    match TreePath::resolve(None, text) {
        Ok(path) => Some(path.to_string()),
        Err(error) => {
            let message = format!("the folder `{text}` is refused: {}", error.reason);
            reading.problem(codes::INVALID_PATH, at, message, "write a plain folder name: `dev/`");
            None
        }
    }
}

fn unit_uses(reading: &mut Reading<'_>, units: &[UnitEntry], at: At<'_>) -> Vec<UnitUse> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(units.len());
    for (index, entry) in units.iter().enumerate() {
        let own = at.item(index);
        let (text, named, variables) = match entry {
            UnitEntry::Name(name) => (name, own, Variables::default()),
            UnitEntry::Entry(spec) => {
                let values = reading.variables(&spec.variables, Layer::EnvironmentUnit, own.key("variables"));
                (&spec.name, own.key("name"), values)
            }
        };
        let Some(name) = reading.name::<UnitName>(text, named) else { continue };
        if seen.insert(name.clone()) {
            reading.mention(Mentioned::Unit, &name, named);
            out.push(UnitUse { name, variables, place: reading.place(named) });
        } else {
            let message = format!("unit `{name}` is listed twice");
            reading.problem(codes::REPEATED_ENTRY, named, message, "list it once");
        }
    }
    out
}

fn workflow_uses(
    reading: &mut Reading<'_>,
    workflows: &[String],
    at: At<'_>,
) -> Vec<(WorkflowName, crate::diagnostic::Place)> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(workflows.len());
    for (index, text) in workflows.iter().enumerate() {
        let own = at.item(index);
        let Some(name) = reading.name::<WorkflowName>(text, own) else { continue };
        if seen.insert(name.clone()) {
            reading.mention(Mentioned::Workflow, &name, own);
            out.push((name, reading.place(own)));
        } else {
            let message = format!("workflow `{name}` is listed twice");
            reading.problem(codes::REPEATED_ENTRY, own, message, "list it once");
        }
    }
    out
}

fn sync(reading: &mut Reading<'_>, spec: &SyncSpec, at: At<'_>) -> Sync {
    let SyncSpec { prune, self_heal, interval } = spec;
    let own = at.key("interval");
    let given = interval.as_ref().and_then(|text| reading.duration(&text.0, own));
    if given.is_some_and(|interval| interval < MIN_INTERVAL) {
        let message = "the interval is shorter than 10 s";
        let hint =
            "changes in Git and in the cluster are seen at once; the interval is for what cannot be watched";
        reading.problem(codes::INVALID_DURATION, own, message, hint);
    }
    Sync { prune: *prune, self_heal: *self_heal, interval: given.unwrap_or(DEFAULT_INTERVAL) }
}

fn guards(spec: &GuardsSpec) -> Guards {
    let GuardsSpec { max_deletions, max_deletion_percent } = spec;
    let max_deletions = max_deletions.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    Guards {
        max_deletions: max_deletions.unwrap_or(DEFAULT_MAX_DELETIONS),
        max_deletion_percent: max_deletion_percent.unwrap_or(DEFAULT_MAX_DELETION_PERCENT),
    }
}
