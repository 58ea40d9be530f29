//! The main job: a shop's customer club, from its purchase history to a report.

mod history;
mod report;

fn main() {}
