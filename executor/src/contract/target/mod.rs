//! What every target must do. An adapter (or a fake) runs all of it with one line in its tests:
//!
//! ```ignore
//! naksha_executor::target_contract!(fresh);
//! ```
//!
//! where `fn fresh() -> impl Fixture` makes an empty place to apply to. Each case is also a function of its
//! own. What an outsider does (edits, deletions, a process that died in the middle) goes through the fixture,
//! because every kind of target is edited in its own way.

pub mod drift;
pub mod identity;
pub mod observing;
pub mod ownership;
pub mod quiet;
pub mod recovery;
pub mod samples;
pub mod secrecy;

use async_trait::async_trait;
use naksha_environments::object::ObjectKey;
use serde_json::Value;

use crate::port::target::SharedTarget;

/// A place to apply to, seen from outside.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The target under test.
    fn target(&self) -> SharedTarget;

    /// The same place, as a process opens it that starts after the first one died.
    async fn reopen(&self) -> SharedTarget;

    /// The namespace for namespaced objects; it exists.
    fn namespace(&self) -> String;

    /// The object as it is, with status and secret values. Absent: none.
    async fn peek(&self, key: &ObjectKey) -> Option<Value>;

    /// Somebody else writes an object. It keeps its identity when `object` carries it, as [`Self::peek`] gave it.
    async fn put(&self, key: &ObjectKey, object: &Value);

    /// Whether the very next observation sees what somebody did. Where a server tells of it, it is seen soon after.
    fn sees_at_once(&self) -> bool {
        true
    }

    /// Somebody else deletes an object.
    async fn erase(&self, key: &ObjectKey);

    /// Makes an object that exists impossible to read, for the target too. False: nothing can do that here.
    async fn garble(&self, key: &ObjectKey) -> bool;

    /// Leaves behind what a write of `key` leaves that is killed in the middle. False: writes leave nothing here.
    async fn half_write(&self, key: &ObjectKey) -> bool;

    /// How many things lie in the place that are neither objects nor known to belong there.
    async fn litter(&self) -> usize;
}

/// One `#[tokio::test]` per case of the suite. With `Option` where `async fn fresh() -> Option<impl Fixture>` gives none when
/// there is no place to test with: the case is then left out.
#[macro_export]
macro_rules! target_contract {
    ($fresh:ident) => {
        async fn there() -> Option<impl $crate::contract::target::Fixture> {
            std::future::ready(Some($fresh())).await
        }
        $crate::target_contract!(there, Option);
    };
    ($fresh:ident, Option) => {
        $crate::target_contract!($fresh, ownership:
            create_writes_what_is_wanted, create_never_overwrites, updates_keep_fields_of_others,
            dropped_fields_vanish, fields_left_to_others_are_not_sent, adoption_keeps_fields_of_others,
            the_owner_is_written_down, writes_side_by_side);
        $crate::target_contract!($fresh, identity:
            an_update_keeps_the_uid, a_new_object_has_a_new_uid, updates_of_what_moved_are_refused,
            updates_of_what_is_gone_are_refused, updates_of_another_object_are_refused, removal_needs_the_uid,
            removing_twice_is_fine);
        $crate::target_contract!($fresh, observing:
            everything_asked_for_is_answered, our_own_write_is_in_sync, a_status_is_no_drift, health_is_judged,
            unknown_is_not_absent, the_unreadable_is_not_overwritten);
        $crate::target_contract!($fresh, drift:
            outside_edits_are_seen, reverted_edits_are_in_sync, outside_deletions_are_seen, outside_edits_wake,
            another_process_sees_the_same, half_writes_do_no_harm);
        $crate::target_contract!($fresh, quiet:
            nothing_is_told_of_what_is_quiet, what_happens_to_the_quiet_is_told, health_of_the_quiet_is_told,
            other_questions_between_hide_nothing, a_target_that_begins_anew_looks_at_everything);
        $crate::target_contract!($fresh, recovery:
            what_was_written_is_found_with_its_identity, a_copy_is_not_proven,
            a_signature_of_the_old_form_is_not_proven, what_is_of_others_is_nobodys_business);
        $crate::target_contract!($fresh, secrecy:
            values_are_written_where_they_belong, values_never_come_back, changed_values_are_seen,
            equal_values_have_equal_marks, values_of_others_are_masked_and_kept);
    };
    ($fresh:ident, $part:ident: $($case:ident),+) => {
        mod $part {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(fixture) = super::$fresh().await {
                        $crate::contract::target::$part::$case(&fixture).await;
                    }
                }
            )+
        }
    };
}
