//! Discovery: which kinds the server serves, in which versions, and whether they lie in namespaces.
//!
//! A group whose own server does not answer is *unknown*: its kinds are neither there nor gone, and nothing of them is
//! changed or pruned. What is not served is asked for again, because a definition may just have been made.

mod absence;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use naksha_environments::object::ObjectKey;
use naksha_executor::port::target::WriteError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::connect::{Api, NoAnswer};
use crate::refusal::Refusal;
use crate::resource::Resource;

pub(crate) use absence::doubt;

/// Aggregated discovery first; servers before 1.30 answer with the plain list of groups.
const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
const PLAIN: &str = "application/json";
/// What was not found is looked for again after this long: a new definition is served within a second or two.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What was found is believed this long: definitions come and go without telling us.
const BELIEVED: Duration = Duration::from_secs(600);

/// What is known of the server's kinds. Shared by all who use the connection.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    known: RwLock<Option<(Instant, Arc<Catalogue>)>>,
    asking: tokio::sync::Mutex<()>,
}

/// The versions of a kind, the preferred one first.
type Versions = Vec<Arc<Resource>>;

/// The kinds of one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    /// The kinds of each group. Every object of a question is looked up here.
    groups: HashMap<Arc<str>, HashMap<Arc<str>, Versions>>,
    /// Groups whose server did not answer, and why.
    unknown: BTreeMap<Arc<str>, String>,
}

/// What is known of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    Yes(Arc<Resource>),
    No,
    Unknown(String),
}

/// Why nothing is known at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DiscoveryError {
    NoAnswer(NoAnswer),
    Refused(Refusal),
    /// An answer that is no discovery.
    Strange(String),
}

impl DiscoveryError {
    fn words(&self) -> String {
        match self {
            Self::NoAnswer(error) => error.to_string(),
            Self::Refused(refusal) => refusal.words(),
            Self::Strange(reason) => reason.clone(),
        }
    }

    /// What it means to a write of `key`.
    pub(crate) fn to_write_error(&self, key: &ObjectKey) -> WriteError {
        let transient = |reason: String| WriteError::Transient { key: key.clone(), reason, after: None };
        match self {
            Self::NoAnswer(error) => transient(error.to_string()),
            Self::Strange(reason) => transient(reason.clone()),
            Self::Refused(Refusal::NotServed) => {
                transient("the server does not say what it serves".to_owned())
            }
            Self::Refused(refusal) => refusal.to_write_error(key),
        }
    }
}

impl Catalogue {
    /// The kind, in this version where one is asked for.
    pub(crate) fn find(&self, group: &str, kind: &str, version: Option<&str>) -> Served {
        let versions = self.groups.get(group).and_then(|kinds| kinds.get(kind));
        let found = versions.and_then(|versions| match version {
            Some(version) => versions.iter().find(|one| &*one.version == version),
            None => versions.first(),
        });
        match (found, self.unknown.get(group)) {
            (Some(resource), _) => Served::Yes(Arc::clone(resource)),
            (None, Some(reason)) => Served::Unknown(reason.clone()),
            (None, None) => Served::No,
        }
    }

    fn add(&mut self, resource: Resource) {
        let kinds = self.groups.entry(Arc::clone(&resource.group)).or_default();
        let versions = kinds.entry(Arc::clone(&resource.kind)).or_default();
        // The first resource of a kind is the kind itself; others of its name are views of it.
        if versions.iter().all(|one| one.version != resource.version) {
            versions.push(Arc::new(resource));
        }
    }
}

impl Discovery {
    /// What is known. Where it lacks what is looked for, it is asked for anew: a definition may just have been made.
    pub(crate) async fn having(
        &self,
        api: &Api,
        has: impl Fn(&Catalogue) -> bool,
    ) -> Result<Arc<Catalogue>, DiscoveryError> {
        let known = self.younger_than(api, BELIEVED).await?;
        if has(&known) { Ok(known) } else { self.younger_than(api, LOOK_AGAIN).await }
    }

    /// What is served as of now: something does not go as it did.
    pub(crate) async fn fresh(&self, api: &Api) -> Result<Arc<Catalogue>, DiscoveryError> {
        let now = Instant::now();
        self.known_or_asked(api, |since| since >= now).await
    }

