//! The integration tests of the crate, as one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is the report")]

mod allocate;
mod currency;
mod money;
mod rate;
mod support;
