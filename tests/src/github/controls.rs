//! What a test changes behind everybody's back, what it breaks, and what it asks about afterwards.

use anyhow::Context as _;
use jiff::SignedDuration;
use serde_json::Value;

use super::app::AppKey;
use super::hold::Hold;
use super::limits::CHECK_TEXT;
use super::queue::Queued;
use super::server::GitHub;
use super::state::{Asked, CheckRun, Comment, Owner};
use super::trouble::{Failure, Trouble};

/// Settings of the repository and of the App.
impl GitHub {
    /// Its clock goes ahead, or back.
    pub fn advance(&self, by: SignedDuration) {
        self.state().ahead += by;
    }

    /// Checks that have to pass before something is merged into `main`. `main` is protected then.
    pub fn require(&self, names: &[&str]) {
        let required = names.iter().map(|name| ((*name).to_owned(), None)).collect();
        let protection = &mut self.state().repository.protection;
        (protection.is_on, protection.required) = (true, required);
    }

    /// A ruleset requires a check on `main`; of this App where one is named.
    pub fn rule(&self, name: &str, app: Option<u64>) {
        self.state().repository.protection.ruled.insert(name.to_owned(), app);
    }

    /// What `main` requires, and of which App.
    pub fn required(&self) -> Vec<(String, Option<u64>)> {
        self.state().required().into_iter().collect()
    }

    /// Webhooks of the repository: where to, and what they are signed with.
    pub fn hooks(&self) -> Vec<(String, Option<String>)> {
        let state = self.state();
        state.hooks.repository.iter().map(|hook| (hook.url.clone(), hook.secret.clone())).collect()
    }

    /// Of `merge`, `squash` and `rebase`.
    pub fn allow_methods(&self, methods: &[&'static str]) {
        self.state().repository.methods = methods.iter().copied().collect();
    }

    pub fn archive(&self) {
        self.state().repository.is_archived = true;
    }

    /// Its old name then answers with the new one.
    pub fn rename(&self, name: &str) {
        let mut state = self.state();
        let old = state.repository.full_name().to_lowercase();
        state.repository.old_names.insert(old);
        name.clone_into(&mut state.repository.name);
    }

    /// Somebody belongs to a team, or is only asked to.
    pub fn add_member(&self, organisation: &str, team: &str, login: &str, is_active: bool) {
        let key = format!("{organisation}/{team}/{login}").to_lowercase();
        self.state().members.insert(key, is_active);
    }

    /// What classic tokens of people may from now on: `repo, read:org`.
    pub fn scope_tokens(&self, scopes: &str) {
        scopes.clone_into(&mut self.state().scopes);
    }

    /// Tokens of people are fine-grained from now on, and know no check runs.
    pub fn make_tokens_fine_grained(&self) {
        self.state().is_fine_grained = true;
    }

    /// What the App's installation may from now on: `read`, `write`, or nothing. Tokens that it has stay as they are.
    pub fn permit(&self, name: &str, level: Option<&str>) {
        let mut state = self.state();
        match level {
            Some(level) => state.app.permissions.insert(name.to_owned(), level.to_owned()),
            None => state.app.permissions.remove(name),
        };
    }

    /// How long tokens of the installation live that are made from now on.
    pub fn token_life(&self, life: SignedDuration) {
        self.state().app.token_life = life;
    }

    /// The tokens of the installation end before their time.
    pub fn expire_tokens(&self) {
        self.state().tokens.retain(|_, token| !matches!(token.owner, Owner::Installation(_)));
    }

    /// A token is good no more.
    pub fn revoke(&self, token: &str) {
        self.state().tokens.remove(token);
    }

    /// The App knows its second key, and forgets the first.
    pub fn replace_app_key(&self) {
        self.state().app.key = AppKey::Second;
    }

    pub fn uninstall(&self) {
        self.state().app.is_installed = false;
        self.expire_tokens();
    }

    /// The number of the App, and its other name.
    pub fn app_ids(&self) -> (String, String) {
        let state = self.state();
        (state.app.id.to_string(), state.app.client_id.clone())
    }

    /// As whom the App writes.
    pub fn app_login(&self) -> String {
        self.state().app.login()
    }

    /// Where webhooks go, and what they are signed with.
    pub fn hook(&self, url: &str, secret: &str) {
        self.state().hooks.target = Some((url.to_owned(), secret.to_owned()));
    }
}

/// What happens.
impl GitHub {
    /// Another App says something about a commit.
    pub fn foreign_check(&self, sha: &str, name: &str, conclusion: &str) {
        self.change(|state| {
            let (id, now) = (state.next_id(), state.now());
            state.checks.push(CheckRun {
                id,
                sha: sha.to_owned(),
                is_foreign: true,
                name: name.to_owned(),
                status: "completed".to_owned(),
                conclusion: Some(conclusion.to_owned()),
                details: None,
                external: None,
                title: Some("by another app".to_owned()),
                summary: Some(String::new()),
                text: None,
                annotations: Vec::new(),
                started: Some(now),
                completed: Some(now),
            });
        });
    }

