//! Observing: what the watches know of the objects that are asked about, and a read of those that they leave open.
//!
//! An object that is as its mark says costs no call. One without a mark was never ours: whether it is there is asked for,
//! in a list where many of a kind are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use naksha_environments::kubernetes::Scope;
use naksha_environments::object::{Health, Mark, ObjectKey, Observation, Observed};
use naksha_executor::live::is_secret;
use naksha_executor::port::target::{GroupKind, Question, TargetError, Wanted};

use crate::autoscaler::release_replicas;
use crate::connect::NoAnswer;
use crate::discovery::{Catalogue, DiscoveryError, Served, doubt};
use crate::list;
use crate::live::{Told, head, told};
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::target::Inner;
use crate::version::Version;
use crate::watch::{Judged, State, States};

/// Reads at a time.
const READS: usize = 16;
/// From this many objects of one kind and namespace on, they are listed by name before any is read.
const LISTED: usize = 8;
/// And only where that many times their number is more than what the list would have.
const SHARE: usize = 4;
/// A watch that has not told what is there after this long leaves its objects unknown. Ten thousand take a second.
const FIRST_WORDS: Duration = Duration::from_secs(20);

/// Observes everything that is asked about.
pub(crate) async fn observe(inner: &Inner, question: Question) -> Result<Observation, TargetError> {
    let Question { wanted, quiet } = question;
    let has_all =
        |catalogue: &Catalogue| wanted.iter().all(|one| served(catalogue, &one.key, None) != Served::No);
    let catalogue = inner.discovery.having(&inner.api, has_all).await;
    let catalogue = catalogue.map_err(|error| unreachable(inner, error))?;
    let mut round = Round { inner, catalogue, doubts: HashMap::new(), found: Vec::new(), reads: Vec::new() };
    // Of what was compared before, every kind is watched.
    let asked = wanted.iter().filter(|one| one.mark.is_some()).map(|one| &one.key);
    let again = !inner.cache.has_compared() || inner.cache.states().borrow().any_forbidden();
    let quiet_keys = quiet.objects().map(|(key, _)| key).filter(|_| again);
    let mut states = round.watch(asked.chain(quiet_keys)).await;
    if states.any_broken() {
        states = round.look_again(states).await.map_err(|error| unreachable(inner, error))?;
    }
    round.doubt(wanted.iter().map(|one| &one.key)).await;
    if states.any_silent() {
        let silent = quiet.objects().filter_map(|(key, _)| Some((key, states.silent(key)?)));
        round.found.extend(silent.map(|(key, reason)| (key.clone(), Observed::Unknown { reason })));
    }
    for (key, mark, judged) in inner.cache.stirred(&quiet) {
        if served(&round.catalogue, &key, None) == Served::No {
            // It is asked about one by one next time, with what is served then.
            let reason = "its kind is not served".to_owned();
            round.found.push((key, Observed::Unknown { reason }));
            continue;
        }
        round.judged(key, mark, judged, &states);
    }
    let mut unmarked = Vec::new();
    for Wanted { key, mark } in wanted {
        match mark {
            Some(mark) => {
                let judged = inner.cache.judge(&key, &mark);
                round.judged(key, mark, judged, &states);
            }
            None => unmarked.push(key),
        }
    }
    round.look_for(unmarked).await;
    round.look_out();
    round.read().await
}

/// Where kinds lie, as far as the server serves them.
pub(crate) async fn scopes(
    inner: &Inner,
    kinds: &BTreeSet<GroupKind>,
) -> Result<BTreeMap<GroupKind, Scope>, TargetError> {
    let has_all = |catalogue: &Catalogue| {
        kinds.iter().all(|(group, kind)| catalogue.find(group, kind, None) != Served::No)
    };
    let catalogue = inner.discovery.having(&inner.api, has_all).await;
    let catalogue = catalogue.map_err(|error| unreachable(inner, error))?;
    let scope = |(group, kind): &GroupKind| match catalogue.find(group, kind, None) {
        Served::Yes(resource) if resource.namespaced => Some(Scope::Namespace),
        Served::Yes(_) => Some(Scope::Cluster),
        Served::No | Served::Unknown(_) => None,
    };
    Ok(kinds.iter().filter_map(|one| Some((one.clone(), scope(one)?))).collect())
}

/// A kind, everywhere or in a namespace.
type Place = (Arc<Resource>, Option<Arc<str>>);

/// One observation.
struct Round<'a> {
    inner: &'a Inner,
    catalogue: Arc<Catalogue>,
    /// Kinds that are not listed, and may be served all the same.
    doubts: HashMap<GroupKind, String>,
    found: Vec<(ObjectKey, Observed)>,
    /// Objects that have to be read, with their marks.
    reads: Vec<(ObjectKey, Option<Mark>)>,
}

