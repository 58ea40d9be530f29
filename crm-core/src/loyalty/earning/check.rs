//! What is wrong with rules of earning.

use crate::loyalty::programme::{Finding, Programme};
use crate::pricing::CategoryTree;

/// What is wrong with the earning terms of a programme.
pub fn check(_programme: &Programme, _tree: &CategoryTree) -> Vec<Finding> {
    Vec::new()
}
