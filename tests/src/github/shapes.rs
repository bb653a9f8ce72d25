//! People, the repository and the App, with all the fields that GitHub sends.

use serde_json::{Map, Value, json};

use super::caller::{Caller, Role};
use super::state::{State, moment};

/// Fields of a repository that are addresses below its own, as GitHub's templates have them.
const BELOW_REPOSITORY: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// The same of somebody.
const BELOW_USER: &[(&str, &str)] = &[
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("organizations_url", "/orgs"),
    ("repos_url", "/repos"),
    ("events_url", "/events{/privacy}"),
    ("received_events_url", "/received_events"),
];

/// Numbers of those who are nobody in particular.
const STRANGER: u64 = 900;

/// Writes down what the fake knows.
#[derive(Clone, Copy)]
pub(super) struct Shapes<'a> {
    pub(super) state: &'a State,
    /// The scheme, host and port of the fake.
    pub(super) base: &'a str,
}

impl State {
    pub(super) fn shapes(&self) -> Shapes<'_> {
        Shapes { state: self, base: &self.base }
    }
}

/// A number as GitHub's other interface has it.
pub(super) fn node_id(kind: &str, id: u64) -> String {
    format!("{kind}_{id:08x}")
}

impl Shapes<'_> {
    /// The address of the repository in the API.
    pub(super) fn root(&self) -> String {
        format!("{}/repos/{}", self.base, self.state.repository.full_name())
    }

    /// And its page for people.
    pub(super) fn page(&self) -> String {
        format!("{}/{}", self.base, self.state.repository.full_name())
    }

    pub(super) fn user(&self, login: &str) -> Value {
        let kind = match login {
            owner if owner == self.state.repository.owner => "Organization",
            bot if bot.ends_with("[bot]") => "Bot",
            _ => "User",
        };
        let id = self.state.person(login).map_or(STRANGER, |person| person.id);
        let url = format!("{}/users/{}", self.base, login.replace('[', "%5B").replace(']', "%5D"));
        let mut user = json!({"login": login, "id": id, "node_id": node_id("U", id), "gravatar_id": "",
            "avatar_url": format!("{}/avatars/{id}", self.base), "html_url": format!("{}/{}", self.base, id),
            "type": kind, "site_admin": false, "user_view_type": "public"});
        for (field, tail) in BELOW_USER {
            user[*field] = json!(format!("{url}{tail}"));
        }
        user["url"] = json!(url);
        user
    }

    /// Who one is oneself.
    pub(super) fn private_user(&self, login: &str) -> Value {
        let mut user = self.user(login);
        let made = moment(self.state.repository.made);
        let more = json!({"name": null, "company": null, "blog": "", "location": null, "email": null,
            "hireable": null, "bio": null, "twitter_username": null, "public_repos": 0, "public_gists": 0,
            "followers": 0, "following": 0, "created_at": made, "updated_at": made, "private_gists": 0,
            "total_private_repos": 1, "owned_private_repos": 0, "disk_usage": 1, "collaborators": 0,
            "two_factor_authentication": true});
        extend(&mut user, more);
        user
    }

    /// What the repository is to somebody.
    pub(super) fn repository(&self, viewer: &Caller) -> Value {
        self.repository_of(&self.state.repository.owner, viewer)
    }

    /// The repository, or a fork of it.
    pub(super) fn repository_of(&self, owner: &str, viewer: &Caller) -> Value {
        let repository = &self.state.repository;
        let is_fork = owner != repository.owner;
        let (name, full_name) = (&repository.name, format!("{owner}/{}", repository.name));
        let id =
            repository.id + u64::from(is_fork) * (1 + self.state.person(owner).map_or(0, |person| person.id));
        let (url, page) = (format!("{}/repos/{full_name}", self.base), format!("{}/{full_name}", self.base));
        let made = moment(repository.made);
        let mut value = json!({"id": id, "node_id": node_id("R", id), "name": name, "full_name": full_name,
            "owner": self.user(owner), "private": true, "html_url": page, "description": null,
            "fork": is_fork, "url": url, "git_url": format!("git:{full_name}.git"),
            "ssh_url": format!("git@127.0.0.1:{full_name}.git"), "clone_url": format!("{page}.git"),
            "svn_url": page});
        let more = json!({"mirror_url": null, "homepage": null, "language": null, "forks_count": 0,
            "stargazers_count": 0, "watchers_count": 0, "size": 1, "default_branch": "main",
            "open_issues_count": 0, "is_template": false, "topics": [], "has_issues": true,
            "has_projects": true, "has_wiki": false, "has_pages": false, "has_downloads": true,
            "has_discussions": false, "archived": repository.is_archived, "disabled": false,
            "visibility": "private", "pushed_at": made, "created_at": made, "updated_at": made,
            "permissions": self.permissions(viewer), "license": null, "forks": 0, "open_issues": 0,
            "watchers": 0});
        extend(&mut value, more);
        for (field, tail) in BELOW_REPOSITORY {
            value[*field] = json!(format!("{url}{tail}"));
        }
        value
    }

    /// With what only the repository's own answer tells.
    pub(super) fn full_repository(&self, viewer: &Caller) -> Value {
        let mut value = self.repository(viewer);
        let allows = |method: &str| self.state.repository.methods.contains(method);
        let more = json!({"allow_merge_commit": allows("merge"), "allow_squash_merge": allows("squash"),
            "allow_rebase_merge": allows("rebase"), "allow_auto_merge": false,
            "delete_branch_on_merge": false, "subscribers_count": 0, "network_count": 0});
        extend(&mut value, more);
        value
    }

    fn permissions(&self, viewer: &Caller) -> Value {
        let role = match viewer {
            Caller::Person(login) => self.state.role(login),
            // What an App may is said with its installation, and not here.
            _ => Role::Read,
        };
        json!({"admin": role >= Role::Admin, "maintain": role >= Role::Maintain, "push": role >= Role::Write,
            "triage": role >= Role::Triage, "pull": role >= Role::Read})
    }

    pub(super) fn collaborator(&self, login: &str) -> Value {
        let mut value = self.user(login);
        value["permissions"] = self.permissions(&Caller::Person(login.to_owned()));
        value["role_name"] = json!(self.state.role(login).name());
        value
    }

    pub(super) fn app(&self) -> Value {
        let app = &self.state.app;
        let made = moment(self.state.repository.made);
        json!({"id": app.id, "slug": app.slug, "node_id": node_id("A", app.id), "client_id": app.client_id,
            "owner": self.user(&self.state.repository.owner), "name": "naksha of tests", "description": null,
            "external_url": format!("{}/naksha", self.base), "html_url": format!("{}/apps/{}", self.base, app.slug),
            "created_at": made, "updated_at": made, "permissions": app.permissions,
            "events": ["check_run", "issue_comment", "merge_group", "pull_request", "pull_request_review", "push"]})
    }

    /// As what a thing names that an App made; nothing where a person did.
    pub(super) fn via(&self, author: &str) -> Value {
        if author == self.state.app.login() { self.app() } else { Value::Null }
    }

    pub(super) fn installation(&self) -> Value {
        let app = &self.state.app;
        let made = moment(self.state.repository.made);
        let url = format!("{}/app/installations/{}", self.base, app.installation);
        let owner = self.user(&self.state.repository.owner);
        json!({"id": app.installation, "target_id": owner["id"], "target_type": "Organization",
            "account": owner, "repository_selection": "selected", "app_id": app.id, "client_id": app.client_id,
            "access_tokens_url": format!("{url}/access_tokens"),
            "repositories_url": format!("{}/installation/repositories", self.base), "html_url": url,
            "permissions": app.permissions, "events": ["push"], "created_at": made, "updated_at": made,
            "single_file_name": null, "app_slug": app.slug, "suspended_by": null, "suspended_at": null})
    }
}

/// Adds fields to an object.
pub(super) fn extend(value: &mut Value, more: Value) {
    let more = match more {
        Value::Object(more) => more,
        _ => Map::new(),
    };
    if let Some(object) = value.as_object_mut() {
        object.extend(more);
    }
}
