//! The vocabulary, the rules and the ports of an embeddable customer management library.

pub mod kernel;

pub use kernel::error::{Error, ErrorKind, Result};
