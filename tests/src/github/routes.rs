//! From a request to its answer, as GitHub goes: who asks, what it costs, whether they may, then what is asked.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::{Answer, Outcome, refusal};
use super::call::Call;
use super::caller::{Caller, admit, is_write};
use super::openapi::{Description, Operation, Parts, unescaped};
use super::state::{Owner, State};
use super::{
    app, checks, comments, contents, deployments, merge, people, protection, pulls, refs, repository_hooks,
    reviews, statuses, webhooks,
};

/// A request as it came.
pub(super) struct Incoming {
    pub(super) method: String,
    /// With its query, and escaped.
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// What was answered, and to whom.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) caller: String,
}

/// Operations that GitHub counts as making content.
const CONTENT: [&str; 9] = [
    "checks/create",
    "issues/create-comment",
    "issues/update-comment",
    "pulls/create",
    "reactions/create-for-issue-comment",
    "repos/create-commit-status",
    "repos/create-deployment",
    "repos/create-deployment-status",
    "repos/create-or-update-file-contents",
];

impl State {
    pub(super) fn answer(&mut self, incoming: &Incoming) -> Answered {
        let description = Description::shared();
        let who = self.authenticate(incoming.headers.get("authorization").map(String::as_str));
        let caller = self.asker(incoming);
        if !incoming.headers.contains_key("user-agent") {
            let words = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
            return Answered { answer: refusal(403, words), caller };
        }
        if let Some(answer) = self.moved(incoming) {
            return Answered { answer, caller };
        }
        let (path, query) = self.located(&incoming.target);
        let Some((operation, parts)) = description.find(&incoming.method, &path) else {
            return Answered {
                answer: self.violation(
                    incoming,
                    &["GitHub has no such endpoint, or the fake was not told of it".to_owned()],
                ),
                caller,
            };
        };
        let body = match parsed(&incoming.body) {
            Ok(body) => body,
            Err(answer) => return Answered { answer, caller },
        };
        let wrong = description.check_request(operation, &query, body.as_ref());
        if !wrong.is_empty() {
            return Answered { answer: self.violation(incoming, &wrong), caller };
        }
        let asked = Asked { operation, parts, query, body: body.unwrap_or_default(), path };
        let outcome = who.and_then(|who| self.judged(asked, who, &caller));
        let mut answer = outcome.unwrap_or_else(|refused| refused);
        let wrong = description.check_answer(operation, answer.status, answer.body.as_ref());
        if answer.status == 500 {
            let words = answer.body.as_ref().map(|body| body["message"].to_string());
            answer = self.violation(incoming, &words.into_iter().collect::<Vec<_>>());
        } else if !wrong.is_empty() {
            answer = self.violation(incoming, &wrong);
        }
        self.finish(incoming, &caller, &mut answer);
        Answered { answer, caller }
    }

    /// Whether they may at all, and whether there is enough left of what they may.
    fn judged(&mut self, asked: Asked<'_>, who: Caller, login: &str) -> Outcome {
        let (id, now) = (asked.operation.id.as_str(), self.now());
        self.limits.spend(login, now)?;
        admit(self, id, &who)?;
        self.is_ours(&asked)?;
        if self.repository.is_archived && is_write(id) {
            return Err(refusal(403, "Repository was archived so is read-only."));
        }
        if CONTENT.contains(&id) {
            self.limits.say(login, now)?;
        }
        let Asked { operation, parts, query, body, path } = asked;
        let call = Call { base: self.base.clone(), path, parts, query, body, caller: who };
        dispatch(self, &operation.id, &call)
    }

    /// There is only one repository.
    fn is_ours(&self, asked: &Asked<'_>) -> Result<(), Answer> {
        let (Some(owner), Some(name)) = (asked.parts.get("owner"), asked.parts.get("repo")) else {
            return Ok(());
        };
        let is_it = format!("{owner}/{name}").eq_ignore_ascii_case(&self.repository.full_name());
        if is_it { Ok(()) } else { Err(super::answer::not_found()) }
    }