impl Round<'_> {
    /// Watches every kind of these objects, and waits for what there is. Where we may not watch a kind everywhere, it is
    /// watched in their namespaces.
    async fn watch<'k>(&self, keys: impl Iterator<Item = &'k ObjectKey>) -> States {
        let mut kinds: HashMap<(&str, &str), BTreeSet<&Arc<str>>> = HashMap::new();
        for key in keys {
            kinds.entry((&key.group, &key.kind)).or_default().extend(key.namespace.as_ref());
        }
        let watched = kinds.into_iter().filter_map(|((group, kind), namespaces)| {
            match self.catalogue.find(group, kind, None) {
                Served::Yes(resource) => Some((resource, namespaces)),
                Served::No | Served::Unknown(_) => None,
            }
        });
        let watched: Vec<_> = watched.collect();
        for (resource, _) in &watched {
            self.inner.watchers.start(resource, None);
        }
        let states = self.begun().await;
        let mut smaller = false;
        for (resource, namespaces) in &watched {
            let kind: GroupKind = (Arc::clone(&resource.group), Arc::clone(&resource.kind));
            if matches!(states.get(&(kind, None)), Some(State::Forbidden(_))) {
                for namespace in namespaces {
                    self.inner.watchers.start(resource, Some(namespace));
                }
                smaller = true;
            }
        }
        if smaller { self.begun().await } else { states }
    }

    /// Some watch broke: the server may be away, or serve something else than before. An error: nobody is there.
    async fn look_again(&mut self, states: States) -> Result<States, DiscoveryError> {
        self.catalogue = self.inner.discovery.fresh(&self.inner.api).await?;
        let is_served = |one: &Resource| {
            matches!(self.catalogue.find(&one.group, &one.kind, Some(&one.version)), Served::Yes(_))
        };
        Ok(if self.inner.watchers.hurry(is_served) { self.begun().await } else { states })
    }

    /// Looks closer at kinds that are not listed: what is of them would be gone. Those of which nothing is wanted either are
    /// watched no more.
    async fn doubt<'k>(&mut self, keys: impl Iterator<Item = &'k ObjectKey>) {
        let unlisted = keys.filter(|key| served(&self.catalogue, key, None) == Served::No);
        let unlisted: HashSet<GroupKind> =
            unlisted.map(|key| (Arc::clone(&key.group), Arc::clone(&key.kind))).collect();
        let is_listed = |kind: &GroupKind| self.catalogue.find(&kind.0, &kind.1, None) != Served::No;
        for kind in self.inner.watchers.kinds() {
            if !is_listed(&kind)
                && !unlisted.contains(&kind)
                && doubt(&self.inner.api, &kind.0, &kind.1).await.is_none()
            {
                self.inner.watchers.end(&kind);
            }
        }
        for kind in unlisted {
            if let Some(reason) = doubt(&self.inner.api, &kind.0, &kind.1).await {
                self.doubts.insert(kind, reason);
            }
        }
    }

    fn served(&self, key: &ObjectKey) -> Served {
        let found = served(&self.catalogue, key, None);
        if found != Served::No || self.doubts.is_empty() {
            return found;
        }
        let kind = (Arc::clone(&key.group), Arc::clone(&key.kind));
        self.doubts.get(&kind).map_or(Served::No, |reason| Served::Unknown(reason.clone()))
    }

    /// The states, once no watch is only starting; or after a time.
    async fn begun(&self) -> States {
        let mut states = self.inner.cache.states();
        let begun = states.wait_for(|states| !states.any_starting());
        let begun = tokio::time::timeout(FIRST_WORDS, begun).await;
        drop(begun);
        self.inner.cache.states().borrow().clone()
    }

    /// What the watch's word is worth: an answer, or a read.
    fn judged(&mut self, key: ObjectKey, mark: Mark, judged: Judged, states: &States) {
        match self.served(&key) {
            Served::Yes(_) => {}
            // Its kind is gone, and everything of it with it.
            Served::No => return self.found.push((key, Observed::Absent)),
            Served::Unknown(reason) => return self.found.push((key, Observed::Unknown { reason })),
        }
        if let Some(reason) = states.silent(&key) {
            return self.found.push((key, Observed::Unknown { reason }));
        }
        match judged {
            Judged::InSync(Health::Healthy) => {}
            Judged::InSync(health) => self.found.push((key, Observed::InSync { mark, health })),
            Judged::Suspect => self.reads.push((key, Some(mark))),
        }
    }

    /// Objects that are asked about without a mark: those that are there are read.
    async fn look_for(&mut self, keys: Vec<ObjectKey>) {
        let mut places: BTreeMap<Place, Vec<ObjectKey>> = BTreeMap::new();
        for key in keys {
            match self.served(&key) {
                Served::Yes(resource) => {
                    let namespace = key.namespace.clone().filter(|_| resource.namespaced);
                    places.entry((resource, namespace)).or_default().push(key);
                }
                Served::No => self.found.push((key, Observed::Absent)),
                Served::Unknown(reason) => self.found.push((key, Observed::Unknown { reason })),
            }
        }
        for (place, keys) in places {
            let (ours, others) = keys.into_iter().partition(|key| self.inner.cache.knows(key));
            self.look_for_ours(&place, ours).await;
            self.look_for_others(&place, others).await;
        }
    }

    /// Objects that a watch told of: Git wants something new of them. Where that is many of those that there are, they
    /// are listed.
    async fn look_for_ours(&mut self, place: &Place, keys: Vec<ObjectKey>) {
        let (resource, namespace) = place;
        let there = || self.inner.cache.count(resource, namespace.as_ref());
        if keys.len() < LISTED || keys.len() * SHARE < there() {
            return self.reads.extend(keys.into_iter().map(|key| (key, None)));
        }
        let mut open: HashSet<&ObjectKey> = keys.iter().collect();
        let listed = ours(self.inner, place, &open).await;
        for (key, _) in &listed {
            open.remove(key);
        }
        let (inner, catalogue) = (self.inner, &self.catalogue);
        let judge = |(key, told): (ObjectKey, Told)| async move {
            let observed = observed(inner, catalogue, &key, None, told).await;
            (key, observed)
        };
        let judged: Vec<_> = futures::stream::iter(listed).map(judge).buffer_unordered(READS).collect().await;
        self.found.extend(judged);
        self.reads.extend(open.into_iter().map(|key| (key.clone(), None)));
    }

    /// Objects that were never ours, as far as is known.
    async fn look_for_others(&mut self, (resource, namespace): &Place, keys: Vec<ObjectKey>) {
        let names =
            if keys.len() < LISTED { None } else { names(self.inner, resource, namespace.as_deref()).await };
        for key in keys {
            match &names {
                Some(names) if !names.contains(&*key.name) => self.found.push((key, Observed::Absent)),
                Some(_) | None => self.reads.push((key, None)),
            }
        }
    }

    /// Of some kind it is not known whether it is served: nobody tells when that is over.
    fn look_out(&self) {
        let Self { inner, catalogue, found, .. } = self;
        let is_open = |key: &ObjectKey| matches!(self.served(key), Served::Unknown(_));
        if found.iter().any(|(key, one)| is_unknown(one) && is_open(key)) {
            inner.lookout.for_kinds(&inner.cache, &inner.api, (&inner.discovery, catalogue));
        } else {
            inner.lookout.end();
        }
    }

    /// Reads what has to be read.
    async fn read(self) -> Result<Observation, TargetError> {
        let Self { inner, catalogue, doubts: _, mut found, reads } = self;
        let read = |(key, mark): (ObjectKey, Option<Mark>)| {
            let catalogue = &catalogue;
            async move {
                let observed = read_one(inner, catalogue, &key, mark.as_ref()).await;
                (key, observed)
            }
        };
        let read: Vec<_> = futures::stream::iter(reads).map(read).buffer_unordered(READS).collect().await;
        let (mut answered, mut failure) = (found.iter().any(|(_, one)| !is_unknown(one)), None);
        for (key, observed) in read {
            match observed {
                Ok(observed) => {
                    answered = true;
                    found.extend(observed.map(|observed| (key, observed)));
                }
                Err(error) => {
                    found.push((key, Observed::Unknown { reason: error.to_string() }));
                    failure = Some(error);
                }
            }
        }
        match failure {
            // Nobody answered anything.
            Some(error) if !answered => Err(unreachable(inner, DiscoveryError::NoAnswer(error))),
            _ => Ok(Observation { objects: found.into_iter().collect() }),
        }
    }
}

