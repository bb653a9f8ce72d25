//! What every store must do. An adapter (or a fake) runs all of it with one line in its tests:
//!
//! ```ignore
//! naksha_executor::store_contract!(fresh);
//! ```
//!
//! where `async fn fresh() -> (Guard, SharedStore)` makes an empty store; `Guard` is whatever must live as long.
//! Each case is also a function of its own, so that a fake can run a part.

pub mod applies;
pub mod environments;
pub mod inventory;
pub mod keeping;
pub mod leases;
pub mod messages;
pub mod plans;
pub mod samples;
pub mod together;

/// One `#[tokio::test]` per case of the suite.
#[macro_export]
macro_rules! store_contract {
    ($fresh:ident) => {
        $crate::store_contract!($fresh, leases:
            the_first_lease_has_a_generation, renewal_keeps_the_generation, a_held_lease_is_refused,
            takeover_grows_the_generation, a_released_lease_is_free_at_once, one_of_many_gets_the_lease,
            a_lapsed_lease_fails_the_check);
        $crate::store_contract!($fresh, environments:
            an_unknown_environment_is_empty, suspension_is_kept, barred_sources_are_kept, refs_are_seen,
            environments_are_listed, an_environment_is_forgotten);
        $crate::store_contract!($fresh, plans:
            a_plan_comes_back, approval_moves_the_target, one_of_many_proposals_wins, plans_are_found_by_prefix,
            a_waiting_plan_keeps_its_time, plans_are_fenced);
        $crate::store_contract!($fresh, applies:
            only_the_target_is_applied, steps_come_back, an_ended_apply_takes_no_steps, success_moves_what_is_applied,
            failure_moves_nothing, a_revision_without_work_is_remembered, an_unfinished_apply_is_interrupted,
            an_apply_that_nobody_carries_out_is_ended, the_last_apply_of_a_plan_is_found, applies_are_fenced);
        $crate::store_contract!($fresh, inventory:
            objects_come_back, what_is_wanted_changes_nothing_in_it, intents_never_replace, effects_change_the_inventory, marks_are_refreshed_not_added,
            inventories_are_apart, what_was_found_is_taken_in,
            what_was_recovered_is_whole_once_all_is_applied);
        $crate::store_contract!($fresh, messages:
            messages_wait_in_order, bodies_are_only_carried, a_later_message_replaces, a_replaced_message_is_not_delivered_by_mistake,
            retries_wait, acknowledgements_are_kept, the_audit_tells_who);
        $crate::store_contract!($fresh, together:
            many_writes_at_once_are_all_kept, a_refused_write_harms_no_other, a_dropped_caller_harms_no_other,
            the_latest_step_is_in_the_inventory);
        $crate::store_contract!($fresh, keeping:
            history_is_dropped, what_is_needed_is_kept, the_mark_key_stays, backups_never_overwrite);
    };
    ($fresh:ident, $part:ident: $($case:ident),+) => {
        mod $part {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (_guard, store) = super::$fresh().await;
                    $crate::contract::store::$part::$case(store).await;
                }
            )+
        }
    };
}
