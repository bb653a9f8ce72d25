//! The kinds that Kubernetes itself serves: which groups are its own, which kinds have no namespace, and what is wrong
//! with an `apiVersion` and `kind` that it does not have.
//!
//! Its own groups are closed: nobody else can add a kind to them, and nobody else can make a group without a dot (the API
//! server refuses such a CustomResourceDefinition). Every other group is somebody's, and is never judged.

mod defaults;
mod fields;
mod table;
mod well_known;

pub use defaults::is_default;
pub use fields::{TABLE as FIELDS, UnknownField, unknown_fields};

use crate::diagnostic::did_you_mean;
use table::{GONE, GROUPS, Gone, Group, Instead, Kind};

/// Whether objects of a kind lie in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespace,
}

/// Whether the API server itself serves the group, or did. Its schemas are known; those of other groups are not.
pub fn is_built_in(group: &str) -> bool {
    find_group(group).is_some() || GONE.iter().any(|gone| gone.group == group)
}

/// Every kind that is served, with its group.
pub fn kinds() -> impl Iterator<Item = (&'static str, &'static str)> {
    GROUPS.iter().flat_map(|group| group.kinds.iter().map(move |kind| (group.name, kind.name)))
}

/// Where objects of a built-in kind lie. `None`: it is no built-in kind. Custom kinds say it in their definition.
pub fn scope(group: &str, kind: &str) -> Option<Scope> {
    let served = find_group(group).and_then(|own| own.find(kind)).map(|own| own.scope);
    served.or_else(|| find_gone(group, kind).map(|gone| gone.scope))
}

/// Whether objects of this kind have no namespace: a built-in one, or one of a well-known project.
pub fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    scope(group, kind) == Some(Scope::Cluster) || well_known::is_cluster_scoped(group, kind)
}

/// Whether the group is that of a well-known project, whose kinds without a namespace are known.
pub fn is_well_known(group: &str) -> bool {
    well_known::is_known(group)
}

/// What is wrong with a kind and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub field: MisfitField,
    pub message: String,
    pub hint: String,
}

/// The field that is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MisfitField {
    ApiVersion,
    Kind,
}

/// Whether a current Kubernetes has this kind in this version; what is wrong when it has not. Kinds of other groups fit.
pub fn misfit(api_version: &str, kind: &str) -> Option<Misfit> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    if let Some(gone) = find_gone(group, kind) {
        return Some(gone.misfit(api_version));
    }
    let Some(own) = find_group(group) else {
        // A group without a dot is nobody's.
        let is_open = group.contains('.') || is_built_in(group);
        return (!is_open).then(|| unknown_group(group, kind));
    };
    let Some(known) = own.find(kind) else {
        return Some(unknown_kind(own, api_version, kind));
    };
    if known.served.contains(&version) {
        return None;
    }
    let best = own.best(known);
    let removed = known.removed.iter().find(|(removed, _)| *removed == version);
    let (message, hint) = if let Some((_, since)) = removed {
        (served_no_more(kind, api_version, since), newer(&best))
    } else {
        let of = if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") };
        (format!("`{of}` has no version `{version}`"), format!("write `apiVersion: {best}`"))
    };
    Some(Misfit { field: MisfitField::ApiVersion, message, hint })
}

fn find_group(name: &str) -> Option<&'static Group> {
    GROUPS.binary_search_by(|group| group.name.cmp(name)).ok().map(|at| &GROUPS[at])
}

fn find_gone(group: &str, kind: &str) -> Option<&'static Gone> {
    GONE.iter().find(|gone| gone.group == group && gone.kind == kind)
}

/// Where a kind is served, whatever its group; the first group by name that has it.
fn elsewhere(kind: &str) -> Option<String> {
    GROUPS.iter().find_map(|group| Some(group.best(group.find(kind)?)))
}

impl Group {
    fn find(&self, kind: &str) -> Option<&'static Kind> {
        self.kinds.binary_search_by(|own| own.name.cmp(kind)).ok().map(|at| &self.kinds[at])
    }

    /// The `apiVersion` to write.
    fn best(&self, kind: &Kind) -> String {
        let version = kind.served.first().copied().unwrap_or_default();
        if self.name.is_empty() { version.to_owned() } else { format!("{}/{version}", self.name) }
    }
}