fn is_unknown(observed: &Observed) -> bool {
    matches!(observed, Observed::Unknown { .. })
}

/// The names of a kind in a place. `None`: they cannot be listed; reading one by one says why.
async fn names(inner: &Inner, resource: &Resource, namespace: Option<&str>) -> Option<HashSet<String>> {
    let mut names = HashSet::new();
    let listed = list::names(&inner.api, resource, namespace, |name| {
        names.insert(name);
    })
    .await;
    matches!(listed, Ok(None)).then_some(names)
}

/// Objects of a kind in a place, of those that carry our labels. What is missing is read one by one, which says why.
async fn ours(
    inner: &Inner,
    (resource, namespace): &Place,
    keys: &HashSet<&ObjectKey>,
) -> Vec<(ObjectKey, Told)> {
    let mut found = Vec::new();
    let take = |object: String| {
        let Some((of, name, _)) = head(&object) else { return };
        let key = ObjectKey::new(&resource.group, &resource.kind, of.as_deref(), &name);
        if keys.contains(&key) {
            found.extend(told(&key, &object, None, &inner.marks).map(|told| (key, told)));
        }
    };
    drop(list::objects(&inner.api, resource, namespace.as_deref(), inner.watchers.selector(), take).await);
    found
}

/// Reads an object. `Ok(None)`: it is as its mark says, and healthy, and the mark needs no change.
async fn read_one(
    inner: &Inner,
    catalogue: &Catalogue,
    key: &ObjectKey,
    mark: Option<&Mark>,
) -> Result<Option<Observed>, NoAnswer> {
    let got = get(inner, catalogue, key, mark).await?;
    if matches!(got, Got::Refused(Refusal::Unauthorized)) {
        // Watches go on although their credentials are refused by now, and tell nobody when better ones are there.
        inner.lookout.for_server(&inner.cache, &inner.api);
    }
    let told = match got {
        Got::Object(told) => *told,
        Got::Nothing => return Ok(Some(Observed::Absent)),
        Got::Unknown(reason) => return Ok(Some(Observed::Unknown { reason })),
        Got::Refused(_) if is_secret(key) => {
            return Ok(Some(Observed::Unknown { reason: "reading it was refused".to_owned() }));
        }
        Got::Refused(refusal) => return Ok(Some(Observed::Unknown { reason: refusal.words() })),
    };
    Ok(Some(observed(inner, catalogue, key, mark, told).await))
}

