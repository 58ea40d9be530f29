//! The test suite of the club for storage backends, beside [the core's own](crm_core::conformance). A check that fails
//! panics.
//!
//! ```
//! # use std::sync::Arc;
//! # use crm_core::{MemoryStorage, work::Storage};
//! crm_loyalty::loyalty_conformance_tests!(|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
//! # fn main() {}
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::items_after_statements,
    reason = "a check that fails panics: that is its report"
)]

pub mod anniversaries;
pub mod cards;
pub mod club_access;
pub mod earning;
pub mod earning_days;
pub mod earning_options;
mod floor;
pub mod full_returns;
pub mod gift_cards;
pub mod grants;
pub mod jobs;
pub mod ledger;
pub mod ledger_histories;
mod ledger_model;
pub mod loyal;
pub mod merged_members;
pub mod operations;
pub mod redemption;
pub mod redemption_options;
pub mod referral;
pub mod seed_scenario;
mod shop;
pub mod statements;
pub mod tier_histories;
mod tier_model;
pub mod tiers;
mod world;

pub use shop::{GIFT_KEY, open};
use shop::{Now, give, give_until, save};

/// Expands to one `#[test]` for each check of the suite, in a module for each subject.
#[macro_export]
macro_rules! loyalty_conformance_tests {
    ($factory:expr) => {
        $crate::loyalty_conformance_tests! { @expand $factory;
            club_access {
                nothing_without_a_grant, nothing_beyond_its_reach, every_permission_has_an_operation,
                codes_are_taken_within_reach, credit_is_held_within_reach,
            }
            ledger {
                customers_are_members, lots_are_used_in_order, what_is_due_happens_when_it_was_due,
                what_was_earned_is_taken_back, what_was_paid_comes_back,
            }
            ledger_histories { equal_the_model }
            loyal { are_listed_by_their_scores, are_listed_without_tiers }
            earning {
                purchases_earn_and_returns_take_back, who_earns, versions_and_days,
                what_is_paid_later_is_earned_later, what_is_counted, returns_in_parts_end_alike, what_if,
            }
            earning_options {
                what_is_shipped_is_earned_as_it_leaves, a_purchase_is_split_at_a_tier, a_purchase_is_whole_otherwise,
                history_counts_for_tiers, payments_move_no_tier, what_if_tells_by_tier_and_group,
            }
            full_returns {
                leave_no_trace, in_parts_end_as_at_once, give_back_less_than_a_point,
                are_counted_where_ladders_come_and_go, count_in_one_currency, of_closed_accounts_are_taken,
                free_what_their_rule_has_used,
            }
            earning_days {
                a_day_ends_at_the_cut_off, a_named_day_is_of_its_own_calendar, limits_begin_anew_with_their_period,
                categories_reach_down_their_trees,
            }
            redemption {
                terms_are_told_and_kept, points_pay_by_their_value, holds_are_captured_voided_or_lapse,
                accounts_are_frozen_and_closed, payments_come_back, returns_in_parts_end_alike, nothing_is_spent_twice, caps_are_exact,
                a_hold_ends_once, caps_are_exact_across_zones,
            }
            redemption_options {
                caps_bind_when_a_hold_is_captured, who_owes_redeems_nothing, what_comes_back_lives_a_while,
                limits_follow_groups_and_tiers, a_lost_card_pays_nothing, a_hold_makes_no_card_good, a_purchase_never_pays_for_itself,
            }
            jobs {
                what_is_due_is_done_once, groups_come_before_gifts, runs_at_once_come_to_the_same,
                a_failure_stops_no_other,
            }
            grants {
                go_to_each_member_once, go_by_group_by_name_and_to_all, give_what_the_preview_has_said,
                keep_to_the_budget_and_wait_for_late_joiners, are_resumed_where_they_stopped,
                are_revoked_as_far_as_they_are_unspent, are_revoked_where_they_went, above_a_limit_take_two,
                bonuses_stay_within_limits, bonus_limits_go_by_role, bonuses_above_a_threshold_take_two,
                what_is_given_says_what_for,
            }
            anniversaries {
                are_celebrated_once_a_year, count_in_their_own_calendar, follow_the_record, go_along_with_a_merge,
                come_once_a_year_to_who_was_two, come_from_one_of_several_records, race_to_one_celebration,
            }
            referral {
                share_what_friends_buy, share_what_is_paid, follow_the_terms_of_the_group, caps_are_exact_among_many,
                schemes_do_not_pay_out, what_was_spent_is_owed, a_merge_opens_no_circle,
                a_friend_is_brought_once, what_comes_back_after_a_parting_counts_no_more,
                cards_are_of_people, the_one_who_goes_on_is_asked, caps_go_together, a_closed_account_stays_as_it_is,
                what_is_paid_late_is_good_as_long,
            }
            statements {
                lead_from_opening_to_closing, remind_once_for_each_lot_and_threshold, tell_of_what_has_lapsed,
                owe_what_was_outstanding_then, owe_the_same_before_and_after_a_sweep, settle_between_branches,
            }
            tiers {
                equal_the_model, are_reached_at_once_and_told_once, are_reviewed_late_or_twice, are_pinned_and_taken_back,
                are_joined_and_parted, are_counted_in_the_calendar_in_force,
                a_pin_that_was_over_does_not_date_back_what_a_merge_gives, are_known_to_prices,
            }
            seed_scenario { is_lived_through }
            cards { a_lost_card_takes_nothing_with_it, a_number_has_one_home, families_have_several, race_for_one_card }
            gift_cards {
                are_sold_and_spent, pay_once_where_the_programme_says_so, are_filled_up_to_the_most,
                begin_with_no_more_than_the_most, go_back_with_their_line, go_back_by_another_clock, are_looked_after,
                are_not_set_aside_without_their_code, are_bought_with_money, are_sold_when_all_is_paid,
                are_frozen_after_they_were_shown, are_filled_where_they_belong, fail_all_alike, stop_guessers, need_a_key,
                race_for_one_card,
            }
            merged_members {
                everything_goes_along, counts_go_along, taken_back_is_as_before, refusals_leave_nothing,
                are_reached_by_their_old_ids, what_was_bought_before_comes_back_after,
                without_a_programme_counts_go_along, what_was_let_go_is_not_asked_again,
            }
        }
    };
    (@expand $factory:expr; $($module:ident { $($check:ident),* $(,)? })*) => {$(
        mod $module {
            #[allow(unused_imports, reason = "the factory may use what its surroundings import")]
            use super::*;
            $(
                #[test]
                fn $check() {
                    $crate::conformance::$module::$check(&$factory);
                }
            )*
        }
    )*};
}
