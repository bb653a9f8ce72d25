//! Approvals of what a change does to an environment, where `owners` ask for them. Pure.
//!
//! One is given to everything that was shown of an environment when it was seen first, and not to a commit. It outlives a rebase, a new
//! lock that renders alike, or a change of something else; and nothing that does anything else there, on whatever head that is.

use std::collections::{BTreeMap, BTreeSet};

use naksha_environments::digest::{Digest, Hasher};
use naksha_environments::ids::{EnvironmentName, Revision};
use naksha_environments::repository::Definitions;
use naksha_environments::source::SourceTree;
use naksha_executor::port::forge::Approval;
use naksha_executor::port::review::{Approved, Ask, Asked, ShownPlan};

use super::rules::Rules;

/// What is still waited for, in words of one clause: by environment.
pub type Lacking = BTreeMap<EnvironmentName, String>;

/// What a change is, as far as somebody is asked to approve of it.
#[derive(Debug, Clone, Copy)]
pub struct Matter<'a> {
    /// What rules, and says who is asked.
    pub base: &'a Definitions,
    pub plans: &'a [ShownPlan],
    pub rules: &'a Rules,
    /// What merging gives, with the files that say what rules then.
    pub merged: &'a SourceTree,
}

/// Whose approval a change needs: for what it does to an environment, and for what it changes of the rules that judge it there. Where
/// nobody can read who that is, somebody's all the same.
pub fn asks(matter: Matter<'_>) -> Vec<Ask> {
    let Matter { base, plans, rules, merged: _ } = matter;
    let is_unknown = base.repository.is_none() && base.broken.repository;
    let owners = base.repository.as_ref().map(|repository| &repository.owners);
    let actions: BTreeMap<_, _> = plans.iter().map(|plan| (&plan.environment, &plan.actions)).collect();
    let defined = base.environments.keys().chain(rules.environments.keys());
    let environments: BTreeSet<_> = actions.keys().copied().chain(defined).collect();
    let ask = |environment: &EnvironmentName| {
        let own = owners.and_then(|owners| owners.get(environment));
        let approvers = own.map(|own| own.approve.clone()).unwrap_or_default();
        let actions = actions.get(environment).copied().filter(|actions| !actions.is_empty());
        let changes_rules = !rules.of(environment).is_empty();
        let is_asked = (is_unknown || !approvers.is_empty()) && (actions.is_some() || changes_rules);
        let content = || content(actions.into_iter().flatten(), environment, matter);
        is_asked.then(|| Ask { environment: environment.clone(), approvers, content: content() })
    };
    environments.into_iter().filter_map(ask).collect()
}

/// The lines about rules are cut, and say "changed": what they are about are the files.
fn content<'a>(
    actions: impl IntoIterator<Item = &'a Digest>,
    environment: &EnvironmentName,
    matter: Matter<'_>,
) -> Digest {
    let Matter { base: _, plans: _, rules, merged } = matter;
    let mut hasher = Hasher::new("naksha/asked");
    for action in actions {
        hasher.add(action.as_bytes());
    }
    hasher.add("rules");
    let lines = rules.of(environment);
    for line in &lines {
        hasher.add(line);
    }
    if !lines.is_empty() {
        let own = format!("environments/{environment}/");
        let rules = |path: &str| {
            path == "naksha.yaml"
                || ["policies/", "health/", &own].iter().any(|folder| path.starts_with(folder))
        };
        for (path, entry) in merged.paths().filter(|(path, _)| rules(path.as_str())) {
            hasher.add(path.as_str());
            hasher.add(format!("{entry:?}"));
        }
    }
    // Words about plans that it brings: whoever approved before they were there did not see them.
    hasher.add("words");
    for word in &rules.acknowledged {
        hasher.add(word);
    }
    hasher.finish()
}

/// Nobody can tell what was said until now: whatever that was, it was not about this.
pub fn unread(asks: &mut [Ask]) {
    for ask in asks {
        ask.content = Hasher::new("naksha/unread").part(ask.content.as_bytes()).finish();
    }
}

/// What each review is about: as it is known, and of one that is new, what was shown last, if that was of the head that it is about.
pub fn about(approvals: &[Approval], head: Option<&Revision>, known: &Asked) -> Approved {
    let shown: BTreeMap<_, _> = known.asks.iter().map(|ask| (ask.environment.clone(), ask.content)).collect();
    let about = |approval: &Approval| {
        let known = known.approved.get(&approval.review).cloned();
        let is_of_it = approval.head.is_some() && approval.head.as_ref() == head;
        let about = known.unwrap_or_else(|| if is_of_it { shown.clone() } else { BTreeMap::new() });
        (approval.review, about)
    };
    approvals.iter().map(about).collect()
}

/// Whether somebody approved of just this.
pub fn is_about(approval: &Approval, ask: &Ask, about: &Approved) -> bool {
    about.get(&approval.review).and_then(|about| about.get(&ask.environment)) == Some(&ask.content)
}

/// `is_of_another`: somebody who is asked approved, and of something else. `unreadable`: teams of which the forge does not say who is in
/// them.
pub fn waits_for(ask: &Ask, is_of_another: bool, unreadable: &BTreeSet<String>) -> String {
    let Ask { approvers, .. } = ask;
    if approvers.is_empty() {
        return "who has to approve is not known: naksha.yaml on the base cannot be read".to_owned();
    }
    let teams: Vec<&str> =
        approvers.iter().filter(|name| unreadable.contains(*name)).map(String::as_str).collect();
    let another = if is_of_another { " of what is shown now: the one that there is came before" } else { "" };
    let aside = match &teams[..] {
        [] => String::new(),
        teams => format!(" (the forge does not say who is in {})", teams.join(", ")),
    };
    format!("waits for an approval by {}{another}{aside}", approvers.join(" or "))
}

