//! What every store must do for [`Reviews`]. An adapter runs all of it with one line in its tests:
//!
//! ```ignore
//! naksha_executor::reviews_contract!(fresh);
//! ```
//!
//! where `async fn fresh() -> (Guard, SharedStore, SharedReviews)` makes an empty store, seen through both of its ports.
//!
//! [`Reviews`]: crate::port::review::Reviews

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use naksha_environments::digest::Digest;
use naksha_environments::verdict::Acknowledgement;

use super::store::samples::{at, audit, lease, plan_id, proposal, revision, scope};
use crate::port::forge::{CommentId, PullNumber, ReviewId};
use crate::port::review::{
    Approved, Ask, Asked, Heard, MergedPlan, SharedReviews, ShownMerge, ShownPlan, ShownPull, ShownReport,
};
use crate::port::store::{Proposal, SharedStore};

/// One `#[tokio::test]` per case of the suite.
#[macro_export]
macro_rules! reviews_contract {
    ($fresh:ident) => {
        $crate::reviews_contract!($fresh:
            what_was_shown_counts_once_it_is_merged, a_new_report_takes_the_place_of_the_last, a_head_is_shown_since_it_was_shown_first,
            what_was_shown_is_kept_until_it_is_settled_and_after, whose_approval_it_needs_and_got_is_kept, what_is_withdrawn_is_forgotten, a_shown_plan_is_found_as_a_plan, a_forgotten_environment_was_shown_nothing,
            comments_are_heard_once, what_was_merged_long_ago_is_dropped);
    };
    ($fresh:ident: $($case:ident),+) => {
        mod reviews {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (_guard, store, reviews) = super::$fresh().await;
                    $crate::contract::reviews::$case(store, reviews).await;
                }
            )+
        }
    };
}

fn actions(names: &[&str]) -> BTreeSet<Digest> {
    names.iter().map(|name| Digest::of_bytes(name.as_bytes())).collect()
}

fn plan(environment: &str, digit: char, names: &[&str]) -> ShownPlan {
    ShownPlan {
        environment: scope(environment).environment,
        plan: plan_id(digit),
        actions: actions(names),
        document: format!("{{\"plan\":\"{digit}\"}}"),
    }
}

fn report(number: u64, head: char, plans: Vec<ShownPlan>) -> ShownReport {
    ShownReport {
        number: PullNumber(number),
        head: revision(head),
        plans,
        asks: Vec::new(),
        approved: Approved::new(),
        at: at(1),
    }
}

async fn show(reviews: &SharedReviews, report: &ShownReport) {
    reviews.show(&scope("dev").repository, report).await.expect("should remember");
}

async fn merge(reviews: &SharedReviews, number: u64, commit: char) {
    merge_without(reviews, (number, commit), &[]).await;
}

/// Environments of which nobody approved who had to.
async fn merge_without(reviews: &SharedReviews, (number, commit): (u64, char), unapproved: &[&str]) {
    let unapproved = unapproved.iter().map(|name| scope(name).environment).collect();
    let (number, audit) = (PullNumber(number), BTreeMap::new());
    let merge = ShownMerge { number, commit: revision(commit), at: at(2), unapproved, audit };
    reviews.merge(&scope("dev").repository, &merge).await.expect("should remember");
}

async fn merged(reviews: &SharedReviews, environment: &str) -> Vec<MergedPlan> {
    reviews.merged(&scope(environment)).await.expect("should read")
}

pub async fn what_was_shown_counts_once_it_is_merged(_: SharedStore, reviews: SharedReviews) {
    let two = vec![plan("dev", 'a', &["one", "two"]), plan("prod", 'b', &["three"])];
    show(&reviews, &report(7, '1', two)).await;
    show(&reviews, &report(3, '2', Vec::new())).await;
    assert!(merged(&reviews, "dev").await.is_empty(), "it is open");
    merge(&reviews, 7, 'c').await;
    merge(&reviews, 8, 'd').await;
    let of = |number, names: &[&str]| MergedPlan {
        number: PullNumber(number),
        commit: revision('c'),
        actions: actions(names),
        lacking: None,
    };
    assert_eq!(merged(&reviews, "dev").await, [of(7, &["one", "two"])]);
    assert_eq!(merged(&reviews, "prod").await, [of(7, &["three"])]);
    assert!(merged(&reviews, "staging").await.is_empty());
    let pulls = reviews.pulls(&scope("dev").repository).await.expect("should read");
    let pull = |number, head, merged, seconds| ShownPull {
        number: PullNumber(number),
        head: revision(head),
        merged,
        is_settled: false,
        at: at(seconds),
    };
    assert_eq!(pulls, [pull(3, '2', None, 1), pull(7, '1', Some(revision('c')), 2)]);
}