    /// Puts a pull request into the merge queue; the commit on which its checks are asked for.
    pub fn enqueue(&self, number: u64) -> anyhow::Result<String> {
        self.change(|state| state.enqueue(number))
    }

    /// Lets the queue look at the checks of a pull request.
    pub fn look_at_queue(&self, number: u64) -> anyhow::Result<Queued> {
        self.change(|state| state.look_at_queue(number))
    }

    /// Somebody merges a pull request as one commit, also while nobody is answered; the new head of its base.
    pub fn merge_by_hand(&self, number: u64, by: &str) -> anyhow::Result<String> {
        self.change(|state| state.merge_by_hand(number, by))
    }

    /// Whoever this is says something: a program for instance, or the App itself.
    pub fn say_as(&self, login: &str, number: u64, words: &str) {
        self.change(|state| {
            let (id, now) = (state.next_id(), state.now());
            let (author, body) = (login.to_owned(), words.to_owned());
            let comment =
                Comment { id, number, author, body, made: now, changed: now, reactions: Vec::new() };
            state.tell_comment("created", &comment, login);
            state.comments.push(comment);
        });
    }

    /// Somebody locks the conversation on a pull request: an App says nothing more there.
    pub fn lock(&self, number: u64) {
        self.set_locked(number, true);
    }

    pub fn unlock(&self, number: u64) {
        self.set_locked(number, false);
    }

    fn set_locked(&self, number: u64, is_locked: bool) {
        let mut state = self.state();
        state.pull_mut(number).expect("should be there").is_locked = is_locked;
    }

    /// The head of a pull request is not to be fetched any more.
    pub fn lose_head(&self, number: u64) -> anyhow::Result<()> {
        self.state().bare.delete_ref(&format!("refs/pull/{number}/head"))
    }

    /// It is there again.
    pub fn find_head(&self, number: u64) -> anyhow::Result<()> {
        let state = self.state();
        let pull = state.pull(number).context("there is no such pull request")?;
        state.bare.set_ref(&format!("refs/pull/{number}/head"), &pull.head)
    }

    /// A fork and its branches go; pull requests from it stay.
    pub fn delete_fork(&self, owner: &str) {
        self.change(|state| {
            state.forks.remove(owner);
            for pull in &mut state.pulls {
                pull.head_owner = pull.head_owner.take().filter(|head| head != owner);
            }
        });
    }

    /// Somebody deletes a comment.
    pub fn delete_comment(&self, id: u64) {
        self.change(|state| {
            let Some(comment) = state.comment(id).cloned() else { return };
            state.comments.retain(|comment| comment.id != id);
            let admin = state.repository.owner.clone();
            state.tell_comment("deleted", &comment, &admin);
        });
    }
}

/// What goes wrong.
impl GitHub {
    /// The next requests of this method whose path holds this fail.
    pub fn fail_next(&self, times: usize, method: &str, part: &str, failure: Failure) {
        let (method, part) = (method.to_owned(), part.to_owned());
        self.state().troubles.push(Trouble { method, part, times, failure });
    }

