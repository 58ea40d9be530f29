//! Settings that are kept at levels: for a customer, for a group, for a branch, for everybody (C11). The nearest level wins,
//! and the answer says which one it was and what the others would have said.

pub mod event;
mod model;
mod rules;
mod service;

pub use model::{Level, Setting, StoredSetting, setting};
pub use rules::{Resolved, ladder, resolve};
pub use service::{Settings, Subject};