    async fn younger_than(&self, api: &Api, age: Duration) -> Result<Arc<Catalogue>, DiscoveryError> {
        self.known_or_asked(api, |since| since.elapsed() < age).await
    }

    async fn known_or_asked(
        &self,
        api: &Api,
        will_do: impl Fn(Instant) -> bool,
    ) -> Result<Arc<Catalogue>, DiscoveryError> {
        if let Some(known) = self.known(&will_do) {
            return Ok(known);
        }
        // One asks, the others wait for its answer.
        let _asking = self.asking.lock().await;
        if let Some(known) = self.known(&will_do) {
            return Ok(known);
        }
        // As of before it was asked.
        let since = Instant::now();
        let found = Arc::new(discover(api).await?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Some((since, Arc::clone(&found)));
        Ok(found)
    }

    fn known(&self, will_do: impl Fn(Instant) -> bool) -> Option<Arc<Catalogue>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(since, _)| will_do(*since)).map(|(_, known)| Arc::clone(known))
    }
}

async fn discover(api: &Api) -> Result<Catalogue, DiscoveryError> {
    let mut catalogue = Catalogue::default();
    for root in ["/api", "/apis"] {
        let answer = api.get(root, AGGREGATED).await.map_err(DiscoveryError::NoAnswer)?;
        if let Some(refusal) = Refusal::of(&answer) {
            return Err(DiscoveryError::Refused(refusal));
        }
        if answer.content_type.contains("as=APIGroupDiscoveryList") {
            add_aggregated(&mut catalogue, parse(root, &answer.body)?);
        } else if root == "/api" {
            add_version(api, &mut catalogue, "", "v1").await?;
        } else {
            let groups: GroupList = parse(root, &answer.body)?;
            add_groups(api, &mut catalogue, groups).await?;
        }
    }
    Ok(catalogue)
}

fn parse<T: DeserializeOwned>(at: &str, body: &[u8]) -> Result<T, DiscoveryError> {
    serde_json::from_slice(body)
        .map_err(|error| DiscoveryError::Strange(format!("what it says at `{at}` cannot be read: {error}")))
}

/// `APIGroupDiscoveryList`
#[derive(Debug, Deserialize)]
struct Aggregated {
    #[serde(default)]
    items: Vec<AggregatedGroup>,
}

#[derive(Debug, Deserialize)]
struct AggregatedGroup {
    #[serde(default)]
    metadata: Named,
    #[serde(default)]
    versions: Vec<AggregatedVersion>,
}

