//! The integration tests of this crate, in one binary: one module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is the report")]

mod access;
mod allocate;
mod anniversaries;
mod buffer;
mod calendar;
mod conformance;
mod crm;
mod currency;
mod dependencies;
mod earning;
mod faults;
mod money;
mod pricing;
mod rate;
mod redemption;
mod referral;
mod returns;
mod statements;
mod support;
mod time;
