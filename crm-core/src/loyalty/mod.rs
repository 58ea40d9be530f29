//! The customer club: its words, its values and its pure rules. The crate `crm-loyalty` is the module that does it.
//!
//! Points, credit and the money of gift cards are three [assets](Asset). What is given is a [lot](ledger::Lot) with dates of
//! its own on an [account](ledger::Account), and every change is an [entry](ledger::Entry) whose postings sum to nothing.
//! What the club gives, and to whom, is written in its [programme](programme::Programme).

pub mod anniversaries;
pub mod asset;
pub mod bonus;
pub mod cards;
pub mod earning;
pub mod gift_cards;
pub mod grants;
pub mod ledger;
pub mod loyal;
pub mod merge;
pub mod programme;
pub mod redemption;
pub mod referral;
pub mod statements;
pub mod tiers;

pub use asset::Asset;
