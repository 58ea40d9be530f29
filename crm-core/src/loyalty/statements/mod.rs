//! What is told of accounts: what expires soon, statements, what the club owes, and what of a sale is revenue (S-41, S-42,
//! N-24).

mod expiry;
mod ifrs;
mod liability;
mod model;

pub use expiry::{Expiring, Reminder, ReminderTerms, reminders, upcoming};
pub use ifrs::{PointsSale, Recognised};
pub use liability::{
    Breakage, Bucket, Buckets, Known, Liability, LiabilityKey, Settlement, SettlementKey, outstanding, settled,
};
pub use model::{Reminded, reminded};
