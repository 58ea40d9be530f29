//! Tests of the storage as a host sees it, in one binary.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test is the report; nothing here is reached from outside"
)]

mod budget;
mod cdnow;
mod club_race;
mod conformance;
mod crash;
mod databases;
mod engine;
mod faults;
mod outcome;
mod postgres;
mod processes;
mod proxy;
mod race;
mod retail;
mod schema;
mod secrets;
mod shop;
mod sql_text;
mod upgrade;
