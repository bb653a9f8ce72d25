//! Laws over random worlds: determinism, convergence, and that the unknown is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::environment::Environment;
use naksha_environments::object::{DesiredObject, ObjectKey};
use naksha_environments::plan::{Plan, Resolution, Subject, Verb};
use naksha_environments::quiet::Memory;
use naksha_environments::rendered::{Rendered, RenderedUnit, UnitState};
use naksha_environments::unit::ConflictPolicy;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, environment, graph, key, object, objects, rendered, unit};

const KINDS: [&str; 4] = ["ConfigMap", "Deployment", "Secret", "StatefulSet"];

/// One object of a random state: kind, name, what stands in it, and its unit.
type Spec = (usize, u8, u8, usize);

fn body(kind: &str, variant: u8) -> Value {
    match kind {
        "ConfigMap" => json!({"data": {"a": variant.to_string(), format!("k{}", variant % 2): "x"}}),
        "Secret" => json!({"data": {"URL": format!("ref:vault:kv/{}#url", variant % 3)}}),
        "StatefulSet" => json!({"spec": {"serviceName": format!("s{}", variant % 2), "replicas": variant}}),
        _ => json!({"spec": {
            "replicas": variant % 3,
            "containers": [{"name": "app", "image": format!("app:{variant}")}, {"name": format!("c{}", variant % 3)}],
            "ports": [{"port": 80 + variant % 2}],
        }}),
    }
}

#[derive(Debug, Clone)]
struct State {
    specs: Vec<Spec>,
    /// Per unit: 0 rendered, 1 broken, 2 not yet.
    states: [u8; 3],
    needs: [Vec<usize>; 3],
    flow: Option<u8>,
    conflicts: u8,
}

impl State {
    fn render(&self, reversed: bool) -> Rendered {
        let policy = [ConflictPolicy::Refuse, ConflictPolicy::Take, ConflictPolicy::Leave]
            [usize::from(self.conflicts)];
        let mut by_key: BTreeMap<(usize, u8), (u8, usize)> = BTreeMap::new();
        for (kind, name, variant, unit) in &self.specs {
            by_key.insert((*kind, *name), (*variant, *unit));
        }
        let names = ["a", "b", "c"];
        let unit_of = |index: usize| {
            let mut list: Vec<Arc<DesiredObject>> = by_key
                .iter()
                .filter(|(_, (_, unit))| *unit == index)
                .map(|((kind, name), (variant, _))| {
                    object(KINDS[*kind], &format!("o{name}"), &body(KINDS[*kind], *variant))
                })
                .collect();
            if reversed {
                list.reverse();
            }
            let state = match self.states[index] {
                0 => objects(&list),
                1 => UnitState::Broken { reason: "broken".to_owned() },
                _ => UnitState::NotYet,
            };
            let needs: Vec<&str> =
                self.needs[index].iter().filter(|it| **it != index).map(|it| names[*it]).collect();
            let mut made = unit(names[index], &needs, state);
            made.conflicts = policy;
            made
        };
        let mut state = rendered((0..3).map(unit_of).collect());
        if let Some(flow) =
            self.flow.map(|it| graph("flow", &json!({"nodes": {"n": {"uses": format!("u{it}")}}})))
        {
            state.workflows.insert(flow.name.clone(), flow);
        }
        state
    }
}

fn states(broken: bool) -> impl Strategy<Value = State> {
    let spec = (0..4_usize, 0..3_u8, 0..5_u8, 0..3_usize);
    let unit_state = if broken {
        prop_oneof![4 => Just(0_u8), 1 => Just(1), 1 => Just(2)].boxed()
    } else {
        Just(0_u8).boxed()
    };
    let needs = prop::collection::vec(0..3_usize, 0..2);
    (
        prop::collection::vec(spec, 0..10),
        [unit_state.clone(), unit_state.clone(), unit_state],
        [needs.clone(), needs.clone(), needs],
        prop::option::of(0..3_u8),
        0..3_u8,
    )
        .prop_map(|(specs, states, needs, flow, conflicts)| State {
            specs,
            states,
            needs,
            flow,
            conflicts,
        })
}

#[derive(Debug, Clone)]
enum Edit {
    Field(u8),
    Stranger,
    Gone,
    Recreated,
    Unconfirmed,
}

fn edits() -> impl Strategy<Value = Vec<(usize, u8, Edit)>> {
    let edit = prop_oneof![
        3 => (0..4_u8).prop_map(Edit::Field),
        1 => Just(Edit::Stranger),
        1 => Just(Edit::Gone),
        1 => Just(Edit::Recreated),
        1 => Just(Edit::Unconfirmed),
    ];
    prop::collection::vec((0..4_usize, 0..3_u8, edit), 0..6)
}

fn disturb(world: &mut World, edits: &[(usize, u8, Edit)]) {
    for (kind, name, edit) in edits {
        let key = key(KINDS[*kind], &format!("o{name}"));
        match edit {
            Edit::Field(variant) if KINDS[*kind] == "Secret" => {
                world.edit(&key, |body| body["data"]["URL"] = json!(format!("mark:{variant}")));
            }
            Edit::Field(variant) => world.edit(&key, |live| {
                for (field, value) in body(KINDS[*kind], *variant).as_object().unwrap() {
                    live[field] = value.clone();
                }
            }),
            Edit::Stranger => world.edit(&key, |body| body["stranger"] = json!(1)),
            Edit::Gone => drop(world.objects.remove(&key)),
            Edit::Recreated => {
                if let Some((uid, _)) = world.objects.get_mut(&key) {
                    *uid += 1000;
                }
            }
            Edit::Unconfirmed => {
                if world.inventory.contains(&key) {
                    world.edit_owned(&key, |owned| owned.mark = None);
                }
            }
        }
    }
}

