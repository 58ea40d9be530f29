//! A shop with a club for the checks.

use crm_core::conformance::{Bench, Factory};

use crate::Loyalty;

/// A store with the club.
pub fn open(factory: Factory<'_>) -> Bench {
    Bench::open_with(factory, |builder| builder.module(Loyalty::new()))
}