#[derive(Debug, Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct AggregatedVersion {
    version: String,
    /// `Stale`: the group's own server does not answer.
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<AggregatedResource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AggregatedResource {
    resource: String,
    /// Absent where the server could not tell.
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct ResponseKind {
    #[serde(default)]
    group: String,
    #[serde(default)]
    version: String,
    kind: String,
}

fn add_aggregated(catalogue: &mut Catalogue, list: Aggregated) {
    for group in list.items {
        let name: Arc<str> = group.metadata.name.into();
        for version in group.versions {
            if version.freshness == "Stale" {
                let reason = format!("the server of `{name}/{}` does not answer", version.version);
                catalogue.unknown.insert(Arc::clone(&name), reason);
            }
            for resource in version.resources {
                let Some(kind) = resource.response_kind else { continue };
                // The kind may be another group's: a view of it is not where it lies.
                let is_own = (kind.group.is_empty() || kind.group == *name)
                    && (kind.version.is_empty() || kind.version == version.version);
                if is_own && is_kept(&resource.verbs) {
                    catalogue.add(Resource {
                        group: Arc::clone(&name),
                        version: version.version.as_str().into(),
                        kind: kind.kind.into(),
                        plural: resource.resource.into(),
                        namespaced: resource.scope == "Namespaced",
                    });
                }
            }
        }
    }
}

/// Whether objects of it are kept: reviews and bindings are only posted.
fn is_kept(verbs: &[String]) -> bool {
    ["get", "patch"].iter().all(|verb| verbs.iter().any(|one| one == verb))
}

/// `APIGroupList`
#[derive(Debug, Deserialize)]
struct GroupList {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<GroupVersion>,
    preferred_version: Option<GroupVersion>,
}

#[derive(Debug, Deserialize)]
struct GroupVersion {
    version: String,
}

async fn add_groups(api: &Api, catalogue: &mut Catalogue, list: GroupList) -> Result<(), DiscoveryError> {
    for group in list.groups {
        let preferred = group.preferred_version.into_iter().map(|preferred| preferred.version);
        let mut versions: Vec<String> = preferred.collect();
        for GroupVersion { version } in group.versions {
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        for version in versions {
            add_version(api, catalogue, &group.name, &version).await?;
        }
    }
    Ok(())
}

/// `APIResourceList`
#[derive(Debug, Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<ListedResource>,
}

#[derive(Debug, Deserialize)]
struct ListedResource {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
    /// Set when it is another group's.
    #[serde(default)]
    group: String,
}

async fn add_version(
    api: &Api,
    catalogue: &mut Catalogue,
    group: &str,
    version: &str,
) -> Result<(), DiscoveryError> {
    let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let answer = api.get(&path, PLAIN).await.map_err(DiscoveryError::NoAnswer)?;
    if let Some(refusal) = Refusal::of(&answer) {
        // One broken server of many: what it serves is not known.
        let reason = format!("the server of `{group}/{version}` does not answer: {}", refusal.words());
        catalogue.unknown.insert(group.into(), reason);
        return Ok(());
    }
    let list: ResourceList = parse(&path, &answer.body)?;
    for resource in list.resources {
        let is_own = resource.group.is_empty() || resource.group == group;
        if is_own && !resource.name.contains('/') && is_kept(&resource.verbs) {
            catalogue.add(Resource {
                group: group.into(),
                version: version.into(),
                kind: resource.kind.into(),
                plural: resource.name.into(),
                namespaced: resource.namespaced,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn aggregated() -> Catalogue {
        let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
        let verbs = json!(["get", "list", "patch", "watch"]);
        let list = json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [
                {"version": "v2", "resources": [{"resource": "deployments", "responseKind": kind("", "", "Deployment"), "scope": "Namespaced", "verbs": verbs}]},
                {"version": "v1", "resources": [
                    {"resource": "deployments", "responseKind": kind("apps", "v1", "Deployment"), "scope": "Namespaced", "verbs": verbs},
                    {"resource": "scales", "responseKind": kind("autoscaling", "v1", "Scale"), "scope": "Namespaced", "verbs": verbs},
                    {"resource": "reviews", "responseKind": kind("apps", "v1", "Review"), "scope": "Cluster", "verbs": ["create"]},
                ]},
            ]},
            {"metadata": {"name": "broken.example"}, "versions": [{"version": "v1", "freshness": "Stale"}]},
        ]});
        let mut catalogue = Catalogue::default();
        add_aggregated(&mut catalogue, serde_json::from_value(list).unwrap());
        catalogue
    }

    #[test]
    fn kinds_are_found_in_their_versions() {
        let catalogue = aggregated();
        let version = |found: Served| match found {
            Served::Yes(resource) => format!("{}/{}", resource.group, resource.version),
            other => format!("{other:?}"),
        };
        assert_eq!(version(catalogue.find("apps", "Deployment", None)), "apps/v2", "the preferred one");
        assert_eq!(version(catalogue.find("apps", "Deployment", Some("v1"))), "apps/v1");
        assert_eq!(catalogue.find("apps", "Deployment", Some("v9")), Served::No);
        assert_eq!(catalogue.find("apps", "Scale", None), Served::No, "a view of another group's kind");
        assert_eq!(catalogue.find("apps", "Review", None), Served::No, "nothing is kept of it");
    }

    #[test]
    fn a_group_that_does_not_answer_is_not_empty() {
        let catalogue = aggregated();
        assert!(matches!(catalogue.find("broken.example", "Any", None), Served::Unknown(_)));
        assert_eq!(catalogue.find("other.example", "Any", None), Served::No);
    }
}