    /// Nothing fails any more.
    pub fn mend(&self) {
        self.state().troubles.clear();
    }

    /// So many writes of the App are still answered, and those after them wait.
    pub fn hold_after(&self, writes: usize) {
        self.state().hold = Some(Hold::after(writes));
    }

    /// Whether one waits.
    pub fn is_holding(&self) -> bool {
        self.state().hold.as_ref().is_some_and(Hold::is_reached)
    }

    /// What waits is never done. What comes now is answered.
    pub fn let_go(&self) {
        self.state().hold = None;
    }

    /// Requests that each caller has in an hour.
    pub fn limit_requests(&self, hourly: u64) {
        self.state().limits.hourly = hourly;
    }

    /// Whether it limits anything at all: an Enterprise Server does not, as it comes.
    pub fn limit(&self, is_limited: bool) {
        self.state().limits.is_off = !is_limited;
    }

    /// Things that each caller may say within a minute; nothing: as many as they like.
    pub fn limit_content(&self, a_minute: Option<usize>) {
        self.state().limits.content_a_minute = a_minute;
    }

    /// How many requests somebody has left.
    pub fn requests_left(&self, login: &str) -> u64 {
        let mut state = self.state();
        let now = state.now();
        state.limits.left(login, now)
    }
}

/// What was asked, and what is there now.
impl GitHub {
    /// The most that a check's summary and its text take, each.
    pub const CHECK_TEXT: usize = CHECK_TEXT;

    /// Every request so far, git's included.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    pub fn forget_asked(&self) {
        self.state().asked.clear();
    }

    /// How many requests of this method had a path that holds this.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let state = self.state();
        let fits = |asked: &&Asked| asked.method == method && asked.path.contains(part);
        state.asked.iter().filter(fits).count()
    }

    /// Requests of somebody that were no questions. A fetch is one.
    pub fn writes_of(&self, login: &str) -> Vec<Asked> {
        let state = self.state();
        let is_fetch = |asked: &Asked| asked.path.ends_with("/git-upload-pack");
        let is_write = |asked: &&Asked| asked.method != "GET" && asked.caller == login && !is_fetch(asked);
        state.asked.iter().filter(is_write).cloned().collect()
    }

    /// Check runs on a commit, as they are told, in the order in which they were made.
    pub fn check_runs(&self, sha: &str) -> Vec<Value> {
        let state = self.state();
        let runs = state.checks.iter().filter(|run| run.sha == sha);
        runs.map(|run| state.shapes().check(run)).collect()
    }

    /// What is found in files, of one check run.
    pub fn annotations(&self, check_run: u64) -> Vec<Value> {
        let state = self.state();
        let run = state.checks.iter().find(|run| run.id == check_run);
        run.map(|run| run.annotations.clone()).unwrap_or_default()
    }

    /// Deployments, the oldest first: environment, commit and the states that were told.
    pub fn deployments(&self) -> Vec<(String, String, Vec<String>)> {
        let state = self.state();
        let told = state.deployments.iter().map(|one| {
            let states = one.statuses.iter().map(|status| status.state.clone());
            (one.environment.clone(), one.sha.clone(), states.collect())
        });
        told.collect()
    }

    /// Webhooks that were sent so far: the event, and whether it was taken.
    pub fn deliveries(&self) -> Vec<(String, bool)> {
        self.state().hooks.told()
    }

    /// The head of a branch.
    pub fn head(&self, branch: &str) -> Option<String> {
        self.state().head(branch).cloned()
    }

    /// What a path holds at a commit.
    pub fn file(&self, commit: &str, path: &str) -> anyhow::Result<Vec<u8>> {
        let state = self.state();
        let entry = state.bare.entry(commit, path).with_context(|| format!("there is no {path}"))?;
        state.bare.blob(&entry.sha)
    }
}
