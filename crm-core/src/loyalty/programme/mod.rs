//! Stand-in until the programme is here.
mod dates;
pub use dates::{Dates, Validity};
