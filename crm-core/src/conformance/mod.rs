//! The test suite for storage backends: every promise of the [storage port](crate::work::Storage), and the operations of
//! the core on top of it.
//!
//! A backend runs all of it with one line. The factory gives a fresh, empty store each time it is called.
//!
//! ```
//! # use std::sync::Arc;
//! # use crm_core::{MemoryStorage, work::Storage};
//! crm_core::conformance_tests!(|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
//! # fn main() {}
//! ```
//!
//! Each check is a plain function too, for a harness of one's own. A check that fails panics.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    clippy::items_after_statements,
    reason = "a check that fails panics: that is its report"
)]

pub mod access;
pub mod accounts;
pub mod audit;
mod bench;
pub mod branches;
pub mod catalog;
pub mod concurrency;
pub mod customers;
mod faulty;
mod grouped;
pub mod groups;
pub mod instalments;
pub mod invoices;
pub mod matrix;
pub mod merges;
pub mod modules;
pub mod offers;
pub mod operations;
pub mod partners;
pub mod policy;
pub mod port;
pub mod preferences;
pub mod pricing;
pub mod purchases;
pub mod queries;
pub mod quotas;
pub mod quoted;
mod race;
pub mod returns;
pub mod rows;
pub mod sales;
mod sample;
pub mod settings;
pub mod shipping;
pub mod transactions;

pub use bench::{Bench, Factory, RawJob};
pub use faulty::{Fault, FaultyStorage};
pub use grouped::{GroupWay, GroupedMemory};
pub use race::{Round, Turn, race};
pub use sample::{Listener, Sample, Specimen, SpecimenFound, SpecimenId, any_specimen, any_text, specimen};

/// How often a check is to do something: what the variable of the environment says, for a long run by hand.
fn repeats(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// Expands to one `#[test]` for each check of the suite, in a module for each subject. See [`conformance`](self).
#[macro_export]
macro_rules! conformance_tests {
    ($factory:expr) => {
        $crate::conformance_tests! { @expand $factory;
            rows {
                records_come_back_as_they_were, tables_keep_every_column, customers_come_back_whole, stale_updates_conflict, deleted_is_gone,
                keys_are_taken_once, unique_keys_are_enforced, unique_values_change_hands,
            }
            queries {
                filters_of_records, filters_of_products, filters_of_customers, pages_at_every_boundary,
                pages_while_rows_come_and_go, strange_queries_are_refused,
            }
            port {
                writes_meet_their_row, counters_only_add, savepoints_nest, a_failed_call_spoils_the_job,
                a_panicking_job_harms_nobody, closing_ends_it,
            }
            transactions {
                a_failed_job_leaves_nothing, attempts_fail_alone, attempts_do_not_hide_failures, attempts_nest, reads_refuse_writes, a_swallowed_failure_is_no_commit,
                expectations_change_nothing,
            }
            concurrency {
                locks_lose_nothing, updates_lose_nothing, counters_lose_nothing, floors_are_exact, jobs_fail_alone,
                commands_are_done_once, transfers_keep_the_total,
            }
            modules {
                a_handler_fails_its_emitter, handlers_act_as_their_module, undeclared_events_are_refused, the_journal_tells_all,
                the_outbox_delivers, workers_never_share_a_message,
                prices_know_what_modules_know,
            }
            audit {
                entries_say_who_where_and_why, the_past_is_kept_as_it_was_known, changes_break_the_seal, sealing_needs_a_permission, every_change_is_told,
            }
            branches { open_and_change, refuse_nonsense }
            customers {
                are_found_in_any_spelling, are_found_by_everything_known, are_identified, have_one_card, change_and_are_found_anew,
                are_related, come_in_pages,
            }
            merges { are_one_customer, refuse_what_makes_no_sense, taken_back_are_as_they_were, race_for_one_record }
            catalog { categories_move, names_are_unique_among_sisters, names_fit_an_index, products_change, stock_never_falls_below_zero, stock_has_a_history }
            purchases {
                are_recorded_once, have_a_receipt_of_their_own, are_paid_exactly, may_be_dated_back, move_stock, make_customers,
                stand_in_the_journal, leave_nothing_when_refused, race_for_the_last_piece, keep_figures_and_shares,
                are_imported_for_the_record,
            }
            sales { special_ways_take_permissions, verify_finds_what_was_planted, tills_and_returns_race }
            returns {
                give_back_what_was_stored, any_split_comes_to_the_same, are_done_once, race_for_the_same_pieces, refuse_nonsense,
                lines_are_struck_out_before_the_end, modules_undo_their_part,
            }
            shipping { lists_what_is_to_be_packed, ships_nothing_twice }
            invoices { numbers_have_no_gaps, credit_notes_refer_to_them, years_begin_anew }
            instalments {
                are_paid_from_the_first_on, refuse_nonsense, cheques_count_when_cleared, returns_make_the_debt_less,
                race_for_the_last_instalment,
            }
            policy {
                are_defined_and_checked, changes_hold_at_once, nobody_grants_more_than_they_hold, branches_have_their_own_managers,
                somebody_stays_in_charge, old_actors_change_no_rights, changes_wait_for_each_other, lists_are_what_may_be_seen, nothing_begins_after_a_revocation, hidden_columns_stay_hidden,
            }
            settings { the_nearest_level_wins, refuse_nonsense, first_ones_race }
            partners { have_contracts_that_end, groups_are_joined_and_left }
            groups {
                are_decided_by_their_rule, go_on_where_they_stopped, come_to_the_same_in_several_runs,
                follow_time_and_returns, bring_their_prices, know_one_of_two_records, refuse_nonsense,
            }
            preferences { are_kept_by_source, find_customers, are_joined_and_taken_back, refuse_nonsense }
            pricing {
                rules_have_versions, faults_are_refused_and_findings_told, quotes_follow_the_store, partners_get_their_terms,
                a_price_is_confirmed, previews_tell_what_partners_pay, nobody_prices_without_a_grant,
            }
            quoted {
                are_recorded_at_the_price_told, come_back_as_they_were_sold, limits_are_exact, limits_come_back,
                limits_have_periods_and_owners, hands_have_limits, hands_have_limits_by_role,
                each_sale_has_one_version_of_its_terms,
            }
            offers {
                keep_their_price, are_accepted_once, hold_limits_until_they_end, refuse_nonsense, belong_to_their_customer,
            }
            access {
                nothing_without_a_grant, nothing_beyond_its_reach, every_permission_has_an_operation, branches_narrow,
                customers_see_their_own, only_the_system_is_unrestricted, verify_finds_what_was_planted,
            }
            accounts {
                let_in_who_knows_the_password, refuse_everybody_alike, ask_for_the_right_to_log_in, count_guesses_exactly, lock_nobody_out,
                keep_sessions_as_an_oracle_does, end_sessions_with_the_password, change_passwords, expire_passwords,
                send_codes_that_work_once, reset_forgotten_passwords, change_identifiers, have_api_tokens,
                sign_in_where_the_policy_says_so, let_partners_in_while_their_contract_is_valid,
                are_issued_by_stage, are_administered, ask_for_a_second_factor, keep_secrets, hash_anew_when_the_cost_grows,
            }
            quotas { are_exact, settle_once, count_customers }
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
