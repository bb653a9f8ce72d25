//! What an action lets somebody do who could not before: a reviewer must not miss it among other changes.

use naksha_environments::wire::{ActionDocument, WorkflowChangeDocument};

use super::escape::{code, inline};

/// API group of the kinds that give rights (Kubernetes, "Using RBAC Authorization").
const RBAC: &str = "rbac.authorization.k8s.io";
const RBAC_KINDS: &[&str] = &["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];
/// Their fields that say which rights, and whose.
const RIGHTS: &[&str] = &["rules", "subjects", "roleRef", "aggregationRule"];
/// A label that puts the rules of one role into another one.
const AGGREGATES: &str = "rbac.authorization.k8s.io/aggregate-to-";
/// What is named of one workflow. The picture and the list of actions have all of it.
const MAX_NAMED: usize = 12;

/// In Markdown, as it stands after the name of an environment; nothing when it gives nothing.
pub(super) fn gains(action: &ActionDocument) -> Option<String> {
    let subject = code(&action.subject.to_string());
    if let Some(change) = &action.workflow {
        let gained = of_workflow(change);
        let more = gained.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named: Vec<_> = gained.into_iter().take(MAX_NAMED).collect();
        return (!named.is_empty()).then(|| format!(": {subject} **gains** {}{more}", named.join(", ")));
    }
    let is_rbac = action.subject.group == RBAC && RBAC_KINDS.contains(&action.subject.kind.as_str());
    match action.verb.as_str() {
        _ if !is_rbac => None,
        "delete" | "disown" => None,
        "create" => Some(format!(": **gives rights**: create {subject}")),
        // Less can be more: a rule that names no objects any longer is about all of them. So any change of these counts.
        verb if action.changes.iter().any(|change| is_right(&change.path)) => {
            Some(format!(": **changes rights**: {} {subject}", inline(verb)))
        }
        _ => None,
    }
}

/// Grants first. A workflow that is new has no edges but new ones: they are its shape, and no news.
fn of_workflow(change: &WorkflowChangeDocument) -> Vec<String> {
    let grants = change.grants.iter().filter(|grant| grant.gained);
    let grants = grants.map(|grant| format!("{} {}", inline(&grant.kind), code(&grant.name)));
    let edges = change.edges.iter().filter(|edge| edge.gained && change.before.is_some());
    let edges = edges.map(|edge| format!("edge {}", code(&format!("{} → {}", edge.from, edge.to))));
    grants.chain(edges).collect()
}

fn is_right(path: &str) -> bool {
    let first = path.split(['.', '[']).next().unwrap_or_default();
    RIGHTS.contains(&first) || path.contains(AGGREGATES)
}

#[cfg(test)]
mod tests {
    use naksha_environments::wire::{
        ChangeDocument, EdgeDocument, GrantDocument, PictureDocument, SubjectDocument,
    };

    use super::*;

    fn action(group: &str, kind: &str, verb: &str, paths: &[&str]) -> ActionDocument {
        let change = |path: &&str| ChangeDocument {
            path: (*path).to_owned(),
            before: None,
            after: None,
            set_by: None,
        };
        let (group, kind, name) = (group.to_owned(), kind.to_owned(), "x".to_owned());
        ActionDocument {
            digest: String::new(),
            unit: None,
            subject: SubjectDocument { group, kind, namespace: None, name },
            verb: verb.to_owned(),
            from: None,
            cause: "change".to_owned(),
            stateful: false,
            from_base: false,
            wave: 0,
            place: None,
            changes: paths.iter().map(change).collect(),
            conflicts: vec![],
            workflow: None,
        }
    }

    #[test]
    fn rights_are_told_where_they_come_and_where_they_change() {
        let told = |kind: &str, verb: &str, paths: &[&str]| gains(&action(RBAC, kind, verb, paths));
        let role = "`rbac.authorization.k8s.io/ClusterRole x`";
        assert_eq!(told("ClusterRole", "create", &[]), Some(format!(": **gives rights**: create {role}")));
        let changes = Some(format!(": **changes rights**: update {role}"));
        for path in [
            "rules[0].verbs",
            "aggregationRule.clusterRoleSelectors",
            "metadata.labels[\"rbac.authorization.k8s.io/aggregate-to-admin\"]",
        ] {
            assert_eq!(told("ClusterRole", "update", &["metadata.labels.app", path]), changes, "{path}");
        }
        let binding = ": **changes rights**: replace `rbac.authorization.k8s.io/RoleBinding x`";
        assert_eq!(told("RoleBinding", "replace", &["roleRef.name"]).as_deref(), Some(binding));
        assert!(told("RoleBinding", "update", &["subjects"]).is_some());
        for (verb, path) in [("update", "metadata.labels.rules"), ("update", "rulesOf"), ("delete", "rules")]
        {
            assert_eq!(told("Role", verb, &[path]), None, "{verb} {path}");
        }
        assert_eq!(gains(&action("example.org", "Role", "create", &[])), None, "of somebody else");
        assert_eq!(gains(&action("apps", "Deployment", "create", &["rules"])), None);
    }

    #[test]
    fn a_workflow_tells_what_it_may_touch_and_reaches() {
        let grant = |kind: &str, name: &str, gained| GrantDocument {
            kind: kind.to_owned(),
            name: name.to_owned(),
            gained,
        };
        let edge = |to: &str, gained| EdgeDocument { from: "fetch".to_owned(), to: to.to_owned(), gained };
        let change = WorkflowChangeDocument {
            before: Some("sha256:1".to_owned()),
            after: Some("sha256:2".to_owned()),
            nodes: vec![],
            edges: vec![edge("embed", true), edge("chunk", false)],
            settings: vec![],
            grants: vec![
                grant("host", "docs.example", true),
                grant("model", "small", false),
                grant("tool", "`@slack`.post", true),
            ],
            picture: PictureDocument::default(),
        };
        let told = |change: WorkflowChangeDocument| {
            gains(&ActionDocument { workflow: Some(change), ..action("", "Workflow", "update", &[]) })
        };
        let words = ": `Workflow x` **gains** host `docs.example`, tool `` `@\u{200b}slack`.post ``";
        assert_eq!(told(change.clone()), Some(format!("{words}, edge `fetch → embed`")));
        assert_eq!(told(WorkflowChangeDocument { before: None, ..change.clone() }).as_deref(), Some(words));
        let loses = WorkflowChangeDocument {
            grants: vec![grant("model", "small", false)],
            edges: vec![],
            ..change.clone()
        };
        assert_eq!(told(loses), None);
        let many = (0..20).map(|at| grant("host", &format!("h{at}"), true)).collect();
        let many = told(WorkflowChangeDocument { grants: many, ..change }).unwrap();
        assert!(many.ends_with("host `h11` and 9 more"), "{many}");
    }
}