impl Gone {
    fn misfit(&self, api_version: &str) -> Misfit {
        let message = served_no_more(self.kind, api_version, self.since);
        match self.instead {
            Instead::ApiVersion(best) => {
                Misfit { field: MisfitField::ApiVersion, message, hint: newer(best) }
            }
            Instead::Words(words) => Misfit { field: MisfitField::Kind, message, hint: words.to_owned() },
        }
    }
}

fn served_no_more(kind: &str, api_version: &str, since: &str) -> String {
    let since = if since.is_empty() { String::new() } else { format!(" since Kubernetes {since}") };
    format!("`{api_version}` of `{kind}` is served no more{since}")
}

fn newer(api_version: &str) -> String {
    format!("write `apiVersion: {api_version}`, and look whether its fields are the same")
}

fn unknown_group(group: &str, kind: &str) -> Misfit {
    let message = format!("Kubernetes has no API group `{group}`");
    let near = || did_you_mean(group, GROUPS.iter().map(|group| group.name).filter(|name| !name.is_empty()));
    let hint = match (elsewhere(kind), near()) {
        (Some(best), _) => format!("write `apiVersion: {best}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => "a group of custom kinds has a dot in its name".to_owned(),
    };
    Misfit { field: MisfitField::ApiVersion, message, hint }
}

/// The kind is another group's, or a slip of the pen.
fn unknown_kind(group: &'static Group, api_version: &str, kind: &str) -> Misfit {
    let message = format!("`{api_version}` has no kind `{kind}`");
    if let Some(best) = elsewhere(kind) {
        return Misfit {
            field: MisfitField::ApiVersion,
            message,
            hint: format!("write `apiVersion: {best}`"),
        };
    }
    let names = |groups: &'static [Group]| groups.iter().flat_map(|group| group.kinds).map(|kind| kind.name);
    let near =
        did_you_mean(kind, names(std::slice::from_ref(group))).or_else(|| did_you_mean(kind, names(GROUPS)));
    let own = near.and_then(|near| group.find(near)).map(|near| group.best(near));
    let best = own.or_else(|| near.and_then(elsewhere));
    let hint = match (near, best) {
        (Some(near), Some(best)) if best == api_version => format!("did you mean `{near}`?"),
        (Some(near), Some(best)) => format!("did you mean `{near}`? It is `apiVersion: {best}`"),
        _ => "a custom kind has a group of its own: `apiVersion: GROUP/VERSION`".to_owned(),
    };
    Misfit { field: MisfitField::Kind, message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_complete() {
        assert!(GROUPS.is_sorted_by(|one, two| one.name < two.name));
        for group in GROUPS {
            assert!(group.kinds.is_sorted_by(|one, two| one.name < two.name), "{}", group.name);
            for kind in group.kinds {
                assert!(!kind.served.is_empty(), "{}", kind.name);
                let clash = kind.removed.iter().any(|(version, _)| kind.served.contains(version));
                assert!(!clash, "{}", kind.name);
            }
        }
        for gone in GONE {
            let served = find_group(gone.group).and_then(|group| group.find(gone.kind));
            assert!(served.is_none(), "{} is served", gone.kind);
            if let Instead::ApiVersion(best) = gone.instead {
                assert_eq!(misfit(best, gone.kind), None, "{best} is no better");
            }
        }
    }

    #[test]
    fn kinds_know_where_they_lie() {
        assert_eq!(scope("", "Namespace"), Some(Scope::Cluster));
        assert_eq!(scope("apps", "Deployment"), Some(Scope::Namespace));
        assert_eq!(scope("policy", "PodSecurityPolicy"), Some(Scope::Cluster));
        assert_eq!(scope("authorization.k8s.io", "LocalSubjectAccessReview"), Some(Scope::Namespace));
        assert_eq!(scope("cert-manager.io", "ClusterIssuer"), None);
        assert!(is_built_in("") && is_built_in("extensions") && !is_built_in("gateway.networking.k8s.io"));
    }

    #[test]
    fn what_is_there_or_somebody_elses_is_not_judged() {
        for (api_version, kind) in [
            ("v1", "ConfigMap"),
            ("apps/v1", "Deployment"),
            ("autoscaling/v1", "HorizontalPodAutoscaler"),
            ("resource.k8s.io/v1beta2", "DeviceClass"),
            ("networking.k8s.io/v1", "Ingress"),
            ("gateway.networking.k8s.io/v9", "Gatewy"),
            ("snapshot.storage.k8s.io/v1", "VolumeSnapshot"),
            ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
            ("networkin.k8s.io/v1", "Ingress"),
            ("example.com/v1", "ConfgMap"),
        ] {
            assert_eq!(misfit(api_version, kind), None, "{api_version} {kind}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let check = |api_version: &str, kind: &str| {
            let Misfit { field, message, hint } = misfit(api_version, kind).expect("should be judged");
            let field = if field == MisfitField::Kind { "kind" } else { "apiVersion" };
            format!("{field}: {message}; {hint}")
        };
        let same = "and look whether its fields are the same";
        let pod_security =
            "label the Namespace for Pod Security Admission, or write a ValidatingAdmissionPolicy";
        let table = [
            ("v9", "ConfgMap", "kind: `v9` has no kind `ConfgMap`; did you mean `ConfigMap`? It is `apiVersion: v1`".to_owned()),
            ("v1", "configmap", "kind: `v1` has no kind `configmap`; did you mean `ConfigMap`?".to_owned()),
            ("v9", "ConfigMap", "apiVersion: `ConfigMap` has no version `v9`; write `apiVersion: v1`".to_owned()),
            ("apps/v1beta7", "Deployment", "apiVersion: `apps/Deployment` has no version `v1beta7`; write `apiVersion: apps/v1`".to_owned()),
            ("apps", "Deployment", "apiVersion: `apps` has no kind `Deployment`; write `apiVersion: apps/v1`".to_owned()),
            ("v1", "Deployment", "apiVersion: `v1` has no kind `Deployment`; write `apiVersion: apps/v1`".to_owned()),
            ("app/v1", "Deployment", "apiVersion: Kubernetes has no API group `app`; write `apiVersion: apps/v1`".to_owned()),
            ("batc/v1", "Task", "apiVersion: Kubernetes has no API group `batc`; did you mean `batch`?".to_owned()),
            ("things/v1", "Task", "apiVersion: Kubernetes has no API group `things`; a group of custom kinds has a dot in its name".to_owned()),
            ("v1", "Certificate", "kind: `v1` has no kind `Certificate`; a custom kind has a group of its own: `apiVersion: GROUP/VERSION`".to_owned()),
            ("extensions/v1beta1", "Ingress", format!("apiVersion: `extensions/v1beta1` of `Ingress` is served no more since Kubernetes 1.22; write `apiVersion: networking.k8s.io/v1`, {same}")),
            ("networking.k8s.io/v1beta1", "Ingress", format!("apiVersion: `networking.k8s.io/v1beta1` of `Ingress` is served no more since Kubernetes 1.22; write `apiVersion: networking.k8s.io/v1`, {same}")),
            ("autoscaling/v2beta2", "HorizontalPodAutoscaler", format!("apiVersion: `autoscaling/v2beta2` of `HorizontalPodAutoscaler` is served no more since Kubernetes 1.26; write `apiVersion: autoscaling/v2`, {same}")),
            ("batch/v2alpha1", "CronJob", format!("apiVersion: `batch/v2alpha1` of `CronJob` is served no more; write `apiVersion: batch/v1`, {same}")),
            ("policy/v1beta1", "PodSecurityPolicy", format!("kind: `policy/v1beta1` of `PodSecurityPolicy` is served no more since Kubernetes 1.25; {pod_security}")),
        ];
        for (api_version, kind, expected) in table {
            assert_eq!(check(api_version, kind), expected);
        }
    }
}