    fn violation(&mut self, incoming: &Incoming, wrong: &[String]) -> Answer {
        let words = format!("{} {}: {}", incoming.method, incoming.target, wrong.join("; "));
        self.violations.push(words.clone());
        refusal(500, format!("against GitHub's description: {words}"))
    }

    /// A repository that was renamed answers where it is now.
    fn moved(&self, incoming: &Incoming) -> Option<Answer> {
        let (path, query) = incoming.target.split_once('?').unwrap_or((&incoming.target, ""));
        let rest = path.strip_prefix("/repos/")?;
        let mut segments = rest.splitn(3, '/');
        let name = format!("{}/{}", segments.next()?, segments.next()?).to_lowercase();
        if !self.repository.old_names.contains(&name) {
            return None;
        }
        let tail = segments.next().map(|tail| format!("/{tail}")).unwrap_or_default();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let to = format!("{}/repositories/{}{tail}{query}", self.base, self.repository.id);
        let status = if incoming.method == "GET" { 301 } else { 307 };
        let mut answer = refusal(status, "Moved Permanently").with("location", &to);
        if let Some(body) = &mut answer.body {
            body["url"] = Value::from(to);
        }
        Some(answer)
    }

    /// The path, where a repository is named by its number too, and the query.
    fn located(&self, target: &str) -> (String, BTreeMap<String, String>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let by_number = format!("/repositories/{}", self.repository.id);
        let path = match path.strip_prefix(&by_number) {
            Some(tail) => format!("/repos/{}{tail}", self.repository.full_name()),
            None => path.to_owned(),
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let plain = |text: &str| unescaped(&text.replace('+', " "));
        (path, pairs.map(|(name, value)| (plain(name), plain(value))).collect())
    }

    /// The login of who asks, as far as that is proven.
    pub(super) fn asker(&self, incoming: &Incoming) -> String {
        let header = incoming.headers.get("authorization").map(String::as_str);
        self.authenticate(header).unwrap_or(Caller::Nobody).login(self)
    }

    fn authenticate(&self, header: Option<&str>) -> Result<Caller, Answer> {
        let Some(header) = header else { return Ok(Caller::Nobody) };
        let text = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("token "));
        let text = text.ok_or_else(|| refusal(401, "Bad credentials"))?.trim();
        if text.matches('.').count() == 2 {
            return self.app.verify(text, self.now()).map(|()| Caller::App);
        }
        self.owner_of(text).ok_or_else(|| refusal(401, "Bad credentials"))
    }

    /// Whose token it is, while it is good.
    pub(super) fn owner_of(&self, token: &str) -> Option<Caller> {
        let token = self.tokens.get(token)?;
        if token.expires.is_some_and(|expires| expires <= self.now()) {
            return None;
        }
        Some(match &token.owner {
            Owner::Person(login) => Caller::Person(login.clone()),
            Owner::Installation(permissions) => Caller::Installation(permissions.clone()),
        })
    }

