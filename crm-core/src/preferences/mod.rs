//! Preferences: what customers like and are interested in, with who says so (C10). What somebody has said is kept beside what
//! was derived from what they do, and goes before it.

pub mod event;
mod model;
mod rules;
mod service;

pub use model::{Preference, PreferenceSource, preference};
pub use rules::{Held, Resolved, resolve};
pub(crate) use rules::{check_key, checked_value};
pub use service::{NewPreference, Preferences, READ, WRITE, well_formed};
pub(crate) use service::{copy, take_back};