pub async fn a_head_is_shown_since_it_was_shown_first(_: SharedStore, reviews: SharedReviews) {
    let shown = async |head, seconds| {
        show(&reviews, &ShownReport { at: at(seconds), ..report(7, head, Vec::new()) }).await;
        let pulls = reviews.pulls(&scope("dev").repository).await.expect("should read");
        pulls[0].at
    };
    assert_eq!(shown('1', 1).await, at(1));
    assert_eq!(shown('1', 5).await, at(1), "it was said again");
    assert_eq!(shown('2', 9).await, at(9));
    assert_eq!(shown('1', 11).await, at(11), "and another one was in between");
}

pub async fn a_new_report_takes_the_place_of_the_last(_: SharedStore, reviews: SharedReviews) {
    show(&reviews, &report(7, '1', vec![plan("dev", 'a', &["one"]), plan("prod", 'b', &["two"])])).await;
    merge(&reviews, 7, 'c').await;
    show(&reviews, &report(7, '2', vec![plan("dev", 'a', &["three"])])).await;
    assert!(merged(&reviews, "dev").await.is_empty(), "what was merged is not what is shown now");
    merge(&reviews, 7, 'd').await;
    let shown = merged(&reviews, "dev").await;
    assert_eq!((shown.len(), &shown[0].actions), (1, &actions(&["three"])));
    assert!(merged(&reviews, "prod").await.is_empty());
}

pub async fn what_was_shown_is_kept_until_it_is_settled_and_after(_: SharedStore, reviews: SharedReviews) {
    let repository = scope("dev").repository;
    show(&reviews, &report(7, '1', vec![plan("dev", 'a', &["one"]), plan("prod", 'b', &["two"])])).await;
    merge(&reviews, 7, 'c').await;
    for number in [7, 8] {
        reviews.settle(&repository, PullNumber(number)).await.expect("should settle");
    }
    let pulls = reviews.pulls(&repository).await.expect("should read");
    assert_eq!(pulls.iter().map(|pull| pull.is_settled).collect::<Vec<_>>(), [true]);
    assert_eq!(merged(&reviews, "dev").await.len(), 1, "what was told counts still");
    let shown = reviews.shown(&repository, PullNumber(7)).await.expect("should read");
    assert_eq!(shown, [plan("dev", 'a', &["one"]), plan("prod", 'b', &["two"])]);
    assert!(reviews.shown(&repository, PullNumber(8)).await.expect("should read").is_empty());
    show(&reviews, &report(7, '2', Vec::new())).await;
    assert!(!reviews.pulls(&repository).await.expect("should read")[0].is_settled);
}

pub async fn whose_approval_it_needs_and_got_is_kept(_: SharedStore, reviews: SharedReviews) {
    let repository = scope("dev").repository;
    let ask = |environment: &str, approvers: &[&str], content: &str| Ask {
        environment: scope(environment).environment,
        approvers: approvers.iter().map(|name| (*name).to_owned()).collect(),
        content: Digest::of_bytes(content.as_bytes()),
    };
    let about = |asks: &[Ask]| asks.iter().map(|ask| (ask.environment.clone(), ask.content)).collect();
    let asked = async || reviews.asked(&repository, PullNumber(7)).await.expect("should read");
    assert_eq!(asked().await, Asked::default());

    let plans = vec![plan("dev", 'a', &["one"]), plan("prod", 'b', &["one"])];
    let first = vec![ask("dev", &["@ops", "@org/platform"], "one"), ask("prod", &[], "one")];
    let seen: Approved = [(ReviewId(1), about(&first[..1])), (ReviewId(2), BTreeMap::new())].into();
    let report = ShownReport { asks: first.clone(), approved: seen.clone(), ..report(7, '1', plans) };
    show(&reviews, &report).await;
    assert_eq!(asked().await, Asked { asks: first.clone(), approved: seen.clone() });

    // Another report asks anew; what a review was about when it was seen first stays.
    let second = vec![ask("dev", &["@ops"], "two"), ask("prod", &[], "one")];
    let more: Approved = [(ReviewId(1), about(&second)), (ReviewId(3), about(&second))].into();
    show(&reviews, &ShownReport { asks: second.clone(), approved: more, ..report }).await;
    let mut expected = seen;
    expected.insert(ReviewId(3), about(&second));
    assert_eq!(asked().await, Asked { asks: second, approved: expected });

    merge_without(&reviews, (7, 'c'), &["prod", "of-another"]).await;
    assert_eq!(merged(&reviews, "dev").await[0].lacking, None);
    assert_eq!(merged(&reviews, "prod").await[0].lacking, Some(Vec::new()), "it is not known who");
    reviews.withdraw(&repository, PullNumber(7)).await.expect("should forget");
    assert_eq!(asked().await, Asked::default());
}