    /// The headers, and nothing at all for what the asker knows already.
    fn finish(&mut self, incoming: &Incoming, caller: &str, answer: &mut Answer) {
        let now = self.now();
        if incoming.method == "GET" && answer.status == 200 {
            let etag = format!("W/\"{}\"", digest(answer.body.as_ref(), &answer.headers));
            if incoming.headers.get("if-none-match") == Some(&etag) {
                self.limits.give_back(caller, now);
                *answer = Answer::new(304, None);
            }
            answer.headers.push(("etag", etag));
        }
        answer.headers.extend(self.limits.headers(caller, now));
        answer.headers.push(("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        let header = incoming.headers.get("authorization").map(String::as_str);
        if matches!(self.authenticate(header), Ok(Caller::Person(_))) && !self.is_fine_grained {
            answer.headers.push(("x-oauth-scopes", self.scopes.clone()));
        }
    }
}

struct Asked<'a> {
    operation: &'a Operation,
    parts: Parts,
    query: BTreeMap<String, String>,
    body: Value,
    path: String,
}

fn parsed(body: &[u8]) -> Result<Option<Value>, Answer> {
    if body.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(body).map(Some).map_err(|_| refusal(400, "Problems parsing JSON"))
}

fn digest(body: Option<&Value>, headers: &[(&'static str, String)]) -> String {
    let links = headers.iter().find(|(name, _)| *name == "link").map_or("", |(_, link)| link);
    let text = format!("{}{links}", body.map(Value::to_string).unwrap_or_default());
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn dispatch(state: &mut State, operation: &str, call: &Call) -> Outcome {
    match operation {
        "users/get-authenticated" => people::myself(state, call),
        "repos/get" => Ok(people::repository(state, call)),
        "repos/get-collaborator-permission-level" => people::permission(state, call),
        "teams/get-membership-for-user-in-org" => people::membership(state, call),
        "apps/get-authenticated" => Ok(app::get(state)),
        "apps/get-repo-installation" => app::installation(state, call),
        "apps/create-installation-access-token" => app::make_token(state, call),
        "apps/get-webhook-config-for-app" => Ok(repository_hooks::of_app(state)),
        "apps/list-webhook-deliveries" => Ok(webhooks::list(state, call)),
        "apps/redeliver-webhook-delivery" => webhooks::redeliver(state, call),
        "repos/list-webhooks" => Ok(repository_hooks::list(state, call)),
        "repos/create-webhook" => repository_hooks::create(state, call),
        "repos/update-webhook" => repository_hooks::update(state, call),
        "repos/get-branch-protection" => protection::get(state, call),
        "repos/update-branch-protection" => protection::put(state, call),
        "repos/update-status-check-protection" => protection::patch_checks(state, call),
        "repos/get-branch-rules" => Ok(protection::rules(state, call)),
        "repos/get-branch" => refs::branch(state, call),
        "git/get-ref" => refs::get(state, call),
        "git/list-matching-refs" => Ok(refs::matching(state, call)),
        "git/create-ref" => refs::create(state, call),
        "git/update-ref" => refs::update(state, call),
        "git/delete-ref" => refs::delete(state, call),
        "repos/get-content" => contents::get(state, call),
        "repos/create-or-update-file-contents" => contents::put(state, call),
        "pulls/list" => Ok(pulls::list(state, call)),
        "pulls/create" => pulls::create(state, call),
        "pulls/get" => pulls::get(state, call),
        "pulls/update" => pulls::update(state, call),
        "pulls/merge" => merge::merge(state, call),
        "pulls/list-reviews" => reviews::list(state, call),
        "pulls/create-review" => reviews::create(state, call),
        "pulls/dismiss-review" => reviews::dismiss(state, call),
        "checks/create" => checks::create(state, call),
        "checks/update" => checks::update(state, call),
        "checks/get" => checks::get(state, call),
        "checks/list-for-ref" => checks::list(state, call),
        "checks/list-annotations" => checks::annotations(state, call),
        "repos/create-commit-status" => statuses::create(state, call),
        "repos/list-commit-statuses-for-ref" => statuses::list(state, call),
        "repos/get-combined-status-for-ref" => statuses::combined(state, call),
        "issues/list-comments" => comments::list(state, call),
        "issues/list-comments-for-repo" => comments::list_all(state, call),
        "issues/create-comment" => comments::create(state, call),
        "issues/get-comment" => comments::get(state, call),
        "issues/update-comment" => comments::update(state, call),
        "issues/delete-comment" => comments::delete(state, call),
        "reactions/create-for-issue-comment" => comments::react(state, call),
        "reactions/list-for-issue-comment" => comments::reactions(state, call),
        "repos/list-deployments" => Ok(deployments::list(state, call)),
        "repos/create-deployment" => deployments::create(state, call),
        "repos/list-deployment-statuses" => deployments::statuses(state, call),
        "repos/create-deployment-status" => deployments::create_status(state, call),
        other => Err(refusal(500, format!("the fake does not know {other}"))),
    }
}
