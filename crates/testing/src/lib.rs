//! One conformance suite per port, which every adapter passes unchanged.
//!
//! An adapter's tests say how to open it on an empty place, and get every case as a test of its
//! own:
//!
//! ```text
//! struct File(tempfile::TempDir);
//!
//! impl protean_testing::Fixture for File { … }
//!
//! protean_testing::suite!(File::new());
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a case fails by a panic"
)]

pub mod ahead;
pub mod along;
pub mod broker;
pub mod controls;
pub mod dead_letters;
pub mod imports;
pub mod item;
pub mod log;
pub mod parking;
pub mod retention;
pub mod servers;
pub mod store;
pub mod tables;
pub mod trace;

use protean_core::port::Tier;

/// An empty place for the data of an adapter.
pub trait Fixture {
    /// Opens it, as one more process would. Tables are not made.
    fn open(&self) -> impl Future<Output = Tier>;
}

/// The tier, with the tables of the suite.
pub async fn ready(fixture: &impl Fixture) -> Tier {
    let tier = fixture.open().await;
    tier.tables.setup(item::SCHEMAS).await.unwrap();
    tier
}

/// Every case as a test, each with a fixture of its own.
#[macro_export]
macro_rules! suite {
    ($fixture:expr) => {
        $crate::cases!($fixture, store:
            a_row_comes_back_as_it_was_written,
            an_update_needs_the_version_that_was_read,
            a_row_is_inserted_once,
            a_put_does_not_ask,
            a_deleted_row_is_gone,
            a_change_beside_a_message_is_as_without,
            a_refused_commit_costs_only_itself,
            a_large_batch_beside_production_is_as_in_one_piece,
            what_depends_on_a_refused_commit_is_refused,
            a_query_narrows_orders_and_pages,
            a_query_for_an_unknown_column_is_told,
            an_idempotency_key_counts_once_per_type,
        );
        $crate::cases!($fixture, broker:
            messages_come_in_order_and_urgent_bands_first,
            a_lane_knows_nothing_of_the_other,
            a_message_is_handed_out_once_until_the_next_claim,
            what_is_settled_does_not_come_back,
            a_message_is_settled_once,
            messages_are_settled_together_or_not_at_all,
            a_message_is_in_one_pair_of_hands,
            what_was_given_back_is_free,
            a_listener_hears_of_every_publication,
            a_subscription_that_never_ran_counts_everything,
            what_a_refused_commit_published_does_not_exist,
        );
        $crate::cases!($fixture, along:
            what_goes_along_is_settled_with_its_message,
            messages_of_one_commit_go_along_together,
            each_commit_of_a_batch_takes_its_own_along,
            nothing_goes_along_past_what_is_before_it,
            what_is_refused_does_not_go_along,
            what_has_not_seen_its_key_does_not_go_along,
            what_another_process_has_handled_is_found_out,
            nothing_goes_along_past_what_is_set_aside,
            what_is_not_known_is_not_guessed,
        );
        $crate::cases!($fixture, ahead:
            what_waits_on_backfill_goes_before_a_primary_message,
            what_is_in_hand_goes_before_a_primary_message,
            what_was_promoted_is_not_handed_out_again,
            a_message_without_a_key_has_nothing_before_it,
            a_promoted_message_survives_its_holder,
            what_is_promoted_is_in_one_pair_of_hands,
            what_is_set_aside_goes_before_a_primary_message,
        );
        $crate::cases!($fixture, parking:
            a_parked_message_is_out_of_the_flow,
            a_parked_message_is_settled_like_any_other,
            a_parked_message_survives_its_holder,
        );
        $crate::cases!($fixture, dead_letters:
            a_dead_letter_tells_all,
            letters_are_told_apart,
            a_replayed_letter_goes_to_its_subscription_alone,
            a_purged_letter_is_gone,
        );
        $crate::cases!($fixture, controls:
            nothing_is_asked_at_first,
            what_is_asked_holds_until_something_else_is,
            domain_and_subscriptions_are_asked_apart,
            what_is_asked_outlives_who_asked,
            parts_in_subscriptions_are_counted,
            a_truncation_asks_nothing,
        );
        $crate::cases!($fixture, servers:
            nobody_serves_at_first,
            what_servers_tell_every_process_sees,
            who_says_goodbye_is_gone,
            who_dies_is_gone_soon,
        );
        $crate::cases!($fixture, imports:
            an_import_goes_on_where_it_was,
            an_import_has_one_runner,
            what_was_overtaken_writes_nothing,
            what_ended_stays_so,
            a_withdrawn_command_is_handled_by_nobody,
            a_command_is_handled_or_withdrawn,
            a_withdrawn_command_frees_its_key,
            a_command_set_aside_is_withdrawn,
            what_commands_caused_is_not_withdrawn,
            a_trail_ends_when_all_that_was_caused_is_settled,
            failures_of_an_import_are_found,
        );
        $crate::cases!($fixture, log:
            a_stream_is_read_from_any_position,
            an_aggregate_has_a_stream_of_its_own,
            a_trace_has_everything_one_request_caused,
            what_is_written_rings,
        );
        $crate::cases!($fixture, trace:
            what_a_run_did_is_told_of_each_of_its_messages,
            every_try_is_told_in_its_order,
            a_refused_run_leaves_no_trace,
            a_message_is_found_by_its_id,
            messages_are_found_by_what_they_are,
            what_lanes_have_taken_in_is_counted,
        );
        $crate::cases!($fixture, retention:
            commands_go_that_everybody_has_handled,
            what_a_subscription_has_not_read_stays,
            who_comes_new_begins_after_what_is_gone,
            what_comes_after_all_is_gone_is_numbered_on,
            a_key_counts_until_its_age,
            an_import_that_has_not_ended_keeps_its_own,
            traces_go_but_for_open_failures,
            what_is_gone_is_not_removed_again,
            one_cleans_at_a_time,
        );
        $crate::cases!($fixture, tables:
            setting_up_twice_changes_nothing,
            what_is_missing_is_told_and_not_made,
            a_missing_column_is_added,
            a_column_that_no_field_fills_any_more_is_refused,
            what_is_truncated_is_as_new,
            what_is_dropped_can_be_made_again,
        );
    };
}

/// Some cases of one port as tests.
#[doc(hidden)]
#[macro_export]
macro_rules! cases {
    ($fixture:expr, $port:ident: $($case:ident,)+) => {
        mod $port {
            #[allow(unused_imports, reason = "the fixture may need them")]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    $crate::$port::$case($fixture).await;
                }
            )+
        }
    };
}
