//! Where custom kinds lie: only the target knows, and a render needs it, because what lies in no namespace must get none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use naksha_environments::facts::Facts;
use naksha_environments::kubernetes::{Scope, is_cluster_scoped, scope};
use naksha_environments::rendered::Rendered;
use naksha_executor::port::target::GroupKind;

use super::desired::Renders;
use super::{PassError, Reconciler};
use crate::target::OpenTarget;

/// What the target said of kinds.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// For renders. Of the same pointer: the same.
    pub(super) facts: Arc<Facts>,
    known: BTreeMap<GroupKind, Scope>,
    /// What was rendered of which every kind is known.
    settled: Option<Arc<Rendered>>,
}

impl Scopes {
    /// Another target may know other kinds.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.settled = None;
    }

    /// Custom kinds of objects in namespaces, of which nothing is known yet.
    fn unknown(&self, rendered: &Rendered) -> BTreeSet<GroupKind> {
        let objects = rendered.units.values().flat_map(|unit| unit.objects().iter());
        let placed = objects.map(|object| &object.key).filter(|key| key.namespace.is_some());
        let custom = placed.filter(|key| {
            scope(&key.group, &key.kind).is_none() && !is_cluster_scoped(&key.group, &key.kind)
        });
        let kinds = custom.map(|key| (Arc::clone(&key.group), Arc::clone(&key.kind)));
        kinds.filter(|kind| !self.known.contains_key(kind)).collect()
    }

    /// Takes in what the target said; true when a render would be another one.
    fn learn(&mut self, said: BTreeMap<GroupKind, Scope>) -> bool {
        self.known.extend(said);
        let in_none = self.known.iter().filter(|(_, scope)| **scope == Scope::Cluster);
        let cluster_kinds: BTreeSet<GroupKind> = in_none.map(|(kind, _)| kind.clone()).collect();
        if cluster_kinds == self.facts.cluster_kinds {
            return false;
        }
        self.facts = Arc::new(Facts { cluster_kinds, ..Facts::clone(&self.facts) });
        true
    }
}

impl Reconciler {
    /// Asks the target where kinds lie that nobody else knows. True: what was rendered must be rendered anew.
    pub(super) async fn learn_scopes(
        &mut self,
        target: &OpenTarget,
        renders: &Renders,
    ) -> Result<bool, PassError> {
        let rendered = &renders.wanted.rendered;
        if self.scopes.settled.as_ref().is_some_and(|settled| Arc::ptr_eq(settled, rendered)) {
            return Ok(false);
        }
        let unknown = self.scopes.unknown(rendered);
        let said = if unknown.is_empty() {
            BTreeMap::new()
        } else {
            target.target().scopes(&unknown).await.map_err(PassError::Observe)?
        };
        if said.len() == unknown.len() {
            self.scopes.settled = Some(Arc::clone(rendered));
        }
        Ok(self.scopes.learn(said))
    }
}
