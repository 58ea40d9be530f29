//! Quotas and reservations.

use crate::kernel::time::Timestamp;
use crate::work::Version;

crate::id! {
    /// Names a reservation.
    pub struct ReservationId;
}

crate::entity! {
    /// How much of something may be used. `capacity = free + reserved + used`, always.
    pub struct Quota {
        kind: "quota", table: "crm_quotas", key: (name: String), columns: quota, version: version,
        counters: [free, reserved, used],
    } {
        /// What of: `customers`, `sms.segments`, or a name of a module's own.
        name: String,
        /// The optimistic lock of the capacity.
        version: Version,
        /// The limit.
        capacity: i64,
        /// What is left. Below zero when the limit was lowered to below what is in use: then nothing more is given.
        free: i64,
        /// What is reserved.
        reserved: i64,
        /// What is used.
        used: i64,
    }
}

crate::entity! {
    /// A part of a quota that is kept for somebody. Gone once it is committed or released.
    pub struct Reservation {
        kind: "quota.reservation", records: [quota], key: (id: ReservationId), columns: quota_reservation,
        version: version,
    } {
        /// Its id.
        id: ReservationId,
        /// The optimistic lock.
        version: Version,
        /// The name of the quota.
        quota: String,
        /// How much.
        amount: i64,
        /// From when on it may be released for whoever has forgotten it.
        expires_at: Timestamp,
    }
}