/// What an object that was read is beside its mark.
async fn observed(
    inner: &Inner,
    catalogue: &Catalogue,
    key: &ObjectKey,
    mark: Option<&Mark>,
    mut told: Told,
) -> Observed {
    inner.cache.read(key, &told.seen);
    let as_marked = mark
        .is_some_and(|mark| mark.uid == told.live.mark.uid && mark.fingerprint == told.live.mark.fingerprint);
    if !as_marked || inner.cache.is_suspected(key) {
        inner.cache.trust(key);
        release_replicas(inner, catalogue, key, &mut told.live).await;
        if let (Some(refused), Some(managed)) = (inner.cache.refusal(key), &mut told.live.managed) {
            Arc::make_mut(managed).refused = Some(refused);
        }
        return Observed::Live(told.live);
    }
    Observed::InSync { mark: told.live.mark, health: told.live.health }
}

/// What reading an object gave.
pub(crate) enum Got {
    Object(Box<Told>),
    Nothing,
    Unknown(String),
    Refused(Refusal),
}

/// Reads an object, in the version that our entry speaks of.
pub(crate) async fn get(
    inner: &Inner,
    catalogue: &Catalogue,
    key: &ObjectKey,
    mark: Option<&Mark>,
) -> Result<Got, NoAnswer> {
    let version = mark.and_then(|mark| Version::parse(&mark.version)).and_then(|version| version.api_version);
    let version = version.as_deref().map(|text| text.rsplit('/').next().unwrap_or(text));
    let resource = match served(catalogue, key, version) {
        Served::Yes(resource) => resource,
        // Where it is that version that is served no more, the server translates.
        Served::No | Served::Unknown(_) => match served(catalogue, key, None) {
            Served::Yes(resource) => resource,
            Served::No => {
                let doubt = doubt(&inner.api, &key.group, &key.kind).await;
                return Ok(doubt.map_or(Got::Nothing, Got::Unknown));
            }
            Served::Unknown(reason) => return Ok(Got::Unknown(reason)),
        },
    };
    let answer = inner.api.get(&resource.object(key), "application/json").await?;
    Ok(match Refusal::of(&answer) {
        None => {
            let text = std::str::from_utf8(&answer.body).ok();
            let told = text.and_then(|text| told(key, text, mark, &inner.marks));
            told.map_or_else(
                || Got::Unknown("what the server says of it cannot be read".to_owned()),
                |told| Got::Object(Box::new(told)),
            )
        }
        Some(Refusal::Missing | Refusal::NamespaceMissing) => Got::Nothing,
        Some(refusal) => Got::Refused(refusal),
    })
}

pub(crate) fn served(catalogue: &Catalogue, key: &ObjectKey, version: Option<&str>) -> Served {
    catalogue.find(&key.group, &key.kind, version)
}

/// Why nothing could be observed at all.
pub(crate) fn unreachable(inner: &Inner, error: DiscoveryError) -> TargetError {
    let target = inner.api.cluster.to_string();
    match error {
        DiscoveryError::NoAnswer(error) => TargetError::Unreachable { target, reason: error.to_string() },
        DiscoveryError::Strange(reason) => TargetError::Unreachable { target, reason },
        DiscoveryError::Refused(refusal @ (Refusal::Unauthorized | Refusal::Forbidden(_))) => {
            TargetError::Denied { target, reason: refusal.words() }
        }
        DiscoveryError::Refused(refusal) => TargetError::Unreachable { target, reason: refusal.words() },
    }
}
