//! The programme: everything the club says about itself, as one document with versions (S-46).
//!
//! A [`Programme`] is made of the terms of the rooms, each of which says what is wrong with its own; [`check`](fn@check)
//! collects that, [`Compiled`] is a version ready for use, and [`explain`] says it in words.

mod check;
mod compiled;
mod dates;
pub mod explain;
mod model;

pub use check::{Finding, check};
pub use compiled::Compiled;
pub use dates::{Dates, Validity};
pub use model::{
    Enrolment, PointValue, Programme, ProgrammeState, ProgrammeStateId, ProgrammeVersion, in_force, programme_state,
    programme_version,
};
