//! A new operation of the club, or a new permission, without a row in the suite fails here.

use std::collections::BTreeSet;
use std::path::Path;

use crm_loyalty::conformance::operations::{OF_HANDLERS, OPERATIONS};
use crm_loyalty::gift_cards::SHOW;

/// The public functions of the club and its permissions, as the source has them.
fn look_in(folder: &Path, operations: &mut BTreeSet<String>, permissions: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("conformance") {
                look_in(&path, operations, permissions);
            }
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut of_the_club, mut permits) = (false, false);
        for line in text.lines() {
            if line.starts_with("impl") || line == "}" {
                of_the_club = line.contains(" Club<");
            }
            if of_the_club && let Some(signature) = line.strip_prefix("    pub fn ") {
                operations.insert(signature.split(['(', '<']).next().unwrap().to_owned());
            }
            if let Some((_, value)) = line.split_once(": &str = \"loyalty.")
                && permits
            {
                permissions.insert(format!("loyalty.{}", value.trim_end_matches("\";")));
            }
            permits = line.starts_with("/// Permission ");
        }
    }
}

#[test]
fn every_operation_and_every_permission_is_in_the_matrix() {
    let (mut operations, mut permissions) = (BTreeSet::new(), BTreeSet::new());
    look_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut operations, &mut permissions);
    let rows: BTreeSet<String> = OPERATIONS.iter().map(|operation| operation.name.to_owned()).collect();
    assert!(operations.len() > 70, "{operations:?}");
    assert_eq!(operations, rows);
    let asked = OPERATIONS.iter().flat_map(|operation| operation.permissions.iter().copied());
    let asked = asked.chain(OF_HANDLERS.iter().copied()).chain([SHOW]).filter(|name| name.starts_with("loyalty."));
    assert_eq!(permissions, asked.map(str::to_owned).collect());
}
