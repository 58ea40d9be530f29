//! What members of staff give by hand (C74).

mod limits;
mod service;

pub use service::{APPROVE, GIVE, NewBonus, READ};