fn environments() -> impl Strategy<Value = Environment> {
    (any::<bool>(), any::<bool>()).prop_map(|(prune, self_heal)| {
        let mut environment = environment();
        (environment.sync.prune, environment.sync.self_heal) = (prune, self_heal);
        environment
    })
}

fn keys_of(plan: &Plan) -> BTreeSet<ObjectKey> {
    let key = |subject: &Subject| match subject {
        Subject::Object(key) => Some(key.clone()),
        Subject::Workflow(_) => None,
    };
    plan.actions.iter().filter_map(|action| key(&action.subject)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn applying_a_plan_leaves_nothing_to_plan(before in states(false), edits in edits(), after in states(true), environment in environments()) {
        let mut world = World::default();
        world.apply(&world.plan(&before.render(false), &environment));
        disturb(&mut world, &edits);
        let head = after.render(false);
        let first = world.plan(&head, &environment);
        world.apply(&first);
        let second = world.plan(&head, &environment);
        let refused = |plan: &Plan| plan.actions.iter().all(|action| {
            action.conflicts.iter().any(|conflict| conflict.resolution == Resolution::Refuse)
        });
        prop_assert!(refused(&second), "after {:#?} came {:#?}", first.actions, second.actions);
        prop_assert!(second.forget.is_empty());
        // What stays refused is refused in the same words: the plan has the same id until somebody acts.
        world.apply(&second);
        prop_assert_eq!(world.plan(&head, &environment).id, second.id);
    }

    #[test]
    fn equal_inputs_give_equal_plans(before in states(false), edits in edits(), after in states(true), environment in environments()) {
        let mut world = World::default();
        world.apply(&world.plan(&before.render(false), &environment));
        disturb(&mut world, &edits);
        let (one, two) = (world.plan(&after.render(false), &environment), world.plan(&after.render(true), &environment));
        prop_assert_eq!(&one.id, &two.id);
        prop_assert_eq!(format!("{one:#?}"), format!("{two:#?}"));
    }

    #[test]
    fn what_is_quiet_need_not_be_looked_at(
        states in prop::collection::vec(states(true), 1..3), environment in environments(),
        rounds in prop::collection::vec((0..3_usize, edits(), any::<bool>()), 1..8),
    ) {
        let states: Vec<Rendered> = states.iter().map(|state| state.render(false)).collect();
        let (mut world, mut memory) = (World::default(), Memory::default());
        for (state, edits, apply) in rounds {
            let state = &states[state % states.len()];
            let plan = world.plan(state, &environment);
            let quick = world.plan_with(&mut memory, state, &environment);
            prop_assert_eq!(format!("{plan:#?}"), format!("{quick:#?}"));
            if apply {
                world.apply(&plan);
            }
            disturb(&mut world, &edits);
        }
    }

    #[test]
    fn what_is_not_known_is_left_alone(
        before in states(false), edits in edits(), after in states(true), environment in environments(),
        unreadable in prop::collection::btree_set((0..4_usize, 0..3_u8), 0..6),
    ) {
        let mut world = World::default();
        world.apply(&world.plan(&before.render(false), &environment));
        disturb(&mut world, &edits);
        world.unreadable = unreadable.iter().map(|(kind, name)| key(KINDS[*kind], &format!("o{name}"))).collect();
        let plan = world.plan(&after.render(false), &environment);
        let touched: Vec<_> = keys_of(&plan).intersection(&world.unreadable).cloned().collect();
        prop_assert_eq!(touched, vec![]);
        prop_assert!(plan.forget.is_disjoint(&world.unreadable));
        for (name, unit) in &after.render(false).units {
            let wants_unknown = unit.objects().iter().any(|object| plan.unknown.contains_key(&object.key));
            prop_assert_eq!(plan.unseen.contains_key(name), wants_unknown);
        }
    }

    #[test]
    fn only_what_is_proven_ours_is_deleted(before in states(false), edits in edits(), after in states(true)) {
        let environment = environment();
        let mut world = World::default();
        world.apply(&world.plan(&before.render(false), &environment));
        disturb(&mut world, &edits);
        let head = after.render(false);
        let wanted: BTreeSet<&ObjectKey> = head.units.values().flat_map(RenderedUnit::objects).map(|it| &it.key).collect();
        let plan = world.plan(&head, &environment);
        for action in plan.actions.iter().filter(|action| action.verb == Verb::Delete) {
            let Subject::Object(key) = &action.subject else { continue };
            prop_assert!(!wanted.contains(key), "{key} is wanted");
            let owned = &world.inventory[key];
            let uid = owned.mark.as_ref().and_then(|mark| mark.uid.as_ref()).map(|uid| uid.0.to_string());
            prop_assert_eq!(uid, Some(world.objects[key].0.to_string()));
            prop_assert!(!plan.blocked.contains_key(&owned.unit));
        }
    }
}