pub async fn what_is_withdrawn_is_forgotten(_: SharedStore, reviews: SharedReviews) {
    show(&reviews, &report(7, '1', vec![plan("dev", 'a', &["one"])])).await;
    merge(&reviews, 7, 'c').await;
    let repository = scope("dev").repository;
    for number in [7, 8] {
        reviews.withdraw(&repository, PullNumber(number)).await.expect("should forget");
    }
    assert!(merged(&reviews, "dev").await.is_empty());
    assert!(reviews.pulls(&repository).await.expect("should read").is_empty());
}

pub async fn a_shown_plan_is_found_as_a_plan(store: SharedStore, reviews: SharedReviews) {
    let dev = scope("dev");
    for number in [7, 8] {
        show(&reviews, &report(number, '1', vec![plan("dev", 'a', &["one"])])).await;
    }
    let found = store.plan(None, "aaaa").await.expect("should read");
    assert_eq!(found.len(), 1, "one plan, whoever shows it");
    let record = &found[0];
    assert_eq!((&record.scope, &record.plan, record.decision.as_str()), (&dev, &plan_id('a'), "shown"));
    assert!(store.plans(&dev, 9).await.expect("should read").is_empty(), "the environment did not plan it");
    let document = store.plan_document(&dev, &plan_id('a')).await.expect("should read");
    assert_eq!(document, Some(serde_json::json!({"plan": "a"})));
    let generation = lease(&store, &dev).await;
    let own = Proposal { approved: false, ..proposal(&dev, generation, 'a', None) };
    store.propose(&own).await.expect("should record");
    let found = store.plan(Some(&dev), "a").await.expect("should read");
    assert_eq!((found.len(), &found[0].decision), (1, &own.decision), "its own record counts");
    let document = store.plan_document(&dev, &plan_id('a')).await.expect("should read");
    assert_eq!(document, serde_json::from_str(&own.document).ok());
}

pub async fn a_forgotten_environment_was_shown_nothing(store: SharedStore, reviews: SharedReviews) {
    let dev = scope("dev");
    let generation = lease(&store, &dev).await;
    show(&reviews, &report(7, '1', vec![plan("dev", 'a', &["one"]), plan("prod", 'b', &["two"])])).await;
    merge(&reviews, 7, 'c').await;
    store.forget(&dev, generation, &audit("forget"), &[]).await.expect("should forget");
    assert!(merged(&reviews, "dev").await.is_empty());
    assert_eq!(merged(&reviews, "prod").await.len(), 1);
}

pub async fn comments_are_heard_once(_: SharedStore, reviews: SharedReviews) {
    const DAY: i64 = 24 * 3600;
    let repository = scope("dev").repository;
    let heard = async || reviews.heard(&repository).await.expect("should read");
    assert_eq!(heard().await, None);
    for (comment, seconds) in [(0, 10), (7, 30), (5, 20), (7, 99)] {
        reviews.hear(&repository, CommentId(comment), at(seconds)).await.expect("should remember");
    }
    let comments: BTreeSet<CommentId> = [0, 5, 7].map(CommentId).into();
    assert_eq!(
        heard().await,
        Some(Heard { until: at(30), comments: BTreeSet::clone(&comments) }),
        "the first time counts"
    );
    // Comment 0 stands for how far all of them were read.
    reviews.hear(&repository, CommentId(0), at(40)).await.expect("should remember");
    assert_eq!(heard().await, Some(Heard { until: at(40), comments }));
    reviews.hear(&repository, CommentId(9), at(25 + DAY)).await.expect("should remember");
    let comments = [0, 7, 9].map(CommentId).into();
    assert_eq!(heard().await, Some(Heard { until: at(25 + DAY), comments }));
}

pub async fn what_was_merged_long_ago_is_dropped(store: SharedStore, reviews: SharedReviews) {
    let dev = scope("dev");
    for number in [7, 8] {
        show(&reviews, &report(number, '1', vec![plan("dev", 'a', &["one"])])).await;
    }
    merge(&reviews, 7, 'c').await;
    let word = Acknowledgement {
        plan: plan_id('a'),
        by: "ada".to_owned(),
        reason: "fine".to_owned(),
        at: None,
        expires: None,
        source: "a comment".to_owned(),
    };
    store.acknowledge(&dev, &word, &audit("ack")).await.expect("should be kept");
    let keep = Duration::from_secs(60);
    store.retain(keep, at(30)).await.expect("should drop");
    assert_eq!(merged(&reviews, "dev").await.len(), 1);
    store.retain(keep, at(90)).await.expect("should drop");
    assert!(merged(&reviews, "dev").await.is_empty());
    let open = reviews.pulls(&dev.repository).await.expect("should read");
    assert_eq!(open.iter().map(|pull| pull.number).collect::<Vec<_>>(), [PullNumber(8)], "it is open still");
    assert_eq!(store.acknowledgements(&dev).await.expect("should read").len(), 1, "its plan is shown still");
}