/// What is said behind that of persons who cannot even read the repository, or whom nobody knows.
pub fn closed_to(strangers: &[String]) -> String {
    if strangers.is_empty() {
        return String::new();
    }
    format!(" (the repository is not open to {})", strangers.join(", "))
}

#[cfg(test)]
mod tests {
    use naksha_environments::plan::PlanId;
    use naksha_executor::port::forge::{Login, ReviewId};

    use super::*;

    fn revision(digit: char) -> Revision {
        Revision::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn name(name: &str) -> EnvironmentName {
        EnvironmentName::parse(name).unwrap()
    }

    fn ask(environment: &str, actions: &[&str]) -> Ask {
        let content = Digest::of_bytes(actions.join(" ").as_bytes());
        Ask { environment: name(environment), approvers: vec!["@ann".to_owned()], content }
    }

    fn ann(review: u64, head: char) -> Approval {
        Approval { review: ReviewId(review), by: Login::new("ann"), head: Some(revision(head)) }
    }

    /// Whether one review counts for what is asked now, when this was shown last.
    fn counts(approval: &Approval, now: &Ask, (head, known): (char, &Asked)) -> bool {
        let all = [approval.clone()];
        is_about(approval, now, &about(&all, Some(&revision(head)), known))
    }

    #[test]
    fn an_approval_is_of_what_was_shown_when_it_was_given() {
        let (one, two) = (ask("prod", &["one"]), ask("prod", &["one", "two"]));
        let shown = |ask: &Ask| Asked { asks: vec![ask.clone()], approved: Approved::new() };
        assert!(counts(&ann(1, '1'), &one, ('1', &shown(&one))));
        assert!(!counts(&ann(1, '1'), &one, ('1', &Asked::default())), "nothing was shown yet");
        assert!(!counts(&ann(1, '2'), &one, ('1', &shown(&one))), "of a head of which nothing was shown");
        assert!(!counts(&ann(1, '1'), &two, ('1', &shown(&one))), "the same head does more by now");
        assert!(!counts(&ann(1, '1'), &ask("dev", &["one"]), ('1', &shown(&one))), "elsewhere");

        // Seen before, it stays of what it was, whatever was shown since and of whatever head.
        let about_one = [(ReviewId(1), [(name("prod"), one.content)].into())].into();
        let since = Asked { approved: about_one, ..shown(&two) };
        assert!(counts(&ann(1, '1'), &one, ('3', &since)));
        assert!(!counts(&ann(1, '3'), &two, ('3', &since)));
        assert!(counts(&ann(2, '3'), &two, ('3', &since)), "another word");
        let forgotten = Approval { head: None, ..ann(1, '1') };
        assert!(counts(&forgotten, &one, ('3', &since)), "the forge has forgotten the head");
    }

    #[test]
    fn where_the_rules_cannot_be_read_somebody_has_to_approve() {
        let plan = |environment: &str, actions: &[&str]| ShownPlan {
            environment: name(environment),
            plan: PlanId::parse(&"a".repeat(32)).unwrap(),
            actions: actions.iter().map(|name| Digest::of_bytes(name.as_bytes())).collect(),
            document: String::new(),
        };
        let plans = [plan("dev", &[]), plan("prod", &["one"])];
        let (mut base, merged) =
            (Definitions::default(), SourceTree::from_texts([("naksha.yaml", "one")]).unwrap());
        let (none, plans) = (Rules::default(), &plans[..]);
        let of = |base: &Definitions, rules: &Rules, merged: &SourceTree| {
            asks(Matter { base, plans, rules, merged })
        };
        assert!(of(&base, &none, &merged).is_empty());
        base.broken.repository = true;
        let asked = of(&base, &none, &merged);
        let nobody = BTreeSet::new();
        assert!(waits_for(&asked[0], false, &nobody).contains("cannot be read"));
        let rules = Rules { everywhere: vec!["unreviewed: hold → apply".to_owned()], ..Rules::default() };
        let with_rules = of(&base, &rules, &merged);
        assert_eq!(with_rules.len(), 2, "what judges dev is changed, too: {with_rules:?}");
        assert_ne!(with_rules[1].content, asked[0].content);
        // The same words about another file are about something else, and so is what brings words of its own.
        let other = SourceTree::from_texts([("naksha.yaml", "two")]).unwrap();
        assert_ne!(of(&base, &rules, &other)[1].content, with_rules[1].content);
        assert_eq!(of(&base, &none, &other)[0].content, asked[0].content);
        let words = Rules { acknowledged: vec!["a word".to_owned()], ..Rules::default() };
        assert_ne!(of(&base, &words, &merged)[0].content, asked[0].content);
        let mut unseen = asked.clone();
        unread(&mut unseen);
        assert_ne!(unseen[0].content, asked[0].content);
        let unreadable = ["@org/ops".to_owned()].into();
        let ask = Ask { approvers: vec!["@ann".to_owned(), "@org/ops".to_owned()], ..asked[0].clone() };
        let words = "waits for an approval by @ann or @org/ops (the forge does not say who is in @org/ops)";
        assert_eq!(waits_for(&ask, false, &unreadable), words);
        assert_eq!(closed_to(&["@ann".to_owned()]), " (the repository is not open to @ann)");
        assert_eq!(closed_to(&[]), "");
        let again = waits_for(&ask, true, &nobody);
        assert!(again.ends_with("of what is shown now: the one that there is came before"), "{again}");
    }
}
