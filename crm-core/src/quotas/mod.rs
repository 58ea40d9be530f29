//! Quotas: how much of something a tenant may use, counted exactly (C45, N-25).
//!
//! What is used is reserved first and then committed or released; what needs no second step is taken at once. The limit
//! holds to the last unit, however many ask at the same moment.

mod model;
mod service;

pub use model::{Quota, Reservation, ReservationId, quota, quota_reservation};
pub(crate) use service::take;
pub use service::{CUSTOMERS, MANAGE, QUOTA_SET, QuotaSet, Quotas, READ, RESERVE, balances_agree};
